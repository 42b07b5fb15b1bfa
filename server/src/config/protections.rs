//! The restrictions of a configuration, so that a reload cannot loosen access by omitting one.
//!
//! A truncated or half-written file is often a valid file with fewer tables. Restrictions that it omits are
//! therefore kept until the operator confirms the omission.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use toml::{Table, Value};

/// The restrictions of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protections {
    /// By their names in messages.
    named: BTreeMap<String, Vec<String>>,
    /// Whether a public path, a key set or a source of revocations, by its place, has an optional member that restricts it.
    members: BTreeMap<(&'static str, String), bool>,
}

/// The members whose absence gives more access, each with its name in messages.
const PRESENT: [(&[&str], &str); 11] = [
    (&["policy", "algorithms"], "algorithms"),
    (&["policy", "issuers"], "issuers"),
    (&["policy", "audiences"], "audiences"),
    (&["policy", "types"], "types"),
    // Without it, the default path is public.
    (&["policy", "public"], "public"),
    (&["revocations"], "[revocations]"),
    (&["forward", "trusted"], "[forward] trusted"),
    (&["ext_authz", "trusted"], "[ext_authz] trusted"),
    (&["tls"], "[tls]"),
    (&["tls", "client_ca"], "client_ca"),
    (&["revocations", "max_staleness_seconds"], "max_staleness_seconds"),
];

/// Whether a value restricts access more than the default.
type Restricts = fn(&Value) -> bool;

/// The members of which some values restrict access, each with its name in messages.
const VALUES: [(&[&str], Restricts, &str); 4] = [
    (&["policy", "unlisted"], |value| value.as_str() == Some("deny"), "unlisted = \"deny\""),
    // Without it, a resource whose owner only the proxy knows is unowned.
    (&["forward", "trust_resource_org"], is_true, "[forward] trust_resource_org"),
    (&["ext_authz", "trust_resource_org"], is_true, "[ext_authz] trust_resource_org"),
    // Without it, the proxy's subrequest to this path is decided on as itself. Below `/_auth/` it is refused.
    (
        &["forward", "path"],
        |value| value.as_str().is_some_and(|path| !path.starts_with("/_auth/")),
        "[forward] path",
    ),
];

/// The tables in which every member restricts access.
const TABLES: [(&[&str], &str); 2] =
    [(&["policy", "claims"], "claims"), (&["policy", "required"], "required")];

/// The lists in which every entry restricts access.
const LISTS: [(&[&str], &str); 3] =
    [(&["resources"], "[[resources]]"), (&["realms"], "[[realms]]"), (&["policy", "routes"], "routes")];

/// The optional members that restrict an entry of a list or a table: where, the member, and its name in messages.
const MEMBERS: [(&[&str], &str, &str); 9] = [
    (&["policy", "public"], "methods", "methods of public"),
    // With the public certification authorities, others can present a certificate.
    (&["keys"], "ca_file", "ca_file of [[keys]]"),
    (&["keys"], "stale_seconds", "stale_seconds of [[keys]]"),
    // Also compared as lists, for entries that are at another place.
    (&["keys"], ISSUER, ISSUER),
    (&["keys"], ORGANIZATIONS, ORGANIZATIONS),
    (&["revocations"], "ca_file", "ca_file of [revocations]"),
    // The default prefix is another list, which may be empty.
    (&["revocations"], "prefix", "prefix of [revocations]"),
    // Without them, the address in `redis` is used, where another list may be.
    (&["revocations"], "sentinels", "sentinels of [revocations]"),
    (&["revocations"], "service", "service of [revocations]"),
];

/// The members that bind a key set.
const ISSUER: &str = "issuer";
const ORGANIZATIONS: &str = "organizations";

