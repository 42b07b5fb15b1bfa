//! The errors of claims that are not well-formed.

use crate::ids::MAX_ID_BYTES;
use crate::json::{JsonType, ReadValue, Value};
use crate::policy::Claim;

/// Which claim is not well-formed, and why. Holds no content of the token except sizes and types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClaimFlaw {
    /// The claim's index in the policy's tree of claims; 0 is the claims object itself.
    pub(crate) node: u32,
    /// What is wrong with it.
    pub(crate) problem: ClaimProblem,
}

/// What is wrong with a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimProblem {
    /// The claims are not one JSON object, or nested too deeply.
    NoObject,
    /// A claim that every token needs is missing.
    Missing,
    /// It is duplicate.
    Duplicate,
    /// A step of a path is not an object.
    NotAnObject(JsonType),
    /// A date is not a number.
    NotANumber(JsonType),
    /// A date is before 1970 or after the year 9999.
    DateOutOfRange,
    /// It is not a string.
    NotAString(JsonType),
    /// It is neither a string nor an array of strings.
    NotStrings(JsonType),
    /// An element of its array is not a string.
    ElementNotAString(JsonType),
    /// It contains an unpaired surrogate.
    NotText,
    /// It has more than 256 bytes.
    TooLong(u32),
    /// It contains a control character.
    ControlCharacter,
    /// A permission is empty: in an array, or between two spaces.
    EmptyPermission,
    /// There are more than 256 permissions.
    TooManyPermissions,
}

impl ClaimFlaw {
    pub(super) fn of(node: usize, problem: ClaimProblem) -> Self {
        Self { node: u32::try_from(node).unwrap_or(u32::MAX), problem }
    }
}

impl ClaimProblem {
    /// The problem of a value that could not be read as this claim.
    pub(super) fn with(claim: Claim, value: Value<'_, '_>) -> Self {
        let found = value.json_type();
        match claim {
            Claim::ExpiresAt | Claim::NotBefore | Claim::IssuedAt if found != JsonType::Number => {
                Self::NotANumber(found)
            }
            Claim::ExpiresAt | Claim::NotBefore | Claim::IssuedAt => Self::DateOutOfRange,
            Claim::TokenId | Claim::User | Claim::Organization => Self::with_id(value),
            Claim::Issuer | Claim::Confirmation => match found {
                JsonType::String => Self::NotText,
                found => Self::NotAString(found),
            },
            Claim::Audience => match found {
                JsonType::String => Self::NotText,
                JsonType::Array => Self::first_among(value, |element| match element.json_type() {
                    JsonType::String => {
                        element.string().and_then(|text| text.text()).is_none().then_some(Self::NotText)
                    }
                    found => Some(Self::ElementNotAString(found)),
                })
                .unwrap_or(Self::NotText),
                found => Self::NotStrings(found),
            },
            Claim::Permissions => Self::with_permissions(value),
        }
    }

    fn with_id(value: Value<'_, '_>) -> Self {
        let Some(string) = value.string() else { return Self::NotAString(value.json_type()) };
        let Some(text) = string.text() else { return Self::NotText };
        Self::with_text(&text).unwrap_or(Self::NotText)
    }

    fn with_text(text: &str) -> Option<Self> {
        if text.len() > MAX_ID_BYTES {
            return Some(Self::TooLong(u32::try_from(text.len()).unwrap_or(u32::MAX)));
        }
        text.contains(char::is_control).then_some(Self::ControlCharacter)
    }

    fn with_permissions(value: Value<'_, '_>) -> Self {
        let with_permission = |text: &str| {
            if text.is_empty() { Some(Self::EmptyPermission) } else { Self::with_text(text) }
        };
        match value.json_type() {
            JsonType::Array => Self::first_among(value, |element| {
                let Some(string) = element.string() else {
                    return Some(Self::ElementNotAString(element.json_type()));
                };
                string.text().map_or(Some(Self::NotText), |text| with_permission(&text))
            })
            .unwrap_or(Self::TooManyPermissions),
            JsonType::String => match value.string().and_then(|string| string.text()) {
                None => Self::NotText,
                Some(text) => text.split(' ').find_map(with_permission).unwrap_or(Self::TooManyPermissions),
            },
            found => Self::NotStrings(found),
        }
    }

    /// The first problem of an array's elements.
    fn first_among<'o, 'j>(
        array: Value<'o, 'j>,
        find: impl Fn(Value<'o, 'j>) -> Option<Self>,
    ) -> Option<Self> {
        let mut problem = None;
        let _ = array.elements(|element| {
            problem = find(element);
            if problem.is_some() { None } else { Some(()) }
        });
        problem
    }
}
