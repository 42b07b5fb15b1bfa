//! A sorted list of revocations, read from and written as `revocations.json`.

use std::fmt::Write as _;

use artos_auth_engine::Revocations;
use indexmap::IndexMap;
use indexmap::map::Entry as Slot;
use serde::{Deserialize, Serialize};
use serde_json::{Number, json};

use super::entry::Entry;
use crate::text::without_byte_order_mark;

/// A list of revocations. Each token, user and organization is in it once.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct List {
    /// The expiry of each entry, by `jti`.
    tokens: IndexMap<String, Option<Number>>,
    signed_sha256: IndexMap<String, Option<Number>>,
    /// By user and organization, if it is limited to one.
    users: IndexMap<(String, Option<String>), Dated>,
    organizations: IndexMap<String, Dated>,
}

/// Tokens issued before an instant, and when the entry expires.
#[derive(Clone, Debug, PartialEq)]
struct Dated {
    issued_before: Number,
    expires: Option<Number>,
}

/// The file as written.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    tokens: Vec<Token>,
    signed_sha256: Vec<Token>,
    users: Vec<User>,
    organizations: Vec<Organization>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Token {
    Id(String),
    Entry { id: String, expires: Option<Number> },
}

#[derive(Deserialize)]
struct User {
    user: String,
    org: Option<String>,
    issued_before: Number,
    expires: Option<Number>,
}

#[derive(Deserialize)]
struct Organization {
    org: String,
    issued_before: Number,
    expires: Option<Number>,
}

impl Token {
    fn into_parts(self) -> (String, Option<Number>) {
        match self {
            Self::Id(id) => (id, None),
            Self::Entry { id, expires } => (id, expires),
        }
    }
}

impl List {
    /// Parses the same input as the engine's `Revocations::from_json`, without the entries that `keep` refuses.
    pub(crate) fn from_json(
        text: &[u8],
        mut keep: impl FnMut(&Entry) -> bool,
    ) -> Result<Self, serde_json::Error> {
        let document: Document = serde_json::from_slice(without_byte_order_mark(text))?;
        let mut list = Self::default();
        let tokens = document.tokens.into_iter().map(|token| {
            let (id, expires) = token.into_parts();
            Entry::Token { id, expires }
        });
        let signed = document.signed_sha256.into_iter().map(|token| {
            let (id, expires) = token.into_parts();
            Entry::SignedSha256 { id, expires }
        });
        let users = document.users.into_iter().map(|User { user, org, issued_before, expires }| {
            Entry::User { user, org, issued_before, expires }
        });
        let organizations =
            document.organizations.into_iter().map(|Organization { org, issued_before, expires }| {
                Entry::Organization { org, issued_before, expires }
            });
        for entry in tokens.chain(signed).chain(users).chain(organizations).filter(|entry| keep(entry)) {
            list.add(entry);
        }
        Ok(list)
    }

    /// Adds an entry. Of two entries about the same subject, the later instant and the later expiry are kept.
    pub(crate) fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Token { id, expires } => add_token(&mut self.tokens, id, expires),
            Entry::SignedSha256 { id, expires } => {
                add_token(&mut self.signed_sha256, id.to_ascii_lowercase(), expires);
            }
            Entry::User { user, org, issued_before, expires } => {
                add_dated(&mut self.users, (user, org), Dated { issued_before, expires });
            }
            Entry::Organization { org, issued_before, expires } => {
                add_dated(&mut self.organizations, org, Dated { issued_before, expires });
            }
        }
    }

    /// All entries, in their order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> {
        let tokens =
            self.tokens.iter().map(|(id, expires)| Entry::Token { id: id.clone(), expires: expires.clone() });
        let signed = self
            .signed_sha256
            .iter()
            .map(|(id, expires)| Entry::SignedSha256 { id: id.clone(), expires: expires.clone() });
        let users = self.users.iter().map(|((user, org), dated)| Entry::User {
            user: user.clone(),
            org: org.clone(),
            issued_before: dated.issued_before.clone(),
            expires: dated.expires.clone(),
        });
        let organizations = self.organizations.iter().map(|(org, dated)| Entry::Organization {
            org: org.clone(),
            issued_before: dated.issued_before.clone(),
            expires: dated.expires.clone(),
        });
        tokens.chain(signed).chain(users).chain(organizations)
    }

    /// The number of entries.
    pub(crate) fn len(&self) -> usize {
        [self.tokens.len(), self.signed_sha256.len(), self.users.len(), self.organizations.len()]
            .into_iter()
            .fold(0, usize::saturating_add)
    }

    /// The JSON text, one entry per line.
    pub(crate) fn to_json(&self) -> String {
        let mut lists: [(&str, Vec<String>); 4] = Default::default();
        for (list, name) in lists.iter_mut().zip(["tokens", "signed_sha256", "users", "organizations"]) {
            list.0 = name;
        }
        let [(_, tokens), (_, signed), (_, users), (_, organizations)] = &mut lists;
        tokens.extend(self.tokens.iter().map(|(id, expires)| token_json(id, expires.as_ref())));
        signed.extend(self.signed_sha256.iter().map(|(id, expires)| token_json(id, expires.as_ref())));
        users.extend(self.users.iter().map(|((user, org), dated)| {
            json_line(&DatedJson { user: Some(user), org: org.as_deref(), dated })
        }));
        organizations.extend(
            self.organizations
                .iter()
                .map(|(org, dated)| json_line(&DatedJson { user: None, org: Some(org), dated })),
        );
        let mut text = String::from("{");
        let mut separator = "\n";
        for (name, entries) in lists.iter().filter(|(_, entries)| !entries.is_empty()) {
            let _ = write!(text, "{separator}  \"{name}\": [\n    {}\n  ]", entries.join(",\n    "));
            separator = ",\n";
        }
        text.push_str(if separator == "\n" { "}\n" } else { "\n}\n" });
        text
    }
}

