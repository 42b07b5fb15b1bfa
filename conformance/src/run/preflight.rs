//! Checks before the cases run: is this the deployment, and does it accept its own valid token?

use crate::judge::{self, Known};
use crate::profile::{Profile, TokenKind};
use crate::run::clock::{Clock, http_date};
use crate::run::session::{Session, Stop};
use crate::transport::{RequestOutcome, Response};

/// The result of the preflight.
pub(crate) struct Preflight {
    pub(crate) known: Known,
    pub(crate) clock: Clock,
    pub(crate) clock_offset: Option<i64>,
    pub(crate) notices: Vec<String>,
}

/// Why the target cannot be tested: what was sent, and what was observed.
pub(crate) type Untestable = String;

/// Contradictions between the claims of the profile's tokens and their description in the profile.
pub(crate) fn contradictions(profile: &Profile) -> Result<(), String> {
    let organization = |kind: TokenKind| {
        let token = profile.tokens.get(&kind)?;
        let names = profile.signing.as_ref().map(|signing| signing.claims.clone()).unwrap_or_default();
        let claim = token.compact.claim_members().get(&names.organization)?.clone();
        claim.as_str().map(ToOwned::to_owned)
    };
    let valid = organization(TokenKind::Valid).map(|name| (name, "tokens.valid")).or_else(|| {
        profile.signing.as_ref().map(|signing| (signing.organization.clone(), "signing.organization"))
    });
    let other = organization(TokenKind::OtherOrganization)
        .map(|name| (name, "tokens.other_organization"))
        .or_else(|| {
            let other = profile.signing.as_ref()?.other_organization.clone()?;
            Some((other, "signing.other_organization"))
        });
    match (valid, other) {
        (Some((one, key)), Some((two, other_key))) if one == two => Err(format!(
            "{key} and {other_key} are of the same organization; {other_key} must be of another one"
        )),
        _ => Ok(()),
    }
}

