//! Envoy's `ext_authz` over gRPC: reads the request from a `CheckRequest` and writes a `CheckResponse`.

pub(crate) mod messages;

use artos_auth_engine::{Identity, PrincipalRef, ResourceOrg};
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use self::messages::{
    BoolValue, CheckRequest, CheckResponse, DeniedResponse, Entry, Field, HeaderOption, HealthCheckRequest,
    HealthCheckResponse, HttpRequest, HttpStatus, Kind, List, OkResponse, Status, Struct, Value,
};
use super::body::Body;
use super::forward::{Unclear, owner_named};
use super::grpc::Failure;
use super::identity::IDENTITY_FIELDS;
use super::request::authority_of;
use crate::config::host_of_authority;

/// The supported gRPC services.
const AUTHORIZATION: &str = "envoy.service.auth.v3.Authorization";
/// The path of the check method.
pub(crate) const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
const HEALTH: &str = "grpc.health.v1.Health";

/// A gRPC call, by path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// `envoy.service.auth.v3.Authorization/Check`
    Check,
    /// `grpc.health.v1.Health/Check`
    Health,
    /// Another method of one of these services.
    Unknown,
}

impl Call {
    /// The call at this path, if it is supported.
    pub(crate) fn at(path: &str) -> Option<Self> {
        let (service, method) = path.strip_prefix('/')?.split_once('/')?;
        match (service, method) {
            (AUTHORIZATION, "Check") => Some(Self::Check),
            (HEALTH, "Check") => Some(Self::Health),
            (AUTHORIZATION | HEALTH, _) => Some(Self::Unknown),
            _ => None,
        }
    }
}

/// A request described by Envoy.
#[derive(Debug)]
pub(crate) struct Described<'m> {
    pub(crate) method: &'m str,
    /// The request-target, including the query, not decoded.
    pub(crate) target: &'m str,
    /// Without port and trailing dot.
    pub(crate) host: &'m str,
    /// The values of the `Authorization` lines.
    pub(crate) lines: Vec<&'m [u8]>,
}

/// Reads the described request from a message.
///
/// # Errors
///
/// What is missing or contradictory.
pub(crate) fn describe(message: &CheckRequest) -> Result<Described<'_>, Unclear> {
    let request = message.attributes.as_ref().and_then(|attributes| attributes.request.as_ref());
    let http = request.and_then(|request| request.http.as_ref());
    let http = http.ok_or(Unclear::Message("missing `attributes.request.http`"))?;
    if http.method.is_empty() {
        return Err(Unclear::Message("missing `attributes.request.http.method`"));
    }
    if http.path.is_empty() {
        return Err(Unclear::Message("missing `attributes.request.http.path`"));
    }
    let host = authority_of(http.host.as_bytes()).filter(|host| !host.contains(','));
    let host = host.ok_or(Unclear::Message("`attributes.request.http.host` is not one host"))?;
    let lines = authorization_lines(http)
        .ok_or(Unclear::Message("`authorization` is not the same in `headers` and `header_map`"))?;
    Ok(Described { method: &http.method, target: &http.path, host: host_of_authority(host), lines })
}

/// The `Authorization` lines: those of `header_map` if it has any entry, else those of `headers`. `None` if both have
/// entries that differ.
fn authorization_lines(http: &HttpRequest) -> Option<Vec<&[u8]>> {
    let is_authorization = |key: &str| key.eq_ignore_ascii_case("authorization");
    let merged: Vec<&[u8]> = http
        .headers
        .iter()
        .filter(|entry| is_authorization(&entry.key))
        .map(|entry| entry.value.as_bytes())
        .collect();
    let Some(raw) = http.header_map.as_ref().filter(|map| !map.headers.is_empty()) else {
        return Some(merged);
    };

    let lines: Vec<&[u8]> = raw
        .headers
        .iter()
        .filter(|header| is_authorization(&header.key))
        .map(messages::HeaderValue::bytes)
        .collect();
    (merged.is_empty() || merged == lines).then_some(lines)
}

/// The fields of the described request for the audit log.
pub(crate) fn recorded_fields(message: &CheckRequest) -> HeaderMap {
    const RECORDED: [&str; 2] = ["x-request-id", "traceparent"];
    let request = message.attributes.as_ref().and_then(|attributes| attributes.request.as_ref());
    let Some(http) = request.and_then(|request| request.http.as_ref()) else { return HeaderMap::new() };
    let raw = http.header_map.iter().flat_map(|map| &map.headers).map(|header| (&header.key, header.bytes()));
    // If Envoy sends both, they are equal.
    let merged = http.headers.iter().map(|entry| (&entry.key, entry.value.as_bytes()));
    let merged = merged.filter(|_| http.header_map.as_ref().is_none_or(|map| map.headers.is_empty()));
    let mut fields = HeaderMap::new();
    for (key, value) in raw.chain(merged) {
        let recorded = RECORDED.into_iter().find(|name| key.eq_ignore_ascii_case(name));
        if let (Some(name), Ok(value)) = (recorded, HeaderValue::from_bytes(value)) {
            fields.append(name, value);
        }
    }
    fields
}

