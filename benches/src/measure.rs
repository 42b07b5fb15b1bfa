//! Measurement on a shared machine: implementations run in turn, in short rounds, and are timed by the thread's
//! processor time, so that waiting for a core does not count.
//!
//! A round runs every implementation of a group for about one millisecond, and the order rotates with each round. A
//! disturbance longer than a round (caches, clock frequency) then affects all of them alike, and a shorter one affects
//! a minority of rounds. The result of an implementation is the lower quartile of its rounds: close to the undisturbed
//! cost, and more stable than a minimum.
//!
//! A busy sibling hyperthread does not slow down all code alike: hashing hardly, everything else by half. A reference
//! workload detects this: rounds count while it takes about its minimum time; otherwise the measurement waits.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;

use crate::machine;

/// One implementation of a scenario, ready to run.
pub struct Subject {
    name: String,
    run: Box<dyn FnMut(u64) -> Duration>,
}

impl Subject {
    /// A subject that calls `once` for each run, which asserts its result.
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

    /// A subject whose runs are prepared in batches, outside the measurement: `prepare` creates the input of the
    /// `batch` calls of `once`, each with its index within the batch.
    pub fn in_batches<S: 'static>(
        name: impl Into<String>,
        batch: usize,
        mut state: S,
        prepare: impl Fn(&mut S) + 'static,
        once: impl Fn(&S, usize) + 'static,
    ) -> Self {
        let run = move |iterations: u64| {
            let mut left = usize::try_from(iterations).unwrap_or(usize::MAX);
            let mut elapsed = Duration::ZERO;
            while left > 0 {
                prepare(&mut state);
                let runs = left.min(batch);
                let start = ThreadTime::now();
                for index in 0..runs {
                    once(&state, index);
                }
                elapsed += start.elapsed();
                left -= runs;
            }
            elapsed
        };
        Self { name: name.into(), run: Box::new(run) }
    }

    /// A subject that runs on this many threads at once, each on its own core; `once` gets the thread's index. Its time
    /// is that of the slowest thread, from a common start. (Time that a thread spends blocked would not be counted;
    /// neither the engine nor the floor has a lock.)
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

    /// Its name within the group.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs it this many times, and returns the elapsed time.
    pub fn run(&mut self, iterations: u64) -> Duration {
        (self.run)(iterations)
    }
}

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// The number of rounds.
    pub rounds: usize,
    /// The duration of each implementation in a round.
    pub slice: Duration,
    /// The number of cores, all of which must be idle.
    pub cores: usize,
}

/// Nanoseconds of one run of each subject, in the subjects' order.
#[must_use]
pub fn nanoseconds(subjects: &mut [Subject], effort: Effort) -> Vec<f64> {
    let iterations: Vec<u64> = subjects.iter_mut().map(|subject| calibrate(subject, effort.slice)).collect();
    // All subjects are compared with the time on a single core.
    for _ in 0..100 {
        yardstick();
    }
    let mut rounds = Vec::new();
    let mut patience = PATIENCE;
    for round in 0.. {
        wait_for_rest(effort.cores, &mut patience);
        let mut samples = vec![0.0; subjects.len()];
        for turn in 0..subjects.len() {
            let index = (round + turn) % subjects.len();
            let elapsed = subjects[index].run(iterations[index]);
            samples[index] = elapsed.as_secs_f64() * 1e9 / iterations[index] as f64;
        }
        rounds.push((yardstick_on(effort.cores), samples));
        let counting = rounds.iter().filter(|(yardstick, _)| is_at_rest(*yardstick)).count();
        if counting >= effort.rounds || (patience.is_zero() && rounds.len() >= effort.rounds) {
            break;
        }
    }
    let at_rest = |(yardstick, _): &&(u64, Vec<f64>)| is_at_rest(*yardstick);
    let mut counting: Vec<_> = rounds.iter().filter(at_rest).collect();
    // A quarter of the rounds is enough if no more were available.
    if counting.len() < effort.rounds / 4 {
        DISTURBED.fetch_add(1, Relaxed);
        counting = rounds.iter().collect();
    }
    (0..subjects.len())
        .map(|index| lower_quartile(counting.iter().map(|(_, samples)| samples[index]).collect()))
        .collect()
}

