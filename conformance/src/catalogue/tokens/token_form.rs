//! TOK-1 and TOK-2: three segments of base64url, without extra characters.

use crate::case::{Accept, Case};
use crate::catalogue::{compare, sources};
use crate::run::session::Stop;
use crate::token::Compact;
use crate::transport::TokenText;

macro_rules! malformed {
    ($name:ident, $title:literal, $what:literal, level: $level:ident, source: $source:expr,
     |$token:ident| $spelling:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [Tok1, Tok2],
            level: $level,
            sends: concat!("Sends GET to the protected endpoint with ", $what, "."),
            requirement: concat!("The deployment ", $crate::catalogue::modal!($level), " answer 401 `Invalid authentication credentials`."),
            source: $source,
            needs: [Valid],
            accept: [Accept::InvalidCredentials],
            probe: |s| {
                let $token = s.valid()?;
                s.protected().bearer($spelling)
            },
        }
    };
    ($name:ident, $title:literal, $text:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [Tok1],
            level: Must,
            sends: concat!("Sends GET to the protected endpoint with a token that is ", $title, "."),
            requirement: "The deployment must answer 401 `Invalid authentication credentials`.",
            source: sources::MALFORMED,
            needs: [],
            accept: [Accept::InvalidCredentials],
            probe: |s| s.protected().bearer($text),
        }
    };
}

/// Inserts text in the middle of a segment.
fn inserted(segment: &str, text: &str) -> String {
    let (one, other) = segment.split_at(segment.len() / 2);
    format!("{one}{text}{other}")
}

/// The signature with non-zero trailing bits; `None` if it has no trailing bits.
fn with_trailing_bits(segment: &str) -> Option<String> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = segment.bytes().last()?;
    let value = ALPHABET.iter().position(|&letter| letter == last)?;
    // Two bytes in three letters leave two bits, one byte in two letters leaves four; in both cases the lowest bit is
    // one of them.
    let other = ALPHABET.get(value ^ 1).filter(|_| !segment.len().is_multiple_of(4))?;
    Some(format!("{}{}", &segment[..segment.len() - 1], char::from(*other)))
}

fn other_alphabet(token: &Compact) -> Option<Compact> {
    let signature = token.signature.replace('-', "+").replace('_', "/");
    (signature != token.signature).then(|| Compact { signature, ..token.clone() })
}

/// The first token whose signature can be written in the other alphabet: this one, or one of `more`.
fn in_other_alphabet(
    token: &Compact,
    mut more: impl FnMut() -> Result<Compact, Stop>,
) -> Result<Compact, Stop> {
    // A signature of 32 bytes has neither letter once in four times.
    const ATTEMPTS: usize = 64;
    if let Some(token) = other_alphabet(token) {
        return Ok(token);
    }
    for _ in 0..ATTEMPTS {
        let Ok(token) = more() else { break };
        if let Some(token) = other_alphabet(&token) {
            return Ok(token);
        }
    }
    Err(Stop::Skip("needs [signing], or a tokens.valid with `-` or `_` in its signature".into()))
}

fn no_such_key(what: &str) -> Stop {
    Stop::Skip(format!("needs another key, {what}"))
}

