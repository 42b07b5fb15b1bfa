//! Fetches a JWK Set from an identity provider, with a deadline and a size limit, and without redirects.

mod http;
mod list;
mod post;

use std::path::PathBuf;
use std::time::Duration;

use artos_auth_engine::KeySet;
use hyper::header::HeaderMap;
use hyper::{StatusCode, Uri};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::text::without_byte_order_mark;
use http::max_age;
pub(crate) use http::{Failed, Get, Outcome, Validators, endpoint_problem, tls, url_problem};
pub(crate) use list::{list_of, text_of};
pub(crate) use post::post_json;

/// The location of a set, and the limits of fetching it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Remote {
    /// The location.
    pub location: Location,
    /// The longest time between two fetches.
    pub refresh: Duration,
    /// The shortest time between two fetches because of unknown key ids.
    pub cooldown: Duration,
    /// The timeout of a request, including connecting, TLS and the body.
    pub timeout: Duration,
    /// The largest response body.
    pub max_bytes: usize,
    /// How long the last good set is used while fetching fails.
    pub stale: Duration,
    /// The certification authorities to trust instead of the system's (PEM).
    pub ca_file: Option<PathBuf>,
    /// A JWK Set to use until the first fetch succeeds.
    pub fallback_file: Option<PathBuf>,
}

/// The location of a set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// The URL of the set itself.
    Url(String),
    /// An issuer whose metadata names the URL (OpenID Connect Discovery 1.0, RFC 8414).
    Discover(String),
}

impl Location {
    /// The name of the source in messages and metrics: its host, without credentials, path or query.
    #[must_use]
    pub fn host(&self) -> String {
        let (Self::Url(url) | Self::Discover(url)) = self;
        url.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default()
    }
}

/// A successful fetch.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// The set; `None` if it has not changed.
    pub(crate) set: Option<UsableKeys>,
    /// `max-age` of the response.
    pub(crate) max_age: Option<Duration>,
}

/// The usable keys of a set.
#[derive(Debug)]
pub(crate) struct UsableKeys {
    /// A JWK Set that loads.
    pub(crate) jwks: Vec<u8>,
    pub(crate) count: usize,
    /// Messages about the other keys, one sentence each.
    pub(crate) ignored: Vec<String>,
}

/// Fetches one set, and keeps the validators for conditional requests.
#[derive(Debug)]
pub(crate) struct Fetcher {
    location: Location,
    get: Get,
    validators: Validators,
}

impl Fetcher {
    /// # Errors
    ///
    /// The certification authorities cannot be loaded.
    pub(crate) fn new(remote: Remote) -> Result<Self, String> {
        let get = Get {
            tls: tls(remote.ca_file.as_deref())?,
            timeout: remote.timeout,
            max_bytes: remote.max_bytes,
            accept: "application/jwk-set+json, application/json",
        };
        Ok(Self { location: remote.location, get, validators: Validators::default() })
    }

    /// Fetches the set.
    pub(crate) async fn fetch(&mut self) -> Result<Fetched, Failed> {
        let url = match &self.location {
            Location::Url(url) => url.clone(),
            Location::Discover(issuer) => self.discover(issuer).await?,
        };
        let response = self.get.get(&url, self.validators.of(&url)).await?;
        let max_age = max_age(&response.headers);
        let Some(body) = response.body else { return Ok(Fetched { set: None, max_age }) };
        let set = usable_keys(&body)?;
        self.validators.remember(&response.headers);
        Ok(Fetched { set: Some(set), max_age })
    }

    /// The `jwks_uri` of an issuer's metadata.
    async fn discover(&self, issuer: &str) -> Result<String, Failed> {
        #[derive(Deserialize)]
        struct Metadata {
            issuer: String,
            jwks_uri: String,
        }
        let none = HeaderMap::new();
        let openid = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let response = match self.get.get(&openid, &none).await {
            Err(failed) if failed.status == Some(StatusCode::NOT_FOUND) => {
                self.get.get(&oauth_metadata(issuer), &none).await
            }
            response => response,
        }?;
        let body = response.body.unwrap_or_default();
        let metadata: Metadata = serde_json::from_slice(without_byte_order_mark(&body)).map_err(|_| {
            Failed::new(
                Outcome::Malformed,
                "the issuer's metadata is not a JSON object with `issuer` and `jwks_uri`",
            )
        })?;
        if metadata.issuer != issuer {
            return Err(Failed::new(
                Outcome::Refused,
                "the `issuer` of the metadata is not the configured one; set `discover` to exactly what it says",
            ));
        }
        if let Some(problem) = jwks_uri_problem(issuer, &metadata.jwks_uri) {
            return Err(Failed::new(Outcome::Refused, format!("the `jwks_uri` of the metadata {problem}")));
        }
        Ok(metadata.jwks_uri)
    }
}

/// Why the keys of an issuer are not fetched from this URL. An https issuer does not lead to plain http.
fn jwks_uri_problem(issuer: &str, uri: &str) -> Option<String> {
    let is_downgrade = !issuer.starts_with("http://") && !uri.starts_with("https://");
    url_problem(uri).or_else(|| is_downgrade.then(|| "is not an https URL".to_owned()))
}

/// RFC 8414 §3: the well-known segment goes between the host and the path.
fn oauth_metadata(issuer: &str) -> String {
    let after_scheme = issuer.find("://").map_or(0, |at| at.saturating_add(3));
    let at =
        issuer.get(after_scheme..).and_then(|rest| rest.find('/')).map(|at| at.saturating_add(after_scheme));
    let (origin, path) = at.and_then(|at| issuer.split_at_checked(at)).unwrap_or((issuer, ""));
    format!("{origin}/.well-known/oauth-authorization-server{}", path.trim_end_matches('/'))
}

