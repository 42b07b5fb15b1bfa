//! The signature algorithms that can be allowed (RFC 7518 §3.1, RFC 8037).

use std::fmt;

macro_rules! algorithms {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {
        /// A signature algorithm. `none` is not one of them, in any spelling.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Algorithm {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Algorithm {
            /// Every algorithm that can be allowed.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name in `alg` (RFC 7515 §4.1.1: case-sensitive).
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// The supported algorithm of that name. `Ed25519` (RFC 9864) is another name for `EdDSA`.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)+
                    ED25519 => Some(Self::EdDSA),
                    _ => None,
                }
            }
        }
    };
}

algorithms! {
    /// HMAC with SHA-256.
    HS256;
    /// HMAC with SHA-384.
    HS384;
    /// HMAC with SHA-512.
    HS512;
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256;
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384;
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512;
    /// RSASSA-PSS with SHA-256.
    PS256;
    /// RSASSA-PSS with SHA-384.
    PS384;
    /// RSASSA-PSS with SHA-512.
    PS512;
    /// ECDSA on P-256 with SHA-256.
    ES256;
    /// ECDSA on P-384 with SHA-384.
    ES384;
    /// Ed25519.
    EdDSA;
}

/// The name of Ed25519 in RFC 9864; a synonym of `EdDSA` here.
const ED25519: &str = "Ed25519";

impl Algorithm {
    /// Every name that `alg` may have for this algorithm.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name()).chain((self == Self::EdDSA).then_some(ED25519))
    }

    /// The default of a policy: the asymmetric algorithms and HS256.
    pub const DEFAULT: &'static [Self] = &[
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::HS256,
    ];
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of algorithms as a bit mask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AlgorithmSet(u16);

impl AlgorithmSet {
    const fn bit(algorithm: Algorithm) -> u16 {
        match algorithm {
            Algorithm::HS256 => 1,
            Algorithm::HS384 => 1 << 1,
            Algorithm::HS512 => 1 << 2,
            Algorithm::RS256 => 1 << 3,
            Algorithm::RS384 => 1 << 4,
            Algorithm::RS512 => 1 << 5,
            Algorithm::PS256 => 1 << 6,
            Algorithm::PS384 => 1 << 7,
            Algorithm::PS512 => 1 << 8,
            Algorithm::ES256 => 1 << 9,
            Algorithm::ES384 => 1 << 10,
            Algorithm::EdDSA => 1 << 11,
        }
    }

    pub(crate) const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & Self::bit(algorithm) != 0
    }
}

impl FromIterator<Algorithm> for AlgorithmSet {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(algorithms: I) -> Self {
        Self(algorithms.into_iter().fold(0, |set, algorithm| set | Self::bit(algorithm)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_algorithm_counts_once() {
        let set: AlgorithmSet = [Algorithm::ES256, Algorithm::HS256, Algorithm::ES256].into_iter().collect();
        let held = |algorithm: &Algorithm| set.contains(*algorithm);
        assert_eq!(Algorithm::ALL.iter().filter(|algorithm| held(algorithm)).count(), 2);
        assert!(held(&Algorithm::ES256) && held(&Algorithm::HS256));
    }
}
