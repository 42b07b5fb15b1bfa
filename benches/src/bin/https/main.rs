//! Drives `artos-auth serve` and nginx over HTTPS, in turns, on kept connections and on new ones, and prints what each
//! answers in a second and costs in processor time, with targets, as Markdown.
//!
//! `cargo run --release --bin https [-- --artos-auth FILE] [--seconds N] [--rounds N]`; needs `nginx`, `wrk`, `openssl`
//! and `taskset`, and the product built with `cargo build --release`. Loopback only; about three minutes. The servers
//! are pinned to the first core and the clients to the last. Its exit status is 1 if a target is not met.

mod handshakes;
mod servers;

use std::ops::Range;
use std::process::ExitCode;
use std::time::Duration;

use artos_auth_benches::comparison::{
    Options, PROTECTED_PATH, ROUNDS_OF_A_START, TOKENS, artos_auth, rate, thrift, tokens,
};
use artos_auth_benches::load::{Figure, Load};
use artos_auth_benches::process::Scratch;
use artos_auth_benches::report::{self, Row, Target};
use artos_auth_benches::tokens::{Alg, SigningKey};
use artos_auth_benches::{machine, world};
use handshakes::Handshakes;

fn main() -> ExitCode {
    compare(&Options::of("https"))
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
    let tokens = tokens(&key);
    let mut figures = Figures::default();
    for rounds in options.starts() {
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
        let over = |what: &str, own: &[Figure], nginx: &[Figure], target| {
            rate(format!("{what} a second"), own, nginx, target)
        };
        let thrift = |what: &str, own: &[Figure], nginx: &[Figure]| {
            thrift(format!("{what}: CPU of nginx over its own"), own, nginx, Target::None)
        };
        let protected_path = "kept connections, protected path";
        let public_path = "kept connections, public path";
        let new_connections = "new connections, protected path";
        let (one, least) = (Target::AtLeast(1.0), Target::AtLeast(0.9));
        vec![
            over(&format!("{protected_path}, over nginx, requests"), protected, nginx, one),
            thrift(protected_path, protected, nginx),
            over(&format!("{public_path}, over nginx, requests"), public, nginx, Target::None),
            thrift(public_path, public, nginx),
            over(&format!("{new_connections}, over nginx, handshakes"), new, nginx_new, least),
            thrift(new_connections, new, nginx_new),
        ]
    }
}

/// Several rounds with newly started servers.
fn one_start(
    options: &Options,
    scratch: &Scratch,
    key: &SigningKey,
    tokens: &[String],
    rounds: Range<usize>,
) -> Figures {
    let tls = "[tls]\ncertificate = \"tls.crt\"\nkey = \"tls.key\"\n";
    let own = artos_auth(&options.artos_auth, scratch, key, "off", tls);
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
