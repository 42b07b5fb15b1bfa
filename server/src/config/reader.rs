//! Reads typed values from a parsed TOML document.
//!
//! The expected type comes from the method that serde calls, and the found type from the document, so that no message of
//! another crate is shown or parsed.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use toml::Spanned;
use toml::de::{DeArray, DeInteger, DeString, DeTable, DeValue};

use super::problem::{Problem, Step, any_of};

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(integer) if integer.as_str().starts_with('-') => "a negative integer",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// A value of the document, as serde reads it.
pub(super) struct Reader<'d, 't>(&'d DeValue<'t>);

/// The document itself, as serde reads it.
pub(super) struct Root<'d, 't>(pub(super) &'d DeTable<'t>);

impl<'de> Deserializer<'de> for Root<'de, '_> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_map(Members::of(self.0))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> Reader<'de, '_> {
    fn wrong<T>(&self, expected: &str) -> Result<T, Problem> {
        Err(Problem::wrong_type(expected, kind(self.0)))
    }

    fn unsigned<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0 {
            DeValue::Integer(integer) if !integer.as_str().starts_with('-') => {
                visitor.visit_u64(number(integer)?)
            }
            _ => self.wrong("a non-negative integer"),
        }
    }

    fn signed<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0 {
            DeValue::Integer(integer) => visitor.visit_i64(number(integer)?),
            _ => self.wrong("an integer"),
        }
    }

    fn float<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let number = match self.0 {
            DeValue::Float(float) => float.as_str().parse::<f64>().ok(),
            DeValue::Integer(integer) => integer.as_str().parse::<f64>().ok(),
            _ => return self.wrong("a number"),
        };
        visitor.visit_f64(number.ok_or_else(|| Problem::custom("number out of range"))?)
    }

    fn text<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0 {
            DeValue::String(text) => visitor.visit_borrowed_str(text),
            _ => self.wrong("a string"),
        }
    }

    fn array<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0 {
            DeValue::Array(elements) => visitor.visit_seq(Elements::of(elements)),
            _ => self.wrong("an array"),
        }
    }

    fn table<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0 {
            DeValue::Table(table) => visitor.visit_map(Members::of(table)),
            _ => self.wrong("a table"),
        }
    }
}

fn number<T: TryFrom<i128>>(integer: &DeInteger<'_>) -> Result<T, Problem> {
    let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
    number.and_then(|number| number.try_into().ok()).ok_or_else(|| Problem::custom("integer out of range"))
}

macro_rules! read_as {
    ($($method:ident)* => $reader:ident) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
            self.$reader(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'de, '_> {
    type Error = Problem;

    read_as! { deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 => unsigned }
    read_as! { deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 => signed }
    read_as! { deserialize_f32 deserialize_f64 => float }
    read_as! { deserialize_str deserialize_string deserialize_char deserialize_identifier => text }
    read_as! { deserialize_seq => array }
    read_as! { deserialize_map => table }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0 {
            DeValue::Integer(_) => self.signed(visitor),
            DeValue::Float(_) => self.float(visitor),
            DeValue::Boolean(boolean) => visitor.visit_bool(*boolean),
            DeValue::Array(_) => self.array(visitor),
            DeValue::Table(_) => self.table(visitor),
            DeValue::String(_) => self.text(visitor),
            DeValue::Datetime(_) => Err(Problem::custom("a date is not a value here; write it as a string")),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0 {
            DeValue::Boolean(boolean) => visitor.visit_bool(*boolean),
            _ => self.wrong("a boolean"),
        }
    }

    /// TOML has no null, so a present value is `Some`.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    /// Only a table: a derived reader would also accept an array and read its elements as members in order.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.table(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match self.0 {
            DeValue::String(name) => visitor.visit_enum(Variant(name)),
            _ => self.wrong(&any_of(variants)),
        }
    }

    forward_to_deserialize_any! { bytes byte_buf unit unit_struct tuple tuple_struct ignored_any }
}

type Member<'d, 't> = (&'d Spanned<DeString<'t>>, &'d Spanned<DeValue<'t>>);

struct Members<'d, 't> {
    members: toml::map::Iter<'d, Spanned<DeString<'t>>, Spanned<DeValue<'t>>>,
    current: Option<Member<'d, 't>>,
}

impl<'d, 't> Members<'d, 't> {
    fn of(table: &'d DeTable<'t>) -> Self {
        Self { members: table.iter(), current: None }
    }

    /// Adds the member to the path of a problem.
    fn locate((key, value): Member<'_, '_>, problem: Problem) -> Problem {
        // The span of a table does not include its header.
        let span = if matches!(value.get_ref(), DeValue::Table(_)) { key.span() } else { value.span() };
        problem.within(Step::Key(key.get_ref().to_string()), &span)
    }
}

