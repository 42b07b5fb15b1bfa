//! Required claims, in addition to those that every policy reads (TOK-6).

use super::claim_spec::{RequiredSpec, RequiredValue};
use crate::json::{JsonType, ReadValue, Value};

/// A required claim and its accepted values.
#[derive(Clone, Debug)]
pub(crate) struct Required {
    name: Box<str>,
    accepted: Vec<Accepted>,
}

#[derive(Clone, Debug)]
enum Accepted {
    String(Box<str>),
    Boolean(bool),
    Number(f64),
}

impl Required {
    pub(super) fn new(name: &str, spec: &RequiredSpec) -> Result<Self, &'static str> {
        if spec.0.is_empty() {
            return Err("an empty list accepts no token; add a value, or leave the claim out");
        }
        let accepted = spec.0.iter().map(|value| match value {
            RequiredValue::String(text) => Accepted::String(text.as_str().into()),
            RequiredValue::Boolean(boolean) => Accepted::Boolean(*boolean),
            RequiredValue::Integer(integer) => Accepted::Number(as_double(*integer)),
        });
        Ok(Self { name: name.into(), accepted: accepted.collect() })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the claim is one of the values, or an array with such an element.
    pub(crate) fn is_met_by(&self, value: Value<'_, '_>) -> bool {
        if value.json_type() != JsonType::Array {
            return self.accepts(value);
        }
        let mut met = false;
        let _ = value.elements(|element| {
            met |= self.accepts(element);
            Some(())
        });
        met
    }

    /// Types never convert. A string with an unpaired surrogate equals nothing.
    fn accepts(&self, value: Value<'_, '_>) -> bool {
        match value.json_type() {
            JsonType::String => {
                let text = value.string().and_then(|string| string.text());
                text.is_some_and(|text| {
                    self.has(|one| matches!(one, Accepted::String(its) if **its == *text))
                })
            }
            JsonType::Boolean => {
                let boolean = value.boolean();
                self.has(|one| matches!(one, Accepted::Boolean(its) if boolean == Some(*its)))
            }
            JsonType::Number => {
                let number = value.number();
                self.has(|one| matches!(one, Accepted::Number(its) if number == Some(*its)))
            }
            JsonType::Null | JsonType::Array | JsonType::Object => false,
        }
    }

    fn has(&self, is_it: impl FnMut(&Accepted) -> bool) -> bool {
        self.accepted.iter().any(is_it)
    }
}

fn as_double(integer: i64) -> f64 {
    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "numbers are compared as doubles, as JSON is read"
    )]
    let double = integer as f64;
    double
}
