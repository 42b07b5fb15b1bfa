//! Visitors for the JSON of the revocations file: objects with known members, lists, strings and instants.
//!
//! They read in one pass and store nothing that the file module does not ask for. Errors name the expected and the found
//! JSON type, and never quote text of the file.

use std::cell::Cell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use crate::time::NumericDate;

/// The current position: `users[1].issued_before`.
#[derive(Default)]
pub(super) struct Place {
    pub(super) list: Cell<Option<&'static str>>,
    pub(super) index: Cell<Option<usize>>,
    pub(super) member: Cell<Option<&'static str>>,
}

impl Place {
    pub(super) fn key(&self) -> String {
        let index = self.index.get().map(|index| format!("[{index}]")).unwrap_or_default();
        let member = self.member.get().map(|member| format!(".{member}")).unwrap_or_default();
        format!("{}{index}{member}", self.list.get().unwrap_or_default())
    }
}

/// Adds the visitor methods that refuse these JSON types.
macro_rules! refuse {
    ($expected:literal: $($kind:ident)*) => { $(refuse!(@$kind $expected);)* };
    (@boolean $expected:literal) => {
        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
            Err(E::custom(concat!("expected ", $expected, ", found a boolean")))
        }
    };
    (@number $expected:literal) => {
        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
            Err(E::custom(concat!("expected ", $expected, ", found a number")))
        }
        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
            Err(E::custom(concat!("expected ", $expected, ", found a number")))
        }
        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
            Err(E::custom(concat!("expected ", $expected, ", found a number")))
        }
    };
    (@string $expected:literal) => {
        fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
            Err(E::custom(concat!("expected ", $expected, ", found a string")))
        }
    };
    (@null $expected:literal) => {
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Err(E::custom(concat!("expected ", $expected, ", found null")))
        }
    };
    (@array $expected:literal) => {
        fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
            Err(A::Error::custom(concat!("expected ", $expected, ", found an array")))
        }
    };
    (@object $expected:literal) => {
        fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
            Err(A::Error::custom(concat!("expected ", $expected, ", found an object")))
        }
    };
    (@expecting $expected:literal) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str($expected)
        }
    };
}

pub(super) use refuse;

/// An object with these members.
pub(super) trait Object<'de> {
    const MEMBERS: &'static [&'static str];

    /// Reads the value of the member with this index.
    fn read_member<A: MapAccess<'de>>(&mut self, index: usize, map: &mut A) -> Result<(), A::Error>;

    /// Records the current member for errors; `None` is the object itself.
    fn at_member(&self, member: Option<&'static str>);

    /// Checks the object once all of its members have been read.
    fn finish<E: Error>(&mut self) -> Result<(), E> {
        Ok(())
    }
}

pub(super) struct ObjectOf<'o, O>(pub(super) &'o mut O);

impl<'de, O: Object<'de>> DeserializeSeed<'de> for ObjectOf<'_, O> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, O: Object<'de>> Visitor<'de> for ObjectOf<'_, O> {
    type Value = ();

    refuse! { "an object": boolean number string null array expecting }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = 0_u32;
        while let Some(index) = map.next_key_seed(MemberName(O::MEMBERS))? {
            self.0.at_member(O::MEMBERS.get(index).copied());
            let bit = 1_u32.checked_shl(u32::try_from(index).unwrap_or(u32::MAX)).unwrap_or_default();
            if seen & bit != 0 {
                return Err(A::Error::custom("duplicate member"));
            }
            seen |= bit;
            self.0.read_member(index, &mut map)?;
            self.0.at_member(None);
        }
        self.0.finish()
    }
}

/// One of these names, by its index.
struct MemberName(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for MemberName {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for MemberName {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<usize, E> {
        self.0.iter().position(|member| *member == name).ok_or_else(|| {
            let members: Vec<String> = self.0.iter().map(|member| format!("`{member}`")).collect();
            E::custom(format_args!("unknown member; expected one of {}", members.join(", ")))
        })
    }
}

/// Reads each element of a list.
pub(super) trait Element<'de> {
    fn read<D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error>;
}

pub(super) struct ListOf<'p, E> {
    pub(super) place: &'p Place,
    pub(super) each: E,
}

impl<'de, L: Element<'de>> DeserializeSeed<'de> for ListOf<'_, L> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, L: Element<'de>> Visitor<'de> for ListOf<'_, L> {
    type Value = ();

    refuse! { "an array": boolean number string null object expecting }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        for index in 0.. {
            self.place.index.set(Some(index));
            if elements.next_element_seed(OneElement(&mut self.each))?.is_none() {
                break;
            }
        }
        self.place.index.set(None);
        Ok(())
    }
}

struct OneElement<'e, E>(&'e mut E);

impl<'de, L: Element<'de>> DeserializeSeed<'de> for OneElement<'_, L> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.read(deserializer)
    }
}

/// A string that is used while it is read, and not stored.
pub(super) struct TextVisitor<F>(pub(super) F);

impl<'de, F: FnMut(&str) -> Result<(), &'static str>> DeserializeSeed<'de> for TextVisitor<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: FnMut(&str) -> Result<(), &'static str>> Visitor<'de> for TextVisitor<F> {
    type Value = ();

    refuse! { "a string": boolean number null array object expecting }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        (self.0)(text).map_err(E::custom)
    }
}

/// Seconds since 1970.
pub(super) struct Instant;

impl<'de> DeserializeSeed<'de> for Instant {
    type Value = NumericDate;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<NumericDate, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Instant {
    type Value = NumericDate;

    refuse! { "a number": boolean string null array object expecting }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<NumericDate, E> {
        self.visit_f64(f64::deserialize(seconds.into_deserializer())?)
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<NumericDate, E> {
        self.visit_f64(f64::deserialize(seconds.into_deserializer())?)
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<NumericDate, E> {
        NumericDate::new(seconds)
            .ok_or_else(|| E::custom("expected seconds since 1970, from 0 to 253402300799"))
    }
}
