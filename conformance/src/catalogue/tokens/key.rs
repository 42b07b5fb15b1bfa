//! TOK-8 and ROT-1: the deployment determines which key verifies a token.

use super::key_server;
use crate::case::{Accept, Case};
use crate::catalogue::sources;
use crate::judge::Finding;
use crate::run::session::{Session, Stop};
use crate::token::{Algorithm, Compact, Mint, SigningKey, base64url, quote};

macro_rules! forged {
    ($name:ident, $title:literal, $what:literal, clauses: [$($clause:ident),+], source: $source:expr,
     needs: [$($need:ident),+], |$session:ident| $token:expr) => {
        forged!($name, $title, $what, clauses: [$($clause),+], level: Must, source: $source, needs: [$($need),+],
            |$session| $token)
    };
    ($name:ident, $title:literal, $what:literal, clauses: [$($clause:ident),+], level: $level:ident, source: $source:expr,
     needs: [$($need:ident),+], |$session:ident| $token:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [$($clause),+],
            level: $level,
            sends: concat!("Sends GET to the protected endpoint with ", $what, "."),
            requirement: concat!("The deployment ", $crate::catalogue::modal!($level), " answer 401 `Invalid authentication credentials`."),
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

/// A valid token with its header changed, signed by an untrusted key.
fn by_impostor(session: &Session, change: impl FnOnce(Mint, &SigningKey) -> Mint) -> Result<Compact, Stop> {
    let key = session.impostor()?;
    Ok(change(session.base()?, &key).sign(&key))
}

/// A valid token under HS256 with a `kid` that should make the deployment use this secret as the key.
fn injected(session: &Session, kid: &str, secret: &[u8]) -> Result<Compact, Stop> {
    let mint = session.base()?.header("alg", "\"HS256\"").header("kid", kid);
    Ok(mint.sign(&SigningKey::secret(Algorithm::Hs256, None, secret)))
}

/// A valid token, validly signed, with another `kid`.
fn renamed(session: &Session, kid: &str) -> Result<Compact, Stop> {
    Ok(session.mint()?.header("kid", kid).sign(&session.key()?))
}

fn kid(session: &Session) -> Result<String, Stop> {
    Ok(session.key()?.kid().unwrap_or_default().to_owned())
}

pub(in crate::catalogue) static CASES: &[Case] = &[
    forged!(stranger_under_the_known_id, "An unknown key under a known id is refused",
        "a token signed by an unknown key under the `kid` of the deployment's own",
        clauses: [Tok8], source: sources::NOT_VALID, needs: [Valid], |s| by_impostor(s, |mint, _| mint)?),
    forged!(stranger_under_its_own_id, "An unknown key under an id of its own is refused",
        "a token signed by an unknown key under an unknown `kid`",
        clauses: [Tok8, Rot1], source: sources::NOT_VALID, needs: [Valid],
        |s| by_impostor(s, |mint, _| mint.header("kid", "\"stranger\""))?),
    forged!(stranger_without_id, "An unknown key without an id is refused",
        "a token signed by an unknown key, without `kid`",
        clauses: [Tok8, Rot1], source: sources::NOT_VALID, needs: [Valid],
        |s| by_impostor(s, |mint, _| mint.without_header("kid"))?),
    forged!(embedded_jwk, "A key inside the token is not trusted",
        "a token signed by an unknown key that its header holds as `jwk`",
        clauses: [Tok8], source: sources::UNTRUSTED_KEYS, needs: [Valid],
        |s| by_impostor(s, |mint, key| mint.header("jwk", &key.public_jwk()))?),
    forged!(embedded_certificate, "A certificate inside the token is not trusted",
    "a token signed by an unknown key whose self-signed certificate its header holds as `x5c`",
    clauses: [Tok8], source: sources::UNTRUSTED_KEYS, needs: [Valid],
    |s| {
        let key = SigningKey::stranger(None).map_err(Stop::Skip)?;
        let chain = format!("[{}]", quote(&base64_simd::STANDARD.encode_to_string(key.self_signed_certificate())));
        s.base()?.header("alg", "\"ES256\"").without_header("kid").header("x5c", &chain).sign(&key)
    }),
    case! {
        remote_key_set,
        title: "A key set that the token points to is not fetched",
        clauses: [Tok8],
        level: Must,
        sends: "Sends GET to the protected endpoint with a token signed by an unknown key whose header points, with `jku`, to a key set that the checker serves.",
        requirement: "The deployment must answer 401 `Invalid authentication credentials`, and should not fetch the key set.",
        source: sources::UNTRUSTED_KEYS,
        needs: [Valid],
        accept: [Accept::InvalidCredentials],
        requests: 1,
        run: |s| {
            let key = s.impostor()?;
            let server = key_server::serve(&s.profile().target, &key).await;
            let url = server.as_ref().map_or("https://192.0.2.1/keys.json".to_owned(), |server| server.url.clone());
            let token = s.base()?.header("jku", &quote(&url)).header("kid", "\"remote\"").sign(&key);
            s.send(s.protected().bearer(token.text())).await?;
            let finding = s.judge_last().await?;
            Ok(match server.is_some_and(|server| server.was_asked()) {
                true if finding.kept => Finding::broken("401, but the key set that the token names was fetched")
                    .refused_otherwise()
                    .remark("a server that fetches what a token names can be sent to any address"),
                _ => finding,
            })
        },
    },
    forged!(id_is_a_path_to_an_empty_file, "A `kid` is no path",
        "a token signed under HS256 with an empty secret under the `kid` `../../../../dev/null`",
        clauses: [Tok8], source: sources::UNTRUSTED_CLAIMS, needs: [Valid],
        |s| injected(s, "\"../../../../../../dev/null\"", b"")?),
    forged!(id_is_a_query, "A `kid` is no query",
        "a token signed under HS256 with a secret that its `kid` makes an SQL UNION return",
        clauses: [Tok8], source: sources::UNTRUSTED_CLAIMS, needs: [Valid],
        |s| injected(s, "\"x' UNION SELECT 'artos-conformance' -- \"", b"artos-conformance")?),
    forged!(id_of_four_thousand_characters, "A `kid` of four thousand characters does no harm",
        "a token signed under HS256 with an empty secret under a `kid` of four thousand characters",
        clauses: [Tok8], source: sources::UNTRUSTED_CLAIMS, needs: [Valid],
        |s| injected(s, &quote(&"k".repeat(4_000)), b"")?),
    forged!(unknown_id, "A good signature under an unknown `kid` is not accepted",
        "a correctly signed token under a `kid` that the deployment does not know",
        clauses: [Rot1, Tok8], level: Should, source: sources::NOT_VALID, needs: [KeyId], |s| renamed(s, "\"retired-key\"")?),
    forged!(id_in_another_case, "A `kid` is compared byte for byte", "a correctly signed token with the case of its `kid` changed",
    clauses: [Rot1, Tok8], level: Should, source: sources::NOT_VALID, needs: [KeyId],
    |s| {
        let kid = kid(s)?;
        let other = if kid == kid.to_uppercase() { kid.to_lowercase() } else { kid.to_uppercase() };
        if other == kid {
            return Err(Stop::Skip("needs [signing] with a key whose `kid` has letters".into()));
        }
        renamed(s, &quote(&other))?
    }),
    forged!(id_cut_by_nul, "A `kid` is not cut at a NUL", "a correctly signed token with a NUL and more after its `kid`",
        clauses: [Rot1, Tok8], level: Should, source: sources::NOT_VALID, needs: [KeyId], |s| renamed(s, &quote(&format!("{}\0x", kid(s)?)))?),
    forged!(id_is_a_number, "A `kid` that is a number is malformed", "a correctly signed token whose `kid` is a number",
        clauses: [Tok1, Tok8], level: Should, source: sources::MALFORMED, needs: [KeyId], |s| renamed(s, "0")?),
    forged!(id_is_an_array, "A `kid` that is an array is malformed", "a correctly signed token whose `kid` stands in an array",
        clauses: [Tok1, Tok8], level: Should, source: sources::MALFORMED, needs: [KeyId], |s| renamed(s, &format!("[{}]", quote(&kid(s)?)))?),
    forged!(unknown_critical_extension, "An unknown critical extension makes the token invalid",
        "a correctly signed token with `crit` naming an unknown extension that is there",
        clauses: [Tok8], source: sources::CRITICAL, needs: [Key],
        |s| s.mint()?.header("crit", "[\"artos-conformance\"]").header("artos-conformance", "true").sign(&s.key()?)),
    forged!(empty_critical_list, "An empty `crit` makes the token invalid", "a correctly signed token with an empty `crit`",
        clauses: [Tok8], source: sources::CRITICAL, needs: [Key], |s| s.mint()?.header("crit", "[]").sign(&s.key()?)),
    forged!(critical_not_a_list, "A `crit` that is not an array makes the token invalid", "a correctly signed token whose `crit` is a string",
        clauses: [Tok8], source: sources::CRITICAL, needs: [Key], |s| s.mint()?.header("crit", "\"b64\"").sign(&s.key()?)),
    forged!(unencoded_payload, "Unencoded claims are not supported",
    "a token with `b64` false and critical, signed over its claims as they are",
    clauses: [Tok8], source: sources::CRITICAL, needs: [Key],
    |s| {
        let (key, mint) = (s.key()?, s.mint()?);
        let mint = mint.header("b64", "false").header("crit", "[\"b64\"]");
        let header = base64url(mint.header_json().as_bytes());
        let signature = key.sign(format!("{header}.{}", mint.claims_json()).as_bytes());
        Compact { header, claims: base64url(mint.claims_json().as_bytes()), signature: base64url(&signature) }
    }),
];
