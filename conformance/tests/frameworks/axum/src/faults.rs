//! Faults that developers make in services like this one, one at a time.
//!
//! [`switch_on`] replaces a rule of the service by the faulty one; [`wrap`] adds what comes before the routes.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::dangerous::insecure_decode;
use jsonwebtoken::{DecodingKey, decode_header};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::auth::{
    self, Caller, Claims, INVALID, Key, NOT_AUTHENTICATED, Refused, Service, bearer_token, lines, now,
    token_of,
};
use crate::routes::{App, DOCUMENTS, PUBLIC};
use crate::settings::read_keys;

fn field<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name)?.to_str().ok()
}

fn query<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.uri.query()?.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// Reads the token elsewhere first.
fn or_right(service: &Service, parts: &Parts, found: Option<&str>) -> Result<String, Refused> {
    found.map_or_else(|| bearer_token(service, parts), |token| Ok(token.to_owned()))
}

fn line(parts: &Parts) -> &str {
    field(parts, "authorization").unwrap_or_default()
}

/// What is found in the field; nothing found is a missing token.
fn found(token: Option<&str>) -> Result<String, Refused> {
    token.filter(|token| !token.is_empty()).map(str::to_owned).ok_or(NOT_AUTHENTICATED)
}

/// The first organization's caller where `skip`; the right one otherwise.
fn unless(skip: bool, service: &Service, parts: &Parts) -> Result<Caller, Refused> {
    match skip {
        true => Ok(colleague()),
        false => (service.authenticate)(service, &(service.find_token)(service, parts)?),
    }
}

fn colleague() -> Caller {
    Caller { user: "internal".into(), organization: "org-a".into(), permissions: Vec::new() }
}

/// The right caller, of another organization where one is named.
fn of_organization(service: &Service, parts: &Parts, named: Option<&str>) -> Result<Caller, Refused> {
    let caller = unless(false, service, parts)?;
    Ok(Caller { organization: named.map_or(caller.organization, str::to_owned), ..caller })
}

/// Claims that nobody has verified.
fn unverified(token: &str) -> Option<Claims> {
    Some(insecure_decode::<Claims>(token).ok()?.claims)
}

/// The token's header as JSON.
fn header_of(token: &str) -> Option<Value> {
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
    serde_json::from_slice(&decoded).ok()
}

