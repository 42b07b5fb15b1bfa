//! TOK-1: the content of the segments of a signed token.

use crate::case::{Accept, Case};
use crate::catalogue::sources;
use crate::run::session::{Session, Stop};
use crate::token::{Compact, Mint, base64url};

macro_rules! content {
    ($name:ident, $title:literal, $what:literal, level: $level:ident, source: $source:expr, accept: [$($accept:ident),+],
     |$session:ident| $token:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [Tok1],
            level: $level,
            sends: concat!("Sends GET to the protected endpoint with a correctly signed token ", $what, "."),
            requirement: concat!("The deployment ", $crate::catalogue::modal!($level), " treat such a token as documented: ", $title, "."),
            source: $source,
            needs: [Key],
            accept: [$(Accept::$accept),+],
            probe: |$session| {
                let token = $token;
                $session.protected().bearer(token.text())
            },
        }
    };
}

/// Signs a header and claims that need not be JSON.
fn sealed(session: &Session, header: &[u8], claims: &[u8]) -> Result<Compact, Stop> {
    let key = session.key()?;
    Ok(Mint::seal(base64url(header), base64url(claims), |input| key.sign(input)))
}

fn with_header(session: &Session, header: &str) -> Result<Compact, Stop> {
    sealed(session, header.as_bytes(), session.mint()?.claims_json().as_bytes())
}

fn with_claims(session: &Session, claims: &[u8]) -> Result<Compact, Stop> {
    sealed(session, session.mint()?.header_json().as_bytes(), claims)
}

