//! Claims in a configuration: a name, a path, or several paths; and the values of required claims.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// The claim or claims that a value is read from (TOK-7).
///
/// A configuration writes a string (`"sub"`), an array of strings that leads through nested objects
/// (`["realm_access", "roles"]`), or, for permissions, an array of such arrays (`[["scp"], ["roles"]]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimSpec {
    /// One claim, or one path.
    One(Vec<String>),
    /// Several claims, in the order in which they are read.
    Several(Vec<Vec<String>>),
}

impl ClaimSpec {
    /// The paths, in order.
    pub fn paths(&self) -> &[Vec<String>] {
        match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::Several(paths) => paths,
        }
    }
}

impl From<&str> for ClaimSpec {
    fn from(name: &str) -> Self {
        Self::One(vec![name.to_owned()])
    }
}

impl From<String> for ClaimSpec {
    fn from(name: String) -> Self {
        Self::One(vec![name])
    }
}

impl<S: Into<String>> FromIterator<S> for ClaimSpec {
    /// A path.
    fn from_iter<I: IntoIterator<Item = S>>(steps: I) -> Self {
        Self::One(steps.into_iter().map(Into::into).collect())
    }
}

/// The steps joined by dots, the claims by commas: for people.
impl fmt::Display for ClaimSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<String> = self.paths().iter().map(|path| path.join(".")).collect();
        f.write_str(&paths.join(", "))
    }
}

impl<'de> Deserialize<'de> for ClaimSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Claims;

        impl<'de> Visitor<'de> for Claims {
            type Value = ClaimSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a claim name, an array of names, or an array of such arrays")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<ClaimSpec, E> {
                Ok(ClaimSpec::from(name))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<ClaimSpec, A::Error> {
                let (mut names, mut paths) = (Vec::new(), Vec::new());
                while let Some(item) = items.next_element::<Item>()? {
                    match item {
                        Item::Name(name) => names.push(name),
                        Item::Path(path) => paths.push(path),
                    }
                }
                match (names.is_empty(), paths.is_empty()) {
                    (false, false) => {
                        Err(A::Error::custom("expected only names or only arrays of names, found both"))
                    }
                    (_, false) => Ok(ClaimSpec::Several(paths)),
                    _ => Ok(ClaimSpec::One(names)),
                }
            }
        }

        deserializer.deserialize_any(Claims)
    }
}

/// An item of an array of claims.
enum Item {
    Name(String),
    Path(Vec<String>),
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;

        impl<'de> Visitor<'de> for Items {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a claim name or an array of names")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Item, E> {
                Ok(Item::Name(name.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Item, A::Error> {
                let mut path = Vec::new();
                while let Some(step) = items.next_element()? {
                    path.push(step);
                }
                Ok(Item::Path(path))
            }
        }

        deserializer.deserialize_any(Items)
    }
}

/// The accepted values of a required claim (TOK-6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredSpec(pub Vec<RequiredValue>);

/// An accepted value of a required claim. Types never convert: `true`, `"true"` and `1` are three values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequiredValue {
    /// A string, compared byte for byte after JSON unescaping.
    String(String),
    /// A boolean.
    Boolean(bool),
    /// An integer, compared by its value as an IEEE double.
    Integer(i64),
}

impl<V: Into<RequiredValue>> From<V> for RequiredSpec {
    fn from(value: V) -> Self {
        Self(vec![value.into()])
    }
}

impl<V: Into<RequiredValue>> FromIterator<V> for RequiredSpec {
    fn from_iter<I: IntoIterator<Item = V>>(values: I) -> Self {
        Self(values.into_iter().map(Into::into).collect())
    }
}

impl From<&str> for RequiredValue {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<String> for RequiredValue {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

impl From<bool> for RequiredValue {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i64> for RequiredValue {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl fmt::Display for RequiredValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => write!(f, "\"{}\"", text.escape_debug()),
            Self::Boolean(boolean) => write!(f, "{boolean}"),
            Self::Integer(integer) => write!(f, "{integer}"),
        }
    }
}

impl<'de> Deserialize<'de> for RequiredValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneValue;

        impl Visitor<'_> for OneValue {
            type Value = RequiredValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a boolean or an integer")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<RequiredValue, E> {
                Ok(text.into())
            }

            fn visit_bool<E: Error>(self, boolean: bool) -> Result<RequiredValue, E> {
                Ok(boolean.into())
            }

            fn visit_i64<E: Error>(self, integer: i64) -> Result<RequiredValue, E> {
                Ok(integer.into())
            }

            fn visit_u64<E: Error>(self, integer: u64) -> Result<RequiredValue, E> {
                let integer = i64::try_from(integer);
                integer.map(Into::into).map_err(|_| E::custom("an integer of more than 64 bits"))
            }
        }

        deserializer.deserialize_any(OneValue)
    }
}

impl<'de> Deserialize<'de> for RequiredSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values;

        impl<'de> Visitor<'de> for Values {
            type Value = RequiredSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a boolean, an integer, or an array of them")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<RequiredSpec, E> {
                Ok(text.into())
            }

            fn visit_bool<E: Error>(self, boolean: bool) -> Result<RequiredSpec, E> {
                Ok(boolean.into())
            }

            fn visit_i64<E: Error>(self, integer: i64) -> Result<RequiredSpec, E> {
                Ok(integer.into())
            }

            fn visit_u64<E: Error>(self, integer: u64) -> Result<RequiredSpec, E> {
                let integer = i64::try_from(integer);
                integer.map(Into::into).map_err(|_| E::custom("an integer of more than 64 bits"))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RequiredSpec, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = items.next_element()? {
                    values.push(value);
                }
                Ok(RequiredSpec(values))
            }
        }

        deserializer.deserialize_any(Values)
    }
}