/// Replaces the rule that the fault is about. A fault of [`wrap`] may replace one too.
pub fn switch_on(fault: &str, service: &mut Service) {
    match fault {
        // Where the token is read from.
        "query-token" => service.find_token = |s, parts| or_right(s, parts, query(parts, "access_token")),
        "cookie-token" => {
            service.find_token = |s, parts| {
                let cookies = field(parts, "cookie").unwrap_or_default();
                let named = |name| cookies.split("; ").find_map(|one| one.strip_prefix(name));
                or_right(s, parts, named("access_token=").or_else(|| named("token=")))
            }
        }
        "header-token" => service.find_token = |s, parts| or_right(s, parts, field(parts, "x-access-token")),
        // `wrap` takes it out of the body.
        "body-token" => {
            service.find_token = |s, parts| or_right(s, parts, field(parts, "x-token-of-the-body"))
        }
        "any-scheme" => service.find_token = |_, parts| found(line(parts).split(' ').nth(1)),
        "scheme-optional" => {
            service.find_token = |_, parts| found(Some(line(parts).trim_start_matches("Bearer ")));
        }
        "bearer-anywhere" => {
            service.find_token = |_, parts| {
                let behind = line(parts).split_once("Bearer ").map(|(_, behind)| behind);
                found(behind.and_then(|behind| behind.split_whitespace().next()))
            }
        }
        "trailing-words-ignored" => {
            service.find_token = |_, parts| {
                let mut words = line(parts).split_whitespace();
                let is_bearer = words.next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"));
                found(words.next().filter(|_| is_bearer))
            }
        }
        "quotes-stripped" => {
            service.find_token =
                |s, parts| Ok(bearer_token(s, parts)?.trim_matches(['"', '\'', ',', ';']).to_owned());
        }
        "first-line-wins" => service.find_token = |_, parts| token_of(line(parts)),
        "last-line-wins" => {
            service.find_token = |_, parts| token_of(lines(parts).last().map_or("", |line| line));
        }
        "placeholder-token" => {
            service.authenticate = |s, token| match token {
                "null" | "undefined" | "None" | "[object Object]" => Ok(colleague()),
                _ => auth::authenticate(s, token),
            }
        }
        // What the token is checked for.
        "signature-unchecked" => {
            service.verify = |s, token| unverified(token).filter(|claims| auth::check_expiry(s, claims));
        }
        "algorithm-none" => {
            service.verify = |s, token| {
                let header = header_of(token)?;
                if header.get("alg")?.as_str()?.eq_ignore_ascii_case("none") {
                    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
                    return serde_json::from_slice(&claims).ok();
                }
                auth::verify(s, token)
            }
        }
        "embedded-key" => {
            service.verify = |s, token| {
                let header = decode_header(token).ok()?;
                match &header.jwk {
                    None => auth::verify(s, token),
                    Some(jwk) => {
                        let key = DecodingKey::from_jwk(jwk).ok()?;
                        auth::verify_under(s, token, &Key { kid: None, algorithm: header.alg, key })
                    }
                }
            }
        }
        "critical-ignored" => {
            service.verify = |s, token| {
                let header = decode_header(token).ok()?;
                auth::verify_under(s, token, (s.key_of)(s, &header)?)
            }
        }
        "expiry-unchecked" => service.check_expiry = |_, claims| claims.exp.is_some(),
        "leeway-of-five-minutes" => service.leeway = 300,
        "leeway-of-a-minute" => service.leeway = 60,
        "expiry-optional" => {
            service.check_expiry = |s, claims| claims.exp.is_none() || auth::check_expiry(s, claims);
        }
        "expiry-as-string" => {
            service.check_expiry = |s, claims| match claims.exp.as_ref().and_then(Value::as_str) {
                Some(digits) => digits.parse::<f64>().is_ok_and(|exp| now() < exp),
                None => auth::check_expiry(s, claims),
            }
        }
        "not-before-unchecked" => service.adjust = |validation| validation.validate_nbf = false,
        "issuer-unchecked" => service.issuer_accepted = |_, _| true,
        "issuer-by-prefix" => {
            service.issuer_accepted = |s, claims| {
                let expected = s.settings.issuer.as_deref().unwrap_or_default();
                claims.iss.as_deref().is_some_and(|issuer| issuer.starts_with(expected))
            }
        }
        "audience-unchecked" => {
            service.adjust = |validation| {
                validation.validate_aud = false;
                validation.required_spec_claims.remove("aud");
            }
        }
        // The library's default: `set_audience` alone does not require the claim.
        "audience-optional" => {
            service.adjust = |validation| {
                validation.required_spec_claims.remove("aud");
            }
        }
        "environment-unchecked" => {
            service.keys = read_keys("SERVICE_STAGING_KEYS").keys.iter().filter_map(Key::new).collect();
            service.issuer_accepted = |_, _| true;
            service.adjust = |validation| {
                validation.validate_aud = false;
                validation.required_spec_claims.remove("aud");
            };
        }
        "realm-unchecked" => service.authenticates_here = |_, _| true,
        "revocation-unchecked" => service.is_revoked = |_, _, _| false,
        "revocation-by-text" => {
            // Another spelling of the same token is not among the revoked.
            service.is_revoked = |_, token, _| {
                let file = env::var("SERVICE_REVOKED_TEXTS").expect("SERVICE_REVOKED_TEXTS");
                fs::read_to_string(file)
                    .expect("the texts of revoked tokens")
                    .lines()
                    .any(|text| text == token)
            };
            // Padding is stripped, as lenient base64url decoders do.
            service.verify = |s, token| auth::verify(s, &token.replace('=', ""));
        }
        "verified-tokens-cached" => {
            service.authenticate = |s, token| {
                static CACHE: Mutex<Option<HashMap<String, Caller>>> = Mutex::new(None);
                let mut cache = CACHE.lock().expect("the cache");
                let cache = cache.get_or_insert_default();
                if let Some(caller) = cache.get(token) {
                    return Ok(caller.clone());
                }
                let caller = auth::authenticate(s, token)?;
                cache.insert(token.to_owned(), caller.clone());
                Ok(caller)
            }
        }
        // Who may do what.
        "organization-missing" => {
            service.organization_of = |claims| {
                let own = claims.org_id.clone().filter(|name| !name.is_empty());
                own.or_else(|| Some("org-a".into()))
            }
        }
        "former-members-allowed" => service.former_members.clear(),
        "owner-unchecked" => service.checks_owner = |_| false,
        "owner-unchecked-on-write" => service.checks_owner = |parts| parts.method == Method::GET,
        "owner-by-substring" => {
            service.owns = |organization, owner| organization.contains(owner);
            service.authenticates_here =
                |s, organization| s.settings.organizations.iter().any(|name| organization.contains(name));
        }
        "owner-case-folded" => {
            service.owns = |organization, owner| organization.eq_ignore_ascii_case(owner);
            service.authenticates_here =
                |s, organization| s.settings.organizations.contains(&organization.to_ascii_lowercase());
        }
        // The router decodes the parameter; the check compares the path as received.
        "owner-by-raw-path" => {
            service.checks_owner = |parts| {
                let last = parts.uri.path().rsplit('/').next().unwrap_or_default();
                DOCUMENTS.iter().any(|document| document.id == last)
            }
        }
        "organization-from-header" => {
            service.caller = |s, parts| of_organization(s, parts, field(parts, "x-org-id"));
        }
        "organization-from-query" => {
            service.caller = |s, parts| of_organization(s, parts, query(parts, "org_id"))
        }
        "list-unfiltered" => service.lists_everything = true,
        "permission-unchecked" => service.may = |_, _| true,
        "permission-by-prefix" => {
            service.may =
                |caller, permission| caller.permissions.iter().any(|one| one.starts_with(permission));
        }
        "permission-case-folded" => {
            service.may = |caller, permission| {
                caller.permissions.iter().any(|one| one.eq_ignore_ascii_case(permission))
            };
        }
        // What is guarded at all.
        "head-unguarded" => service.caller = |s, parts| unless(parts.method == Method::HEAD, s, parts),
        "public-path-in-url" => {
            service.caller = |s, parts| unless(parts.uri.to_string().contains(PUBLIC), s, parts);
        }
        "original-url-trusted" => {
            service.caller = |s, parts| unless(field(parts, "x-original-url") == Some(PUBLIC), s, parts);
        }
        "forwarded-for-trusted" => {
            service.caller =
                |s, parts| unless(field(parts, "x-forwarded-for") == Some("127.0.0.1"), s, parts);
        }
        "method-override" => {
            service.caller =
                |s, parts| unless(field(parts, "x-http-method-override") == Some("OPTIONS"), s, parts);
        }
        "preflight-with-data" => {
            service.caller =
                |s, parts| unless(parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD), s, parts)
        }
        // What is answered.
        "missing-is-403" => {
            service.refuse = |refused, _| match *refused == NOT_AUTHENTICATED {
                true => (StatusCode::FORBIDDEN, Json(json!({ "detail": refused.detail }))).into_response(),
                false => refused.clone().into_response(),
            }
        }
        "missing-redirects" => {
            service.refuse = |refused, _| match *refused == NOT_AUTHENTICATED {
                true => Redirect::to("/login").into_response(),
                false => refused.clone().into_response(),
            }
        }
        "plain-text-denial" => {
            service.refuse = |refused, _| (refused.status, refused.detail).into_response();
        }
        "detail-says-why" => {
            service.authenticate = |s, token| {
                auth::authenticate(s, token).map_err(|refused| {
                    let exp = unverified(token).and_then(|claims| claims.exp?.as_f64());
                    match exp.is_some_and(|exp| exp <= now()) && refused == INVALID {
                        true => Refused { detail: "Token has expired", ..refused },
                        false => refused,
                    }
                })
            }
        }
        "token-echoed" => {
            service.refuse = |refused, parts| {
                let body = json!({ "detail": refused.detail, "debug": line(parts) });
                (refused.status, Json(body)).into_response()
            }
        }
        "malformed-is-500" => {
            service.authenticate = |s, token| match token.split('.').count() {
                3 => auth::authenticate(s, token),
                _ => Err(Refused { status: StatusCode::INTERNAL_SERVER_ERROR, ..INVALID }),
            }
        }
        "unknown-key-is-500" => {
            service.authenticate = |s, token| match decode_header(token) {
                Ok(header) if (s.key_of)(s, &header).is_none() => {
                    Err(Refused { status: StatusCode::INTERNAL_SERVER_ERROR, ..INVALID })
                }
                _ => auth::authenticate(s, token),
            }
        }
        "key-id-ignored" => service.key_of = |s, _| s.keys.first(),
        "route-forgotten"
        | "public-path-case-folded"
        | "public-refuses-bad-token"
        | "response-cached-by-url" => {}
        unknown => panic!("unknown fault `{unknown}`"),
    }
}