/// The owner of the resource, from the operator's `context_extensions` of the route: present exactly once; empty for a
/// resource without an owner.
pub(crate) fn claimed_owner(message: &CheckRequest) -> ResourceOrg<'_> {
    let extensions = message.attributes.as_ref().map_or(&[][..], |attributes| &attributes.context_extensions);
    let mut named = extensions.iter().filter(|entry| entry.key == "resource_org");
    match (named.next(), named.next()) {
        (Some(Entry { value, .. }), None) => owner_named(value),
        _ => ResourceOrg::Unresolved,
    }
}

/// The documented HTTP response as a `CheckResponse`. `principal` is the allowed principal.
pub(crate) fn response(answer: Response<Body>, principal: Option<&PrincipalRef<'_>>) -> CheckResponse {
    let (parts, body) = answer.into_parts();
    let code = status_code(parts.status);
    if code == 0 {
        return CheckResponse {
            status: Some(Status { code }),
            ok_response: Some(ok_response(&parts.headers)),
            dynamic_metadata: principal.map(|principal| metadata(principal.identity())),
            denied_response: None,
        };
    }
    let fields = parts.headers.iter().filter(|(name, _)| *name != CONTENT_LENGTH);
    CheckResponse {
        status: Some(Status { code }),
        denied_response: Some(DeniedResponse {
            status: Some(HttpStatus { code: i32::from(parts.status.as_u16()) }),
            headers: fields.map(|(name, value)| set(name, value)).collect(),
            body: String::from_utf8_lossy(&body.into_data()).into_owned(),
        }),
        ok_response: None,
        dynamic_metadata: None,
    }
}

/// The `google.rpc.Status` code of a response: 0 only for 200.
fn status_code(status: StatusCode) -> i32 {
    const PERMISSION_DENIED: i32 = 7;
    const UNAVAILABLE: i32 = 14;
    const UNAUTHENTICATED: i32 = 16;
    match status {
        StatusCode::OK => 0,
        StatusCode::UNAUTHORIZED => UNAUTHENTICATED,
        StatusCode::SERVICE_UNAVAILABLE => UNAVAILABLE,
        _ => PERMISSION_DENIED,
    }
}

/// Sets the identity fields that have a value; removes the others and their spellings with `_`, which a client may have
/// sent.
fn ok_response(fields: &HeaderMap) -> OkResponse {
    let mut response = OkResponse::default();
    for name in IDENTITY_FIELDS {
        match fields.get(&name).filter(|value| !value.is_empty()) {
            Some(value) => response.headers.push(set(&name, value)),
            None => response.headers_to_remove.push(name.as_str().to_owned()),
        }
        response.headers_to_remove.push(name.as_str().replace('-', "_"));
    }
    response
}

/// A field that replaces all fields of its name.
fn set(name: &HeaderName, value: &HeaderValue) -> HeaderOption {
    const OVERWRITE_IF_EXISTS_OR_ADD: i32 = 2;
    HeaderOption {
        header: Some(messages::HeaderValue {
            key: name.as_str().to_owned(),
            value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
            ..messages::HeaderValue::default()
        }),
        append: Some(BoolValue { value: false }),
        append_action: OVERWRITE_IF_EXISTS_OR_ADD,
    }
}

/// `{user_id, org_id, permissions: […], token_id}`, without encoding.
fn metadata(identity: Identity<'_>) -> Struct {
    let text = |bytes: &[u8]| Kind::String(String::from_utf8_lossy(bytes).into_owned());
    let value = |kind| Value { kind: Some(kind) };
    let or_null = |bytes: Option<&[u8]>| bytes.map_or(Kind::Null(0), text);
    let permissions = identity.permissions().map(|permission| value(text(permission))).collect();
    let fields = [
        ("user_id", or_null(identity.user_id())),
        ("org_id", or_null(identity.org_id())),
        ("permissions", Kind::List(List { values: permissions })),
        ("token_id", or_null(identity.token_id())),
    ];
    let field = |(key, kind): (&str, Kind)| Field { key: key.to_owned(), value: Some(value(kind)) };
    Struct { fields: fields.map(field).to_vec() }
}

/// The health status, from `ready`.
pub(crate) fn health(request: &HealthCheckRequest, ready: bool) -> Result<HealthCheckResponse, Failure> {
    const SERVING: i32 = 1;
    const NOT_SERVING: i32 = 2;
    match request.service.as_str() {
        "" | AUTHORIZATION | HEALTH => {
            Ok(HealthCheckResponse { status: if ready { SERVING } else { NOT_SERVING } })
        }
        _ => Err(Failure::NotFound),
    }
}
