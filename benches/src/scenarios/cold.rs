//! Decisions on uncached tokens, and what they are compared with.

use std::hint::black_box;

use artos_auth_engine::Engine;
use base64_simd::{Out, URL_SAFE_NO_PAD};

use crate::floor::Floor;
use crate::measure::Subject;
use crate::peers::{
    Cedar, JsonWebToken, JsonWebToken9, JwtSimple, Operation, OxiToken, Regorus, Ring, RustCrypto, SimdJson,
    serde_json_reads, sonic_rs_reads,
};
use crate::tokens::{Alg, Claims, ORGANIZATION, PERMISSIONS, Public, SigningKey, USER, forge};
use crate::world::{self, MATCHING_RULE, Question, Size, engine, organizations};

/// The engine's complete decision, next to the floor and to libraries that verify the same token and check less.
#[must_use]
pub fn cold(alg: Alg) -> Vec<Subject> {
    let key = SigningKey::new(alg);
    let token = key.mint(&Claims::default());
    let floor = Floor::new(&key, &token);
    let (floor_after, question_before) =
        (Floor::new(&key, &token), question(engine(&key, Size::default()), &token));
    let question = question(engine(&key, Size::default()), &token);
    let jsonwebtoken = JsonWebToken::new(&key);
    let jsonwebtoken_9 = JsonWebToken9::new(&key);
    let jwt_simple = JwtSimple::new(&key);
    let oxitoken = OxiToken::new(&key);
    let tokens: [String; 4] = std::array::from_fn(|_| token.clone());
    let [a, b, c, d] = tokens;
    vec![
        Subject::new("floor", move || assert!(floor.verifies())),
        Subject::new("engine", move || question.assert_allowed()),
        // Whether a decision slows down what runs after it, as 512-bit instructions do on some processors.
        Subject::new("engine, then floor", move || {
            question_before.assert_allowed();
            assert!(floor_after.verifies());
        }),
        Subject::new("jsonwebtoken", move || {
            let claims = jsonwebtoken.verify(&a).expect("the token is good");
            assert_eq!(claims.org_id, ORGANIZATION);
        }),
        Subject::new("jsonwebtoken-9", move || {
            let claims = jsonwebtoken_9.verify(&b).expect("the token is good");
            assert_eq!(claims.org_id, ORGANIZATION);
        }),
        Subject::new("jwt-simple", move || {
            let claims = jwt_simple.verify(&c).expect("the token is good");
            assert_eq!(claims.custom.org_id, ORGANIZATION);
        }),
        Subject::new("oxitoken", move || {
            let claims = oxitoken.verify(&d).expect("the token is good");
            assert_eq!(claims.org_id, ORGANIZATION);
        }),
    ]
}

/// The unavoidable parts of a cold decision, each with the fastest library and without checks: decoding the
/// claims and the signature, and reading the claims. The warm decision is the cost of the checks. Also the same MAC
/// by other libraries: the share of the library in the floor.
#[must_use]
pub fn parts() -> Vec<Subject> {
    let key = SigningKey::new(Alg::Hs256);
    let token = key.mint(&Claims::default());
    let floor = Floor::new(&key, &token);
    let warm = question(world::with_cache(engine(&key, Size::default()), 1), &token);
    let [_, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("a token has three parts")
    };
    let (claims, signature) = (claims.to_owned(), signature.to_owned());
    let decoded = URL_SAFE_NO_PAD.decode_to_vec(&claims).expect("the claims are base64url");
    let (for_sonic, for_simd) = (decoded.clone(), decoded.clone());
    let Public::Secret(secret) = key.public() else { panic!("HMAC has a secret") };
    let (ring, rust_crypto) = (Ring::new(secret), RustCrypto::new(secret));
    let signed = token.rsplit_once('.').expect("a token has three parts").0.as_bytes().to_vec();
    let mac = URL_SAFE_NO_PAD.decode_to_vec(&signature).expect("a segment is base64url");
    let (signed_again, mac_again) = (signed.clone(), mac.clone());
    let mut place = [0; 1024];
    let mut simd_json = SimdJson::default();
    vec![
        Subject::new("floor", move || assert!(floor.verifies())),
        Subject::new("ring", move || assert!(ring.verifies(&signed, &mac))),
        Subject::new("RustCrypto", move || assert!(rust_crypto.verifies(&signed_again, &mac_again))),
        Subject::new("base64-simd", move || {
            for segment in [&claims, &signature] {
                let decoded = URL_SAFE_NO_PAD.decode(segment.as_bytes(), Out::from_slice(&mut place));
                assert!(!black_box(decoded.expect("a segment is base64url")).is_empty());
            }
        }),
        Subject::new("serde_json", move || {
            assert_eq!(serde_json_reads(black_box(&decoded)).expect("these are claims").org_id, ORGANIZATION);
        }),
        Subject::new("sonic-rs", move || {
            assert_eq!(sonic_rs_reads(black_box(&for_sonic)).expect("these are claims").org_id, ORGANIZATION);
        }),
        Subject::new("simd-json", move || {
            assert_eq!(simd_json.reads(black_box(&for_simd)).expect("these are claims").org_id, ORGANIZATION);
        }),
        Subject::new("warm", move || warm.assert_allowed()),
    ]
}

