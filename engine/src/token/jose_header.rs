//! The JOSE header (RFC 7515 §4): the members that are read, and what they may hold.

use std::borrow::Cow;

use crate::algorithm::Algorithm;
use crate::json::{Names, Object, Take, Text};
use crate::policy::Policy;
use crate::reason::Reason;

/// The members that are read.
const NAMES: Names<4, &str> = Names::known(["alg", "kid", "typ", "crit"]);
const ALGORITHM: usize = 0;
const KEY_ID: usize = 1;
const TYPE: usize = 2;
const CRITICAL: usize = 3;

/// A header of the right form. Of its other members (`jwk`, `jku`, `x5c`, `x5u` and all else) nothing is read.
pub(crate) struct JoseHeader<'h> {
    /// The algorithm, if it is one of ours.
    algorithm: Option<Algorithm>,
    key_id: Option<Cow<'h, str>>,
    kind: Option<Cow<'h, str>>,
    critical: bool,
}

impl<'h> JoseHeader<'h> {
    /// Reads the decoded header. A member that is read has to be of its type and there once; `null` is a wrong type.
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

    /// No extension is understood, so a header that names a critical one is refused, whatever it names (RFC 7515 §4.1.11).
    pub(crate) fn names_no_critical_extension(&self) -> Result<(), Reason> {
        if self.critical { Err(Reason::CriticalExtension) } else { Ok(()) }
    }

    /// A `typ`, where there is one, has to be one of the policy's (RFC 8725 §3.11).
    pub(crate) fn has_accepted_type(&self, policy: &Policy) -> Result<(), Reason> {
        match &self.kind {
            Some(kind) if !policy.accepts_type(kind) => Err(Reason::TypeNotAccepted),
            _ => Ok(()),
        }
    }

    /// The algorithm, if the policy allows it: what is unknown, `none` in any spelling among it, is not allowed.
    pub(crate) fn allowed_algorithm(&self, policy: &Policy) -> Result<Algorithm, Reason> {
        self.algorithm.filter(|algorithm| policy.allows(*algorithm)).ok_or(Reason::AlgorithmNotAllowed)
    }

    /// The id of the key, an opaque string.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }
}