pub(in crate::catalogue) static CASES: &[Case] = &[
    content!(header_not_json, "A header that is not JSON is malformed", "whose header is no JSON",
        level: Must, source: sources::MALFORMED, accept: [InvalidCredentials],
        |s| with_header(s, "alg=ES256")?),
    content!(header_array, "A header that is an array is malformed", "whose header is an array",
        level: Must, source: sources::MALFORMED, accept: [InvalidCredentials],
        |s| with_header(s, &format!("[{}]", s.mint()?.header_json()))?),
    content!(claims_not_json, "Claims that are not JSON are malformed", "whose claims are no JSON",
        level: Must, source: sources::MALFORMED, accept: [InvalidCredentials],
        |s| with_claims(s, b"exp=4102444800")?),
    content!(claims_array, "Claims in an array are malformed", "whose claims stand in an array",
        level: Must, source: sources::MALFORMED, accept: [InvalidCredentials],
        |s| with_claims(s, format!("[{}]", s.mint()?.claims_json()).as_bytes())?),
    content!(claims_not_utf8, "Claims that are not UTF-8 are malformed", "with a claim that is not UTF-8",
    level: Should, source: sources::MALFORMED, accept: [InvalidCredentials],
    |s| {
        let json = s.mint()?.append("note", "\"?\"").claims_json();
        let bytes: Vec<u8> = json.bytes().map(|byte| if byte == b'?' { 0xff } else { byte }).collect();
        with_claims(s, &bytes)?
    }),
    content!(exp_twice, "A duplicate claim is malformed", "whose `exp` is duplicated, past and future",
        level: Should, source: sources::UNIQUE_MEMBERS, accept: [InvalidCredentials],
        |s| s.mint()?.prepend("exp", &(s.now() - 3_600).to_string()).sign(&s.key()?)),
    content!(exp_twice_turned, "A duplicate claim is malformed, whichever comes first",
        "whose `exp` is duplicated, future and past",
        level: Should, source: sources::UNIQUE_MEMBERS, accept: [InvalidCredentials],
        |s| s.mint()?.append("exp", &(s.now() - 3_600).to_string()).sign(&s.key()?)),
    content!(organization_twice, "A duplicate organization is malformed",
        "whose organization is duplicated, another one first",
        level: Should, source: sources::UNIQUE_MEMBERS, accept: [InvalidCredentials],
        |s| s.mint()?.prepend(&s.organization_claim()?, "\"org-nobody-knows\"").sign(&s.key()?)),
    content!(alg_twice, "A duplicate `alg` is malformed", "whose header has a duplicate `alg`",
        level: Should, source: sources::UNIQUE_MEMBERS, accept: [InvalidCredentials],
        |s| s.mint()?.append_header("alg", "\"none\"").append_header(
            "alg", &crate::token::quote(s.key()?.algorithm().name())).sign(&s.key()?)),
    content!(type_of_another_kind, "A token of another kind is refused", "whose `typ` is `logout+jwt`",
        level: Should, source: sources::EXPLICIT_TYPING, accept: [InvalidCredentials],
        |s| s.mint()?.header("typ", "\"logout+jwt\"").sign(&s.key()?)),
    content!(type_not_a_string, "A `typ` that is not a string is malformed", "whose `typ` is a number",
        level: Should, source: sources::EXPLICIT_TYPING, accept: [InvalidCredentials],
        |s| s.mint()?.header("typ", "1").sign(&s.key()?)),
    content!(token_id_not_a_string, "A `jti` that is not a string is malformed", "whose `jti` is a number",
        level: Should, source: sources::MALFORMED, accept: [InvalidCredentials],
        |s| s.mint()?.claim("jti", "7").sign(&s.key()?)),
    content!(without_type, "`typ` may be left out", "without `typ`",
        level: Should, source: sources::EXPLICIT_TYPING, accept: [Success],
        |s| s.mint()?.without_header("typ").sign(&s.key()?)),
    content!(access_token_type, "An access token's `typ` is accepted", "whose `typ` is `at+jwt`",
        level: Should, source: sources::EXPLICIT_TYPING, accept: [Success],
        |s| s.mint()?.header("typ", "\"at+jwt\"").sign(&s.key()?)),
    content!(unread_claims, "Unknown claims are ignored", "with odd claims of all types",
        level: Should, source: sources::JWT, accept: [Success],
        |s| s.mint()?.append("artos_note", r#"[null,true,-1.5e3,"\u00e9",{"":[[]]}]"#)
            .append("Exp", "0").append("", "1").sign(&s.key()?)),
    content!(escaped_claims, "Escapes in claims mean what they stand for",
        "whose claims' names and values are written with escapes",
        level: Should, source: sources::JWT, accept: [Success],
        |s| with_claims(s, escaped(&s.mint()?.claims_json()).as_bytes())?),
    content!(long_token, "A token of six thousand characters is accepted", "that is six thousand characters long",
        level: Should, source: sources::JWT, accept: [Success],
        |s| s.mint()?.append("artos_note", &crate::token::quote(&"x".repeat(3_900))).sign(&s.key()?)),
    content!(nested_sixty_deep, "Sixty levels of nesting are ignored", "with a claim nested sixty levels deep",
        level: Should, source: sources::JWT, accept: [Success],
        |s| s.mint()?.append("artos_note", &nested(60)).sign(&s.key()?)),
    content!(nested_two_thousand_deep, "Two thousand levels of nesting do no harm",
        "with a claim nested two thousand levels deep",
        level: Must, source: sources::MALFORMED, accept: [InvalidCredentials, Success],
        |s| s.mint()?.append("artos_note", &nested(2_000)).sign(&s.key()?)),
    content!(null_expected_claims, "A claim that is null counts as absent", "whose `nbf` and `jti` are null",
        level: Should, source: sources::JWT, accept: [Success],
        |s| s.mint()?.claim("nbf", "null").claim("jti", "null").sign(&s.key()?)),
];

fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

/// The same JSON with every letter of its strings escaped.
fn escaped(json: &str) -> String {
    let mut inside = false;
    let mut text = String::new();
    for character in json.chars() {
        match character {
            '"' => {
                inside = !inside;
                text.push('"');
            }
            letter if inside && letter.is_ascii_alphabetic() => {
                text.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_json_has_the_same_meaning() {
        let json = r#"{"exp":17,"org_id":"org-a"}"#;
        let value: serde_json::Value = serde_json::from_str(&escaped(json)).unwrap();
        assert_eq!(value, serde_json::from_str::<serde_json::Value>(json).unwrap());
    }
}