/// Sends up to seven requests.
pub(crate) async fn run(session: &mut Session) -> Result<Preflight, Untestable> {
    let target = session.profile().target.to_string();
    let mut notices = Vec::new();
    if !session.profile().target.tls && !session.profile().target.is_loopback() {
        notices.push(format!(
            "tokens are sent to {target} in plaintext; the documentation demands HTTPS (SEC-2)"
        ));
    }

    let public = response(session, "the public endpoint", session.public()).await?;
    if let Some(what) = not_the_api(&public) {
        let path = &session.profile().endpoints.public.path;
        return Err(format!("GET {target}{path} without a token answered {what}: this is not the API"));
    }
    let date = public.value("date").as_deref().and_then(http_date);
    let (clock, clock_offset) = Clock::by_date(date);
    if let Some(offset) = clock_offset.filter(|offset| offset.abs() > 2) {
        notices.push(format!(
            "the deployment's clock differs from this machine's by {offset} s; tokens are minted by the deployment's clock"
        ));
    }
    let mut known = Known { public: Some(public), endpoints: session.endpoint_methods(), ..Known::default() };
    let again = response(session, "the public endpoint", session.public()).await?;
    known.public_again = again.is_success().then_some(again);
    let unknown = crate::transport::Request::new("GET", "/artos-conformance-unknown-page");
    let shell = response(session, "an unknown path", unknown).await?;
    let page = shell.is_success() && !shell.body.is_empty() && !judge::is_public(&shell, &known);

    let mut good = Vec::new();
    if let Some(token) = session.profile().tokens.get(&TokenKind::Valid) {
        good.push(("tokens.valid", token.compact.text(), token.compact.expires_at()));
    }
    if session.profile().signing.is_some() {
        let minted = session.mint().and_then(|mint| Ok(mint.sign(&session.key()?)));
        let minted = minted.map_err(|stop| words(&stop))?;
        good.push(("a token minted with signing.key", minted.text(), minted.expires_at()));
    }
    for (whose, token, expiry) in good {
        let now = clock.now();
        match expiry {
            Some(expiry) if expiry <= now => {
                return Err(format!(
                    "{whose} expired {} s ago; put a fresh one into the profile",
                    now - expiry
                ));
            }
            Some(expiry) if expiry <= now + 300 => {
                notices.push(format!("{whose} expires in {} s, perhaps during the run", expiry - now));
            }
            _ => {}
        }
        let request = session.protected().bearer(&token);
        let answer = response(session, "the protected endpoint", request).await?;
        if !answer.is_success() {
            let path = session.profile().endpoints.protected.path.clone();
            let seen = judge::describe(&RequestOutcome::Response(answer), &known);
            return Err(format!(
                "GET {target}{path} with {whose} answered {seen}: the deployment refuses its own good token"
            ));
        }
        if known.public.as_ref().is_some_and(|public| !answer.body.is_empty() && public.body == answer.body) {
            let (public, protected) =
                (&session.profile().endpoints.public.path, &session.profile().endpoints.protected.path);
            return Err(format!(
                "GET {target}{public} and GET {target}{protected} have the same content, so a bypass of \
                 authentication could not be detected; name another path in endpoints.protected"
            ));
        }
        if let Ok(owned) = session.owned()
            && owned.method == "GET"
        {
            let path = String::from_utf8_lossy(&owned.target.bytes()).into_owned();
            let resource = response(session, "the owned resource", owned.bearer(&token)).await?;
            if !resource.is_success() {
                let seen = judge::describe(&RequestOutcome::Response(resource), &known);
                return Err(format!(
                    "GET {target}{path} (endpoints.owned) with {whose} answered {seen}: the owner cannot read its own \
                     resource. Either endpoints.owned belongs to another organization, or the tokens are swapped"
                ));
            }
            known.owned.get_or_insert(resource);
        }
        known.protected.get_or_insert(answer);
    }
    let is = |reference: &Option<Response>| {
        reference.as_ref().is_some_and(|reference| reference.body == shell.body)
    };
    if page && !is(&known.protected) && !is(&known.owned) {
        known.shell = Some(shell);
    }
    for kind in [TokenKind::OtherOrganization, TokenKind::Revoked, TokenKind::NoOrganization] {
        let expiry = session.profile().tokens.get(&kind).and_then(|token| token.compact.expires_at());
        if expiry.is_some_and(|expiry| expiry <= clock.now()) {
            notices.push(format!("{kind} has expired: cases that need it are skipped"));
        }
    }
    Ok(Preflight { known, clock, clock_offset, notices })
}

async fn response(
    session: &mut Session,
    what: &str,
    request: crate::transport::Request,
) -> Result<Response, Untestable> {
    let path = request.target.bytes();
    let place = format!("{}{}", session.profile().target, String::from_utf8_lossy(&path));
    match session.send(request).await.map_err(|stop| words(&stop))? {
        RequestOutcome::Response(response) => Ok(response),
        RequestOutcome::Unreachable(error) => Err(format!("{what} is unreachable: {error}")),
        other => Err(format!("GET {place}: {}", judge::describe(&other, &Known::default()))),
    }
}

/// Refusals are for the cases to evaluate; a response that no API would give makes the target untestable.
fn not_the_api(response: &Response) -> Option<String> {
    let html = response.value("content-type").is_some_and(|media| media.contains("text/html"));
    let seen = judge::describe(&RequestOutcome::Response(response.clone()), &Known::default());
    match response.status {
        300..400 => {
            let place = response.value("location").unwrap_or_else(|| "nowhere".into());
            Some(format!("{seen}, a redirect to {place}"))
        }
        404 | 500.. => Some(seen),
        _ if html => Some(seen),
        _ => None,
    }
}

fn words(stop: &Stop) -> String {
    match stop {
        Stop::Skip(why) | Stop::Busy(why) | Stop::Dead(why) => why.clone(),
    }
}
