//! TOK-8: the key determines the algorithm, never the token.

use serde_json::{Value, json};

use crate::case::{Accept, Case};
use crate::catalogue::sources;
use crate::run::session::{Session, Stop, header_with};
use crate::token::{Algorithm, Compact, SigningKey, base64url, quote};

macro_rules! forged {
    ($name:ident, $title:literal, $what:literal, source: $source:expr, needs: [$($need:ident),+],
     |$session:ident| $token:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [Tok8],
            level: Must,
            sends: concat!("Sends GET to the protected endpoint with ", $what, "."),
            requirement: "The deployment must answer 401 `Invalid authentication credentials`.",
            source: $source,
            needs: [$($need),+],
            accept: [Accept::InvalidCredentials],
            probe: |$session| {
                let token = $token;
                $session.protected().bearer(token.text())
            },
        }
    };
}

/// A valid token's claims under this `alg`, with a signature of zeros, whatever the algorithm of the deployment's key.
macro_rules! zeros {
    ($name:ident, $algorithm:literal, $length:literal) => {
        case! {
            $name,
            title: concat!("Zeros under ", $algorithm, " verify nothing"),
            clauses: [Tok8],
            level: Must,
            sends: concat!("Sends GET to the protected endpoint with a good token's claims under `alg` `", $algorithm, "` with a signature of zeros."),
            requirement: "The deployment must answer 401 `Invalid authentication credentials`.",
            source: sources::ALGORITHMS,
            needs: [Valid],
            accept: [Accept::InvalidCredentials],
            probe: |s| {
                let token = s.valid()?;
                let token = token.with_header(&header_with(&token, "alg", json!($algorithm)));
                s.protected().bearer(token.with_signature(&[0; $length]).text())
            },
        }
    };
}

/// A valid token's claims without a signature, under an `alg` chosen by the attacker.
fn unsigned(session: &Session, alg: Value) -> Result<Compact, Stop> {
    let token = session.valid()?;
    Ok(token.with_header(&header_with(&token, "alg", alg)).with_signature(&[]))
}

/// A valid token's claims, signed under an HMAC algorithm with a secret chosen by the attacker.
fn hmac(session: &Session, algorithm: Algorithm, secret: &[u8]) -> Result<Compact, Stop> {
    let token = session.valid()?;
    let token = token.with_header(&header_with(&token, "alg", algorithm.name().into()));
    let signature = SigningKey::secret(algorithm, None, secret).sign(token.signed_part().as_bytes());
    Ok(token.with_signature(&signature))
}

/// The same with the deployment's public key as the secret, in one of its encodings.
fn confused(session: &Session, encoding: fn(&SigningKey) -> Vec<u8>) -> Result<Compact, Stop> {
    hmac(session, Algorithm::Hs256, &encoding(&session.key()?))
}

