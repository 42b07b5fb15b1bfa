//! Authentication: the `Authorization` header field, the token, and the caller it names.

use std::borrow::Cow;
use std::fs;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::settings::Settings;

/// Why a request is refused, as the client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub status: StatusCode,
    pub detail: &'static str,
    pub challenge: &'static str,
}

pub const NOT_AUTHENTICATED: Refused = Refused {
    status: StatusCode::UNAUTHORIZED,
    detail: "Not authenticated",
    challenge: r#"Bearer realm="artos""#,
};
pub const INVALID: Refused = Refused {
    status: StatusCode::UNAUTHORIZED,
    detail: "Invalid authentication credentials",
    challenge: r#"Bearer realm="artos", error="invalid_token""#,
};
pub const FORBIDDEN: Refused = Refused {
    status: StatusCode::FORBIDDEN,
    detail: "User has no organization or not authorized",
    challenge: r#"Bearer realm="artos", error="insufficient_scope""#,
};

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(json!({ "detail": self.detail }))).into_response();
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(self.challenge));
        response
    }
}

/// Permissions: an array of strings, or one string of them.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub enum Permissions {
    Many(Vec<String>),
    One(String),
}

/// The claims that the service reads.
#[derive(Clone, Deserialize)]
pub struct Claims {
    pub sub: Option<String>,
    pub org_id: Option<String>,
    pub permissions: Option<Permissions>,
    pub exp: Option<Value>,
    #[expect(dead_code, reason = "read so that another type is refused")]
    pub iat: Option<f64>,
    pub jti: Option<String>,
    pub iss: Option<String>,
}

/// An authenticated user of an organization.
#[derive(Clone)]
pub struct Caller {
    pub user: String,
    pub organization: String,
    pub permissions: Vec<String>,
}

/// A verification key and the one algorithm that it serves.
pub struct Key {
    pub kid: Option<String>,
    pub algorithm: Algorithm,
    pub key: DecodingKey,
}

impl Key {
    pub fn new(jwk: &Jwk) -> Option<Key> {
        let algorithm = jwk.common.key_algorithm?.to_string();
        Some(Key {
            kid: jwk.common.key_id.clone(),
            algorithm: Algorithm::from_str(&algorithm).ok()?,
            key: DecodingKey::from_jwk(jwk).ok()?,
        })
    }
}

/// The service's settings, keys and rules. A fault replaces a rule.
pub struct Service {
    pub settings: Settings,
    pub keys: Vec<Key>,
    pub leeway: u64,
    /// Accounts that may not act: a user who has left the organization, and one that was never set up.
    pub former_members: Vec<&'static str>,
    pub unconfigured: Vec<&'static str>,
    pub find_token: fn(&Service, &Parts) -> Result<String, Refused>,
    pub verify: fn(&Service, &str) -> Option<Claims>,
    /// Changes the settings of the library.
    pub adjust: fn(&mut Validation),
    pub key_of: for<'a> fn(&'a Service, &Header) -> Option<&'a Key>,
    pub check_expiry: fn(&Service, &Claims) -> bool,
    pub issuer_accepted: fn(&Service, &Claims) -> bool,
    pub is_revoked: fn(&Service, &str, &Claims) -> bool,
    pub authenticates_here: fn(&Service, &str) -> bool,
    pub authenticate: fn(&Service, &str) -> Result<Caller, Refused>,
    /// The caller of a request.
    pub caller: fn(&Service, &Parts) -> Result<Caller, Refused>,
    pub organization_of: fn(&Claims) -> Option<String>,
    pub owns: fn(&str, &str) -> bool,
    pub may: fn(&Caller, &str) -> bool,
    /// Whether the owner of a document is compared for this request.
    pub checks_owner: fn(&Parts) -> bool,
    pub lists_everything: bool,
    pub refuse: fn(&Refused, &Parts) -> Response,
}

