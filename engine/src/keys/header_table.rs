//! A table of encoded header segments, which are recognized instead of parsed: all tokens of a key usually have the same
//! header.
//!
//! Issuers write few header parameters in few orders, so most headers can be predicted from the keys. Each entry is made by
//! parsing the header and looking up its keys, so recognizing it gives the same result.

use std::fmt;

use base64_simd::URL_SAFE_NO_PAD;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::key::{Candidates, Key};
use crate::algorithm::Algorithm;
use crate::token::JoseHeader;

/// With more keys than this, the table would take too much memory.
const MAX_KEYS: usize = 256;

/// Headers by their encoded segment.
#[derive(Default)]
pub(super) struct HeaderTable(HashMap<Box<[u8]>, KnownHeader, FixedState>);

/// A recognized header: parsed in advance, with its keys.
pub(crate) struct KnownHeader {
    header: JoseHeader<'static>,
    candidates: Option<Box<[usize]>>,
}

impl KnownHeader {
    pub(crate) fn header(&self) -> &JoseHeader<'static> {
        &self.header
    }

    /// The candidate keys of a token with this header.
    pub(crate) fn candidates(&self) -> Option<Candidates<'_>> {
        self.candidates.as_deref().map(Candidates)
    }
}

impl HeaderTable {
    pub(super) fn of<'k>(
        keys: &[Key],
        candidates: impl Fn(Option<&str>, Algorithm) -> Option<Candidates<'k>>,
    ) -> Self {
        let mut known = Self::default();
        for key in keys.iter().take(MAX_KEYS) {
            for text in usual_headers(key) {
                if let Ok(header) = JoseHeader::parse(text.as_bytes()) {
                    let candidates = candidates(header.key_id(), key.algorithm);
                    let candidates = candidates.map(|candidates| candidates.0.into());
                    let segment = URL_SAFE_NO_PAD.encode_to_string(&text);
                    let known_header = KnownHeader { header: header.into_owned(), candidates };
                    known.0.insert(segment.into_bytes().into(), known_header);
                }
            }
        }
        known
    }

    pub(super) fn get(&self, segment: &[u8]) -> Option<&KnownHeader> {
        self.0.get(segment)
    }
}

impl fmt::Debug for HeaderTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeaderTable({})", self.0.len())
    }
}

/// The members `alg`, `typ` and `kid` in every order, without white space, as libraries write them.
fn usual_headers(key: &Key) -> Vec<String> {
    key.algorithm.names().flat_map(|algorithm| headers_with(algorithm, key)).collect()
}

fn headers_with(algorithm: &str, key: &Key) -> Vec<String> {
    let algorithm = format!(r#""alg":"{algorithm}""#);
    let id =
        key.id.as_deref().and_then(|id| serde_json::to_string(id).ok()).map(|id| format!(r#""kid":{id}"#));
    let mut headers = Vec::new();
    for kind in [None, Some("JWT"), Some("at+jwt")] {
        let kind = kind.map(|kind| format!(r#""typ":"{kind}""#));
        let members: Vec<&str> = [Some(&algorithm), kind.as_ref(), id.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        for order in orders(&members) {
            headers.push(format!("{{{}}}", order.join(",")));
        }
    }
    headers
}

fn orders<'t>(members: &[&'t str]) -> Vec<Vec<&'t str>> {
    let Some((first, rest)) = members.split_first() else { return vec![Vec::new()] };
    let mut all = Vec::new();
    for order in orders(rest) {
        for at in 0..=order.len() {
            let mut with_first = order.clone();
            with_first.insert(at, first);
            all.push(with_first);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::algorithm::Algorithm;
    use crate::keys::KeySet;
    use crate::token::JoseHeader;
    use base64_simd::URL_SAFE_NO_PAD;

    fn keys() -> KeySet {
        let secret = "dGVzdC1vbmx5LW5vdC1hLXJlYWwta2V5LWhzMjU2LSM";
        let named = format!(r#"{{"kty":"oct","alg":"HS256","kid":"a\"b","k":"{secret}"}}"#);
        let unnamed = format!(r#"{{"kty":"oct","alg":"HS256","k":"{secret}"}}"#);
        KeySet::from_jwks(format!(r#"{{"keys":[{named},{unnamed}]}}"#).as_bytes()).unwrap()
    }

    #[rstest]
    #[case::algorithm_alone(r#"{"alg":"HS256"}"#)]
    #[case::type_first(r#"{"typ":"JWT","alg":"HS256"}"#)]
    #[case::type_last(r#"{"alg":"HS256","typ":"JWT"}"#)]
    #[case::other_type(r#"{"typ":"at+jwt","alg":"HS256"}"#)]
    #[case::key_id_first(r#"{"kid":"a\"b","alg":"HS256","typ":"JWT"}"#)]
    #[case::key_id_between(r#"{"alg":"HS256","kid":"a\"b","typ":"JWT"}"#)]
    #[case::key_id_last(r#"{"typ":"JWT","alg":"HS256","kid":"a\"b"}"#)]
    #[case::key_id_and_no_type(r#"{"alg":"HS256","kid":"a\"b"}"#)]
    fn a_usual_header_is_recognized_with_its_content(#[case] text: &str) {
        let keys = keys();
        let segment = URL_SAFE_NO_PAD.encode_to_string(text);
        let recognized = keys.recognize_header(segment.as_bytes()).unwrap();
        let known = recognized.header();
        let read = JoseHeader::parse(text.as_bytes()).unwrap();
        let policy = crate::Policy::new(&crate::PolicySpec::default()).unwrap();
        assert_eq!(known.key_id(), read.key_id());
        assert_eq!(known.allowed_algorithm(&policy), read.allowed_algorithm(&policy));
        assert_eq!(known.check_typ(&policy), read.check_typ(&policy));
        assert_eq!(known.reject_critical(), Ok(()));
        let looked_up = keys.candidates(read.key_id(), Algorithm::HS256).unwrap();
        assert_eq!(recognized.candidates().unwrap().0, looked_up.0);
    }

    #[rstest]
    #[case::nothing("")]
    #[case::white_space(r#"{ "alg":"HS256" }"#)]
    #[case::another_algorithm(r#"{"alg":"HS512"}"#)]
    #[case::another_key(r#"{"alg":"HS256","kid":"c"}"#)]
    #[case::critical_extension(r#"{"alg":"HS256","crit":[]}"#)]
    fn other_headers_are_parsed(#[case] text: &str) {
        let segment = URL_SAFE_NO_PAD.encode_to_string(text);
        assert!(keys().recognize_header(segment.as_bytes()).is_none());
    }
}
