//! JSON objects of which some members are read, with duplicates detected.

use std::fmt;

use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// The requested members of an object, including duplicates.
#[derive(Debug, Clone, Default)]
pub(crate) struct Members {
    read: Vec<(String, Value)>,
    passed_over: bool,
}

impl Members {
    /// The members of these names, if the text is a JSON object; others are ignored.
    pub(crate) fn read(text: &[u8], names: &'static [&'static str]) -> Option<Members> {
        let text = std::str::from_utf8(text).ok()?;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let members = (&mut deserializer).deserialize_map(Reader(names)).ok()?;
        deserializer.end().ok()?;
        Some(members)
    }

    /// Every value of a member.
    pub(crate) fn values<'m>(&'m self, name: &'m str) -> impl DoubleEndedIterator<Item = &'m Value> {
        self.read.iter().filter(move |(member, _)| member == name).map(|(_, value)| value)
    }

    /// Whether there were other members.
    pub(crate) fn passed_over(&self) -> bool {
        self.passed_over
    }

    /// Whether a member is a duplicate.
    pub(crate) fn repeated(&self) -> bool {
        self.read
            .iter()
            .enumerate()
            .any(|(at, (name, _))| self.read[..at].iter().any(|(earlier, _)| earlier == name))
    }
}

struct Reader(&'static [&'static str]);

impl<'de> Visitor<'de> for Reader {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some(name) = map.next_key::<String>()? {
            if self.0.contains(&name.as_str()) {
                members.read.push((name, map.next_value()?));
            } else {
                members.passed_over = true;
                map.next_value::<IgnoredAny>().map_err(A::Error::custom)?;
            }
        }
        Ok(members)
    }
}
