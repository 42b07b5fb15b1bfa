//! The restrictions of a configuration, so that a reload cannot loosen access by omitting one.
//!
//! A truncated or half-written file is often a valid file with fewer tables. Restrictions that it omits are
//! therefore kept until the operator confirms the omission.

use std::collections::BTreeMap;

use toml::{Table, Value};

/// The restrictions of a file, by their names in messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protections(BTreeMap<String, Vec<String>>);

/// The members whose absence gives more access, each with its name in messages.
const PRESENT: [(&[&str], &str); 12] = [
    (&["policy", "algorithms"], "algorithms"),
    (&["policy", "issuers"], "issuers"),
    (&["policy", "audiences"], "audiences"),
    (&["policy", "types"], "types"),
    (&["policy", "claims"], "claims"),
    // Without it, the default path is public.
    (&["policy", "public"], "public"),
    (&["revocations"], "[revocations]"),
    (&["forward", "trusted"], "[forward] trusted"),
    (&["ext_authz", "trusted"], "[ext_authz] trusted"),
    (&["tls"], "[tls]"),
    (&["tls", "client_ca"], "client_ca"),
    (&["revocations", "max_staleness_seconds"], "max_staleness_seconds"),
];

/// The lists in which every entry restricts access.
const LISTS: [(&[&str], &str); 3] =
    [(&["resources"], "[[resources]]"), (&["realms"], "[[realms]]"), (&["policy", "routes"], "routes")];

impl Protections {
    /// The restrictions of this file; `text` is TOML.
    pub(super) fn of(text: &str) -> Self {
        let Ok(table) = text.strip_prefix('\u{feff}').unwrap_or(text).parse::<Table>() else {
            return Self::default();
        };
        let mut protections = BTreeMap::new();
        for (path, name) in PRESENT {
            if find(&table, path).is_some() {
                protections.insert(name.to_owned(), Vec::new());
            }
        }
        for (path, name) in LISTS {
            if let Some(Value::Array(entries)) = find(&table, path) {
                protections.insert(name.to_owned(), entries.iter().map(Value::to_string).collect());
            }
        }
        if let Some(Value::Table(required)) = find(&table, &["policy", "required"]) {
            protections.insert("required".to_owned(), required.keys().cloned().collect());
        }
        if find(&table, &["policy", "unlisted"]).and_then(Value::as_str) == Some("deny") {
            protections.insert("unlisted = \"deny\"".to_owned(), Vec::new());
        }
        let one;
        let keys = match table.get("keys") {
            Some(Value::Array(entries)) => entries.as_slice(),
            Some(entry @ Value::Table(_)) => {
                one = [entry.clone()];
                &one
            }
            _ => &[],
        };
        let place = |entry: &Value| {
            let places = ["file", "url", "discover"].iter().filter_map(|member| entry.get(member)?.as_str());
            places.collect::<Vec<_>>().join(" ")
        };
        protections.insert("[[keys]]".to_owned(), keys.iter().map(place).collect());
        for member in ["issuer", "organizations"] {
            let bound: Vec<String> =
                keys.iter().filter(|entry| entry.get(member).is_some()).map(place).collect();
            if !bound.is_empty() {
                protections.insert(format!("{member} of [[keys]]"), bound);
            }
        }
        Self(protections)
    }

    /// The restrictions of this file that `newer` omits. A changed entry is not omitted: `newer` has as many entries that
    /// are new.
    #[must_use]
    pub fn dropped_by(&self, newer: &Self) -> Vec<String> {
        let dropped = self.0.iter().filter(|(name, entries)| match newer.0.get(*name) {
            None => true,
            Some(others) => {
                let gone = entries.iter().filter(|entry| !others.contains(entry)).count();
                let added = others.iter().filter(|other| !entries.contains(other)).count();
                gone > added
            }
        });
        dropped
            .map(|(name, entries)| match name.strip_suffix(" of [[keys]]") {
                // As written in the file.
                Some(member) if !entries.is_empty() => member.to_owned(),
                _ => name.clone(),
            })
            .collect()
    }
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
claims = { user = "uid" }
public = []
required = { token_use = "access", azp = "web" }
unlisted = "deny"
routes = [{ path = "/a", permissions = ["p"] }, { path = "/b", permissions = ["p"] }]

[[keys]]
file = "k"
issuer = "i"
organizations = ["o"]

[[keys]]
file = "l"

[revocations]
file = "r"

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
trusted = ["10.0.0.1/32"]

[tls]
client_ca = "c"
"#;

    fn dropped(newer: &str) -> Vec<String> {
        Protections::of(FULL).dropped_by(&Protections::of(newer))
    }

    #[rstest]
    #[case::algorithms("algorithms = [\"ES256\"]\n", "", &["algorithms"])]
    #[case::issuers("issuers = [\"i\"]\n", "", &["issuers"])]
    #[case::audiences("audiences = [\"a\"]\n", "", &["audiences"])]
    #[case::types("types = [\"JWT\"]\n", "", &["types"])]
    #[case::claims("claims = { user = \"uid\" }\n", "", &["claims"])]
    #[case::public("public = []\n", "", &["public"])]
    #[case::required("required = { token_use = \"access\", azp = \"web\" }\n", "", &["required"])]
    #[case::one_of_required("token_use = \"access\", azp", "azp", &["required"])]
    #[case::unlisted("unlisted = \"deny\"\n", "", &["unlisted = \"deny\""])]
    #[case::unlisted_allow("unlisted = \"deny\"", "unlisted = \"allow\"", &["unlisted = \"deny\""])]
    #[case::routes("routes = [", "others = [", &["routes"])]
    #[case::one_route(", { path = \"/b\", permissions = [\"p\"] }", "", &["routes"])]
    #[case::issuer_of_keys("issuer = \"i\"\n", "", &["issuer"])]
    #[case::organizations_of_keys("organizations = [\"o\"]\n\n[[keys]]", "\n[[keys]]", &["organizations"])]
    #[case::one_of_keys("[[keys]]\nfile = \"l\"\n", "", &["[[keys]]"])]
    #[case::revocations("[revocations]\nfile = \"r\"\n", "", &["[revocations]"])]
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
    fn a_changed_entry_is_not_omitted(#[case] old: &str, #[case] new: &str) {
        assert!(FULL.contains(old));
        assert_eq!(dropped(&FULL.replacen(old, new, 1)), [""; 0]);
    }

    #[test]
    fn a_byte_order_mark_hides_nothing() {
        assert_eq!(Protections::of(&format!("\u{feff}{FULL}")), Protections::of(FULL));
    }
}
