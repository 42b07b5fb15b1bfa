//! What the programs that compare servers share: their options, tokens and rounds, the product as a server, and rows.

use std::num::{NonZeroU64, NonZeroUsize};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::load::{Figure, median};
use crate::process::{Running, Scratch, announced, pinned};
use crate::report::{Row, Target, shown};
use crate::tokens::{AUDIENCE, Claims, ISSUER, SigningKey};

/// Valid tokens, all cached.
pub const TOKENS: u64 = 1_000;
/// Each process gets a random memory layout, which changes the cost of a request by a few per cent.
pub const ROUNDS_OF_A_START: usize = 3;
/// A path that needs a token.
pub const PROTECTED_PATH: &str = "/api/v1/templates/";

/// The options of such a program.
pub struct Options {
    /// The product's binary.
    pub artos_auth: PathBuf,
    /// The length of a round.
    pub seconds: u64,
    /// The number of rounds.
    pub rounds: usize,
}

impl Options {
    /// Reads the arguments of `program`; ends it with status 2 if they are wrong.
    #[must_use]
    pub fn of(program: &str) -> Self {
        let mut options = Self {
            artos_auth: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/artos-auth")),
            seconds: 1,
            rounds: 18,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let value = arguments.next().unwrap_or_default();
            let is_valid = match argument.as_str() {
                "--artos-auth" if !value.is_empty() => {
                    options.artos_auth = value.into();
                    true
                }
                "--seconds" => {
                    value.parse().map(|seconds: NonZeroU64| options.seconds = seconds.get()).is_ok()
                }
                "--rounds" => value.parse().map(|rounds: NonZeroUsize| options.rounds = rounds.get()).is_ok(),
                _ => false,
            };
            if !is_valid {
                eprintln!("`{argument}`: usage: {program} [--artos-auth FILE] [--seconds N] [--rounds N]");
                std::process::exit(2);
            }
        }
        options
    }

    /// The rounds, by starts of the servers.
    pub fn starts(&self) -> impl Iterator<Item = Range<usize>> {
        (0..self.rounds)
            .step_by(ROUNDS_OF_A_START)
            .map(|first| first..self.rounds.min(first + ROUNDS_OF_A_START))
    }
}

/// Tokens of as many users.
#[must_use]
pub fn tokens(key: &SigningKey) -> Vec<String> {
    (0..TOKENS)
        .map(|serial| key.mint(&Claims { user: &format!("user-{serial}"), serial, ..Claims::default() }))
        .collect()
}

/// The product with issuer, audience and one key; `audit` says where audit lines go, `more` is added to its
/// configuration.
#[must_use]
pub fn artos_auth(binary: &Path, scratch: &Scratch, key: &SigningKey, audit: &str, more: &str) -> Running {
    assert!(
        binary.exists(),
        "{} is not there: build it with `cargo build --release` in the root of the repository, or name it with \
         `--artos-auth FILE`",
        binary.display()
    );
    scratch.write("keys.jwks.json", &json!({"keys": [key.jwk()]}).to_string());
    let config = format!(
        "listen = \"127.0.0.1:0\"\n[policy]\nissuers = [\"{ISSUER}\"]\naudiences = [\"{AUDIENCE}\"]\n\
         [keys]\nfile = \"keys.jwks.json\"\n[audit]\noutput = \"{audit}\"\n{more}"
    );
    let config = scratch.write(&format!("artos-auth-{audit}.toml"), &config);
    announced(pinned(binary).arg("serve").arg("--config").arg(config))
}

/// How many times as much one server answers as another.
#[must_use]
pub fn rate(what: String, own: &[Figure], other: &[Figure], target: Target) -> Row {
    let per_second = |figure: &Figure| figure.per_second;
    let measured = format!(
        "{} over {} a second",
        shown(median(own.iter().map(per_second))),
        shown(median(other.iter().map(per_second)))
    );
    let ratios = own.iter().zip(other).map(|(own, other)| own.per_second / other.per_second);
    Row::ratio(what, measured, median(ratios), target)
}

/// How many times as much processor time another server takes.
#[must_use]
pub fn thrift(what: String, own: &[Figure], other: &[Figure], target: Target) -> Row {
    let cpu = |figure: &Figure| figure.cpu_microseconds;
    let measured =
        format!("{} µs, {} µs", shown(median(own.iter().map(cpu))), shown(median(other.iter().map(cpu))));
    let ratios = own.iter().zip(other).map(|(own, other)| other.cpu_microseconds / own.cpu_microseconds);
    Row::ratio(what, measured, median(ratios), target)
}
