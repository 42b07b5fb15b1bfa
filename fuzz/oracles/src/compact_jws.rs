//! The compact serialization of a token and its JOSE header (section 3, points 1 to 5).

use artos_auth_fixtures::token::good_claims;

use crate::choices::Choices;
use crate::differential::{pair, question};
use crate::mint;

/// Any bytes as a token; and again with a valid signature over them.
pub(crate) fn run(input: &[u8]) {
    let mut choices = Choices::new(input);
    let pair = pair(choices.byte());
    let token = choices.rest();
    pair.check(&question(vec![mint::bearer(token)]));
    if let Some(dot) = token.iter().rposition(|byte| *byte == b'.') {
        let (signed, _) = token.split_at(dot);
        let signature = mint::base64url(&mint::sign(signed));
        let token = [signed, b".", signature.as_bytes()].concat();
        pair.check(&question(vec![mint::bearer(&token)]));
    }
}

/// Any bytes as a header, with valid claims, signed under the algorithm selected by the first byte.
pub(crate) fn run_header(input: &[u8]) {
    let mut choices = Choices::new(input);
    let pair = pair(choices.byte());
    let algorithm = choices.pick(&["HS256", "HS384", "HS512"]);
    let claims = serde_json::Value::Object(good_claims()).to_string();
    let signed = format!("{}.{}", mint::base64url(choices.rest()), mint::base64url(claims.as_bytes()));
    let signature = mint::base64url(&mint::sign_under(algorithm, signed.as_bytes()));
    let verdict = pair.check(&question(vec![mint::bearer(format!("{signed}.{signature}").as_bytes())]));
    if algorithm != "HS256" {
        assert!(!verdict.is_allow(), "a key that serves HS256 verified {algorithm}");
    }
}