/// The number of groups that were measured although the machine never became idle.
#[must_use]
pub fn disturbed_groups() -> usize {
    DISTURBED.load(Relaxed)
}

/// Measures, and prints lines of name and nanoseconds for another process, which reads them with [`printed`].
pub fn print_nanoseconds(mut subjects: Vec<Subject>, effort: Effort) {
    let figures = nanoseconds(&mut subjects, effort);
    for (subject, nanoseconds) in subjects.iter().zip(figures) {
        println!("{}\t{nanoseconds}", subject.name());
    }
    println!("{DISTURBED_GROUPS}\t{}", disturbed_groups());
}

/// Names and nanoseconds that another process printed. Its disturbed groups are counted here too.
#[must_use]
pub fn printed(text: &str) -> Vec<(String, f64)> {
    let figure = |line: &str| {
        let (name, value) = line.split_once('\t').unwrap_or_else(|| panic!("`{line}` is no figure"));
        (name.to_owned(), value.parse().expect("this is a number"))
    };
    let mut figures: Vec<(String, f64)> = text.lines().map(figure).collect();
    let (name, disturbed) = figures.pop().expect("there is a last line");
    assert_eq!(name, DISTURBED_GROUPS);
    if disturbed > 0.0 {
        DISTURBED.fetch_add(1, Relaxed);
    }
    figures
}

/// The text before the number of disturbed groups in the last line.
const DISTURBED_GROUPS: &str = "disturbed groups";

static DISTURBED: AtomicUsize = AtomicUsize::new(0);

/// The minimum time of the reference workload, in nanoseconds.
static LEAST: AtomicU64 = AtomicU64::new(u64::MAX);

/// The maximum total time that a group may wait for an idle machine.
const PATIENCE: Duration = Duration::from_secs(5);

fn is_at_rest(yardstick: u64) -> bool {
    yardstick as f64 <= LEAST.load(Relaxed) as f64 * 1.15
}

fn wait_for_rest(cores: usize, patience: &mut Duration) {
    while !is_at_rest(yardstick_on(cores)) && !patience.is_zero() {
        let begun = Instant::now();
        thread::sleep(Duration::from_millis(20));
        *patience = patience.saturating_sub(begun.elapsed());
    }
}

/// The reference workload on this core, or on several at once, of which the slowest counts.
fn yardstick_on(cores: usize) -> u64 {
    if cores == 1 {
        return yardstick();
    }
    let on_core = |number: usize| {
        if let Some(core) = machine::cores().iter().rev().nth(number) {
            core_affinity::set_for_current(*core);
        }
        yardstick()
    };
    let on_core = &on_core;
    thread::scope(|scope| {
        let running: Vec<_> = (0..cores).map(|number| scope.spawn(move || on_core(number))).collect();
        let taken = running.into_iter().map(|thread| thread.join().expect("a yardstick does not panic"));
        taken.max().unwrap_or_default()
    })
}

/// Nanoseconds of a workload that keeps a whole core busy.
fn yardstick() -> u64 {
    let work = || {
        let start = ThreadTime::now();
        let mut sums = [1_u64, 2, 3, 4, 5, 6, 7, 8];
        for step in 0..8_000_u64 {
            for sum in &mut sums {
                *sum = (*sum ^ step).wrapping_add(*sum >> 3);
            }
        }
        black_box(sums);
        u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    };
    // Twice, because an interrupt in one of them is not a disturbance.
    let taken = work().min(work());
    LEAST.fetch_min(taken, Relaxed);
    taken
}

/// The number of runs that fill a slice, after warming up.
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

/// The first quartile of the samples.
#[must_use]
pub fn lower_quartile(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 4]
}
