//! Counts the allocations of decisions and revocations, and times loading, which is too long for criterion. Prints lines of name,
//! value, unit and bound, separated by tabs, for the table to read.
//!
//! A separate program, because its counting allocator would slow down the measurements of the table. It counts what Rust
//! allocates; allocations in the C code of the crypto library are the same in the floor and in the engine.

use std::time::Instant;

use allocation_counter::measure;
use artos_auth_benches::tokens::{Alg, Claims, SigningKey, forge};
use artos_auth_benches::world::{self, PUBLIC_PATH, Question, Size, engine, organizations, with_cache};
use artos_auth_engine::{KeySet, ResourceSpec, Resources, Revocations};

fn main() {
    decisions();
    revocations();
    loading();
}

fn decisions() {
    let row = |what: String, question: Question, reason: &str, bound: u64| {
        // The second decision: one-time work is not part of a decision.
        question.assert_reason(reason);
        let count = measure(|| question.assert_reason(reason)).count_total;
        println!("{what}\t{count}\tallocations\t{bound}");
    };
    for alg in Alg::ALL {
        let key = SigningKey::new(alg);
        let token = key.mint(&Claims::default());
        let question = |engine| Question::new(engine, organizations(Size::default().organizations), &token);
        let cold = engine(&key, Size::default());
        row(format!("cold allow, {}", alg.name()), question(cold.clone()), "authorized", 4);
        row(format!("warm allow, {}", alg.name()), question(with_cache(cold, 1)), "authorized", 0);
    }
    let key = SigningKey::new(Alg::Hs256);
    let token = key.mint(&Claims::default());
    let without = engine(&key, Size::default());
    let asked = |value: Option<&[u8]>| {
        let question = Question::new(without.clone(), organizations(1), &token);
        question.with_authorization(value)
    };
    let bearer = |token: &str| format!("Bearer {token}").into_bytes();
    let public = Question::new(without.clone(), organizations(1), &token).with_path(PUBLIC_PATH);
    row("public path".to_owned(), public, "public_path", 0);
    let oversized = bearer(&"a".repeat(16_384));
    let forged = bearer(&forge(&token));
    let unknown_key = bearer(&key.sign(r#","kid":"nobody's""#, "{}"));
    let denials: [(Option<&[u8]>, &str); 7] = [
        (None, "header_missing"),
        (Some(b"Basic dXNlcjpwYXNzd29yZA=="), "scheme_not_bearer"),
        (Some(&oversized), "token_too_long"),
        (Some(b"Bearer not.a.token"), "token_malformed"),
        (Some(b"Bearer e30.e30.AA"), "token_header_malformed"),
        (Some(&unknown_key), "key_unknown"),
        (Some(&forged), "signature_invalid"),
    ];
    for (value, reason) in denials {
        row(format!("denial, `{reason}`"), asked(value), reason, 0);
    }
}

fn revocations() {
    const COUNT: usize = 10_000_000;
    let text = world::revocations_text(COUNT, 0);
    let mut loaded = None;
    let held = measure(|| loaded = Revocations::from_json(text.as_bytes()).ok()).bytes_current;
    let loaded = loaded.expect("these are revocations");
    assert_eq!(loaded.tokens(), COUNT);
    println!("10,000,000 revocations, memory for each\t{}\tbytes\t24", held as f64 / COUNT as f64);
    println!("one revocation added to 10,000,000\t{}\tµs\t10", change(&loaded));
    drop((text, loaded));

    const MILLION: usize = 1_000_000;
    let text = world::revocations_text(MILLION, 0);
    let started = Instant::now();
    let loaded = Revocations::from_json(text.as_bytes()).expect("these are revocations");
    println!("1,000,000 revocations, loading them\t{:.3}\ts\t2", started.elapsed().as_secs_f64());
    assert_eq!(loaded.tokens(), MILLION);
}

/// Ten times as many entries take about ten times as long, not a hundred times.
fn loading() {
    let resources = |count: usize| -> Vec<ResourceSpec> {
        let entries: Vec<serde_json::Value> = (0..count)
            .map(|number| {
                let organization = format!("org-{number}");
                serde_json::json!({"path": format!("/orgs/{organization}/{{*rest}}"), "organization": organization})
            })
            .collect();
        serde_json::from_value(entries.into()).expect("these are resources")
    };
    let keys = |count: usize| {
        let keys: Vec<String> = (0..count)
            .map(|number| format!(r#"{{"kty":"oct","kid":"bench-{number}","k":"{}"}}"#, "A".repeat(43)))
            .collect();
        format!(r#"{{"keys":[{}]}}"#, keys.join(","))
    };
    let growth = |what: &str, few: f64, many: f64| println!("{what}\t{:.1}\t×\t15", many / few);
    let load = |specs: &[ResourceSpec]| drop(Resources::new(specs).expect("these are resources"));
    let (few, many) = (resources(6_000), resources(60_000));
    growth("loading 60,000 resources over loading 6,000", seconds(|| load(&few)), seconds(|| load(&many)));
    let load = |text: &str| drop(KeySet::from_jwks(text.as_bytes()).expect("these are keys"));
    let (few, many) = (keys(4_000), keys(40_000));
    growth("loading 40,000 keys over loading 4,000", seconds(|| load(&few)), seconds(|| load(&many)));
}

/// The minimum time of five runs.
fn seconds(mut run: impl FnMut()) -> f64 {
    let times = (0..5).map(|_| {
        let started = Instant::now();
        run();
        started.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min)
}

/// The median time of a change, in microseconds, while ten thousand entries are added.
fn change(revocations: &Revocations) -> f64 {
    let mut grown = revocations.clone();
    let mut times: Vec<f64> = (0..10_000)
        .map(|number| {
            let id = format!("added-{number}");
            let started = Instant::now();
            let more = grown.with_token(&id).expect("an id");
            let time = started.elapsed().as_secs_f64() * 1e6;
            grown = more;
            time
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