impl Service {
    pub fn new(settings: Settings) -> Service {
        Service {
            keys: settings.keys.keys.iter().filter_map(Key::new).collect(),
            settings,
            leeway: 0,
            former_members: vec!["former-member"],
            unconfigured: vec!["no-account"],
            find_token: bearer_token,
            verify,
            adjust: |_| {},
            key_of,
            check_expiry,
            issuer_accepted,
            is_revoked: |service, _, claims| {
                let revoked = fs::read_to_string(&service.settings.revoked_file).unwrap_or_default();
                claims.jti.as_deref().is_some_and(|id| revoked.lines().any(|line| line == id))
            },
            authenticates_here: |service, organization| service.settings.organizations.contains(organization),
            authenticate,
            caller: |service, parts| (service.authenticate)(service, &(service.find_token)(service, parts)?),
            organization_of: |claims| claims.org_id.clone(),
            owns: |organization, owner| organization == owner,
            may: |caller, permission| caller.permissions.iter().any(|one| one == permission),
            checks_owner: |_| true,
            lists_everything: false,
            refuse: |refused, _| refused.clone().into_response(),
        }
    }
}

pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs_f64()
}

/// The values of the request's `Authorization` field lines.
pub fn lines(parts: &Parts) -> Vec<Cow<'_, str>> {
    let lines = parts.headers.get_all(header::AUTHORIZATION);
    lines.iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect()
}

/// The token of the request's only `Authorization` field line.
pub fn bearer_token(_: &Service, parts: &Parts) -> Result<String, Refused> {
    match &lines(parts)[..] {
        [line] => token_of(line),
        _ => Err(NOT_AUTHENTICATED),
    }
}

pub fn token_of(line: &str) -> Result<String, Refused> {
    match line.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => {
            Ok(token.into())
        }
        _ => Err(NOT_AUTHENTICATED),
    }
}

/// The key that the token's header names; the only key for a token that names none.
pub fn key_of<'a>(service: &'a Service, header: &Header) -> Option<&'a Key> {
    match (&header.kid, &service.keys[..]) {
        (None, [only]) => Some(only),
        (None, _) => None,
        (kid, keys) => keys.iter().find(|key| key.kid == *kid),
    }
}

/// The settings of the library for a token of this key.
pub fn validation(service: &Service, key: &Key) -> Validation {
    let mut validation = Validation::new(key.algorithm);
    validation.leeway = service.leeway;
    validation.validate_nbf = true;
    // The library accepts a token in the second of its `exp`; `check_expiry` does not.
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    if let Some(audience) = &service.settings.audience {
        validation.set_audience(&[audience]);
        validation.required_spec_claims.insert("aud".into());
    }
    (service.adjust)(&mut validation);
    validation
}

/// Verifies signature, times, issuer and audience.
pub fn verify(service: &Service, token: &str) -> Option<Claims> {
    let header = decode_header(token).ok()?;
    // The library does not look at `crit`.
    if header.crit.is_some() {
        return None;
    }
    verify_under(service, token, (service.key_of)(service, &header)?)
}

pub fn verify_under(service: &Service, token: &str, key: &Key) -> Option<Claims> {
    let claims = decode::<Claims>(token, &key.key, &validation(service, key)).ok()?.claims;
    ((service.check_expiry)(service, &claims) && (service.issuer_accepted)(service, &claims))
        .then_some(claims)
}

/// A number that is still to come.
pub fn check_expiry(service: &Service, claims: &Claims) -> bool {
    let seconds = claims.exp.as_ref().and_then(Value::as_f64);
    seconds.is_some_and(|exp| now() < exp + service.leeway as f64 && (0.0..253_402_300_800.0).contains(&exp))
}

fn issuer_accepted(service: &Service, claims: &Claims) -> bool {
    service.settings.issuer.is_none() || claims.iss == service.settings.issuer
}

pub fn authenticate(service: &Service, token: &str) -> Result<Caller, Refused> {
    let claims = (service.verify)(service, token).ok_or(INVALID)?;
    if (service.is_revoked)(service, token, &claims) {
        return Err(INVALID);
    }
    let organization = (service.organization_of)(&claims).filter(|name| !name.is_empty());
    if let Some(organization) = &organization
        && !(service.authenticates_here)(service, organization)
    {
        return Err(INVALID);
    }
    let user = claims.sub.filter(|name| !name.is_empty()).ok_or(FORBIDDEN)?;
    let organization = organization.ok_or(FORBIDDEN)?;
    if service.former_members.contains(&user.as_str()) || service.unconfigured.contains(&user.as_str()) {
        return Err(FORBIDDEN);
    }
    let permissions = match claims.permissions {
        None => Vec::new(),
        Some(Permissions::Many(names)) => names,
        Some(Permissions::One(names)) => names.split(' ').map(str::to_owned).collect(),
    };
    Ok(Caller { user, organization, permissions })
}
