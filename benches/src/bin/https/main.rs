//! Drives `artos-auth serve` and nginx over HTTPS, in turns, on kept connections and on new ones, and prints what each
//! answers in a second and costs in processor time, with targets, as Markdown.
//!
//! `cargo run --release --bin https [-- --artos-auth FILE] [--seconds N] [--rounds N]`; needs `nginx`, `wrk`, `openssl`
//! and `taskset`, and the product built with `cargo build --release`. Loopback only; about three minutes. The servers
//! are pinned to the first core and the clients to the last. Its exit status is 1 if a target is not met.

mod handshakes;
mod servers;

use std::num::{NonZeroU64, NonZeroUsize};
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use artos_auth_benches::load::{Figure, Load, median};
use artos_auth_benches::process::Scratch;
use artos_auth_benches::report::{self, Row, Target, shown};
use artos_auth_benches::tokens::{Alg, Claims, SigningKey};
use artos_auth_benches::{machine, world};
use handshakes::Handshakes;

/// Valid tokens, all cached.
const TOKENS: u64 = 1_000;
/// Each process gets a random memory layout, which changes the cost of a request by a few per cent.
const ROUNDS_OF_A_START: usize = 3;
const PROTECTED_PATH: &str = "/api/v1/templates/";

struct Options {
    artos_auth: PathBuf,
    seconds: u64,
    rounds: usize,
}

fn main() -> ExitCode {
    let mut options = Options {
        artos_auth: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/artos-auth")),
        seconds: 1,
        rounds: 18,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| usage(&argument));
        match argument.as_str() {
            "--artos-auth" => options.artos_auth = value().into(),
            "--seconds" => {
                options.seconds = value().parse::<NonZeroU64>().unwrap_or_else(|_| usage(&argument)).get();
            }
            "--rounds" => {
                options.rounds = value().parse::<NonZeroUsize>().unwrap_or_else(|_| usage(&argument)).get();
            }
            _ => usage(&argument),
        }
    }
    compare(&options)
}

fn usage(argument: &str) -> ! {
    eprintln!("`{argument}`: usage: https [--artos-auth FILE] [--seconds N] [--rounds N]");
    std::process::exit(2)
}

fn compare(options: &Options) -> ExitCode {
    println!("{}; {}.\n", machine::description(), servers::nginx_version());
    println!(
        "One core for the server, another for the client; {} rounds of {} s each, servers restarted every {ROUNDS_OF_A_START} \
         rounds. TLS 1.3, one ECDSA P-256 certificate for both, TLS_AES_256_GCM_SHA384. Kept: 32 connections of wrk, \
         {TOKENS} cached tokens in turn. New: a handshake with X25519 and without resumption, and one request, on each \
         connection. A ratio is the median over the rounds of figures measured one after the other. CPU is the server's \
         processor time.\n",
        options.rounds, options.seconds
    );
    println!("{}", report::HEAD);
    let scratch = Scratch::new();
    servers::certificate(&scratch);
    let key = SigningKey::new(Alg::Es256);
    let users: Vec<String> = (0..TOKENS).map(|serial| format!("user-{serial}")).collect();
    let tokens: Vec<String> = users
        .iter()
        .zip(0..)
        .map(|(user, serial)| key.mint(&Claims { user, serial, ..Claims::default() }))
        .collect();
    let mut figures = Figures::default();
    for first in (0..options.rounds).step_by(ROUNDS_OF_A_START) {
        let rounds = first..options.rounds.min(first + ROUNDS_OF_A_START);
        figures.extend(one_start(options, &scratch, &key, &tokens, rounds));
    }
    let mut all_pass = true;
    for row in figures.rows() {
        println!("{row}");
        all_pass &= row.passes();
    }
    if all_pass { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The figures of each round.
#[derive(Default)]
struct Figures {
    kept: [Vec<Figure>; 3],
    new: [Vec<Figure>; 2],
}

impl Figures {
    fn extend(&mut self, more: Self) {
        for (all, more) in self.kept.iter_mut().zip(more.kept) {
            all.extend(more);
        }
        for (all, more) in self.new.iter_mut().zip(more.new) {
            all.extend(more);
        }
    }

    fn rows(&self) -> Vec<Row> {
        let [protected, public, nginx] = &self.kept;
        let [new, nginx_new] = &self.new;
        let none = Target::None;
        let (kept, one) = ("kept connections", "requests");
        vec![
            rate(&format!("{kept}, protected path"), one, protected, nginx, Target::AtLeast(1.0)),
            thrift(&format!("{kept}, protected path"), protected, nginx, none),
            rate(&format!("{kept}, public path"), one, public, nginx, none),
            thrift(&format!("{kept}, public path"), public, nginx, none),
            rate("new connections, protected path", "handshakes", new, nginx_new, Target::AtLeast(0.9)),
            thrift("new connections, protected path", new, nginx_new, none),
        ]
    }
}

fn rate(what: &str, one: &str, own: &[Figure], other: &[Figure], target: Target) -> Row {
    let per_second = |figure: &Figure| figure.per_second;
    let measured = format!(
        "{} over {} a second",
        shown(median(own.iter().map(per_second))),
        shown(median(other.iter().map(per_second)))
    );
    let ratios = own.iter().zip(other).map(|(own, other)| own.per_second / other.per_second);
    Row::ratio(format!("{what}, over nginx, {one} a second"), measured, median(ratios), target)
}

fn thrift(what: &str, own: &[Figure], other: &[Figure], target: Target) -> Row {
    let cpu = |figure: &Figure| figure.cpu_microseconds;
    let measured =
        format!("{} µs, {} µs", shown(median(own.iter().map(cpu))), shown(median(other.iter().map(cpu))));
    let ratios = own.iter().zip(other).map(|(own, other)| other.cpu_microseconds / own.cpu_microseconds);
    Row::ratio(format!("{what}: CPU of nginx over its own"), measured, median(ratios), target)
}

/// Several rounds with newly started servers.
fn one_start(
    options: &Options,
    scratch: &Scratch,
    key: &SigningKey,
    tokens: &[String],
    rounds: Range<usize>,
) -> Figures {
    let own = servers::artos_auth(&options.artos_auth, scratch, key);
    let nginx = servers::nginx(scratch);
    let token_file = scratch.write("tokens", &tokens.join("\n"));
    let length = Duration::from_secs(options.seconds);
    let mut kept = [(&own, PROTECTED_PATH), (&own, world::PUBLIC_PATH), (&nginx, PROTECTED_PATH)]
        .map(|(server, path)| Load::new(scratch, server, path, &token_file, length));
    let mut new =
        [&own, &nginx].map(|server| Handshakes::new(server, PROTECTED_PATH, tokens[0].clone(), length));
    for load in &mut kept {
        load.warm_up();
    }
    for round in rounds {
        for turn in 0..kept.len() {
            kept[(round + turn) % 3].run();
        }
        for turn in 0..new.len() {
            new[(round + turn) % 2].run();
        }
    }
    Figures { kept: kept.map(Load::rounds), new: new.map(Handshakes::rounds) }
}
