//! Decides about tokens drawn at random from a million cached ones, or so many as its argument says, with another allocator
//! than the system's: a line each of what and nanoseconds, parted by a tab, for the table to read.
//!
//! A program of its own, for a program has one allocator. mimalloc keeps what is allocated together close together and
//! asks for huge pages; where a token lies is the allocator's to say, not the engine's.

use std::num::NonZeroUsize;
use std::time::Duration;

use artos_auth_benches::measure::{self, Effort};
use artos_auth_benches::{machine, scenarios};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    machine::pin_to_last_core();
    let effort = Effort { rounds: 400, slice: Duration::from_millis(1), cores: 1 };
    let tokens = std::env::args().nth(1).map_or(1_000_000, |tokens| {
        let Ok(tokens) = tokens.parse::<NonZeroUsize>() else {
            eprintln!("`{tokens}`: usage: random_draw [TOKENS]");
            std::process::exit(2)
        };
        tokens.get()
    });
    measure::print_nanoseconds(scenarios::random_draw(tokens), effort);
}
