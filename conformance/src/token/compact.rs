//! A compact JWS, in segments that can be exchanged one by one.

use std::fmt;

use serde_json::{Map, Value};

use super::{base64url, from_base64url};

/// The three segments of a compact JWS, as spelt. Whatever is put into one is sent as it is: the segments
/// need not be base64url, nor JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct Compact {
    /// The first segment.
    pub header: String,
    /// The second segment.
    pub claims: String,
    /// The third segment.
    pub signature: String,
}

impl fmt::Debug for Compact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compact([redacted])")
    }
}

impl Compact {
    /// Takes a token apart; `None` unless there are three segments.
    pub fn parse(text: &str) -> Option<Self> {
        let mut segments = text.split('.');
        let token = Self {
            header: segments.next()?.to_owned(),
            claims: segments.next()?.to_owned(),
            signature: segments.next()?.to_owned(),
        };
        segments.next().is_none().then_some(token)
    }

    /// The token as it is sent.
    pub fn text(&self) -> String {
        format!("{}.{}.{}", self.header, self.claims, self.signature)
    }

    /// What a signature is over: the first two segments and the dot between them.
    pub fn signed_part(&self) -> String {
        format!("{}.{}", self.header, self.claims)
    }

    /// The same claims and signature under another header.
    pub fn with_header(&self, json: &str) -> Self {
        Self { header: base64url(json.as_bytes()), ..self.clone() }
    }

    /// The same header and signature over other claims.
    pub fn with_claims(&self, json: &str) -> Self {
        Self { claims: base64url(json.as_bytes()), ..self.clone() }
    }

    /// The same header and claims with another signature.
    pub fn with_signature(&self, bytes: &[u8]) -> Self {
        Self { signature: base64url(bytes), ..self.clone() }
    }

    /// The header's members; empty when it is no JSON object.
    pub fn header_members(&self) -> Map<String, Value> {
        members(&self.header)
    }

    /// The claims; empty when they are no JSON object.
    pub fn claim_members(&self) -> Map<String, Value> {
        members(&self.claims)
    }

    /// The signature's bytes; empty when it is not base64url.
    pub fn signature_bytes(&self) -> Vec<u8> {
        from_base64url(&self.signature).unwrap_or_default()
    }

    /// `exp` in whole seconds, where it is a number.
    pub fn expires_at(&self) -> Option<i64> {
        let exp = self.claim_members().get("exp")?.as_f64()?;
        #[expect(
            clippy::as_conversions,
            reason = "a float converts saturating, and seconds are all that counts"
        )]
        Some(exp as i64)
    }
}

fn members(segment: &str) -> Map<String, Value> {
    from_base64url(segment)
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        .and_then(|value| if let Value::Object(members) = value { Some(members) } else { None })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_segments_make_a_token_and_nothing_else_does() {
        let token = Compact::parse("a.b.c").unwrap();
        assert_eq!(token.text(), "a.b.c");
        assert_eq!(token.signed_part(), "a.b");
        assert_eq!(Compact::parse("a.b"), None);
        assert_eq!(Compact::parse("a.b.c.d"), None);
    }

    #[test]
    fn members_are_read_where_there_are_any() {
        let token = Compact::parse("x.y.z").unwrap().with_claims(r#"{"exp": 1700000000.5}"#);
        assert_eq!(token.expires_at(), Some(1_700_000_000));
        assert!(token.header_members().is_empty());
    }
}
