//! Entries of a policy that load and probably protect less, or refuse more, than intended.

use std::collections::{BTreeMap, BTreeSet};

use super::claim_spec::RequiredValue;
use super::public_paths::DOCUMENTED;
use super::spec::{PolicySpec, PublicSpec, Unlisted};
use crate::path::foreign_syntax;
use crate::warning::Warning;

/// The methods of the IANA registry, in upper case.
const REGISTERED: [&str; 40] = [
    "ACL",
    "BASELINE-CONTROL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "CONNECT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LABEL",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "OPTIONS",
    "ORDERPATCH",
    "PATCH",
    "POST",
    "PRI",
    "PROPFIND",
    "PROPPATCH",
    "PUT",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "TRACE",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
];

/// The names for every method in other routers, in upper case.
const EVERY_METHOD: [&str; 3] = ["*", "ANY", "ALL"];

pub(super) fn warnings(spec: &PolicySpec) -> Vec<Warning> {
    let mut warnings = Vec::new();
    patterns(spec, &mut warnings);
    rules_of_public_paths(spec, &mut warnings);
    if spec.unlisted == Unlisted::Deny && spec.routes.is_empty() {
        let text =
            "there are no route rules, so every request is denied except to a public path; add `routes`";
        warnings.push(Warning::new("unlisted", text));
    }
    literal_wildcards(spec, &mut warnings);
    warnings
}

/// Patterns in another router's syntax, and methods that no request has.
fn patterns(spec: &PolicySpec, warnings: &mut Vec<Warning>) {
    let public = spec.public.iter().flatten().map(|public| (&public.path, &public.methods));
    let routes = spec.routes.iter().map(|route| (&route.path, &route.methods));
    let public = public.enumerate().map(|(index, entry)| (format!("public[{index}]"), entry));
    let routes = routes.enumerate().map(|(index, entry)| (format!("routes[{index}]"), entry));
    // A custom method is usually in many rules; one warning is enough.
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for (key, (path, methods)) in public.chain(routes) {
        let is_public = key.starts_with("public");
        // A public path matches byte for byte, so a placeholder in it is literal too.
        let is_literal = is_public && path.contains(['{', '}']);
        let literal =
            || "a public path is matched byte for byte and has no placeholders; list each path".to_owned();
        if let Some(text) = is_literal.then(literal).or_else(|| foreign_syntax(path)) {
            warnings.push(Warning::new(format!("{key}.path"), text));
        }
        for method in methods.iter().flatten() {
            let upper = method.to_ascii_uppercase();
            let text = if EVERY_METHOD.contains(&upper.as_str()) {
                format!(
                    "`{method}` matches only a method named `{method}`; leave `methods` out for every method"
                )
            } else if is_public && *method != upper && REGISTERED.contains(&upper.as_str()) {
                format!(
                    "a public path matches the method byte for byte; write `{upper}` instead of `{method}`"
                )
            } else if !REGISTERED.contains(&upper.as_str()) && known.insert(method) {
                format!(
                    "`{}` is not a registered HTTP method; it matches only requests with this method",
                    method.escape_debug()
                )
            } else {
                continue;
            };
            warnings.push(Warning::new(format!("{key}.methods"), text));
        }
    }
}

/// Rules for a public path: they have no effect, because the path is allowed before rules are checked.
fn rules_of_public_paths(spec: &PolicySpec, warnings: &mut Vec<Warning>) {
    let documented = [PublicSpec { path: DOCUMENTED.to_owned(), methods: None }];
    let mut open: BTreeMap<&str, Open<'_>> = BTreeMap::new();
    for public in spec.public.as_deref().unwrap_or(&documented) {
        let open = open.entry(&public.path).or_default();
        open.every_method |= public.methods.is_none();
        open.methods.extend(public.methods.iter().flatten().map(String::as_str));
    }
    for (index, route) in spec.routes.iter().enumerate() {
        let Some(open) = open.get(route.path.as_str()) else { continue };
        let text = if open.every_method {
            format!("`{}` is public, so this rule does not apply to it; remove one of the two", route.path)
        } else if route.methods.as_ref().is_some_and(|methods| methods.iter().all(|its| open.has(its))) {
            format!(
                "`{}` is public for {}, so this rule never applies; remove one of the two",
                route.path,
                route.methods.as_deref().unwrap_or_default().join(", ")
            )
        } else {
            continue;
        };
        warnings.push(Warning::new(format!("routes[{index}].path"), text));
    }
}

/// The methods for which a path is public.
#[derive(Default)]
struct Open<'s> {
    every_method: bool,
    methods: BTreeSet<&'s str>,
}

impl Open<'_> {
    /// Whether requests with a method of a rule are public. Rules ignore its case; `GET` includes `HEAD`.
    fn has(&self, method: &str) -> bool {
        let upper = method.to_ascii_uppercase();
        self.methods.contains(upper.as_str()) || (upper == "HEAD" && self.methods.contains("GET"))
    }
}

/// Values that are compared byte for byte and look like patterns.
fn literal_wildcards(spec: &PolicySpec, warnings: &mut Vec<Warning>) {
    let lists = [("issuers", &spec.issuers), ("audiences", &spec.audiences), ("types", &spec.types)];
    for (key, values) in lists {
        for (index, value) in values.iter().flatten().enumerate() {
            if value.contains('*') {
                let text = format!(
                    "`{}` is compared byte for byte, and `*` matches only itself; list each value, or leave `{key}` out",
                    value.escape_debug()
                );
                warnings.push(Warning::new(format!("{key}[{index}]"), text));
            }
        }
    }
    for (name, values) in &spec.required {
        if values.0.iter().any(|value| matches!(value, RequiredValue::String(text) if text.contains('*'))) {
            let text = "`*` matches only itself; list each accepted value, or leave the claim out";
            warnings.push(Warning::new(format!("required.{name}"), text));
        }
    }
}
