//! Allocations of a decision: none for a cached token or a denial before the signature check, and at most four for a
//! newly verified token.
//!
//! Allocations inside the C code of the crypto library are not counted.

use allocation_counter::measure;
use artos_auth_engine::{
    Account, CacheBytes, Context, Engine, HashKey, KeySet, Organizations, Policy, PolicySpec, Request,
    Revocations, RouteSpec, TenantScope, UnixTime,
};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64_simd::URL_SAFE_NO_PAD;

const SECRET: &[u8; 32] = b"test-only, never a real secret!!";
const SEED: &[u8; 32] = b"test-only seed, of no real key!!";
const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
const CACHE_BYTES: CacheBytes = CacheBytes(1 << 20);

/// A policy with all kinds of rules, and non-empty revocations.
fn engine() -> Engine {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode_to_string(bytes);
    let keys = format!(
        r#"{{"keys":[{{"kty":"oct","alg":"HS256","kid":"test-hs256","k":"{}"}},
            {{"kty":"OKP","crv":"Ed25519","kid":"test-eddsa","x":"{}"}}]}}"#,
        encode(SECRET),
        encode(ed25519().public_key().as_ref()),
    );
    let policy = PolicySpec {
        issuers: Some(vec!["https://auth.example".into()]),
        audiences: Some(vec!["https://api.example".into()]),
        routes: vec![RouteSpec {
            methods: Some(vec!["GET".into()]),
            path: "/api/v1/documents/{id}".into(),
            permissions: vec!["documents:read".into()],
        }],
        ..PolicySpec::default()
    };
    let revocations = format!(
        r#"{{"tokens":["t-0"],"signed_sha256":["{}"],"users":[{{"user":"u-0","issued_before":1}}],
            "organizations":[{{"org":"o-0","issued_before":1}}]}}"#,
        "0".repeat(64)
    );
    Engine::new(
        Policy::new(&policy).expect("a policy"),
        KeySet::from_jwks(keys.as_bytes()).expect("a key set"),
        Revocations::from_json(revocations.as_bytes()).expect("revocations"),
    )
}

fn ed25519() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(SEED).expect("any 32 bytes are a seed")
}

const CLAIMS: &str = r#"{"sub":"user-1","org_id":"org-a",
    "permissions":["documents:read","documents:write","templates:read"],"iss":"https://auth.example",
    "aud":["https://api.example"],"jti":"t-1","iat":1700000000,"exp":1900000000}"#;

fn hs256(header: &str, claims: &str) -> String {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET);
    signed(header, claims, |message| aws_lc_rs::hmac::sign(&key, message).as_ref().to_vec())
}

fn eddsa(claims: &str) -> String {
    let sign = |message: &[u8]| ed25519().sign(message).as_ref().to_vec();
    signed(r#"{"alg":"EdDSA","kid":"test-eddsa"}"#, claims, sign)
}

fn signed(header: &str, claims: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode_to_string(bytes);
    let message = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
    format!("{message}.{}", encode(&sign(message.as_bytes())))
}

const HS256: &str = r#"{"alg":"HS256","typ":"JWT","kid":"test-hs256"}"#;

/// The number of allocations of one decision, including its drop; asserts the reason.
fn allocations(engine: &Engine, line: Option<&str>, reason: &str) -> u64 {
    let organizations: Organizations = ["org-a", "org-b"].into_iter().collect();
    let context =
        Context::owned_by("org-a").realm(TenantScope::Among(&organizations)).account(Account::Active);
    let line = line.map(str::as_bytes);
    let request = Request::new("GET", "/api/v1/documents/doc-a?x=1", line.as_slice());
    measure(|| {
        let decision = engine.decide(&request, &context, NOW);
        assert_eq!(decision.reason_code(), reason);
    })
    .count_total
}

#[test]
fn an_uncached_allow_allocates_at_most_four_times() {
    let engine = engine();
    for token in [hs256(HS256, CLAIMS), eddsa(CLAIMS)] {
        let line = format!("Bearer {token}");
        let count = allocations(&engine, Some(&line), "authorized");
        assert!(count <= 4, "{count} allocations");
    }
}

#[test]
fn an_uncached_allow_with_a_cache_allocates_at_most_four_times() {
    let line = format!("Bearer {}", hs256(HS256, CLAIMS));
    let count = allocations(&engine().with_cache(CACHE_BYTES, HashKey(1)), Some(&line), "authorized");
    assert!(count <= 4, "{count} allocations");
}

#[test]
fn a_cached_allow_allocates_nothing() {
    let engine = engine().with_cache(CACHE_BYTES, HashKey(1));
    for token in [hs256(HS256, CLAIMS), eddsa(CLAIMS)] {
        let line = format!("Bearer {token}");
        allocations(&engine, Some(&line), "authorized");
        assert_eq!(allocations(&engine, Some(&line), "authorized"), 0);
    }
}

#[test]
fn a_cached_denial_allocates_nothing() {
    let engine = engine().with_cache(CACHE_BYTES, HashKey(1));
    for (claims, reason) in [
        (CLAIMS.replace("1900000000", "1700000001"), "token_expired"),
        (CLAIMS.replace("t-1", "t-0"), "token_revoked"),
        (CLAIMS.replace("org-a", "org-z"), "organization_not_in_realm"),
        (CLAIMS.replace("org-a", "org-b"), "resource_of_other_organization"),
        (CLAIMS.replace("documents:read", "documents:list"), "permission_missing"),
    ] {
        let line = format!("Bearer {}", hs256(HS256, &claims));
        allocations(&engine, Some(&line), reason);
        assert_eq!(allocations(&engine, Some(&line), reason), 0, "{reason}");
    }
}

#[test]
fn a_denial_before_the_signature_allocates_nothing() {
    let plain = engine();
    let cached = engine().with_cache(CACHE_BYTES, HashKey(1));
    let bearer = |header: &str| format!("Bearer {}", hs256(header, CLAIMS));
    let good = hs256(HS256, CLAIMS);
    let (unsigned, signature) = good.rsplit_once('.').expect("three segments");
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{unsigned}.{other}{}", &signature[1..]);
    let lines: &[(Option<String>, &str)] = &[
        (None, "header_missing"),
        (Some(String::new()), "header_empty"),
        (Some("Basic dXNlcjpwYXNzd29yZA==".into()), "scheme_not_bearer"),
        (Some("Bearer ".into()), "token_missing"),
        (Some(format!("Bearer {}", "a".repeat(100_000))), "token_too_long"),
        (Some("Bearer not.a.token".into()), "token_malformed"),
        (Some("Bearer a,b".into()), "token_extra_characters"),
        (Some(bearer(r#"{"alg":1}"#)), "token_header_malformed"),
        (Some(bearer(r#"{"alg":"HS256","crit":["b64"]}"#)), "critical_extension"),
        (Some(bearer(r#"{"alg":"HS256","typ":"dpop+jwt"}"#)), "type_not_accepted"),
        (Some(bearer(r#"{"alg":"none"}"#)), "algorithm_not_allowed"),
        (Some(bearer(r#"{"alg":"HS256","kid":"nobody's"}"#)), "key_unknown"),
        (Some(format!("Bearer {forged}")), "signature_invalid"),
    ];
    for (line, reason) in lines {
        for engine in [&plain, &cached] {
            assert_eq!(allocations(engine, line.as_deref(), reason), 0, "{reason}");
        }
    }
}
