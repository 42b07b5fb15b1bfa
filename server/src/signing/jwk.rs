//! Reads a private JWK (RFC 7517, RFC 7518 §6, RFC 8037 §2).

use artos_auth_engine::Algorithm;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::{KeyError, Members};
use crate::text::without_byte_order_mark;

/// A JWK as written. Other members are ignored; a duplicate member is an error.
#[derive(Deserialize)]
struct JwkText {
    kty: String,
    crv: Option<String>,
    alg: Option<String>,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    oth: Option<serde::de::IgnoredAny>,
    x: Option<Material>,
    y: Option<Material>,
    n: Option<Material>,
    e: Option<Material>,
    d: Option<Material>,
    p: Option<Material>,
    q: Option<Material>,
    dp: Option<Material>,
    dq: Option<Material>,
    qi: Option<Material>,
    k: Option<Material>,
}

/// A member that may be secret.
struct Material(Zeroizing<String>);

impl<'de> Deserialize<'de> for Material {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

#[derive(Deserialize)]
struct SetText {
    keys: Option<Vec<JwkText>>,
}

/// The algorithm, the `kid` and the key material of a JWK, or of the one JWK of a set.
pub(super) fn read(text: &[u8]) -> Result<(Algorithm, Option<String>, Members), KeyError> {
    let text = without_byte_order_mark(text);
    let set: SetText = serde_json::from_slice(text).map_err(|error| unreadable(&error))?;
    let jwk = match set.keys {
        None => serde_json::from_slice(text).map_err(|error| unreadable(&error))?,
        Some(mut keys) => match (keys.pop(), keys.len()) {
            (Some(only), 0) => only,
            (_, others) => {
                let keys = if others == 0 { 0 } else { others.saturating_add(1) };
                let problem = format!("the set has {keys} keys; put the key to use into a separate file");
                return Err(KeyError::new("", problem));
            }
        },
    };
    jwk.validate()
}

impl JwkText {
    fn validate(self) -> Result<(Algorithm, Option<String>, Members), KeyError> {
        if self.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return Err(KeyError::new("use", "`use` must be `sig` in a key for signatures"));
        }
        if self.key_ops.as_ref().is_some_and(|operations| !operations.iter().any(|its| its == "sign")) {
            return Err(KeyError::new("key_ops", "a key that signs must include `sign`"));
        }
        if self.oth.is_some() {
            return Err(KeyError::new("oth", "a key of more than two primes is not supported"));
        }
        let algorithm = self.algorithm()?;
        let (key_type, needed): (&'static str, Vec<(&'static str, Option<Material>)>) = match &*self.kty {
            "oct" => ("oct", vec![("k", self.k)]),
            "OKP" => ("OKP", vec![("x", self.x), ("d", self.d)]),
            "EC" => ("EC", vec![("x", self.x), ("y", self.y), ("d", self.d)]),
            _ => (
                "RSA",
                vec![
                    ("n", self.n),
                    ("e", self.e),
                    ("d", self.d),
                    ("p", self.p),
                    ("q", self.q),
                    ("dp", self.dp),
                    ("dq", self.dq),
                    ("qi", self.qi),
                ],
            ),
        };
        let mut members = Members::new(key_type);
        if let Some(curve) = self.crv.filter(|_| matches!(key_type, "EC" | "OKP")) {
            members = members.with_text("crv", &curve);
        }
        for (name, material) in needed {
            if let Some(Material(text)) = material {
                members.0.push((name, text));
            }
        }
        Ok((algorithm, self.kid, members))
    }

    /// The `alg`, or the default for the type and curve, as when the server loads the key.
    fn algorithm(&self) -> Result<Algorithm, KeyError> {
        use Algorithm::{ES256, ES384, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512};
        let of_type: &[Algorithm] = match (&*self.kty, self.crv.as_deref()) {
            ("oct", _) => &[HS256, HS384, HS512],
            ("RSA", _) => &[RS256, RS384, RS512, PS256, PS384, PS512],
            ("EC", Some("P-256")) => &[ES256],
            ("EC", Some("P-384")) => &[ES384],
            ("OKP", Some("Ed25519")) => &[EdDSA],
            ("EC" | "OKP", _) => {
                return Err(KeyError::new("crv", "the curve must be `P-256`, `P-384` or `Ed25519`"));
            }
            _ => return Err(KeyError::new("kty", "the type must be `oct`, `RSA`, `EC` or `OKP`")),
        };
        let named = match &self.alg {
            None => of_type.first().copied(),
            Some(name) => Algorithm::from_name(name).filter(|algorithm| of_type.contains(algorithm)),
        };
        named.ok_or_else(|| {
            let names: Vec<&str> = of_type.iter().map(|algorithm| algorithm.name()).collect();
            KeyError::new(
                "alg",
                format!("not an algorithm for a key of this type; expected one of {}", names.join(", ")),
            )
        })
    }
}

/// The message of serde_json without its quoted text, which may be key material.
fn unreadable(error: &serde_json::Error) -> KeyError {
    let problem = if error.is_data() {
        "not a JWK: expected a JSON object with `kty`, with string members and no duplicates"
    } else {
        "invalid JSON"
    };
    KeyError { line: (error.line() > 0).then_some(error.line()), ..KeyError::new("", problem) }
}
