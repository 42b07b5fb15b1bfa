//! A token before signing, member by member.

use super::{Algorithm, Compact, SigningKey, base64url};

/// An ordered list of header parameters and claims, as raw JSON text: duplicates and out-of-range numbers are possible.
#[derive(Clone, Debug, Default)]
pub struct Mint {
    header: Vec<(String, String)>,
    claims: Vec<(String, String)>,
}

impl Mint {
    /// Sets a header parameter to this JSON text: in place if it exists, otherwise at the end.
    #[must_use]
    pub fn header(mut self, name: &str, json: &str) -> Self {
        set(&mut self.header, name, json);
        self
    }

    /// Sets a claim to this JSON text: in place if it exists, otherwise at the end.
    #[must_use]
    pub fn claim(mut self, name: &str, json: &str) -> Self {
        set(&mut self.claims, name, json);
        self
    }

    /// Sets a claim to a string.
    #[must_use]
    pub fn claim_text(self, name: &str, text: &str) -> Self {
        let json = quote(text);
        self.claim(name, &json)
    }

    /// Removes a claim.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.claims.retain(|(other, _)| other != name);
        self
    }

    /// Removes a header parameter.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.retain(|(other, _)| other != name);
        self
    }

    /// Adds a claim after all others, even if it is a duplicate.
    #[must_use]
    pub fn append(mut self, name: &str, json: &str) -> Self {
        self.claims.push((name.to_owned(), json.to_owned()));
        self
    }

    /// Adds a claim before all others, even if it is a duplicate.
    #[must_use]
    pub fn prepend(mut self, name: &str, json: &str) -> Self {
        self.claims.insert(0, (name.to_owned(), json.to_owned()));
        self
    }

    /// Adds a header parameter after all others, even if it is a duplicate.
    #[must_use]
    pub fn append_header(mut self, name: &str, json: &str) -> Self {
        self.header.push((name.to_owned(), json.to_owned()));
        self
    }

    /// The header's JSON.
    pub fn header_json(&self) -> String {
        object(&self.header)
    }

    /// The claims' JSON.
    pub fn claims_json(&self) -> String {
        object(&self.claims)
    }

    /// Signs with a key under its own algorithm. The header is not changed, including `alg`.
    pub fn sign(&self, key: &SigningKey) -> Compact {
        self.sign_as(key, key.algorithm())
    }

    /// Signs with a key under another algorithm of its family. The header is not changed, including `alg`.
    pub fn sign_as(&self, key: &SigningKey, algorithm: Algorithm) -> Compact {
        Self::seal(
            base64url(self.header_json().as_bytes()),
            base64url(self.claims_json().as_bytes()),
            |input| key.sign_as(algorithm, input),
        )
    }

    /// Signs two segments exactly as given.
    pub fn seal(header: String, claims: String, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Compact {
        let unsigned = Compact { header, claims, signature: String::new() };
        let signature = sign(unsigned.signed_part().as_bytes());
        unsigned.with_signature(&signature)
    }
}

/// A string as JSON.
pub(crate) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn set(members: &mut Vec<(String, String)>, name: &str, json: &str) {
    match members.iter_mut().find(|(other, _)| other == name) {
        Some((_, value)) => json.clone_into(value),
        None => members.push((name.to_owned(), json.to_owned())),
    }
}

fn object(members: &[(String, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(name, json)| format!("{}:{json}", quote(name))).collect();
    format!("{{{}}}", members.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_may_be_duplicates() {
        let mint = Mint::default().claim("a", "1").claim("b", "1e400").claim("a", "2").append("a", "null");
        assert_eq!(mint.claims_json(), r#"{"a":2,"b":1e400,"a":null}"#);
        assert_eq!(mint.without("a").prepend("c", "[]").claims_json(), r#"{"c":[],"b":1e400}"#);
    }
}
