//! The properties checked for every input: one function for each fuzz target.
//!
//! The targets in `fuzz/` only pass their bytes to these functions, so that an input that once
//! failed can be kept under `fixtures/fuzz/TARGET/` and run again by `cargo test`, without a fuzzer. A function
//! panics if a property does not hold. Nearly every one has an oracle that is
//! more than "it did not crash": the reference decider, a second simple parser, a round trip or an invariant.

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
        oracle: "`Authorization` lines: the whole decision equals the reference decider's",
        run: authorization::run,
    },
    Target {
        name: "path",
        oracle: "patterns and paths: parsing, matching, captures and covering equal a simple implementation's; printing round-trips",
        run: path::run,
    },
    Target {
        name: "compact_jws",
        oracle: "the bytes of a token, unchanged and signed again: the whole decision equals the reference decider's",
        run: compact_jws::run,
    },
    Target {
        name: "jose_header",
        oracle: "the bytes of a header in a signed token: the decision equals the reference decider's, which uses serde_json",
        run: compact_jws::run_header,
    },
    Target {
        name: "claims",
        oracle: "the bytes of the claims in a signed token: the decision equals the reference decider's, which uses serde_json",
        run: claims::run,
    },
    Target {
        name: "claim_names",
        oracle: "a policy's claim names, and a token with these or similar names: the decision equals the reference decider's",
        run: claims::run_names,
    },
    Target {
        name: "jwk_set",
        oracle: "the loaded keys, the ignored keys and the sets that fail equal a simple parser's; no key material in any message",
        run: jwk_set::run,
    },
    Target {
        name: "backends",
        oracle: "both crypto backends load the same keys and verify the same signatures",
        run: backends::run,
    },
    Target {
        name: "policy",
        oracle: "a configuration file with a mistake that the contract lists never loads; a policy that loads has the values of the file",
        run: configuration::run,
    },
    Target {
        name: "revocations",
        oracle: "every token that the file could revoke: the decision equals the reference decider's",
        run: revocations::run,
    },
    Target {
        name: "decide_line",
        oracle: "one answer with the right `id` for each line, whatever lines come before; equals the reference decider's",
        run: decide_line::run,
    },
    Target {
        name: "decision_structured",
        oracle: "a valid token with one change: the decision equals the reference decider's; removing something never allows",
        run: decision::run_structured,
    },
    Target {
        name: "decision_bytes",
        oracle: "a whole request from bytes: the decision equals the reference decider's",
        run: decision::run_bytes,
    },
    Target {
        name: "cache",
        oracle: "engines with caches of several sizes and without one make the same decisions in any order, across snapshot swaps",
        run: cache::run,
    },
    Target {
        name: "http",
        oracle: "raw bytes sent to the server: every response is documented and well framed; only a valid token gets an identity",
        run: http::run,
    },
    Target {
        name: "check_request",
        oracle: "a gRPC message: the parsed request equals a simple parser's; contradictory sources are refused",
        run: check_request::run,
    },
    Target {
        name: "conformance_profile",
        oracle: "a profile with a listed mistake never loads; no token in any message or output",
        run: conformance_files::run_profile,
    },
    Target {
        name: "conformance_baseline",
        oracle: "a baseline loads exactly if a simple parser accepts it",
        run: conformance_files::run_baseline,
    },
    Target {
        name: "conformance_response",
        oracle: "a parsed response is valid and round-trips; it is never both refused and let through",
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
