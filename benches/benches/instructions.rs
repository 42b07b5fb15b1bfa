//! Instructions of a decision, under Callgrind.
//!
//! Valgrind supports neither SHA nor AVX-512 instructions, so the crypto library runs
//! its portable code here. That takes far more instructions than the rest of a decision, but always the same number: the
//! `floor` of an algorithm is subtracted from its `cold` decision, which leaves the engine's own
//! instructions. `check-instructions` does so, and compares with the committed counts.

#![expect(missing_docs, reason = "the macros of the harness make public items that nobody else sees")]

use std::hint::black_box;

use artos_auth_benches::floor::Floor;
use artos_auth_benches::tokens::{Alg, Claims, SigningKey, forge};
use artos_auth_benches::world::{PUBLIC_PATH, Question, Size, engine, organizations, with_cache};
use gungraun::{library_benchmark, library_benchmark_group, main};

fn floor(alg: Alg) -> Floor {
    let key = SigningKey::new(alg);
    let floor = Floor::new(&key, &key.mint(&Claims::default()));
    // One-time work, such as detecting the processor's features, is not part of the floor.
    assert!(floor.verifies());
    floor
}

fn cold(alg: Alg) -> Question {
    let key = SigningKey::new(alg);
    let question = question(&key, Size::default());
    question.assert_allowed();
    question
}

fn warm(alg: Alg) -> Question {
    sized(alg, Size::default())
}

fn sized(alg: Alg, size: Size) -> Question {
    let key = SigningKey::new(alg);
    let token = key.mint(&Claims::default());
    let question =
        Question::new(with_cache(engine(&key, size), 1), organizations(size.organizations), &token);
    question.assert_allowed();
    question.assert_allowed();
    question
}

fn question(key: &SigningKey, size: Size) -> Question {
    let token = key.mint(&Claims::default());
    Question::new(engine(key, size), organizations(size.organizations), &token)
}

fn header(value: Option<&[u8]>) -> Question {
    cold(Alg::Hs256).with_authorization(value)
}

fn forged() -> Question {
    let key = SigningKey::new(Alg::Hs256);
    let forged = forge(&key.mint(&Claims::default()));
    header(Some(format!("Bearer {forged}").as_bytes()))
}

fn oversized() -> Question {
    header(Some(format!("Bearer {}", "a".repeat(16_384)).as_bytes()))
}

#[library_benchmark]
#[bench::hs256(floor(Alg::Hs256))]
#[bench::eddsa(floor(Alg::EdDsa))]
fn floor_of(floor: Floor) -> Floor {
    assert!(black_box(&floor).verifies());
    floor
}

#[library_benchmark]
#[bench::cold_hs256(cold(Alg::Hs256))]
#[bench::cold_eddsa(cold(Alg::EdDsa))]
#[bench::warm_hs256(warm(Alg::Hs256))]
#[bench::warm_eddsa(warm(Alg::EdDsa))]
#[bench::warm_hs256_10000_routes(sized(Alg::Hs256, Size { routes: 10_000, ..Size::default() }))]
#[bench::warm_hs256_1000_keys(sized(Alg::Hs256, Size { keys: 1_000, ..Size::default() }))]
#[bench::warm_hs256_100000_revocations(sized(Alg::Hs256, Size { revoked_tokens: 100_000, ..Size::default() }))]
#[bench::warm_hs256_10000_organizations(sized(Alg::Hs256, Size { organizations: 10_000, ..Size::default() }))]
fn allowed(question: Question) -> Question {
    black_box(&question).assert_allowed();
    question
}

#[library_benchmark]
#[bench::public_path(cold(Alg::Hs256).with_path(PUBLIC_PATH), "public_path")]
#[bench::missing_header(header(None), "header_missing")]
#[bench::malformed_header(header(Some(b"Basic dXNlcjpwYXNzd29yZA==")), "scheme_not_bearer")]
#[bench::oversized_token(oversized(), "token_too_long")]
#[bench::malformed_token(header(Some(b"Bearer not.a.token")), "token_malformed")]
#[bench::forged_hs256(forged(), "signature_invalid")]
fn answered(question: Question, reason: &str) -> Question {
    assert_eq!(black_box(&question).decide().reason_code(), reason);
    question
}

library_benchmark_group!(name = decide, benchmarks = [floor_of, allowed, answered]);
main!(library_benchmark_groups = decide);
