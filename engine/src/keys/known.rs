//! Header segments that are recognised instead of parsed: every token of a key has the same one.
//!
//! Issuers write few members in few orders, so that most headers can be told beforehand from the keys alone.
//! What is recognised stands for exactly what parsing it gives, for that is how it was made.

use std::fmt;

use base64_simd::URL_SAFE_NO_PAD;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::Key;
use crate::jose::JoseHeader;

/// Beyond this many keys the memory is better spent elsewhere.
const MAX_KEYS: usize = 256;

/// Parsed headers by their encoded segment.
#[derive(Default)]
pub(super) struct KnownHeaders(HashMap<Box<[u8]>, JoseHeader<'static>, FixedState>);

impl KnownHeaders {
    pub(super) fn of(keys: &[Key]) -> Self {
        let mut known = Self::default();
        for key in keys.iter().take(MAX_KEYS) {
            for text in usual_headers(key) {
                if let Ok(header) = JoseHeader::parse(text.as_bytes()) {
                    let segment = URL_SAFE_NO_PAD.encode_to_string(text.as_bytes());
                    known.0.insert(segment.into_bytes().into(), header.into_owned());
                }
            }
        }
        known
    }

    pub(super) fn get(&self, segment: &[u8]) -> Option<&JoseHeader<'_>> {
        self.0.get(segment)
    }
}

impl fmt::Debug for KnownHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KnownHeaders({})", self.0.len())
    }
}

/// The members `alg`, `typ` and `kid` in every order, without white space, as libraries write them.
fn usual_headers(key: &Key) -> Vec<String> {
    let algorithm = format!(r#""alg":"{}""#, key.algorithm);
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