impl Protections {
    /// The restrictions of this file; `text` is TOML.
    pub(super) fn of(text: &str) -> Self {
        let Ok(table) = text.strip_prefix('\u{feff}').unwrap_or(text).parse::<Table>() else {
            return Self::default();
        };
        let mut named = BTreeMap::new();
        for (path, name) in PRESENT {
            if find(&table, path).is_some() {
                named.insert(name.to_owned(), Vec::new());
            }
        }
        for (path, restricts, name) in VALUES {
            if find(&table, path).is_some_and(restricts) {
                named.insert(name.to_owned(), Vec::new());
            }
        }
        for (path, name) in TABLES {
            if let Some(Value::Table(members)) = find(&table, path) {
                named.insert(name.to_owned(), members.keys().cloned().collect());
            }
        }
        for (path, name) in LISTS {
            if let Some(Value::Array(entries)) = find(&table, path) {
                named.insert(name.to_owned(), entries.iter().map(Value::to_string).collect());
            }
        }
        let keys = entries(&table, &["keys"]);
        named.insert("[[keys]]".to_owned(), keys.iter().map(|entry| place(entry)).collect());
        for member in [ISSUER, ORGANIZATIONS] {
            let bound: Vec<String> =
                keys.iter().filter(|entry| has(entry, member)).map(|entry| place(entry)).collect();
            if !bound.is_empty() {
                named.insert(format!("{member} of [[keys]]"), bound);
            }
        }
        let mut members = BTreeMap::new();
        // If a request needs a rule that lists it, a rule without `methods` lists every method of its path.
        let is_listed = find(&table, &["policy", "unlisted"]).and_then(Value::as_str) == Some("deny");
        let of_routes: (&[&str], _, _) = (&["policy", "routes"], "methods", "methods of routes");
        for (path, member, name) in MEMBERS.into_iter().chain(is_listed.then_some(of_routes)) {
            for entry in entries(&table, path) {
                let is_restricted = has(entry, member);
                // Of two entries for one path, the open one counts.
                members
                    .entry((name, place(entry)))
                    .and_modify(|all| *all &= is_restricted)
                    .or_insert(is_restricted);
            }
        }
        Self { named, members }
    }

    /// The restrictions of this file that `newer` omits. A changed entry is not omitted: `newer` has as many entries that
    /// are new.
    #[must_use]
    pub fn dropped_by(&self, newer: &Self) -> Vec<String> {
        let dropped = self.named.iter().filter(|(name, entries)| match newer.named.get(*name) {
            None => true,
            Some(others) => missing(entries, others) > missing(others, entries),
        });
        let dropped = dropped.map(|(name, entries)| match name.strip_suffix(" of [[keys]]") {
            // As written in the file.
            Some(member) if !entries.is_empty() => member,
            _ => name.as_str(),
        });
        // An entry that is gone restricts nothing any more, and its list is compared above.
        let opened = self.members.iter().filter(|(key, is_restricted)| {
            **is_restricted && newer.members.get(*key).is_some_and(|is_restricted| !is_restricted)
        });
        let mut dropped: Vec<&str> = dropped.collect();
        let opened: BTreeSet<&str> = opened.map(|((name, _), _)| *name).collect();
        let more: Vec<&str> = opened.into_iter().filter(|name| !dropped.contains(name)).collect();
        dropped.extend(more);
        dropped.into_iter().map(str::to_owned).collect()
    }
}

/// Whether an entry has a member. A discovered key set is bound to its issuer.
fn has(entry: &Value, member: &str) -> bool {
    entry.get(member).is_some() || (member == ISSUER && entry.get("discover").is_some())
}

fn is_true(value: &Value) -> bool {
    value.as_bool() == Some(true)
}

/// How many of these `others` lacks. Sets, because comparing all pairs would be quadratic in the number of entries.
fn missing(entries: &[String], others: &[String]) -> usize {
    let others: HashSet<&String> = others.iter().collect();
    entries.iter().filter(|entry| !others.contains(entry)).count()
}

/// The entries of an array, or one table.
fn entries<'t>(table: &'t Table, path: &[&str]) -> Vec<&'t Value> {
    match find(table, path) {
        Some(Value::Array(entries)) => entries.iter().collect(),
        Some(entry @ Value::Table(_)) => vec![entry],
        _ => Vec::new(),
    }
}

/// The place of an entry: its file, URL or path.
fn place(entry: &Value) -> String {
    let members = ["file", "url", "discover", "redis", "path"];
    let places = members.iter().filter_map(|member| entry.get(member)?.as_str());
    places.collect::<Vec<_>>().join(" ")
}

fn find<'t>(table: &'t Table, path: &[&str]) -> Option<&'t Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(table.get(*first)?, |value, name| value.get(name))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const FULL: &str = r#"
[policy]
algorithms = ["ES256"]
issuers = ["i"]
audiences = ["a"]
types = ["JWT"]
claims = { user = "uid", organization = "tenant" }
required = { token_use = "access", azp = "web" }
unlisted = "deny"
routes = [{ path = "/a", permissions = ["p"], methods = ["PUT"] }, { path = "/b", permissions = ["p"] }]

[[keys]]
file = "k"
issuer = "i"
organizations = ["o"]

[[keys]]
file = "l"

[[keys]]
url = "https://issuer.example/keys"
ca_file = "c"
stale_seconds = 60

[revocations]
redis = "rediss://a"
max_staleness_seconds = 5
ca_file = "c"
prefix = "p"
sentinels = ["s"]
service = "main"

[[realms]]
host = "a"
organizations = ["o"]

[[realms]]
host = "*"
any = true

[[resources]]
path = "/a"
organization = "o"

[[resources]]
path = "/{*rest}"
unowned = true

[forward]
path = "/verify"
trust_resource_org = true
trusted = ["10.0.0.1/32"]

