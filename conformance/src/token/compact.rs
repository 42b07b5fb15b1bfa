//! A compact JWS whose segments can be replaced individually.

use std::fmt;

use serde_json::{Map, Value};

use super::{base64url, from_base64url};

/// The three segments of a compact JWS, as encoded. A replaced segment is sent unchanged: it need not be base64url or
/// JSON.
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
    /// Splits a token; `None` unless it has three segments.
    pub fn parse(text: &str) -> Option<Self> {
        let mut segments = text.split('.');
        let token = Self {
            header: segments.next()?.to_owned(),
            claims: segments.next()?.to_owned(),
            signature: segments.next()?.to_owned(),
        };
        segments.next().is_none().then_some(token)
    }

    /// The token as sent.
    pub fn text(&self) -> String {
        format!("{}.{}.{}", self.header, self.claims, self.signature)
    }

    /// The signing input: the first two segments and the dot between them.
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

    /// The header's members; empty if it is not a JSON object.
    pub fn header_members(&self) -> Map<String, Value> {
        members(&self.header)
    }

    /// The claims; empty if they are not a JSON object.
    pub fn claim_members(&self) -> Map<String, Value> {
        members(&self.claims)
    }

    /// The signature's bytes; empty if it is not base64url.
    pub fn signature_bytes(&self) -> Vec<u8> {
        from_base64url(&self.signature).unwrap_or_default()
    }

    /// `exp` in whole seconds, if it is a number.
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
    fn only_three_segments_make_a_token() {
        let token = Compact::parse("a.b.c").unwrap();
        assert_eq!(token.text(), "a.b.c");
        assert_eq!(token.signed_part(), "a.b");
        assert_eq!(Compact::parse("a.b"), None);
        assert_eq!(Compact::parse("a.b.c.d"), None);
    }

    #[test]
    fn members_of_json_objects_are_read() {
        let token = Compact::parse("x.y.z").unwrap().with_claims(r#"{"exp": 1700000000.5}"#);
        assert_eq!(token.expires_at(), Some(1_700_000_000));
        assert!(token.header_members().is_empty());
    }
}
