//! The properties checked for every input: one function for each fuzz target.
//!
//! The targets of `fuzz/` hand their bytes to these functions and do nothing else, so that an input that once
//! failed can be kept under `fixtures/fuzz/TARGET/` and run again by `cargo test`, without a fuzzer. A function
//! returns where the input is as it should be and panics where it is not. Nearly every one has an oracle that is
//! more than "it did not crash": the reference decider, a second and obvious reading, a round trip or an invariant.

mod authorization;
pub mod backends;
mod cache;
mod check_request;
mod choices;
mod claims;
mod compact_jws;
mod configuration;
mod conformance_files;
mod conformance_response;
mod curves;
mod decide_line;
mod decision;
mod differential;
mod http;
mod jwk_set;
mod mint;
mod path;
mod revocations;
pub mod seeds;

/// Arbitrary bytes, and the properties that must hold for them.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the target, its corpus and its folder of stored inputs.
    pub name: &'static str,
    /// What is compared.
    pub oracle: &'static str,
    /// Panics if the input reveals an error.
    pub run: fn(&[u8]),
}

/// Every target, in the order of `fuzz/run`.
pub const TARGETS: &[Target] = &[
    Target {
        name: "authorization",
        oracle: "the lines of `Authorization`: the whole decision equals the reference decider's",
        run: authorization::run,
    },
    Target {
        name: "path",
        oracle: "patterns and paths: parsing, matching, captures and covering equal an obvious reading; printing round-trips",
        run: path::run,
    },
    Target {
        name: "compact_jws",
        oracle: "a token's bytes, as they are and signed anew: the whole decision equals the reference decider's",
        run: compact_jws::run,
    },
    Target {
        name: "jose_header",
        oracle: "a header's bytes in a token that is signed: equals the reference decider's decision, by serde_json",
        run: compact_jws::run_header,
    },
    Target {
        name: "claims",
        oracle: "the claims' bytes in a token that is signed: equals the reference decider's decision, by serde_json",
        run: claims::run,
    },
    Target {
        name: "claim_names",
        oracle: "a policy's own names for the claims, and a token with them or nearly: equals the reference decider's decision",
        run: claims::run_names,
    },
    Target {
        name: "jwk_set",
        oracle: "the loaded keys, the ignored keys and the sets that fail equal a simple parser's; no key material in any message",
        run: jwk_set::run,
    },
    Target {
        name: "backends",
        oracle: "both crypto backends load the same keys, and verify the same signatures with them",
        run: backends::run,
    },
    Target {
        name: "policy",
        oracle: "a configuration file with a mistake that the contract lists never loads; what loads is what it says",
        run: configuration::run,
    },
    Target {
        name: "revocations",
        oracle: "every token that the file could mean is decided as the reference decider decides it",
        run: revocations::run,
    },
    Target {
        name: "decide_line",
        oracle: "one answer for each line, its own `id`, whatever stands before it; equals the reference decider's",
        run: decide_line::run,
    },
    Target {
        name: "decision_structured",
        oracle: "a good token with one thing changed: equals the reference decider's decision; taking away never allows",
        run: decision::run_structured,
    },
    Target {
        name: "decision_bytes",
        oracle: "a whole question from bytes: equals the reference decider's decision",
        run: decision::run_bytes,
    },
    Target {
        name: "cache",
        oracle: "with caches of several sizes and without: the same decisions in any order, snapshots swapped between",
        run: cache::run,
    },
    Target {
        name: "http",
        oracle: "raw bytes into the server: every answer is documented and framed; only a good token gets an identity",
        run: http::run,
    },
    Target {
        name: "check_request",
        oracle: "a gRPC message: what is read in it equals an obvious reading; two sources that differ are not clear",
        run: check_request::run,
    },
    Target {
        name: "conformance_profile",
        oracle: "a profile with a mistake that is listed never loads; no token in any message or in what is printed",
        run: conformance_files::run_profile,
    },
    Target {
        name: "conformance_baseline",
        oracle: "a baseline loads exactly when an obvious reading takes it",
        run: conformance_files::run_baseline,
    },
    Target {
        name: "conformance_response",
        oracle: "what is read as an answer is one, and reads the same written anew; never both refused and let through",
        run: conformance_response::run,
    },
];

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Runs an input of the target with this name; returns false if there is no such target.
#[must_use]
pub fn replay(name: &str, bytes: &[u8]) -> bool {
    let Some(target) = target(name) else { return false };
    (target.run)(bytes);
    true
}