[ext_authz]
trust_resource_org = true

[[policy.public]]
path = "/p"
methods = ["GET"]

[tls]
client_ca = "c"
"#;

    const REVOCATIONS: &str = "[revocations]\nredis = \"rediss://a\"\nmax_staleness_seconds = 5\nca_file = \"c\"\nprefix = \"p\"\n\
         sentinels = [\"s\"]\nservice = \"main\"\n";

    fn dropped(newer: &str) -> Vec<String> {
        Protections::of(FULL).dropped_by(&Protections::of(newer))
    }

    #[rstest]
    #[case::algorithms("algorithms = [\"ES256\"]\n", "", &["algorithms"])]
    #[case::issuers("issuers = [\"i\"]\n", "", &["issuers"])]
    #[case::audiences("audiences = [\"a\"]\n", "", &["audiences"])]
    #[case::types("types = [\"JWT\"]\n", "", &["types"])]
    #[case::claims("claims = { user = \"uid\", organization = \"tenant\" }\n", "", &["claims"])]
    #[case::one_claim(", organization = \"tenant\"", "", &["claims"])]
    #[case::public("[[policy.public]]\npath = \"/p\"\nmethods = [\"GET\"]\n", "", &["public"])]
    #[case::methods_of_a_public_path("methods = [\"GET\"]\n", "", &["methods of public"])]
    #[case::stale_seconds("stale_seconds = 60\n", "", &["stale_seconds of [[keys]]"])]
    #[case::ca_of_keys("ca_file = \"c\"\nstale", "stale", &["ca_file of [[keys]]"])]
    #[case::prefix("prefix = \"p\"\n", "", &["prefix of [revocations]"])]
    #[case::sentinels("sentinels = [\"s\"]\nservice = \"main\"\n", "", &["sentinels of [revocations]", "service of [revocations]"])]
    #[case::methods_of_a_route(", methods = [\"PUT\"] }", " }", &["methods of routes"])]
    #[case::ca_of_revocations("ca_file = \"c\"\nprefix", "prefix", &["ca_file of [revocations]"])]
    #[case::staleness("max_staleness_seconds = 5\n", "", &["max_staleness_seconds"])]
    #[case::path_of_the_proxy("path = \"/verify\"\n", "", &["[forward] path"])]
    #[case::owner_by_the_proxy("trust_resource_org = true\ntrusted", "trusted", &["[forward] trust_resource_org"])]
    #[case::owner_by_the_proxy_of_grpc(
        "[ext_authz]\ntrust_resource_org = true\n",
        "[ext_authz]\n",
        &["[ext_authz] trust_resource_org"]
    )]
    #[case::forward(
        "[forward]\npath = \"/verify\"\ntrust_resource_org = true\ntrusted = [\"10.0.0.1/32\"]\n",
        "",
        &["[forward] path", "[forward] trust_resource_org", "[forward] trusted"]
    )]
    #[case::required("required = { token_use = \"access\", azp = \"web\" }\n", "", &["required"])]
    #[case::one_of_required("token_use = \"access\", azp", "azp", &["required"])]
    #[case::unlisted("unlisted = \"deny\"\n", "", &["unlisted = \"deny\""])]
    #[case::unlisted_allow("unlisted = \"deny\"", "unlisted = \"allow\"", &["unlisted = \"deny\""])]
    #[case::routes("routes = [", "others = [", &["routes"])]
    #[case::one_route(", { path = \"/b\", permissions = [\"p\"] }", "", &["routes"])]
    #[case::issuer_of_keys("issuer = \"i\"\n", "", &["issuer"])]
    #[case::organizations_of_keys("organizations = [\"o\"]\n\n[[keys]]", "\n[[keys]]", &["organizations"])]
    #[case::one_of_keys("[[keys]]\nfile = \"l\"\n", "", &["[[keys]]"])]
    #[case::revocations(REVOCATIONS, "", &["[revocations]", "max_staleness_seconds"])]
    #[case::one_realm("[[realms]]\nhost = \"a\"\norganizations = [\"o\"]\n", "", &["[[realms]]"])]
    #[case::one_resource("[[resources]]\npath = \"/a\"\norganization = \"o\"\n", "", &["[[resources]]"])]
    #[case::trusted("trusted = [\"10.0.0.1/32\"]\n", "", &["[forward] trusted"])]
    #[case::client_ca("client_ca = \"c\"\n", "", &["client_ca"])]
    #[case::nothing("", "", &[])]
    fn an_omitted_restriction_is_named(#[case] old: &str, #[case] new: &str, #[case] expected: &[&str]) {
        assert!(FULL.contains(old));
        assert_eq!(dropped(&FULL.replacen(old, new, 1)), expected);
    }

    /// A file that is truncated anywhere, and still valid, is refused.
    #[test]
    fn a_truncated_file_is_refused() {
        let mut valid = 0;
        for (end, _) in FULL.trim_end().char_indices() {
            let beginning = FULL.get(..end).unwrap();
            if beginning.parse::<Table>().is_ok() {
                valid += 1;
                assert!(!dropped(beginning).is_empty(), "{beginning}");
            }
        }
        assert!(valid > 50, "{valid}");
    }

    #[rstest]
    #[case::a_changed_entry("path = \"/a\"\norganization", "path = \"/c\"\norganization")]
    #[case::another_issuer("issuers = [\"i\"]", "issuers = [\"j\"]")]
    #[case::fewer_audiences("audiences = [\"a\"]", "audiences = [\"b\", \"a\"]")]
    #[case::an_entry_more("[forward]", "[[resources]]\npath = \"/d\"\nunowned = true\n\n[forward]")]
    #[case::other_keys("file = \"l\"", "url = \"https://issuer.example/jwks\"")]
    #[case::keys_at_another_place(
        "url = \"https://issuer.example/keys\"\nca_file = \"c\"\nstale_seconds = 60",
        "url = \"https://issuer.example/jwks\""
    )]
    #[case::another_claim("organization = \"tenant\"", "organization = \"org\"")]
    #[case::a_public_path_more(
        "methods = [\"GET\"]",
        "methods = [\"GET\"]\n[[policy.public]]\npath = \"/q\"\n"
    )]
    #[case::another_public_path("path = \"/p\"\nmethods = [\"GET\"]", "path = \"/q\"")]
    fn a_changed_entry_is_not_omitted(#[case] old: &str, #[case] new: &str) {
        assert!(FULL.contains(old));
        assert_eq!(dropped(&FULL.replacen(old, new, 1)), [""; 0]);
    }

    /// One entry less is bound, and another one more: the number of bound entries is the same.
    #[rstest]
    #[case::organizations("organizations = [\"o\"]", "organizations")]
    #[case::issuer("issuer = \"i\"", "issuer")]
    fn a_binding_does_not_move_to_another_key_set(#[case] binding: &str, #[case] name: &str) {
        let bound = Protections::of(&format!("[[keys]]\nfile = \"k\"\n{binding}"));
        let moved = format!("[[keys]]\nfile = \"k\"\n[[keys]]\nfile = \"l\"\n{binding}");
        assert_eq!(bound.dropped_by(&Protections::of(&moved)), [name]);
        let both = format!("[[keys]]\nfile = \"k\"\n{binding}\n[[keys]]\nfile = \"l\"\n{binding}");
        assert_eq!(bound.dropped_by(&Protections::of(&both)), [""; 0]);
    }

    #[test]
    fn a_discovered_key_set_is_bound_to_its_issuer() {
        let discovered = Protections::of("[keys]\ndiscover = \"https://a\"");
        let by_url = |more: &str| Protections::of(&format!("[keys]\nurl = \"https://a/jwks\"\n{more}"));
        assert_eq!(discovered.dropped_by(&by_url("")), ["issuer"]);
        assert_eq!(discovered.dropped_by(&by_url("issuer = \"https://a\"")), [""; 0]);
    }

    #[test]
    fn methods_of_routes_restrict_only_if_unlisted_requests_are_denied() {
        let rule = |more: &str, unlisted: &str| {
            Protections::of(&format!(
                "[keys]\nfile = \"k\"\n[policy]\nunlisted = \"{unlisted}\"\n\
                [[policy.routes]]\npath = \"/a\"\npermissions = [\"p\"]\n{more}"
            ))
        };
        let methods = "methods = [\"GET\"]";
        assert_eq!(rule(methods, "deny").dropped_by(&rule("", "deny")), ["methods of routes"]);
        assert_eq!(
            rule(methods, "allow").dropped_by(&rule("", "allow")),
            [""; 0],
            "the rule applies to more"
        );
    }

    #[test]
    fn the_open_entry_of_a_public_path_counts() {
        let public =
            |text: &str| Protections::of(&format!("[keys]\nfile = \"k\"\n[policy]\npublic = [{text}]"));
        let (narrow, wide) = (r#"{ path = "/a", methods = ["GET"] }"#, r#"{ path = "/a" }"#);
        let both = public(&format!("{narrow}, {wide}"));
        assert_eq!(public(narrow).dropped_by(&both), ["methods of public"]);
        assert_eq!(both.dropped_by(&public(wide)), [""; 0], "it was open before");
        assert_eq!(public(narrow).dropped_by(&public("")), [""; 0], "nothing is public any more");
    }

    #[test]
    fn a_byte_order_mark_hides_nothing() {
        assert_eq!(Protections::of(&format!("\u{feff}{FULL}")), Protections::of(FULL));
    }
}
