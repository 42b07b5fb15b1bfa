//! `[[realms]]`: the organizations whose tokens authenticate at each host (TOK-4).

use std::borrow::Cow;
use std::collections::HashMap;

use artos_auth_engine::{Organizations, TenantScope};
use serde::Deserialize;

use crate::quote::quoted;

/// The organizations whose tokens authenticate at each host.
///
/// Fails closed: if the file has `[[realms]]`, a host that no entry names has the empty realm, where no organization
/// authenticates. Without `[[realms]]`, every organization authenticates at every host.
#[derive(Debug, Default)]
pub struct Realms(Option<Named>);

#[derive(Debug, Default)]
struct Named {
    by_host: HashMap<Box<str>, Scope>,
    /// The entry for `*`: all hosts that no other entry names.
    other: Scope,
    empty: Organizations,
    /// The organizations of all hosts; `None` if one of them accepts any.
    accepted: Option<Organizations>,
}

#[derive(Debug)]
enum Scope {
    Any,
    Among(Organizations),
}

impl Default for Scope {
    fn default() -> Self {
        Self::Among(Organizations::default())
    }
}

/// One entry, as written in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RealmSpec {
    host: String,
    organizations: Option<Vec<String>>,
    any: Option<bool>,
}

impl Realms {
    /// Validates the entries. The error names the wrong key and the fix.
    pub(super) fn new(specs: Option<Vec<RealmSpec>>) -> Result<Self, (String, String)> {
        let Some(specs) = specs else { return Ok(Self(None)) };
        if specs.is_empty() {
            return Err(("realms".to_owned(), "the list is empty; leave it out".to_owned()));
        }
        let mut named = Named::default();
        let accepts_any = specs.iter().any(|spec| spec.any.is_some());
        let ids = specs.iter().filter_map(|spec| spec.organizations.as_ref()).flatten();
        named.accepted = (!accepts_any).then(|| ids.map(String::as_str).collect());
        let mut hosts: HashMap<Box<str>, usize> = HashMap::new();
        for (index, spec) in specs.into_iter().enumerate() {
            let at = |key: &str, problem: String| {
                let dot = if key.is_empty() { "" } else { "." };
                (format!("realms[{index}]{dot}{key}"), problem)
            };
            let host = parse_host(&spec.host).map_err(|problem| at("host", problem))?;
            if let Some(earlier) = hosts.insert(host.clone(), index) {
                let problem = format!("duplicate host (also in realms[{earlier}]); merge the entries");
                return Err(at("host", problem));
            }
            let scope = match (spec.organizations, spec.any) {
                (None, Some(true)) => Scope::Any,
                (Some(organizations), None) => {
                    if let Some(wrong) = organizations.iter().position(|id| !is_id(id)) {
                        let problem = "an id must have 1 to 256 bytes and no control character; no token can contain this one";
                        return Err(at(&format!("organizations[{wrong}]"), problem.to_owned()));
                    }
                    Scope::Among(organizations.into_iter().collect())
                }
                _ => return Err(at("", "expected either `organizations = […]` or `any = true`".to_owned())),
            };
            if &*host == "*" {
                named.other = scope;
            } else {
                named.by_host.insert(host, scope);
            }
        }
        Ok(Self(Some(named)))
    }

    /// Only these organizations, at every host.
    pub(crate) fn of_all_hosts(organizations: Organizations) -> Self {
        let accepted = Some(organizations.clone());
        Self(Some(Named { other: Scope::Among(organizations), accepted, ..Named::default() }))
    }

