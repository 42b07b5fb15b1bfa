//! Decides on tokens drawn at random from one million cached ones (or the number in its argument), with another
//! allocator than the system's. Prints lines of name and nanoseconds, separated by a tab, for the table to read.
//!
//! A separate program, because a program has only one allocator. mimalloc places allocations of the same time close
//! together and requests huge pages; the location of a token depends on the allocator, not on the engine.

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
