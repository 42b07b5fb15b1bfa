//! The JOSE header (RFC 7515 §4): the header parameters that are read, and their values.

use std::borrow::Cow;

use crate::algorithm::Algorithm;
use crate::json::{Names, Object, Take, Text};
use crate::policy::Policy;
use crate::reason::Reason;

/// The header parameters that are read.
const NAMES: Names<4, &str> = Names::known(["alg", "kid", "typ", "crit"]);
const ALGORITHM: usize = 0;
const KEY_ID: usize = 1;
const TYPE: usize = 2;
const CRITICAL: usize = 3;

/// A well-formed header. No other header parameter (`jwk`, `jku`, `x5c`, `x5u`, …) is read.
pub(crate) struct JoseHeader<'h> {
    /// The algorithm, if it is one of ours.
    algorithm: Option<Algorithm>,
    key_id: Option<Cow<'h, str>>,
    kind: Option<Cow<'h, str>>,
    critical: bool,
}

impl<'h> JoseHeader<'h> {
    /// Parses the decoded header. A duplicate header parameter, or one of the wrong type, is an error; `null` is a wrong type.
    pub(crate) fn parse(decoded: &'h [u8]) -> Result<Self, Reason> {
        Self::read(&Text::new(decoded)).ok_or(Reason::TokenHeaderMalformed)
    }

    fn read(json: &Text<'h>) -> Option<Self> {
        let members = Object::read(json, &NAMES)?;
        // Absent, or of its type.
        let string = |index| members.value(index).map(|value| value.string()?.text());
        Some(Self {
            algorithm: Algorithm::from_name(&string(ALGORITHM)??),
            key_id: string(KEY_ID).map_or(Some(None), |text| text.map(Some))?,
            kind: string(TYPE).map_or(Some(None), |text| text.map(Some))?,
            critical: members.value(CRITICAL).is_some(),
        })
    }

    /// The same header, borrowing nothing.
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

    /// The id of the key, an opaque string.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }
}
