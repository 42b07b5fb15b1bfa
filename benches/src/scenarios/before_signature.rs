//! Decisions that need no signature.

use crate::floor::Floor;
use crate::measure::Subject;
use crate::tokens::{Alg, Claims, SigningKey};
use crate::world::{PUBLIC_PATH, Question, Size, engine, organizations};

/// The public path (with the same token), no header, a header with another scheme, and an oversized token; next to the
/// floor, which the targets are relative to.
#[must_use]
pub fn before_signature() -> Vec<Subject> {
    let key = SigningKey::new(Alg::Hs256);
    let token = key.mint(&Claims::default());
    let floor = Floor::new(&key, &token);
    let engine = engine(&key, Size::default());
    let question = || Question::new(engine.clone(), organizations(Size::default().organizations), &token);
    let public = question().with_path(PUBLIC_PATH);
    let missing = question().with_authorization(None);
    let malformed = question().with_authorization(Some(b"Basic dXNlcjpwYXNzd29yZA=="));
    let oversized = question().with_authorization(Some(format!("Bearer {}", "a".repeat(16_384)).as_bytes()));
    vec![
        Subject::new("floor", move || assert!(floor.verifies())),
        Subject::new("public-path", move || assert_eq!(public.decide().reason_code(), "public_path")),
        Subject::new("missing-header", move || missing.assert_reason("header_missing")),
        Subject::new("malformed-header", move || malformed.assert_reason("scheme_not_bearer")),
        Subject::new("oversized-token", move || oversized.assert_reason("token_too_long")),
    ]
}