/// Adds what the fault has before the routes.
pub fn wrap(fault: &str, app: Router, service: &App) -> Router {
    match fault {
        "body-token" => before(app, take_token_out_of_body),
        "route-forgotten" => before(app, async |request, app| {
            let id = request.uri().path().strip_prefix("/api/v1/documents/");
            let document = DOCUMENTS.iter().find(|document| Some(document.id) == id);
            match document.filter(|_| request.method() == Method::GET) {
                Some(document) => Json(*document).into_response(),
                None => forward(request, app).await,
            }
        }),
        "public-path-case-folded" => before(app, async |mut request, app| {
            if request.uri().path().eq_ignore_ascii_case(PUBLIC) {
                *request.uri_mut() = PUBLIC.parse().expect("a path");
            }
            forward(request, app).await
        }),
        "public-refuses-bad-token" => {
            let service = Arc::clone(service);
            before(app, move |request, app| refuse_bad_token_on_public(Arc::clone(&service), request, app))
        }
        "preflight-with-data" => before(app, async |mut request, app| {
            let method = request.headers().get(header::ACCESS_CONTROL_REQUEST_METHOD);
            let method = method.and_then(|method| Method::from_bytes(method.as_bytes()).ok());
            if request.method() == Method::OPTIONS
                && let Some(method) = method
            {
                *request.method_mut() = method;
            }
            forward(request, app).await
        }),
        "response-cached-by-url" => {
            let kept: Arc<Mutex<Responses>> = Arc::default();
            before(app, move |request, app| cached(Arc::clone(&kept), request, app))
        }
        _ => app,
    }
}