/// Accepting a valid token and refusing a forged one of the same form, with this many keys to try: one, named by
/// `kid`, or several, unnamed, the last of which signed the good one.
#[must_use]
pub fn forged(alg: Alg, keys: usize) -> Vec<Subject> {
    let key = SigningKey::new(alg);
    let named = keys == 1;
    let claims = Claims::default();
    let good = if named { key.mint(&claims) } else { key.mint_without_id(&claims) };
    let bad = forge(&good);
    let size = Size::default();
    let engine = Engine::new(
        world::policy(size.routes),
        world::key_set(&key, keys, named),
        world::revocations(size.revoked_tokens, 0),
    );
    let accepting = question(engine.clone(), &good);
    let refusing = question(engine, &bad);
    vec![
        Subject::new("good", move || accepting.assert_allowed()),
        Subject::new("forged", move || refusing.assert_reason("signature_invalid")),
    ]
}

/// With and without digests among the revocations: the cost of hashing the signing input.
#[must_use]
pub fn signed_sha256() -> Vec<Subject> {
    let key = SigningKey::new(Alg::Hs256);
    let token = key.mint(&Claims::default());
    let floor = Floor::new(&key, &token);
    let without = question(engine(&key, Size::default()), &token);
    let with = question(engine(&key, Size { revoked_digests: 1_000, ..Size::default() }), &token);
    vec![
        Subject::new("floor", move || assert!(floor.verifies())),
        Subject::new("empty", move || without.assert_allowed()),
        Subject::new("listed", move || with.assert_allowed()),
    ]
}

/// Only the authorization half, in policy engines, next to the engine's complete decision.
#[must_use]
pub fn authorization() -> Vec<Subject> {
    let key = SigningKey::new(Alg::Hs256);
    let token = key.mint(&Claims::default());
    let whole = question(engine(&key, Size::default()), &token);
    let rules = world::route_rules(Size::default().routes);
    let operation = format!("GET {MATCHING_RULE}");
    let cedar = Cedar::new(&rules);
    let mut regorus = Regorus::new(&rules);
    let same = operation.clone();
    vec![
        Subject::new("engine-whole-decision", move || whole.assert_allowed()),
        Subject::new("cedar-policy", move || assert!(cedar.allows(&requested(&operation)))),
        Subject::new("regorus", move || assert!(regorus.allows(&requested(&same)))),
    ]
}

/// The request of the token in every scenario.
fn requested(operation: &str) -> Operation<'_> {
    Operation {
        user: USER,
        organization: ORGANIZATION,
        permissions: &PERMISSIONS,
        operation,
        resource: "doc-5f0c7a9b",
        resource_organization: ORGANIZATION,
    }
}

pub(super) fn question(engine: Engine, token: &str) -> Question {
    Question::new(engine, organizations(Size::default().organizations), token)
}