/// Refuses an entry that no token can match.
///
/// # Errors
///
/// The problem, in one sentence.
pub(crate) fn check(entry: &Entry) -> Result<(), String> {
    // Applies the rules for a whole list.
    let mut one = List::default();
    one.add(entry.clone());
    Revocations::from_json(one.to_json().as_bytes()).map(drop).map_err(|error| error.problem)
}

/// An entry about a user or an organization, as written in the file.
struct DatedJson<'l> {
    user: Option<&'l str>,
    org: Option<&'l str>,
    dated: &'l Dated,
}

impl Serialize for DatedJson<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in [("user", self.user), ("org", self.org)] {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        map.serialize_entry("issued_before", &self.dated.issued_before)?;
        if let Some(expires) = &self.dated.expires {
            map.serialize_entry("expires", expires)?;
        }
        map.end()
    }
}

fn json_line(value: &impl Serialize) -> String {
    // Strings and numbers only, so it cannot fail.
    serde_json::to_string(value).unwrap_or_default()
}

fn token_json(id: &str, expires: Option<&Number>) -> String {
    match expires {
        None => json!(id).to_string(),
        Some(expires) => format!("{{\"id\":{},\"expires\":{expires}}}", json!(id)),
    }
}

fn add_token(tokens: &mut IndexMap<String, Option<Number>>, id: String, expires: Option<Number>) {
    match tokens.entry(id) {
        Slot::Vacant(vacant) => _ = vacant.insert(expires),
        Slot::Occupied(mut occupied) => {
            let longer = later_expiry(occupied.get().clone(), expires);
            occupied.insert(longer);
        }
    }
}

fn add_dated<K: std::hash::Hash + Eq>(list: &mut IndexMap<K, Dated>, key: K, dated: Dated) {
    match list.entry(key) {
        Slot::Vacant(vacant) => _ = vacant.insert(dated),
        Slot::Occupied(mut occupied) => {
            let known = occupied.get_mut();
            known.expires = later_expiry(known.expires.take(), dated.expires);
            if known.issued_before.as_f64() < dated.issued_before.as_f64() {
                known.issued_before = dated.issued_before;
            }
        }
    }
}

/// The later of two expiries; `None` (never) is the latest.
fn later_expiry(one: Option<Number>, other: Option<Number>) -> Option<Number> {
    let (one, other) = (one?, other?);
    Some(if one.as_f64() < other.as_f64() { other } else { one })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = r#"{"tokens": ["b", {"id": "a", "expires": 5}], "signed_sha256": ["AB"],
        "users": [{"user": "u", "issued_before": 7.5}, {"org": "o", "user": "u", "issued_before": 1, "expires": 2}],
        "organizations": [{"org": "o", "issued_before": 3}]}"#;

    #[test]
    fn a_list_is_written_sorted_with_one_entry_per_line() {
        let list = List::from_json(ALL.as_bytes(), |_| true).unwrap();
        insta::assert_snapshot!(list.to_json(), @r#"
        {
          "tokens": [
            "b",
            {"id":"a","expires":5}
          ],
          "signed_sha256": [
            "ab"
          ],
          "users": [
            {"user":"u","issued_before":7.5},
            {"user":"u","org":"o","issued_before":1,"expires":2}
          ],
          "organizations": [
            {"org":"o","issued_before":3}
          ]
        }
        "#);
        assert_eq!(List::from_json(list.to_json().as_bytes(), |_| true).unwrap(), list);
        assert_eq!(List::default().to_json(), "{}\n");
        assert!(Revocations::from_json(List::default().to_json().as_bytes()).is_ok());
    }

    #[test]
    fn of_two_entries_what_revokes_more_and_for_longer_is_kept() {
        let mut list = List::default();
        let token =
            |expires: Option<u64>| Entry::Token { id: "t".to_owned(), expires: expires.map(Into::into) };
        let user = |issued_before: u64, expires: Option<u64>| Entry::User {
            user: "u".to_owned(),
            org: None,
            issued_before: issued_before.into(),
            expires: expires.map(Into::into),
        };
        for (entry, expected) in [
            (token(Some(5)), vec![token(Some(5))]),
            (token(Some(3)), vec![token(Some(5))]),
            (token(Some(9)), vec![token(Some(9))]),
            (token(None), vec![token(None)]),
            (token(Some(10)), vec![token(None)]),
            (user(5, Some(7)), vec![token(None), user(5, Some(7))]),
            (user(3, Some(9)), vec![token(None), user(5, Some(9))]),
            (user(6, None), vec![token(None), user(6, None)]),
        ] {
            list.add(entry);
            assert_eq!(list.entries().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn an_entry_expires_after_its_time() {
        let entry = Entry::Token { id: "t".to_owned(), expires: Some(10.into()) };
        assert!(!entry.has_expired(10.0) && entry.has_expired(10.5));
        assert!(!Entry::Token { id: "t".to_owned(), expires: None }.has_expired(1e12));
    }
}