pub(in crate::catalogue) static CASES: &[Case] = &[
    forged!(none, "`none` is not an algorithm", "a good token's claims under `alg` `none` with an empty signature",
        source: sources::ALGORITHMS, needs: [Valid], |s| unsigned(s, json!("none"))?),
    forged!(none_capitalized, "`None` is not an algorithm",
        "a good token's claims under `alg` `None` with an empty signature",
        source: sources::ALGORITHMS, needs: [Valid], |s| unsigned(s, json!("None"))?),
    forged!(none_in_capitals, "`NONE` is not an algorithm",
        "a good token's claims under `alg` `NONE` with an empty signature",
        source: sources::ALGORITHMS, needs: [Valid], |s| unsigned(s, json!("NONE"))?),
    forged!(none_in_mixed_case, "`nOnE` is not an algorithm",
        "a good token's claims under `alg` `nOnE` with an empty signature",
        source: sources::ALGORITHMS, needs: [Valid], |s| unsigned(s, json!("nOnE"))?),
    forged!(none_with_white_space, "`none` followed by a space is not an algorithm",
        "a good token's claims under `alg` `none ` with an empty signature",
        source: sources::ALGORITHMS, needs: [Valid], |s| unsigned(s, json!("none "))?),
    forged!(none_with_the_signature, "`none` with the old signature is not an algorithm",
        "a good token whose `alg` was changed to `none`",
        source: sources::ALGORITHMS, needs: [Valid],
        |s| { let token = s.valid()?; token.with_header(&header_with(&token, "alg", json!("none"))) }),
    forged!(none_with_any_signature, "`none` with some signature is not an algorithm",
        "a good token's claims under `alg` `none` with a signature of one byte",
        source: sources::ALGORITHMS, needs: [Valid], |s| unsigned(s, json!("none"))?.with_signature(&[1])),
    forged!(empty, "An empty `alg` is not an algorithm", "a good token's claims under an empty `alg`, unsigned",
        source: sources::ALGORITHMS, needs: [Valid], |s| unsigned(s, json!(""))?),
    forged!(number, "A number is not an algorithm", "a good token's claims under `alg` 0, unsigned",
        source: sources::ALGORITHMS, needs: [Valid], |s| unsigned(s, json!(0))?),
    forged!(unknown, "An unknown algorithm is refused", "a good token's claims under `alg` `foo`, unsigned",
        source: sources::ALGORITHMS, needs: [Valid], |s| unsigned(s, json!("foo"))?),
    forged!(missing, "A token without an `alg` is refused", "a correctly signed token whose header has no `alg`",
        source: sources::ALGORITHMS, needs: [Key], |s| s.mint()?.without_header("alg").sign(&s.key()?)),
    forged!(in_another_case, "An `alg` in lower case is another algorithm", "a correctly signed token whose `alg` is in lower case",
        source: sources::ALGORITHMS, needs: [Key],
        |s| { let key = s.key()?; s.mint()?.header("alg", &quote(&key.algorithm().name().to_lowercase())).sign(&key) }),
    forged!(another_of_the_same_key, "A key serves one algorithm only",
    "a token correctly signed by the deployment's key under another algorithm than the key's own",
    source: sources::ONE_ALGORITHM, needs: [FlexibleKey],
    |s| {
        let key = s.key()?;
        let other = key.algorithm().sibling().unwrap_or(key.algorithm());
        s.mint()?.header("alg", &quote(other.name())).sign_as(&key, other)
    }),
    forged!(another_name_for_the_signature, "A signature is verified under the algorithm that the header names",
    "a correctly signed token that calls its algorithm another of the same kind",
    source: sources::ONE_ALGORITHM, needs: [Key],
    |s| {
        let key = s.key()?;
        let other = match key.algorithm() {
            Algorithm::Es256 => Algorithm::Es384,
            Algorithm::Es384 | Algorithm::EdDsa => Algorithm::Es256,
            own => own.sibling().unwrap_or(own),
        };
        s.mint()?.header("alg", &quote(other.name())).sign(&key)
    }),
    forged!(public_pem_as_secret, "The public key in PEM is not an HMAC secret",
        "a token signed under HS256 with the deployment's public key in PEM",
        source: sources::ONE_ALGORITHM, needs: [AsymmetricKey], |s| confused(s, |key| key.public_pem().into())?),
    forged!(public_pem_without_newline_as_secret, "The public key in PEM without a newline is not an HMAC secret",
        "a token signed under HS256 with the deployment's public key in PEM without the last newline",
        source: sources::ONE_ALGORITHM, needs: [AsymmetricKey],
        |s| confused(s, |key| key.public_pem().trim_end().into())?),
    forged!(public_pem_with_space_as_secret, "The public key in PEM with a space before it is not an HMAC secret",
        "a token signed under HS256 with a space and the deployment's public key in PEM",
        source: sources::ONE_ALGORITHM, needs: [AsymmetricKey],
        |s| confused(s, |key| format!(" {}", key.public_pem()).into())?),
    forged!(public_der_as_secret, "The public key in DER is not an HMAC secret",
        "a token signed under HS256 with the deployment's public key in DER",
        source: sources::ONE_ALGORITHM, needs: [AsymmetricKey], |s| confused(s, SigningKey::public_spki)?),
    forged!(public_point_as_secret, "The public key's own bytes are not an HMAC secret",
        "a token signed under HS256 with the deployment's public key in PKCS #1, or as a point",
        source: sources::ONE_ALGORITHM, needs: [AsymmetricKey], |s| confused(s, SigningKey::public_raw)?),
    forged!(public_jwk_as_secret, "The public key as a JWK is not an HMAC secret",
        "a token signed under HS256 with the deployment's public JWK",
        source: sources::ONE_ALGORITHM, needs: [AsymmetricKey], |s| confused(s, |key| key.public_jwk().into())?),
    forged!(empty_secret, "An empty secret is not a key", "a token signed under HS256 with an empty secret",
        source: sources::ALGORITHMS, needs: [Valid], |s| hmac(s, Algorithm::Hs256, b"")?),
    zeros!(zeros_under_es256, "ES256", 64),
    zeros!(zeros_under_es384, "ES384", 96),
    zeros!(zeros_under_eddsa, "EdDSA", 64),
    zeros!(zeros_under_hs256, "HS256", 32),
    zeros!(zeros_under_rs256, "RS256", 256),
    forged!(missing_with_the_signature, "The old signature without an `alg` is refused",
    "a good token whose `alg` was removed",
    source: sources::ALGORITHMS, needs: [Valid],
    |s| {
        let token = s.valid()?;
        let mut header = token.header_members();
        header.remove("alg");
        token.with_header(&Value::Object(header).to_string())
    }),
    case! {
        guessable_secret,
        title: "A secret that is easy to guess is not a key",
        clauses: [Tok8],
        level: Must,
        sends: "Sends GET to the protected endpoint with tokens signed under HS256 with three secrets of every word list.",
        requirement: "The deployment must answer 401 `Invalid authentication credentials` to each.",
        source: sources::ALGORITHMS,
        needs: [Valid],
        accept: [Accept::InvalidCredentials],
        requests: 3,
        run: |s| {
            for secret in GUESSES {
                let token = hmac(s, Algorithm::Hs256, secret.as_bytes())?;
                s.send(s.protected().bearer(token.text())).await?;
                let finding = s.judge_last().await?;
                if !finding.kept {
                    return Ok(finding.remark(format!("the secret was `{secret}`")));
                }
            }
            s.judge_last().await
        },
    },
    case! {
        encrypted_shape,
        title: "A token with `enc` and `zip` is not decrypted",
        clauses: [Tok8, Tok1],
        level: Must,
        sends: "Sends GET to the protected endpoint with five segments whose header asks for PBES2 with a million rounds and DEFLATE.",
        requirement: "The deployment must answer 401 without doing that work.",
        source: sources::THREE_SEGMENTS,
        needs: [],
        accept: [Accept::InvalidCredentials],
        probe: |s| {
            let header = r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","zip":"DEF","p2c":1000000,"p2s":"YXJ0b3M"}"#;
            s.protected().bearer(format!("{}.e.e.e.e", base64url(header.as_bytes())))
        },
    },
];

const GUESSES: [&str; 3] = ["secret", "password", "your-256-bit-secret"];
