//! Compares the engine's two crypto backends: uncached decisions on the same tokens, in one process.
//!
//! `cargo run --release --no-default-features --features backends --bin backends` prints the table. `-- question` prints the
//! HS256 request with its policy, keys and revocations as JSON, and `-- hs256` the nanoseconds of deciding it: `wasm/bench`
//! reads both.

use std::process::ExitCode;
use std::time::Duration;

use artos_auth_benches::machine;
use artos_auth_benches::measure::{Effort, Subject, disturbed_groups, nanoseconds};
use artos_auth_benches::report::shown;
use artos_auth_benches::tokens::{AUDIENCE, Alg, Claims, ISSUER, NOW, ORGANIZATION, SigningKey};
use artos_auth_benches::world::{PATH, Size, revocations_text, route_rules};
use serde_json::{Value, json};

const EFFORT: Effort = Effort { rounds: 200, slice: Duration::from_millis(2), cores: 1 };

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        None => table(),
        Some("question") => println!("{}", World::new(Alg::Hs256).question()),
        Some("hs256") => {
            machine::pin_to_last_core();
            let world = World::new(Alg::Hs256);
            let [figure] = nanoseconds(&mut [world.aws_lc()], EFFORT)[..] else {
                unreachable!("one subject has one figure")
            };
            println!("{figure}");
        }
        Some(other) => {
            eprintln!("unknown argument `{other}`; expected `question`, `hs256` or none");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn table() {
    let pinned = if machine::pin_to_last_core() { "; pinned to one core" } else { "" };
    println!("{}{pinned}.\n", machine::description());
    println!("| uncached decision | `aws-lc` | `rust-crypto` | ratio |\n|---|---|---|---|");
    for alg in Alg::ALL {
        let world = World::new(alg);
        let [aws_lc, rust_crypto] = nanoseconds(&mut [world.aws_lc(), world.rust_crypto()], EFFORT)[..]
        else {
            unreachable!("two subjects have two figures")
        };
        let (name, ratio) = (alg.name(), rust_crypto / aws_lc);
        println!("| {name} | {} ns | {} ns | {} × |", shown(aws_lc), shown(rust_crypto), shown(ratio));
    }
    if disturbed_groups() > 0 {
        println!("\nThe machine did not come to rest in {} of the rows.", disturbed_groups());
    }
}

/// What both engines are loaded from, and the token that both decide on.
struct World {
    policy: Value,
    keys: Value,
    revocations: String,
    authorization: String,
}

impl World {
    fn new(alg: Alg) -> Self {
        let (key, size) = (SigningKey::new(alg), Size::default());
        let routes: Vec<Value> = route_rules(size.routes)
            .into_iter()
            .map(
                |rule| json!({"methods": [rule.method], "path": rule.path, "permissions": [rule.permission]}),
            )
            .collect();
        Self {
            policy: json!({"issuers": [ISSUER], "audiences": [AUDIENCE], "routes": routes}),
            keys: json!({"keys": [key.jwk()]}),
            revocations: revocations_text(size.revoked_tokens, size.revoked_digests),
            authorization: format!("Bearer {}", key.mint(&Claims::default())),
        }
    }

    /// The request, as `artos-auth` for JavaScript takes it.
    fn question(&self) -> Value {
        let revocations: Value = serde_json::from_str(&self.revocations).expect("these are revocations");
        json!({
            "policy": self.policy, "keys": self.keys, "revocations": revocations, "method": "GET", "path": PATH,
            "authorization": [self.authorization],
            "options": {"resource_org": ORGANIZATION, "account": "active", "now": NOW, "realm": realm()},
        })
    }
}

/// The organizations of the realm, including the token's.
fn realm() -> Vec<String> {
    (1..Size::default().organizations)
        .map(|index| format!("org-other-{index}"))
        .chain([ORGANIZATION.to_owned()])
        .collect()
}

/// Both packages have the same names, but no type in common.
macro_rules! backend {
    ($method:ident, $engine:ident) => {
        impl World {
            fn $method(&self) -> Subject {
                use $engine::{
                    Account, Context, Engine, KeySet, Organizations, Policy, PolicySpec, Request,
                    Revocations, TenantScope, UnixTime,
                };
                let spec: PolicySpec = serde_json::from_value(self.policy.clone()).expect("this is a policy");
                let policy = Policy::new(&spec).expect("this is a policy");
                let keys = KeySet::from_jwks(self.keys.to_string().as_bytes()).expect("these are keys");
                let revocations =
                    Revocations::from_json(self.revocations.as_bytes()).expect("these are revocations");
                let engine = Engine::new(policy, keys, revocations);
                let organizations: Organizations = realm().into_iter().collect();
                let authorization = self.authorization.clone().into_bytes();
                Subject::new(stringify!($method), move || {
                    let lines = [authorization.as_slice()];
                    let request = Request::new("GET", PATH, &lines);
                    let context = Context::owned_by(ORGANIZATION)
                        .realm(TenantScope::Among(&organizations))
                        .account(Account::Active);
                    let decision = engine.decide(
                        std::hint::black_box(&request),
                        std::hint::black_box(&context),
                        UnixTime::from_seconds(NOW),
                    );
                    let principal = decision.principal().expect("the token is good");
                    assert_eq!(principal.identity().org_id(), Some(ORGANIZATION.as_bytes()));
                })
            }
        }
    };
}

backend!(aws_lc, artos_auth_engine);
backend!(rust_crypto, artos_auth_engine_rust_crypto);
