//! The JOSE header (RFC 7515 §4): the header parameters that are read, and their values.

use std::borrow::Cow;
use std::fmt;

use crate::algorithm::Algorithm;
use crate::json::{Document, JsonType, Names, Object, ReadValue};
use crate::policy::Policy;
use crate::reason::Reason;

/// The header parameters that are read.
const NAMES: Names<4, &str> = Names::known(["alg", "kid", "typ", "crit"]);
const ALGORITHM: usize = 0;
const KEY_ID: usize = 1;
const TYPE: usize = 2;
const CRITICAL: usize = 3;

/// Why a header is not well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderFlaw {
    /// It is not a JSON object, or nested too deeply.
    NoObject,
    /// A parameter that is read is duplicate.
    Duplicate { index: usize },
    /// There is no `alg`.
    NoAlgorithm,
    /// A parameter is not a string.
    NotAString { index: usize, found: JsonType },
    /// A parameter contains an unpaired surrogate.
    NotText { index: usize },
}

impl HeaderFlaw {
    /// Why the parameters could not be read.
    #[cold]
    fn of_members(json: &Document<'_>) -> Self {
        let mut counts = [0_usize; 4];
        let is_object = json.members(|name, _| {
            for (count, wanted) in counts.iter_mut().zip(NAMES.as_array()) {
                *count = count.saturating_add(usize::from(name == wanted.as_bytes()));
            }
        });
        match counts.iter().position(|count| *count > 1) {
            Some(index) if is_object.is_some() => Self::Duplicate { index },
            _ => Self::NoObject,
        }
    }
}

impl fmt::Display for HeaderFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |index: &usize| NAMES.as_array().get(*index).copied().unwrap_or_default();
        match self {
            Self::NoObject => f.write_str("the header is not a JSON object, or is nested too deeply"),
            Self::Duplicate { index } => write!(f, "duplicate `{}` in the header", name(index)),
            Self::NoAlgorithm => f.write_str("`alg` is missing in the header"),
            Self::NotAString { index, found } => {
                write!(f, "`{}` in the header must be a string, found {found}", name(index))
            }
            Self::NotText { index } => {
                write!(f, "`{}` in the header contains an unpaired surrogate", name(index))
            }
        }
    }
}

/// A well-formed header. No other header parameter (`jwk`, `jku`, `x5c`, `x5u`, …) is read.
pub(crate) struct JoseHeader<'h> {
    /// The algorithm, if it is supported.
    algorithm: Option<Algorithm>,
    key_id: Option<Cow<'h, str>>,
    kind: Option<Cow<'h, str>>,
    critical: bool,
}

impl<'h> JoseHeader<'h> {
    /// Parses the decoded header. A duplicate header parameter, or one of the wrong type, is an error; `null` is a wrong type.
    pub(crate) fn parse(decoded: &'h [u8]) -> Result<Self, HeaderFlaw> {
        let json = Document::new(decoded);
        let Some(members) = Object::read(&json, &NAMES) else { return Err(HeaderFlaw::of_members(&json)) };
        let string = |index| match members.value(index) {
            None => Ok(None),
            Some(value) => {
                let text =
                    value.string().ok_or(HeaderFlaw::NotAString { index, found: value.json_type() })?;
                text.text().map(Some).ok_or(HeaderFlaw::NotText { index })
            }
        };
        Ok(Self {
            algorithm: Algorithm::from_name(&string(ALGORITHM)?.ok_or(HeaderFlaw::NoAlgorithm)?),
            key_id: string(KEY_ID)?,
            kind: string(TYPE)?,
            critical: members.value(CRITICAL).is_some(),
        })
    }

    /// An owned copy of the header.
    pub(crate) fn into_owned(self) -> JoseHeader<'static> {
        let owned = |text: Cow<'h, str>| Cow::Owned(text.into_owned());
        JoseHeader {
            algorithm: self.algorithm,
            key_id: self.key_id.map(owned),
            kind: self.kind.map(owned),
            critical: self.critical,
        }
    }

    /// Rejects a header with `crit`, whatever it holds: no extension is supported (RFC 7515 §4.1.11).
    pub(crate) fn reject_critical(&self) -> Result<(), Reason> {
        if self.critical { Err(Reason::CriticalExtension) } else { Ok(()) }
    }

    /// Rejects a `typ` that the policy does not name (RFC 8725 §3.11). A missing `typ` is accepted.
    pub(crate) fn check_typ(&self, policy: &Policy) -> Result<(), Reason> {
        match &self.kind {
            Some(kind) if !policy.accepts_type(kind) => Err(Reason::TypeNotAccepted),
            _ => Ok(()),
        }
    }

    /// The algorithm, if the policy allows it. An unknown one is not allowed, nor is `none` in any spelling.
    pub(crate) fn allowed_algorithm(&self, policy: &Policy) -> Result<Algorithm, Reason> {
        self.algorithm.filter(|algorithm| policy.allows(*algorithm)).ok_or(Reason::AlgorithmNotAllowed)
    }

    /// The key id (`kid`), an opaque string.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }
}
