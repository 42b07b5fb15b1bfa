//! The permissions that a method and path need (PERM-1): every matching rule counts.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::spec::{RouteSpec, Unlisted};
use crate::error::LoadError;
use crate::ids::{MAX_PERMISSIONS, is_id};
use crate::path::{Ambiguity, Matcher, Pattern, PlainPath};

/// The route rules, found by path, then by method.
#[derive(Clone, Debug)]
pub(crate) struct Routes {
    rules: usize,
    matcher: Matcher<Rules>,
    unlisted: Unlisted,
}

/// The permissions that each method needs, from all rules of one pattern. Rules of the same pattern and method add up.
#[derive(Clone, Debug, Default)]
struct Rules {
    /// The permissions of the rules without methods; `None` if there are no such rules.
    every_method: Option<Permissions>,
    /// By upper-case method.
    by_method: Vec<(Box<str>, Permissions)>,
}

/// Sorted, without duplicates.
type Permissions = Vec<Arc<str>>;

/// Why the permissions do not suffice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal<'r> {
    /// This permission is missing.
    Missing(&'r Arc<str>),
    /// No rule matches, and `unlisted` is `deny`.
    Unlisted,
}

impl<'r> Refusal<'r> {
    /// The missing permission.
    pub(crate) fn missing(self) -> Option<&'r Arc<str>> {
        match self {
            Self::Missing(permission) => Some(permission),
            Self::Unlisted => None,
        }
    }
}

impl Routes {
    pub(super) fn new(specs: &[RouteSpec], unlisted: Unlisted) -> Result<Self, LoadError> {
        let mut matcher = Matcher::<Rules>::default();
        for (index, spec) in specs.iter().enumerate() {
            let error =
                |key: &str, problem: String| LoadError::new(format!("routes[{index}].{key}"), problem);
            let pattern = Pattern::parse(&spec.path).map_err(|problem| error("path", problem.to_string()))?;
            check_methods(spec.methods.as_deref()).map_err(|problem| error("methods", problem))?;
            check_permissions(&spec.permissions).map_err(|problem| error("permissions", problem))?;
            let Some(rules) = matcher.entry(&pattern) else { continue };
            rules.add(spec).map_err(|problem| error("permissions", problem))?;
        }
        matcher.compress();
        Ok(Self { rules: specs.len(), matcher, unlisted })
    }

    pub(super) fn len(&self) -> usize {
        self.rules
    }

    /// The path to match rules against; `None` if there are no rules.
    ///
    /// With rules, an ambiguous path is refused, because it could bypass a rule.
    #[inline]
    pub(crate) fn path<'p>(
        &self,
        path: &'p [u8],
        decoded: &'p mut Vec<u8>,
    ) -> Result<Option<PlainPath<'p>>, Ambiguity> {
        if self.rules == 0 { Ok(None) } else { PlainPath::parse(path, decoded).map(Some) }
    }

    /// Checks that `has` is true for every needed permission.
    pub(crate) fn permit(
        &self,
        method: &[u8],
        path: Option<PlainPath<'_>>,
        has: impl Fn(&str) -> bool,
    ) -> Result<(), Refusal<'_>> {
        let mut listed = false;
        let verdict = path.map_or(ControlFlow::Continue(()), |path| {
            self.matcher.visit(path, |rules| {
                for needed in rules.of(method) {
                    listed = true;
                    if let Some(missing) = needed.iter().find(|permission| !has(permission)) {
                        return ControlFlow::Break(missing);
                    }
                }
                ControlFlow::Continue(())
            })
        });
        match verdict {
            ControlFlow::Break(missing) => Err(Refusal::Missing(missing)),
            ControlFlow::Continue(()) if !listed && self.unlisted == Unlisted::Deny => Err(Refusal::Unlisted),
            ControlFlow::Continue(()) => Ok(()),
        }
    }
}

impl Rules {
    fn add(&mut self, spec: &RouteSpec) -> Result<(), String> {
        let Some(methods) = &spec.methods else {
            return add_to(self.every_method.get_or_insert_default(), &spec.permissions);
        };
        for method in methods {
            let method = method.to_ascii_uppercase();
            if method == "GET" {
                self.add_for("HEAD", &spec.permissions)?;
            }
            self.add_for(&method, &spec.permissions)?;
        }
        Ok(())
    }

    fn add_for(&mut self, method: &str, permissions: &[String]) -> Result<(), String> {
        if let Some((_, known)) = self.by_method.iter_mut().find(|(named, _)| **named == *method) {
            return add_to(known, permissions);
        }
        let mut fresh = Permissions::new();
        add_to(&mut fresh, permissions)?;
        self.by_method.push((method.into(), fresh));
        Ok(())
    }

    /// The permissions for this method, ignoring its case.
    fn of(&self, method: &[u8]) -> impl Iterator<Item = &Permissions> {
        // Nearly all methods are upper-case, as in the rules.
        let same = move |named: &[u8]| named == method || named.eq_ignore_ascii_case(method);
        let named = self.by_method.iter().filter(move |(named, _)| same(named.as_bytes()));
        self.every_method.iter().chain(named.map(|(_, permissions)| permissions))
    }
}

fn add_to(known: &mut Permissions, more: &[String]) -> Result<(), String> {
    for permission in more {
        if let Err(at) = known.binary_search_by(|its| (**its).cmp(permission)) {
            if known.len() == MAX_PERMISSIONS {
                return Err(format!(
                    "the rules of one path and method need more than {MAX_PERMISSIONS} permissions, and no token can contain \
                     so many"
                ));
            }
            known.insert(at, permission.as_str().into());
        }
    }
    Ok(())
}

/// Validates methods: tokens (RFC 9110 §9.1), with the registered ones in upper case.
pub(super) fn check_methods(methods: Option<&[String]>) -> Result<(), String> {
    const KNOWN: [&str; 9] = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];
    let Some(methods) = methods else { return Ok(()) };
    if methods.is_empty() {
        return Err("an empty list matches no method; leave it out for every method".to_owned());
    }
    for method in methods {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if method.is_empty() || !method.bytes().all(is_token) {
            return Err(format!("`{}` is not a valid method", method.escape_debug()));
        }
        let upper = method.to_ascii_uppercase();
        if upper != *method && KNOWN.contains(&upper.as_str()) {
            return Err(format!("unknown method `{method}`; expected `{upper}`"));
        }
    }
    Ok(())
}

fn check_permissions(permissions: &[String]) -> Result<(), String> {
    if permissions.is_empty() {
        return Err("a rule needs at least one permission; leave the rule out if none is needed".to_owned());
    }
    match permissions.iter().find(|permission| permission.is_empty() || !is_id(permission)) {
        Some(_) => Err(
            "a permission must have 1 to 256 bytes and no control character; no token can contain this one"
                .to_owned(),
        ),
        None => Ok(()),
    }
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(permission) => write!(f, "missing permission `{permission}`"),
            Self::Unlisted => f.write_str("no route rule matches this method and path"),
        }
    }
}
