//! Verifies a token and returns its claims.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::authority::Algorithm;
use crate::fault::Fault;
use crate::json::Members;
use crate::judge::Judge;
use crate::keys;
use crate::reason::Reason;
use crate::variation::Variation;

const MAX_TOKEN_BYTES: usize = 8192;
const HEADER_MEMBERS: &[&str] = &["alg", "typ", "kid", "crit", "jwk", "b64"];
const KNOWN_ALGORITHMS: [&str; 13] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384",
    "ES512", "EdDSA",
];

const LOOSE: GeneralPurpose =
    GeneralPurpose::new(&alphabet::URL_SAFE, NO_PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent));
const TRAILING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// The parts of a token.
pub(crate) struct Token {
    /// The signing input, as received.
    pub(crate) signed: Vec<u8>,
    header: Vec<u8>,
    /// The text of the claims.
    pub(crate) claims: Vec<u8>,
    /// The signature.
    pub(crate) signature: Vec<u8>,
    /// Whether there was a third segment.
    unsigned: bool,
}

/// The key that a token names.
enum Kid {
    Absent,
    Of(String),
}

impl Judge<'_> {
    /// The token's parts, each well-formed base64url.
    pub(crate) fn split(&self, bytes: &[u8]) -> Result<Token, Reason> {
        if bytes.len() > MAX_TOKEN_BYTES {
            return Err(Reason::TooLong);
        }
        if self.has(Fault::LongTokenRefused) && bytes.len() > 4000 {
            return Err(Reason::TooLong);
        }
        let mut segments: Vec<&[u8]> = bytes.split(|byte| *byte == b'.').collect();
        match self.behavior.fault {
            Some(Fault::FourSegmentsAccepted) if segments.len() == 4 => segments.truncate(3),
            Some(Fault::FiveSegmentsAccepted) if segments.len() == 5 => segments.truncate(3),
            Some(Fault::LeadingDotSkipped) => segments.retain(|segment| !segment.is_empty()),
            _ => {}
        }
        let unsigned = segments.len() == 2;
        if unsigned && self.has(Fault::SignatureMissingAccepted) {
            segments.push(b"");
        }
        let [header, claims, signature] = segments.as_slice() else { return Err(Reason::Segments) };
        if header.is_empty() || claims.is_empty() || (signature.is_empty() && !self.takes_unsigned()) {
            return Err(Reason::Segments);
        }
        Ok(Token {
            signed: [*header, b".", *claims].concat(),
            header: self.decode(header)?,
            claims: self.decode(claims)?,
            signature: self.decode(signature)?,
            unsigned,
        })
    }

    fn decode(&self, segment: &[u8]) -> Result<Vec<u8>, Reason> {
        let decoded = match self.behavior.fault {
            Some(Fault::PaddingAccepted) => LOOSE.decode(segment),
            Some(Fault::TrailingBitsAccepted) => TRAILING.decode(segment),
            Some(Fault::StandardAlphabetAccepted) => {
                let url_safe = |byte: &u8| match byte {
                    b'+' => b'-',
                    b'/' => b'_',
                    other => *other,
                };
                URL_SAFE_NO_PAD.decode(segment.iter().map(url_safe).collect::<Vec<u8>>())
            }
            _ => URL_SAFE_NO_PAD.decode(segment),
        };
        decoded.map_err(|_| Reason::Segments)
    }

    /// Whether a fault accepts a missing signature.
    fn takes_unsigned(&self) -> bool {
        matches!(
            self.behavior.fault,
            Some(
                Fault::SignatureIgnored
                    | Fault::SignatureEmptyAccepted
                    | Fault::SignatureMissingAccepted
                    | Fault::SignatureSeenForClaims
                    | Fault::UnknownKidUnverified
                    | Fault::AlgNoneAccepted
                    | Fault::AlgNoneLowerFolded
                    | Fault::AlgNoneCapitalized
                    | Fault::AlgNoneCapitals
                    | Fault::AlgNoneMixed
                    | Fault::AlgNoneTrimmed
                    | Fault::AlgEmptyAccepted
                    | Fault::AlgUnknownAccepted
                    | Fault::AlgMissingAccepted
                    | Fault::AlgWrongTypesAccepted
            )
        )
    }

    /// Verifies the signature with the key that the header names.
    pub(crate) fn verify(&self, token: &Token) -> Result<(), Reason> {
        let header = Members::read(&token.header, HEADER_MEMBERS).ok_or(Reason::NotJson)?;
        if header.repeated() && !self.has(Fault::DuplicateHeaderMembers) {
            return Err(Reason::HeaderMember);
        }
        let alg = header.values("alg").next_back();
        if self.unverified_alg(alg, token) {
            return Ok(());
        }
        if self.has(Fault::ZerosAcceptedUnderAnyAlgorithm)
            && !token.signature.is_empty()
            && token.signature.iter().all(|byte| *byte == 0)
        {
            return Ok(());
        }
        if self.has(Fault::KeySetFetched)
            && let Some(url) = key_set_url(&token.header)
        {
            fetch(&url);
        }
        let alg = alg.and_then(Value::as_str).ok_or(Reason::HeaderMember)?;
        let typ = self.typ(&header)?;
        let kid = if self.varies(Variation::KidIgnored) { Kid::Absent } else { self.kid(&header)? };
        self.critical(&header)?;
        if !typ {
            return Err(Reason::Type);
        }
        let alg = if self.has(Fault::AlgCaseFolded) { canonical_case(alg) } else { alg.to_owned() };
        if !KNOWN_ALGORITHMS.contains(&alg.as_str()) {
            return Err(Reason::Algorithm);
        }
        if let Some(fault) = self.behavior.fault
            && self.passes_otherwise(fault, &alg, &kid, &header, token)
        {
            return Ok(());
        }
        let algorithm = Algorithm::ALL.into_iter().find(|own| own.name() == alg).ok_or(Reason::KeyUnknown)?;
        if let Kid::Of(kid) = &kid
            && !self.names_key(kid, algorithm)
        {
            return Err(Reason::KeyUnknown);
        }
        if self.has(Fault::CritB64Accepted) && header.values("b64").any(|b64| b64 == false) {
            let end = token.signed.iter().position(|byte| *byte == b'.').unwrap_or_default();
            let message = [&token.signed[..=end], token.claims.as_slice()].concat();
            return keys::verifies(algorithm, &message, &token.signature)
                .then_some(())
                .ok_or(Reason::Signature);
        }
        if keys::verifies(algorithm, &token.signed, &token.signature)
            || self
                .behavior
                .fault
                .is_some_and(|fault| keys::passes_by_fault(fault, algorithm, &token.signed, &token.signature))
            || (token.unsigned && self.has(Fault::SignatureMissingAccepted))
        {
            Ok(())
        } else {
            Err(Reason::Signature)
        }
    }

    /// Whether a fault treats this `alg` as one that needs no verification.
    fn unverified_alg(&self, alg: Option<&Value>, token: &Token) -> bool {
        let Some(fault) = self.behavior.fault else { return false };
        let text = alg.and_then(Value::as_str);
        let empty = token.signature.is_empty();
        match fault {
            Fault::AlgNoneAccepted => text == Some("none") && empty,
            Fault::AlgNoneWithSignatureAccepted => text == Some("none") && !empty,
            Fault::AlgNoneLowerFolded => {
                text.is_some_and(|text| text != "none" && text.eq_ignore_ascii_case("none"))
            }
            Fault::AlgNoneCapitalized => text == Some("None"),
            Fault::AlgNoneCapitals => text == Some("NONE"),
            Fault::AlgNoneMixed => text == Some("nOnE"),
            Fault::AlgNoneTrimmed => text.is_some_and(|text| text != "none" && text.trim() == "none"),
            Fault::AlgEmptyAccepted => text == Some(""),
            Fault::AlgUnknownAccepted => text.is_some_and(|text| {
                !text.is_empty()
                    && !text.trim().eq_ignore_ascii_case("none")
                    && !KNOWN_ALGORITHMS.contains(&text)
            }),
            Fault::AlgMissingAccepted => alg.is_none(),
            Fault::AlgWrongTypesAccepted => alg.is_some_and(|alg| !alg.is_string() && !alg.is_null()),
            _ => false,
        }
    }

    /// Whether the `typ` is accepted; an error if it is not a string.
    fn typ(&self, header: &Members) -> Result<bool, Reason> {
        match header.values("typ").next_back() {
            None => Ok(!self.has(Fault::TypeRequired)),
            Some(Value::String(typ)) if self.has(Fault::AccessTokenTypeRefused) => {
                Ok(typ.eq_ignore_ascii_case("JWT"))
            }
            Some(Value::String(_)) if self.has(Fault::TypeIgnored) || self.varies(Variation::TypeIgnored) => {
                Ok(true)
            }
            Some(Value::String(typ)) => {
                let typ = typ.to_ascii_lowercase();
                let bare = typ.strip_prefix("application/").unwrap_or(&typ);
                Ok(matches!(bare, "jwt" | "at+jwt"))
            }
            Some(_) if self.has(Fault::TypeWrongTypesIgnored) => Ok(true),
            Some(_) => Err(Reason::HeaderMember),
        }
    }

    fn kid(&self, header: &Members) -> Result<Kid, Reason> {
        match header.values("kid").next_back() {
            None => Ok(Kid::Absent),
            Some(Value::String(kid)) if self.has(Fault::KidNulCut) => {
                Ok(Kid::Of(kid.split('\0').next().unwrap_or_default().to_owned()))
            }
            Some(Value::String(kid)) => Ok(Kid::Of(kid.clone())),
            Some(_) if self.has(Fault::KidWrongTypesIgnored) => Ok(Kid::Absent),
            Some(_) => Err(Reason::HeaderMember),
        }
    }

    fn names_key(&self, kid: &str, algorithm: Algorithm) -> bool {
        let known = Algorithm::ALL.into_iter().any(|own| own.kid() == kid);
        kid == algorithm.kid()
            || (self.has(Fault::KidCaseFolded) && kid.eq_ignore_ascii_case(algorithm.kid()))
            || (self.has(Fault::UnknownKidAccepted) && !known)
    }

    fn critical(&self, header: &Members) -> Result<(), Reason> {
        let Some(crit) = header.values("crit").next_back() else { return Ok(()) };
        let passed_over = match self.behavior.fault {
            Some(Fault::CritIgnored) => true,
            Some(Fault::CritEmptyAccepted) => crit.as_array().is_some_and(Vec::is_empty),
            Some(Fault::CritWrongTypesIgnored) => !crit.is_array(),
            Some(Fault::CritB64Accepted) => crit
                .as_array()
                .is_some_and(|names| !names.is_empty() && names.iter().all(|name| name == "b64")),
            _ => false,
        };
        if passed_over { Ok(()) } else { Err(Reason::Critical) }
    }

    /// Whether a fault verifies with another key, or not at all.
    fn passes_otherwise(&self, fault: Fault, alg: &str, kid: &Kid, header: &Members, token: &Token) -> bool {
        let (message, signature) = (token.signed.as_slice(), token.signature.as_slice());
        match fault {
            Fault::UnknownKidUnverified => {
                matches!(kid, Kid::Of(kid) if Algorithm::ALL.into_iter().all(|own| own.kid() != kid))
            }
            Fault::EmbeddedKeyTrusted => {
                header.values("jwk").any(|jwk| keys::passes_under_jwk(alg, jwk, message, signature))
            }
            Fault::KidPathFollowed => {
                matches!(kid, Kid::Of(kid) if kid.ends_with("/dev/null"))
                    && keys::passes_under_name(fault, alg, message, signature)
            }
            Fault::KidSqlInjected => matches!(kid, Kid::Of(kid) if injected_secret(kid)
                .is_some_and(|secret| keys::passes_under_secret(alg, secret.as_bytes(), message, signature))),
            _ => keys::passes_under_name(fault, alg, message, signature),
        }
    }
}

