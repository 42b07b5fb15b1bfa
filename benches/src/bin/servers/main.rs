//! Drives `artos-auth serve`, HAProxy, an axum service and a null server with wrk, in turns, and prints
//! what each answers in a second and costs in processor time, with targets, as Markdown.
//!
//! `cargo run --release --bin servers [-- --artos-auth FILE] [--seconds N] [--rounds N]`; needs `haproxy`, `wrk`
//! and `taskset`, and the product built with `cargo build --release`. Loopback only; about ten minutes. The
//! servers are pinned to the first core and wrk to the last. Its exit status is 1 if a target is not met.

mod answer;
mod axum_service;
mod bare;
mod servers;

use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use answer::answer;
use artos_auth_benches::comparison::{
    Options, PROTECTED_PATH, ROUNDS_OF_A_START, TOKENS, artos_auth, rate, thrift, tokens,
};
use artos_auth_benches::load::{Figure, Load, least};
use artos_auth_benches::process::Scratch;
use artos_auth_benches::report::{self, Row, Target};
use artos_auth_benches::tokens::{Alg, Claims, SigningKey};
use artos_auth_benches::{machine, world};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if let (Some(command), Some(value)) = (arguments.next(), arguments.next()) {
        match command.as_str() {
            axum_service::COMMAND => return axum_service::serve(&value),
            bare::COMMAND => return bare::serve(&value),
            _ => {}
        }
    }
    compare(&Options::of("servers"))
}

fn compare(options: &Options) -> ExitCode {
    println!("{}.\n", machine::description());
    println!(
        "One core for the server, another for wrk, 32 connections, {TOKENS} cached tokens in turn; {} rounds of {} s each, \
         servers restarted every {ROUNDS_OF_A_START} rounds. A ratio is the median over the rounds of figures measured one \
         after the other. CPU is the server's processor time per request.\n",
        options.rounds, options.seconds
    );
    println!("{}", report::HEAD);
    let scratch = Scratch::new();
    let mut all_pass = true;
    let mut show = |rows: Vec<Row>| {
        for row in rows {
            println!("{row}");
            all_pass &= row.passes();
        }
    };
    for (alg, over_haproxy, over_axum) in
        [(Alg::Hs256, 1.5, 1.3), (Alg::Rs256, 6.0, 5.0), (Alg::Es256, 15.0, 12.0)]
    {
        show(compare_one(options, &scratch, alg, over_haproxy, over_axum));
    }
    show(at_rest(options, &scratch));
    if all_pass { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All servers under the same load, for one algorithm.
fn compare_one(
    options: &Options,
    scratch: &Scratch,
    alg: Alg,
    over_haproxy: f64,
    over_axum: f64,
) -> Vec<Row> {
    let key = SigningKey::new(alg);
    let tokens = tokens(&key);
    let token_file = scratch.write("tokens", &tokens.join("\n"));
    let mut figures: [Vec<Figure>; 7] = Default::default();
    for rounds in options.starts() {
        let of_a_start = one_start(options, scratch, &key, &tokens[0], &token_file, rounds);
        for (all, more) in figures.iter_mut().zip(of_a_start) {
            all.extend(more);
        }
    }
    let [public, protected, public_audited, protected_audited, haproxy, axum, bare] = &figures;

    let over = |what: &str, name: &str, above: &[Figure], below: &[Figure], target: Target| {
        rate(format!("{}, {what}, over {name}, requests a second", alg.name()), above, below, target)
    };
    let thrift = |what: &str, name: &str, own: &[Figure], other: &[Figure], target: Target| {
        thrift(format!("{}, {what}: CPU of {name} over its own", alg.name()), own, other, target)
    };
    let own = Target::AtLeast(0.95);
    let [over_haproxy, over_axum] = [over_haproxy, over_axum].map(Target::AtLeast);
    let (off, on) = ("audit off", "audit to stderr, overflow block");
    let least = "a null server";
    vec![
        over(off, "its own public path", protected, public, own),
        thrift(off, "its own public path", protected, public, own),
        over(on, "its own public path", protected_audited, public_audited, own),
        thrift(on, "its own public path", protected_audited, public_audited, own),
        over(off, "HAProxy", protected, haproxy, over_haproxy),
        thrift(off, "HAProxy", protected, haproxy, Target::None),
        over(off, "axum with jsonwebtoken", protected, axum, over_axum),
        thrift(off, "axum with jsonwebtoken", protected, axum, Target::None),
        over(on, "HAProxy", protected_audited, haproxy, over_haproxy),
        over(on, "axum with jsonwebtoken", protected_audited, axum, over_axum),
        thrift(off, least, protected, bare, Target::None),
        over(least, "HAProxy", bare, haproxy, Target::None),
        thrift(least, "HAProxy", bare, haproxy, Target::None),
        over(least, "axum with jsonwebtoken", bare, axum, Target::None),
        thrift(least, "axum with jsonwebtoken", bare, axum, Target::None),
    ]
}

/// Several rounds with newly started servers.
fn one_start(
    options: &Options,
    scratch: &Scratch,
    key: &SigningKey,
    token: &str,
    token_file: &Path,
    rounds: Range<usize>,
) -> [Vec<Figure>; 7] {
    let quiet = artos_auth(&options.artos_auth, scratch, key, "off", "");
    let audited = artos_auth(&options.artos_auth, scratch, key, "stderr", "");
    let haproxy = servers::haproxy(scratch, key);
    let axum = servers::axum(scratch, key);
    let bare = servers::bare(scratch, &answer(&quiet, PROTECTED_PATH, token));
    let length = Duration::from_secs(options.seconds);
    let mut loads = [
        (&quiet, world::PUBLIC_PATH),
        (&quiet, PROTECTED_PATH),
        (&audited, world::PUBLIC_PATH),
        (&audited, PROTECTED_PATH),
        (&haproxy, PROTECTED_PATH),
        (&axum, PROTECTED_PATH),
        (&bare, PROTECTED_PATH),
    ]
    .map(|(server, path)| Load::new(scratch, server, path, token_file, length));
    for load in &mut loads {
        load.warm_up();
    }
    for round in rounds {
        for turn in 0..loads.len() {
            let index = (round + turn) % loads.len();
            loads[index].run();
        }
    }
    loads.map(Load::rounds)
}

/// The memory of the product before the first request.
fn at_rest(options: &Options, scratch: &Scratch) -> Vec<Row> {
    const MEGABYTE: f64 = 1_000_000.0;
    let key = SigningKey::new(Alg::Es256);
    let token = key.mint(&Claims::default());
    let size = std::fs::metadata(&options.artos_auth).expect("the binary is there").len();
    let mut memory = Vec::new();
    let mut starts = Vec::new();
    for _ in 0..10 {
        let begun = std::time::Instant::now();
        let server = artos_auth(&options.artos_auth, scratch, &key, "off", "");
        answer(&server, PROTECTED_PATH, &token);
        starts.push(begun.elapsed().as_secs_f64() * 1e3);
        memory.push(server.resident_bytes() as f64 / MEGABYTE);
    }
    vec![
        Row::figure("size of the binary", size as f64 / MEGABYTE, "MB", Target::AtMost(12.0)),
        Row::figure("resident memory at rest", least(memory), "MB", Target::AtMost(12.0)),
        Row::figure("start to first answer", least(starts), "ms", Target::AtMost(30.0)),
    ]
}
