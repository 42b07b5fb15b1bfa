//! Entries of the log, a stream of revocations.

use std::fmt;
use std::str::FromStr;

use redis::{FromRedisValue, Value};
use serde_json::Number;

use crate::revocation::entry::Entry;

/// The id of an entry of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// The time when it was appended, in milliseconds since the Unix epoch, by the server's clock.
    pub(crate) milliseconds: u64,
    sequence: u64,
}

impl FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (milliseconds, sequence) = text.split_once('-').unwrap_or((text, "0"));
        let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => text.parse().map_err(|_| ()),
            false => Err(()),
        };
        Ok(Self { milliseconds: number(milliseconds)?, sequence: number(sequence)? })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.milliseconds, self.sequence)
    }
}

/// An entry of the log.
#[derive(Debug)]
pub(crate) struct LogEntry {
    pub(crate) position: Position,
    /// The revocation, or why it cannot be read.
    pub(crate) entry: Result<Entry, String>,
}

impl LogEntry {
    /// Parses an entry of an `XRANGE` response; `None` if it has no id.
    pub(super) fn read(value: Value) -> Option<Self> {
        let (id, fields) = <(String, Value)>::from_redis_value(value).ok()?;
        let position = id.parse().ok()?;
        let fields = <Vec<(String, String)>>::from_redis_value(fields);
        let entry =
            fields.map_err(|_| "its fields are not text".to_owned()).and_then(|fields| entry_of(&fields));
        Some(Self { position, entry })
    }
}

/// The fields of an entry.
pub(crate) fn fields_of(entry: &Entry) -> Vec<(&'static str, String)> {
    let (op, mut fields) = match entry {
        Entry::Token { id, .. } => ("token", vec![("id", id.clone())]),
        Entry::SignedSha256 { id, .. } => ("signed_sha256", vec![("id", id.clone())]),
        Entry::User { user, org, issued_before, .. } => {
            let mut fields = vec![("user", user.clone()), ("issued_before", issued_before.to_string())];
            fields.extend(org.clone().map(|org| ("org", org)));
            ("user", fields)
        }
        Entry::Organization { org, issued_before, .. } => {
            ("organization", vec![("org", org.clone()), ("issued_before", issued_before.to_string())])
        }
    };
    fields.insert(0, ("op", op.to_owned()));
    fields.extend(entry.expires().map(|expires| ("expires", expires.to_string())));
    fields
}

/// Parses the fields of an entry. Unknown fields are ignored.
fn entry_of(fields: &[(String, String)]) -> Result<Entry, String> {
    let field = |name: &str| {
        let mut values = fields.iter().filter(|(its, _)| its == name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (value, None) => Ok(value.cloned()),
            (..) => Err(format!("the field `{name}` is repeated")),
        }
    };
    let required = |name: &str| field(name)?.ok_or_else(|| format!("the field `{name}` is missing"));
    let number = |name: &str, text: String| {
        let number: Option<Number> = serde_json::from_str(&text).ok();
        number.ok_or_else(|| format!("the field `{name}` is not a number"))
    };
    let instant = |name: &str| required(name).and_then(|text| number(name, text));
    let expires = field("expires")?.map(|text| number("expires", text)).transpose()?;
    Ok(match required("op")?.as_str() {
        "token" => Entry::Token { id: required("id")?, expires },
        "signed_sha256" => Entry::SignedSha256 { id: required("id")?, expires },
        "user" => Entry::User {
            user: required("user")?,
            org: field("org")?,
            issued_before: instant("issued_before")?,
            expires,
        },
        "organization" => {
            Entry::Organization { org: required("org")?, issued_before: instant("issued_before")?, expires }
        }
        _ => return Err("its `op` is not `token`, `signed_sha256`, `user` or `organization`".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn fields(text: &str) -> Vec<(String, String)> {
        let field =
            |field: &str| field.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        text.split_whitespace().filter_map(field).collect()
    }

    #[rstest]
    #[case("op=token id=t", r#"{"op":"token","id":"t"}"#)]
    #[case("id=t op=token expires=5 other=x", r#"{"op":"token","id":"t","expires":5}"#)]
    #[case(
        "op=user user=u org=o issued_before=1.5",
        r#"{"op":"user","user":"u","org":"o","issued_before":1.5}"#
    )]
    #[case("op=organization org=o issued_before=1", r#"{"op":"organization","org":"o","issued_before":1}"#)]
    fn fields_are_a_revocation(#[case] text: &str, #[case] json: &str) {
        let entry = entry_of(&fields(text)).unwrap();
        assert_eq!(entry.to_json(), json);
        let again: Vec<_> =
            fields_of(&entry).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        assert_eq!(entry_of(&again).unwrap(), entry);
    }

    #[rstest]
    fn other_fields_are_not_a_revocation(
        #[values(
            "",
            "op=token",
            "op=tokens id=t",
            "op=token id=a id=b",
            "op=user user=u",
            "op=user issued_before=1",
            "op=user user=u issued_before=x",
            "op=token id=t expires=soon",
            "op=organization issued_before=1"
        )]
        text: &str,
    ) {
        entry_of(&fields(text)).unwrap_err();
    }

    #[test]
    fn positions_are_ordered_as_numbers() {
        let position = |text: &str| text.parse::<Position>();
        assert!(position("9-1") < position("10-0") && position("9-2") < position("9-10"));
        assert_eq!(position("5").unwrap().to_string(), "5-0");
        for text in ["", "-", "a-1", "1-", "+1-1", "1--1"] {
            assert_eq!(position(text), Err(()), "{text}");
        }
    }
}