impl<'de> MapAccess<'de> for Members<'de, '_> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Problem> {
        let Some(member) = self.members.next() else { return Ok(None) };
        self.current = Some(member);
        let (key, _) = member;
        // An unknown key is reported here, under its name.
        let read = seed.deserialize(BorrowedStrDeserializer::new(key.get_ref()));
        read.map(Some)
            .map_err(|problem: Problem| problem.within(Step::Key(key.get_ref().to_string()), &key.span()))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let Some(member) = self.current.take() else { return Err(Problem::custom("a key without a value")) };
        let (_, value) = member;
        seed.deserialize(Reader(value.get_ref())).map_err(|problem| Self::locate(member, problem))
    }
}

struct Elements<'d, 't>(std::iter::Enumerate<std::slice::Iter<'d, Spanned<DeValue<'t>>>>);

impl<'d, 't> Elements<'d, 't> {
    fn of(array: &'d DeArray<'t>) -> Self {
        Self(array.iter().enumerate())
    }
}

impl<'de> SeqAccess<'de> for Elements<'de, '_> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Problem> {
        let Some((index, element)) = self.0.next() else { return Ok(None) };
        let read = seed.deserialize(Reader(element.get_ref()));
        read.map(Some).map_err(|problem| problem.within(Step::Index(index), &element.span()))
    }
}

/// The name of a variant without content.
struct Variant<'d>(&'d str);

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Problem;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Problem> {
        let name = seed.deserialize(BorrowedStrDeserializer::new(self.0))?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Problem;

    fn unit_variant(self) -> Result<(), Problem> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Problem> {
        Err(Problem::wrong_type("a table", "a string"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Problem> {
        Err(Problem::wrong_type("an array", "a string"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Problem> {
        Err(Problem::wrong_type("a table", "a string"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields, default)]
    struct Everything {
        text: String,
        count: u32,
        signed: i64,
        fraction: f64,
        on: Option<bool>,
        path: std::path::PathBuf,
        list: Vec<Inner>,
        inner: Inner,
        choice: Choice,
        either: Either,
    }

    impl Default for Everything {
        fn default() -> Self {
            Self {
                text: String::new(),
                count: 0,
                signed: 0,
                fraction: 0.0,
                on: None,
                path: "p".into(),
                list: Vec::new(),
                inner: Inner::default(),
                choice: Choice::First,
                either: Either::One(String::new()),
            }
        }
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        name: String,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Choice {
        First,
        Second,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(untagged)]
    enum Either {
        One(String),
        Several(Vec<String>),
    }

    fn read(text: &str) -> Result<Everything, Problem> {
        Everything::deserialize(Root(DeTable::parse(text).unwrap().get_ref()))
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let read = read(
            "text = \"t\"\ncount = 0x1F\nsigned = -1\nfraction = 1.5\non = true\npath = \"a/b\"\nchoice = \"second\"\n\
             either = [\"a\"]\n[inner]\nname = \"i\"\n[[list]]\nname = \"l\"\n",
        );
        let expected = Everything {
            text: "t".to_owned(),
            count: 31,
            signed: -1,
            fraction: 1.5,
            on: Some(true),
            path: "a/b".into(),
            list: vec![Inner { name: "l".to_owned() }],
            inner: Inner { name: "i".to_owned() },
            choice: Choice::Second,
            either: Either::Several(vec!["a".to_owned()]),
        };
        assert_eq!(read.unwrap(), expected);
    }

    #[rstest]
    #[case("text = 1", "text: expected a string, found an integer")]
    #[case("text = 1979-05-27", "text: expected a string, found a date")]
    #[case("count = -1", "count: expected a non-negative integer, found a negative integer")]
    #[case("count = 5_000_000_000", "count: integer out of range")]
    #[case("count = 1.5", "count: expected a non-negative integer, found a number with a fraction")]
    #[case("signed = 99999999999999999999", "signed: integer out of range")]
    #[case("fraction = true", "fraction: expected a number, found a boolean")]
    #[case("on = 1", "on: expected a boolean, found an integer")]
    #[case("path = []", "path: expected a string, found an array")]
    #[case("inner = 1", "inner: expected a table, found an integer")]
    #[case("inner = [\"a\"]", "inner: expected a table, found an array")]
    #[case("list = [{ name = \"a\" }, [\"b\"]]", "list[1]: expected a table, found an array")]
    #[case("list = [{ name = 1 }]", "list[0].name: expected a string, found an integer")]
    #[case("list = [{}]", "list[0]: missing key `name`")]
    #[case("inner = { nam = 1 }", "inner.nam: unknown key; expected `name`")]
    #[case("cuont = 1", "cuont: unknown key; expected `count`")]
    #[case("choice = \"third\"", "choice: expected `first` or `second`")]
    #[case("choice = 3", "choice: expected `first` or `second`, found an integer")]
    fn errors_name_the_key_and_speak_of_toml(#[case] text: &str, #[case] expected: &str) {
        let problem = read(text).unwrap_err();
        assert_eq!(format!("{}: {}", problem.key(), problem.what()), expected);
    }

    #[test]
    fn the_error_for_an_unknown_key_names_all_keys() {
        let problem = read("[elsewhere]").unwrap_err();
        let all = "unknown key in this version; expected one of `text`, `count`, `signed`, `fraction`, `on`, `path`, `list`, `inner`, \
                   `choice`, `either`";
        assert_eq!(problem.what(), all);
    }
}
