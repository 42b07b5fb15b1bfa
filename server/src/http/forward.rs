//! Forward authentication: reads the request that a proxy describes from one family of header fields.
//!
//! Nothing is guessed. An incomplete or contradictory description, or one from an untrusted peer, is answered with 403
//! `forwarded_request_unclear`, and the token is not read.

use std::borrow::Cow;
use std::fmt;

use artos_auth_engine::{ResourceOrg, Resources};
use hyper::Method;
use hyper::header::{HeaderMap, HeaderName};

use super::request::authority_of;
use crate::config::{FieldFamily, Forward, host_of_authority};

static X_RESOURCE_ORG: HeaderName = HeaderName::from_static("x-resource-org");

/// The fields of a family.
struct Fields {
    method: HeaderName,
    /// The request-target, or the URL that holds both it and the host.
    target: HeaderName,
    host: Option<HeaderName>,
}

static X_FORWARDED: Fields = Fields {
    method: HeaderName::from_static("x-forwarded-method"),
    target: HeaderName::from_static("x-forwarded-uri"),
    host: Some(HeaderName::from_static("x-forwarded-host")),
};
static X_ORIGINAL: Fields = Fields {
    method: HeaderName::from_static("x-original-method"),
    target: HeaderName::from_static("x-original-uri"),
    host: Some(HeaderName::from_static("x-original-host")),
};
static X_ORIGINAL_URL: Fields = Fields {
    method: HeaderName::from_static("x-original-method"),
    target: HeaderName::from_static("x-original-url"),
    host: None,
};

/// A request described by a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Described<'r> {
    pub(crate) method: &'r str,
    /// The request-target, including the query, not decoded.
    pub(crate) target: &'r str,
    /// Without port and trailing dot.
    pub(crate) host: &'r str,
}

/// Why a description is rejected. Goes to the operator's log, never to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unclear {
    /// `[forward]` is missing, or the path is not its `path`.
    NotServed,
    /// The peer is not a trusted proxy.
    UntrustedPeer,
    /// A field that describes the request is missing.
    Missing(HeaderName),
    /// A field that describes the request is repeated.
    Repeated(HeaderName),
    /// A field that describes the request is empty.
    Empty(HeaderName),
    /// The same field with `_` for `-`, which some software treats as the same field.
    Alias(HeaderName),
    /// A value that is not a valid method, request-target, host or URL.
    Invalid(HeaderName, &'static str),
    /// What is wrong with a message of `ext_authz`.
    Message(&'static str),
}

/// Reads the described request.
///
/// `trusted`: whether the peer is one of the proxies that may describe requests.
pub(crate) fn describe<'r>(
    forward: &Forward,
    headers: &'r HeaderMap,
    trusted: bool,
) -> Result<Described<'r>, Unclear> {
    if !trusted {
        return Err(Unclear::UntrustedPeer);
    }
    let fields = fields(forward.fields);
    let names = || [Some(&fields.method), Some(&fields.target), fields.host.as_ref()].into_iter().flatten();
    if let Some(name) = names().find(|name| has_alias(headers, name)) {
        return Err(Unclear::Alias(name.clone()));
    }
    let method = text(headers, &fields.method)?;
    if Method::from_bytes(method.as_bytes()).is_err() {
        return Err(Unclear::Invalid(fields.method.clone(), "is not a method"));
    }
    let of_target = text(headers, &fields.target)?;
    let (target, authority, host_field) = match &fields.host {
        Some(host) => (of_target, text(headers, host)?, host),
        None => {
            let (authority, target) = split_url(of_target).ok_or_else(|| {
                Unclear::Invalid(fields.target.clone(), "is not an http or https URL with a host and a path")
            })?;
            (target, authority, &fields.target)
        }
    };
    if !is_target(target) {
        return Err(Unclear::Invalid(fields.target.clone(), "is not a path that begins with `/`"));
    }
    let path = without_query(target);
    if path == "/_auth" || path.starts_with("/_auth/") || path == forward.path {
        return Err(Unclear::Invalid(fields.target.clone(), "is a path of this server itself"));
    }
    match authority_of(authority.as_bytes()) {
        // A registered name may contain a comma, but so does the value of a proxy that joins the hosts of two lines.
        Some(authority) if !authority.contains(',') => {
            Ok(Described { method, target, host: host_of_authority(authority) })
        }
        _ => Err(Unclear::Invalid(host_field.clone(), "does not name one host")),
    }
}