/// The usable keys of a fetched set. A key that would be an error in a file is ignored; two keys with one id and
/// algorithm, or no usable key, are an error of the whole set.
pub(crate) fn usable_keys(text: &[u8]) -> Result<UsableKeys, Failed> {
    /// The keys as unparsed JSON, so that members that are not read may have any value, and duplicate members
    /// are detected.
    #[derive(Deserialize)]
    struct Set<'t> {
        #[serde(borrow)]
        keys: Vec<&'t RawValue>,
    }

    let Set { keys } = serde_json::from_slice(without_byte_order_mark(text)).map_err(|_| {
        Failed::new(Outcome::Malformed, "is not a JWK Set: a JSON object with the array `keys`")
    })?;
    let (mut usable, mut ignored) = (Vec::new(), Vec::new());
    for (index, key) in keys.into_iter().map(RawValue::get).enumerate() {
        match KeySet::from_jwks(format!(r#"{{"keys":[{key}]}}"#).as_bytes()) {
            Ok(_) => usable.push(key),
            Err(error) => ignored.push(format!("key {index} of the set is ignored: {}", error.problem)),
        }
    }
    let jwks = format!(r#"{{"keys":[{}]}}"#, usable.join(",")).into_bytes();
    let set = KeySet::from_jwks(&jwks).map_err(|error| {
        let problem = if usable.is_empty() { "no usable key in the set".to_owned() } else { error.problem };
        Failed::new(Outcome::Refused, problem)
    })?;
    Ok(UsableKeys { jwks, count: set.len(), ignored })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    #[rstest]
    #[case::byte_order_mark("\u{feff}", r#""kid":"a""#, 2)]
    #[case::null_members("", r#""use":null,"key_ops":null,"kid":"a""#, 2)]
    #[case::members_that_are_not_read("", r#""x5c":{"a":1e999},"x5t":"\ud800","kid":"a""#, 2)]
    #[case::member_twice("", r#""kid":"a","kid":"a""#, 1)]
    #[case::wrong_type("", r#""kid":5"#, 1)]
    #[case::other_use("", r#""use":"enc""#, 1)]
    fn one_odd_key_does_not_take_the_set_down(
        #[case] before: &str,
        #[case] members: &str,
        #[case] usable: usize,
    ) {
        let key = |members: &str| format!(r#"{{"kty":"oct","k":"{SECRET}",{members}}}"#);
        let set =
            format!(r#"{before}{{"keys":[{},{}],"more":[1e999]}}"#, key(members), key(r#""kid":"good""#));
        let keys = usable_keys(set.as_bytes()).unwrap();
        assert_eq!((keys.count, keys.ignored.len()), (usable, 2 - usable), "{:?}", keys.ignored);
    }

    #[rstest]
    #[case::no_json("x")]
    #[case::no_object("[]")]
    #[case::no_keys("{}")]
    #[case::no_array(r#"{"keys":{}}"#)]
    #[case::keys_twice(r#"{"keys":[],"keys":[]}"#)]
    fn what_is_no_set_is_malformed(#[case] text: &str) {
        assert_eq!(usable_keys(text.as_bytes()).unwrap_err().outcome, Outcome::Malformed);
    }

    #[rstest]
    #[case("https://a.example", "https://a.example/.well-known/oauth-authorization-server")]
    #[case("https://a.example/", "https://a.example/.well-known/oauth-authorization-server")]
    #[case("https://a.example/t/1", "https://a.example/.well-known/oauth-authorization-server/t/1")]
    fn rfc_8414_puts_the_path_last(#[case] issuer: &str, #[case] expected: &str) {
        assert_eq!(oauth_metadata(issuer), expected);
    }

    #[rstest]
    #[case("https://a.example", "https://b.example/jwks", None)]
    #[case("http://127.0.0.1:1", "https://b.example/jwks", None)]
    #[case("http://127.0.0.1:1", "http://127.0.0.1:2/jwks", None)]
    #[case("https://a.example", "http://127.0.0.1:2/jwks", Some("is not an https URL"))]
    #[case("http://127.0.0.1:1", "http://b.example/jwks", Some("plain http"))]
    #[case("https://a.example", "https://u:p@b.example/jwks", Some("user information"))]
    fn a_jwks_uri_is_no_less_safe_than_its_issuer(
        #[case] issuer: &str,
        #[case] uri: &str,
        #[case] expected: Option<&str>,
    ) {
        let problem = jwks_uri_problem(issuer, uri);
        assert_eq!(problem.is_some(), expected.is_some(), "{problem:?}");
        assert!(problem.unwrap_or_default().contains(expected.unwrap_or_default()));
    }

    #[test]
    fn a_key_that_a_file_could_not_hold_is_ignored_with_a_reason() {
        let good = r#"{"kty": "oct", "kid": "a", "alg": "HS256", "k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}"#;
        let short = r#"{"kty": "RSA", "kid": "b", "n": "AQAB", "e": "AQAB"}"#;
        let keys = usable_keys(format!(r#"{{"keys": [{short}, {good}]}}"#).as_bytes()).unwrap();
        assert_eq!((keys.count, keys.ignored.len()), (1, 1));
        assert!(keys.ignored[0].starts_with("key 0 of the set is ignored: "), "{:?}", keys.ignored);
    }
}
