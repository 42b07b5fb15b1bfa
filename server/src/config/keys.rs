//! `[keys]`, or several `[[keys]]`: where keys come from, and what each set is trusted with.

use std::fmt;
use std::path::PathBuf;

use artos_auth_engine::Organizations;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

/// One set of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySource {
    /// Where its keys come from.
    pub origin: KeyOrigin,
    /// The `iss` that tokens of these keys must carry, if it is bound to one.
    pub issuer: Option<String>,
    /// The organizations that tokens of these keys must be of, if it is bound to some.
    pub organizations: Option<Vec<String>>,
}

/// Where the keys of a set come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyOrigin {
    /// A file: a JWK Set or one JWK.
    File(PathBuf),
}

impl KeySource {
    /// What `/readyz`, logs and metrics call the set at this position.
    #[must_use]
    pub fn name(&self, index: usize) -> String {
        match &self.origin {
            KeyOrigin::File(path) => format!("keys[{index}] {}", path.display()),
        }
    }

    /// The organizations as the engine takes them.
    #[must_use]
    pub fn organizations(&self) -> Option<Organizations> {
        self.organizations.as_ref().map(|names| names.iter().map(String::as_str).collect())
    }
}

/// One entry, as the file writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeysSpec {
    pub(super) file: Option<PathBuf>,
    pub(super) issuer: Option<String>,
    pub(super) organizations: Option<Vec<String>>,
}

/// One table or an array of tables.
pub(super) struct OneOrMore {
    pub(super) specs: Vec<KeysSpec>,
    /// Whether the file writes `[[keys]]`, so that messages name the entry.
    pub(super) is_array: bool,
}

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = OneOrMore;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneOrMore, A::Error> {
                let spec = KeysSpec::deserialize(MapAccessDeserializer::new(map))?;
                Ok(OneOrMore { specs: vec![spec], is_array: false })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, entries: A) -> Result<OneOrMore, A::Error> {
                let specs = Vec::deserialize(SeqAccessDeserializer::new(entries))?;
                Ok(OneOrMore { specs, is_array: true })
            }
        }
        deserializer.deserialize_any(Either)
    }
}