pub(in crate::catalogue) static CASES: &[Case] = &[
    malformed!(garbage, "no token at all", "not-a-token"),
    malformed!(many_dots, "thousands of dots", ".".repeat(4_000)),
    malformed!(long_garbage, "nine thousand letters", "x".repeat(9_000)),
    malformed!(two_segments, "A token without a third segment is refused", "a good token without its third segment",
        level: Must, source: sources::THREE_SEGMENTS, |token| token.signed_part()),
    malformed!(four_segments, "A fourth segment makes the token malformed", "a good token and a fourth segment",
        level: Must, source: sources::THREE_SEGMENTS, |token| format!("{}.x", token.text())),
    malformed!(five_segments, "An encrypted token is not the documented form",
        "five segments, like a JWE, made of a good token's",
        level: Must, source: sources::THREE_SEGMENTS,
        |token| format!("{}.{}.{}", token.text(), token.claims, token.signature)),
    malformed!(leading_dot, "A dot before the token is an extra character", "a good token and a dot before it",
        level: Must, source: sources::NO_EXTRAS, |token| format!(".{}", token.text())),
    malformed!(empty_header, "An empty header is malformed", "a good token with an empty first segment",
        level: Must, source: sources::MALFORMED, |token| Compact { header: String::new(), ..token }.text()),
    malformed!(empty_claims, "Empty claims are malformed", "a good token with an empty second segment",
        level: Must, source: sources::MALFORMED, |token| Compact { claims: String::new(), ..token }.text()),
    malformed!(header_not_json, "A header that is not JSON is malformed, whatever the signature",
        "a good token's claims and signature after a header that is not JSON",
        level: Must, source: sources::MALFORMED, |token| token.with_header("alg=ES256").text()),
    malformed!(claims_not_json, "Claims that are not JSON are malformed, whatever the signature",
        "a good token's header and signature around claims that are not JSON",
        level: Must, source: sources::MALFORMED, |token| token.with_claims("exp=4102444800").text()),
    malformed!(header_nested_deeply, "A deeply nested header does no harm",
        "a good token's claims and signature after a header of two thousand nested arrays",
        level: Must, source: sources::MALFORMED,
        |token| token.with_header(&format!("{{\"alg\":{}{}}}", "[".repeat(2_000), "]".repeat(2_000))).text()),
    malformed!(last_character_missing, "A token without its last character is refused",
    "a good token without its last character",
    level: Must, source: sources::NO_EXTRAS, |token| {
        let mut text = token.text();
        text.pop();
        text
    }),
    malformed!(character_behind, "A letter after the token is an extra character",
        "a good token followed by the letter A",
        level: Must, source: sources::NO_EXTRAS, |token| format!("{}A", token.text())),
    malformed!(asterisk_in_signature, "A character outside the alphabet is not skipped in the signature",
        "a good token with `*` inside its signature",
        level: Must, source: sources::NO_EXTRAS,
        |token| Compact { signature: inserted(&token.signature, "*"), ..token }.text()),
    malformed!(asterisk_in_claims, "A character outside the alphabet is not skipped in the claims",
        "a good token with `*` inside its claims",
        level: Must, source: sources::NO_EXTRAS,
        |token| Compact { claims: inserted(&token.claims, "*"), ..token }.text()),
    case! {
        white_space_in_signature,
        title: "White space inside the signature is not skipped",
        clauses: [Tok2, Tok1],
        level: Must,
        sends: "Sends GET to the protected endpoint with a good token with a space, and again with a tab, inside its signature.",
        requirement: "The deployment must answer 401 to both.",
        source: sources::NO_EXTRAS,
        needs: [Valid],
        accept: [Accept::InvalidCredentials, Accept::NotAuthenticated],
        requests: 2,
        run: |s| {
            for between in [" ", "\t"] {
                let token = s.valid()?;
                let (one, other) = token.signature.split_at(token.signature.len() / 2);
                let value = TokenText::from("Bearer ").token(format!("{}.{one}", token.signed_part()));
                s.send(s.protected().authorization(value.plain(between).token(other))).await?;
            }
            compare::each(s).await
        },
    },
    malformed!(padded_signature, "Padding after the signature is refused",
    "a good token with `=` after its signature",
    level: Should, source: sources::UNPADDED,
    |token| {
        let padding = "=".repeat((4 - token.signature.len() % 4) % 4);
        if padding.is_empty() {
            return Err(no_such_key("whose signatures need padding"));
        }
        format!("{}{padding}", token.text())
    }),
    malformed!(trailing_bits, "Unused bits of the signature are zero",
    "a good token with an unused bit of its signature set",
    level: Should, source: sources::CANONICAL_BITS,
    |token| {
        let signature = with_trailing_bits(&token.signature);
        let signature =
            signature.ok_or_else(|| no_such_key("whose signatures do not fill their last character"))?;
        Compact { signature, ..token }.text()
    }),
    case! {
        other_base64_alphabet,
        title: "The alphabet is base64url's",
        clauses: [Tok1],
        level: Should,
        sends: "Sends GET to the protected endpoint with a good token whose signature is written with `+` and `/`.",
        requirement: "The deployment should answer 401 `Invalid authentication credentials`.",
        source: sources::UNPADDED,
        needs: [Valid],
        accept: [Accept::InvalidCredentials],
        probe: |s| {
            let token = in_other_alphabet(&s.valid()?, || Ok(s.mint()?.sign(&s.key()?)))?;
            s.protected().bearer(token.text())
        },
    },
    malformed!(json_serialization, "The JSON serialization is not the documented form",
    "a good token in the JSON serialization",
    level: Must, source: sources::THREE_SEGMENTS,
    |token| format!(
        r#"{{"payload":"{}","protected":"{}","signature":"{}"}}"#,
        token.claims, token.header, token.signature
    )),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::{base64url, from_base64url};

    #[test]
    fn a_token_is_minted_until_its_signature_shows_the_alphabet() {
        let token = |signature: u8| Compact {
            header: "e30".into(),
            claims: "e30".into(),
            signature: base64url(&[signature; 3]),
        };
        let mut minted = [token(0), token(0xff), token(0)].into_iter();
        let mut mint = || minted.next().ok_or_else(|| Stop::Skip("no more".into()));
        assert_eq!(
            in_other_alphabet(&token(0), &mut mint).ok().map(|token| token.signature),
            Some("////".into())
        );
        assert_eq!(minted.len(), 1);
        let without_key = in_other_alphabet(&token(0), || Err(Stop::Skip("needs [signing]".into())));
        let Err(Stop::Skip(why)) = without_key else { panic!("it has no other token") };
        assert_eq!(why, "needs [signing], or a tokens.valid with `-` or `_` in its signature");
    }

    #[test]
    fn trailing_bits_change_the_text_and_not_the_bytes() {
        let segment = base64url(&[7; 64]);
        let other = with_trailing_bits(&segment).unwrap();
        assert_ne!(segment, other);
        assert_eq!(from_base64url(&other), None);
        assert_eq!(with_trailing_bits(&base64url(&[7; 96])), None);
    }
}