    /// The organizations whose tokens authenticate at `host`, in the form of [`host_of_authority`].
    ///
    /// Ignores letter case. A request without a host (HTTP/1.0) is at a host that no
    /// realm names, `*` included.
    #[must_use]
    pub fn of(&self, host: Option<&str>) -> TenantScope<'_> {
        let Some(named) = &self.0 else { return TenantScope::Any };
        let Some(host) = host else { return TenantScope::Among(&named.empty) };
        // One trailing dot has been removed; a second one makes it a different name.
        let host = match host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(host.to_ascii_lowercase()),
            false => Cow::Borrowed(host),
        };
        let scope = named.by_host.get(&*host).unwrap_or(&named.other);
        match scope {
            Scope::Any => TenantScope::Any,
            Scope::Among(organizations) => TenantScope::Among(organizations),
        }
    }

    /// Whether the file has no `[[realms]]`, so that every organization authenticates at every host.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.is_none()
    }

    /// Whether the organization's tokens authenticate at one or more hosts.
    pub(crate) fn accept_somewhere(&self, organization: &str) -> bool {
        self.accepted().is_none_or(|accepted| accepted.contains(organization))
    }

    /// Whether no organization authenticates at any host.
    pub(crate) fn accept_nobody(&self) -> bool {
        self.accepted().is_some_and(Organizations::is_empty)
    }

    /// The organizations that authenticate at one or more hosts; `None` if any does.
    fn accepted(&self) -> Option<&Organizations> {
        self.0.as_ref()?.accepted.as_ref()
    }

    /// The named hosts in alphabetical order, then `*`, each with the number of organizations that
    /// authenticate; `None` for any.
    #[must_use]
    pub fn summary(&self) -> Vec<(&str, Option<usize>)> {
        let Some(named) = &self.0 else { return Vec::new() };
        let count = |scope: &Scope| match scope {
            Scope::Any => None,
            Scope::Among(organizations) => Some(organizations.len()),
        };
        let mut hosts: Vec<_> = named.by_host.iter().map(|(host, scope)| (&**host, count(scope))).collect();
        hosts.sort_unstable();
        hosts.push(("*", count(&named.other)));
        hosts
    }
}

/// The warning for a list of organizations that names `*`, which is an id like any other.
pub(super) fn wildcard_warning(key: &str, organizations: &[String], every: &str) -> Option<String> {
    let index = organizations.iter().position(|organization| organization == "*")?;
    Some(format!("`{key}.organizations[{index}]`: `*` is the id of an organization here; {every}"))
}

/// The warnings about entries that name `*`.
pub(super) fn warnings(specs: &[RealmSpec]) -> Vec<String> {
    let of = |(index, spec): (usize, &RealmSpec)| {
        let every = "write `any = true` for every organization";
        wildcard_warning(&format!("realms[{index}]"), spec.organizations.as_deref()?, every)
    };
    specs.iter().enumerate().filter_map(of).collect()
}

/// The host of an authority: without its port and one trailing dot. An IPv6 address keeps its brackets.
#[must_use]
pub fn host_of_authority(authority: &str) -> &str {
    let first = |wanted: u8| authority.bytes().position(|byte| byte == wanted);
    let bracket = if authority.starts_with('[') { first(b']') } else { None };
    let host = match bracket {
        Some(bracket) => authority.get(..=bracket),
        None => first(b':').and_then(|colon| authority.get(..colon)),
    };
    let host = host.unwrap_or(authority);
    host.strip_suffix('.').unwrap_or(host)
}

fn canonical(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

fn parse_host(text: &str) -> Result<Box<str>, String> {
    if text == "*" {
        return Ok(text.into());
    }
    let name = |text: &str| {
        // An empty label (`.example`) would match no host, whatever it was meant for.
        let is_label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte))
        };
        text.split('.').all(is_label)
    };
    let address = |text: &str| {
        let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
    };
    let host = canonical(text);
    if name(&host) || address(&host) {
        return Ok(host.into());
    }
    Err(format!(
        "{} is not a host; expected a name without a port, such as `acme.example`, an IP address, or `*` alone for \
         every other host",
        quoted(text)
    ))
}

pub(super) fn is_id(text: &str) -> bool {
    (1..=256).contains(&text.len()) && !text.chars().any(char::is_control)
}
