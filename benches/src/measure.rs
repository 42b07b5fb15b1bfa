//! Measuring on a machine that others use too: implementations in turns, in short rounds, by the processor time
//! of the thread, so that waiting for a core does not count.
//!
//! A round runs every implementation of a group for about a millisecond, and the order turns with each round.
//! What disturbs the machine for longer than a round (its caches, its clock) then meets all of them alike, and
//! what disturbs it for less falls on a minority of rounds. Of each implementation's rounds the lower quartile is
//! its figure: close to the undisturbed cost, and steadier than a minimum.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use cpu_time::ThreadTime;

use crate::machine;

/// One implementation of a scenario, ready to run.
pub struct Subject {
    name: String,
    run: Box<dyn FnMut(u64) -> Duration>,
}

impl Subject {
    /// A subject whose single run is `once`, which asserts its own answer.
    pub fn new(name: impl Into<String>, mut once: impl FnMut() + 'static) -> Self {
        let run = move |iterations| {
            let start = ThreadTime::now();
            for _ in 0..iterations {
                once();
            }
            start.elapsed()
        };
        Self { name: name.into(), run: Box::new(run) }
    }

    /// A subject that so many threads run at once, each on a core of its own; `once` gets the thread's number.
    /// Its time is that of the slowest thread, from a common start. (A thread that slept until another let it go
    /// on would not be charged for it; neither the engine nor the floor has a lock.)
    pub fn on_threads(
        name: impl Into<String>,
        threads: usize,
        once: impl Fn(usize) + Send + Sync + 'static,
    ) -> Self {
        let run = move |iterations| {
            let start = Barrier::new(threads);
            let timed = |thread: usize| {
                if let Some(core) = machine::cores().iter().rev().nth(thread) {
                    core_affinity::set_for_current(*core);
                }
                start.wait();
                let begun = ThreadTime::now();
                for _ in 0..iterations {
                    once(thread);
                }
                begun.elapsed()
            };
            let timed = &timed;
            thread::scope(|scope| {
                let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || timed(thread))).collect();
                let elapsed =
                    running.into_iter().map(|thread| thread.join().expect("a measurement does not panic"));
                elapsed.max().unwrap_or_default()
            })
        };
        Self { name: name.into(), run: Box::new(run) }
    }

    /// What it is called within its group.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs it so many times, and says how long that took.
    pub fn run(&mut self, iterations: u64) -> Duration {
        (self.run)(iterations)
    }
}

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How many rounds.
    pub rounds: usize,
    /// How long each implementation runs in a round.
    pub slice: Duration,
}

/// Nanoseconds of one run of each subject, in the subjects' order.
#[must_use]
pub fn nanoseconds(subjects: &mut [Subject], effort: Effort) -> Vec<f64> {
    let iterations: Vec<u64> = subjects.iter_mut().map(|subject| calibrate(subject, effort.slice)).collect();
    let mut samples = vec![Vec::with_capacity(effort.rounds); subjects.len()];
    for round in 0..effort.rounds {
        for turn in 0..subjects.len() {
            let index = (round + turn) % subjects.len();
            let elapsed = subjects[index].run(iterations[index]);
            samples[index].push(elapsed.as_secs_f64() * 1e9 / iterations[index] as f64);
        }
    }
    samples.into_iter().map(lower_quartile).collect()
}

/// How many runs fill a slice, after warming up.
fn calibrate(subject: &mut Subject, slice: Duration) -> u64 {
    let mut iterations = 1;
    loop {
        let elapsed = subject.run(iterations);
        if elapsed >= slice / 2 {
            let per_run = elapsed.as_secs_f64() / iterations as f64;
            return ((slice.as_secs_f64() / per_run) as u64).max(1);
        }
        iterations *= 2;
    }
}

/// The value that a quarter of the samples do not reach.
#[must_use]
pub fn lower_quartile(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 4]
}
