//! Decides about tokens drawn at random from a million cached ones with another allocator than the system's: a line
//! each of what and nanoseconds, parted by a tab, for the table to read.
//!
//! A program of its own, for a program has one allocator. mimalloc keeps what is allocated together close together and
//! asks for huge pages; where a token lies is the allocator's to say, not the engine's.

use std::time::Duration;

use artos_auth_benches::measure::{self, Effort};
use artos_auth_benches::{machine, scenarios};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    machine::pin_to_last_core();
    let effort = Effort { rounds: 400, slice: Duration::from_millis(1), cores: 1 };
    measure::print_nanoseconds(scenarios::random_draw(1_000_000), effort);
}