/// The owner of the resource. If the proxy names an owner and `[[resources]]` may also name one, both must agree
/// (ORG-1). Without `[[resources]]`, the proxy's owner is used.
pub(crate) fn agreed_owner<'r>(
    claimed: ResourceOrg<'r>,
    configured: ResourceOrg<'r>,
    resources: &Resources,
) -> ResourceOrg<'r> {
    if resources.is_empty() || configured == claimed { claimed } else { ResourceOrg::Unresolved }
}

/// The value of `X-Resource-Org`: present exactly once; empty for a resource without an owner.
pub(crate) fn claimed_owner(headers: &HeaderMap) -> ResourceOrg<'_> {
    if has_alias(headers, &X_RESOURCE_ORG) {
        return ResourceOrg::Unresolved;
    }
    let mut lines = headers.get_all(&X_RESOURCE_ORG).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => {
            std::str::from_utf8(line.as_bytes()).map_or(ResourceOrg::Unresolved, owner_named)
        }
        _ => ResourceOrg::Unresolved,
    }
}

/// The owner for an organization id; the empty id means no owner.
pub(crate) fn owner_named(organization: &str) -> ResourceOrg<'_> {
    if organization.is_empty() {
        ResourceOrg::Unowned
    } else {
        ResourceOrg::Owned(Cow::Borrowed(organization))
    }
}

fn fields(family: FieldFamily) -> &'static Fields {
    match family {
        FieldFamily::XForwarded => &X_FORWARDED,
        FieldFamily::XOriginal => &X_ORIGINAL,
        FieldFamily::XOriginalUrl => &X_ORIGINAL_URL,
    }
}

/// The text of the field's only line.
fn text<'r>(headers: &'r HeaderMap, name: &HeaderName) -> Result<&'r str, Unclear> {
    let mut lines = headers.get_all(name).iter();
    let line = match (lines.next(), lines.next()) {
        (None, _) => return Err(Unclear::Missing(name.clone())),
        (Some(_), Some(_)) => return Err(Unclear::Repeated(name.clone())),
        (Some(line), None) => line.as_bytes(),
    };
    match std::str::from_utf8(line) {
        Ok("") => Err(Unclear::Empty(name.clone())),
        Ok(text) => Ok(text),
        Err(_) => Err(Unclear::Invalid(name.clone(), "is not UTF-8")),
    }
}

/// Whether the field is present with `_` in place of one or more of its `-`.
fn has_alias(headers: &HeaderMap, name: &HeaderName) -> bool {
    let name = name.as_str();
    let is_alias = |other: &str| {
        other.len() == name.len()
            && other != name
            && name
                .bytes()
                .zip(other.bytes())
                .all(|(own, other)| own == other || (own == b'-' && other == b'_'))
    };
    headers.keys().any(|other| is_alias(other.as_str()))
}

/// A request-target in origin form: HTTP/1 allows no white space or control characters in it.
fn is_target(text: &str) -> bool {
    text.starts_with('/') && !text.bytes().any(|byte| byte <= b' ' || byte == 0x7f)
}

/// The path of a request-target in origin form.
pub(crate) fn without_query(target: &str) -> &str {
    target.split_once('?').map_or(target, |(path, _)| path)
}

/// The authority and the request-target of an absolute http or https URL without user information or fragment.
fn split_url(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) || rest.contains('#') {
        return None;
    }
    // `authority_of` does not accept user information.
    rest.split_at_checked(rest.find(['/', '?', '\\'])?).filter(|(_, target)| target.starts_with('/'))
}

/// The cause shown in the audit line.
impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotServed => f.write_str("forwarded requests are not decided at this path"),
            Self::UntrustedPeer => f.write_str("the peer is not a trusted proxy"),
            Self::Missing(name) => write!(f, "missing field `{name}`"),
            Self::Repeated(name) => write!(f, "repeated field `{name}`"),
            Self::Empty(name) => write!(f, "empty field `{name}`"),
            Self::Alias(name) => write!(f, "a spelling of field `{name}` with `_`"),
            Self::Invalid(name, problem) => write!(f, "field `{name}` {problem}"),
            Self::Message(problem) => f.write_str(problem),
        }
    }
}