fn canonical_case(alg: &str) -> String {
    let known = KNOWN_ALGORITHMS.iter().find(|known| known.eq_ignore_ascii_case(alg));
    known.map_or_else(|| alg.to_owned(), |known| (*known).to_owned())
}

/// The key that `… UNION SELECT 'this'` selects.
fn injected_secret(kid: &str) -> Option<String> {
    let at = kid.to_ascii_lowercase().find("union select")?;
    kid[at..].split('\'').nth(1).map(str::to_owned)
}

/// The URL of the key in the header.
fn key_set_url(header: &[u8]) -> Option<String> {
    let header: Value = serde_json::from_slice(header).ok()?;
    header.get("jku")?.as_str().map(str::to_owned)
}

/// Fetches a URL, as a careless library does; the response is ignored.
fn fetch(url: &str) {
    use std::io::{Read, Write};
    let Some((authority, path)) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')) else {
        return;
    };
    let Ok(address) = authority.parse() else { return };
    let patience = std::time::Duration::from_secs(2);
    if let Ok(mut stream) = std::net::TcpStream::connect_timeout(&address, patience) {
        let _ = stream.set_read_timeout(Some(patience));
        let _ = stream.write_all(format!("GET /{path} HTTP/1.0\r\n\r\n").as_bytes());
        let _ = stream.read(&mut [0; 64]);
    }
}
