//! The claims of a token that is signed (section 3, point 7).

use crate::choices::Choices;
use crate::differential::{pair, question};
use crate::mint;

/// Any bytes as claims. An allow has to be for what serde_json, too, reads out of them.
pub(crate) fn run(input: &[u8]) {
    let mut choices = Choices::new(input);
    let pair = pair(choices.byte());
    let claims = choices.rest();
    let verdict = pair.check(&question(vec![mint::bearer(&mint::token(mint::HEADER, claims))]));
    let Some(principal) = verdict.principal else { return };
    let names = pair.setup.policy.claims.clone().unwrap_or_default();
    // Names that are no text and nesting beyond 128 levels, which nobody reads, serde_json refuses.
    let Ok(read) = serde_json::from_slice::<serde_json::Value>(claims) else { return };
    let text = |name: Option<String>, default: &str| read[name.as_deref().unwrap_or(default)].clone();
    assert_eq!(text(names.user, "sub"), principal.user_id);
    assert_eq!(text(names.organization, "org_id"), principal.org_id);
    assert_eq!(read["exp"].as_f64(), principal.expires_at.as_f64());
}