/// The application behind a function that sees every request first.
fn before<F, Fut>(app: Router, handle: F) -> Router
where
    F: Fn(Request, Router) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Response> + Send + 'static,
{
    Router::new().fallback(move |request: Request| handle(request, app.clone()))
}

async fn forward(request: Request, app: Router) -> Response {
    app.oneshot(request).await.unwrap_or_else(|never| match never {})
}

/// Puts `access_token` of a form or of a JSON body where the service looks for it.
async fn take_token_out_of_body(request: Request, app: Router) -> Response {
    let (mut parts, body) = request.into_parts();
    let body = to_bytes(body, 65_536).await.unwrap_or_default();
    let json = serde_json::from_slice::<Value>(&body).ok();
    let of_json = json.as_ref().and_then(|body| body.get("access_token")?.as_str());
    let text = str::from_utf8(&body).unwrap_or_default();
    let of_form = text.split('&').find_map(|pair| pair.strip_prefix("access_token="));
    if let Some(token) = of_json.or(of_form).and_then(|token| token.parse().ok()) {
        parts.headers.insert("x-token-of-the-body", token);
    }
    forward(Request::from_parts(parts, Body::from(body)), app).await
}

async fn refuse_bad_token_on_public(service: App, request: Request, app: Router) -> Response {
    let (parts, body) = request.into_parts();
    if parts.uri.path() == PUBLIC
        && parts.headers.contains_key(header::AUTHORIZATION)
        && let Err(refused) = (service.caller)(&service, &parts)
    {
        return refused.into_response();
    }
    forward(Request::from_parts(parts, body), app).await
}

/// When a response was made, and its body, by URL.
type Responses = HashMap<String, (Instant, Vec<u8>)>;

/// A response cache that does not take the `Authorization` field into its key.
async fn cached(kept: Arc<Mutex<Responses>>, request: Request, app: Router) -> Response {
    let url = request.uri().to_string();
    if request.method() != Method::GET {
        return forward(request, app).await;
    }
    let found = kept.lock().expect("the cache").get(&url).cloned();
    if let Some((at, body)) = found
        && at.elapsed() < Duration::from_secs(1)
    {
        return ([(header::CONTENT_TYPE, "application/json")], body).into_response();
    }
    let response = forward(request, app).await;
    if response.status() != StatusCode::OK {
        return response;
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 65_536).await.unwrap_or_default();
    kept.lock().expect("the cache").insert(url, (Instant::now(), body.to_vec()));
    Response::from_parts(parts, Body::from(body))
}
