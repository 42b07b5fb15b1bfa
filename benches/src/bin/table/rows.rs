//! The rows of each section: each measures its scenarios and compares them.

use std::process::Command;
use std::time::{Duration, Instant};

use artos_auth_benches::measure::{self, Effort, Subject};
use artos_auth_benches::report::{Row, Target, nanoseconds, shown};
use artos_auth_benches::scenarios::{self, Dimension, Temperature};
use artos_auth_benches::tokens::{Alg, SigningKey};
use artos_auth_benches::world::{self, Size};
use artos_auth_engine::Revocations;

/// A section of the table: its name, and the function that measures its rows.
type Section = (&'static str, fn() -> Vec<Row>);

/// All sections, in the table's order.
pub(crate) const SECTIONS: [Section; 14] = [
    ("cold-hmac", cold_hmac),
    ("cold-parts", cold_parts),
    ("cold-asymmetric", cold_asymmetric),
    ("warm", warm),
    ("before-signature", before_signature),
    ("forged", forged),
    ("signed-sha256", signed_sha256),
    ("authorization", authorization),
    ("warm-growth", growth_of_the_warm_decision),
    ("random-draw", random_draw),
    ("cold-growth", growth_of_the_cold_decision),
    ("revocations", revocations_of_ten_million),
    ("two-threads", two_threads),
    ("memory", memory),
];

/// The floor, in nanoseconds, on the machine on which targets such as 100 ns were set.
const FLOOR_OF_TARGETS: f64 = 397.0;

const EFFORT: Effort = Effort { rounds: 400, slice: Duration::from_millis(1), cores: 1 };
/// For runs of ten microseconds and more, whose ratios are close to one.
const LONG: Effort = Effort { rounds: 300, slice: Duration::from_millis(3), cores: 1 };
/// For threads, which take a while to start and are disturbed more often.
const THREADS: Effort = Effort { rounds: 60, slice: Duration::from_millis(20), cores: 2 };

const MILLION: usize = 1_000_000;

/// The results of one group, by the name of the subject.
struct Figures(Vec<(String, f64)>);

impl Figures {
    fn of(mut subjects: Vec<Subject>, effort: Effort) -> Self {
        let values = measure::nanoseconds(&mut subjects, effort);
        Self(subjects.iter().map(|subject| subject.name().to_owned()).zip(values).collect())
    }

    fn of_one(&self, name: &str) -> f64 {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.unwrap_or_else(|| panic!("no subject is called `{name}`")).1
    }

    /// A row that compares one subject with another.
    fn over(&self, what: impl Into<String>, above: &str, below: &str, target: Target) -> Row {
        let (over, under) = (self.of_one(above), self.of_one(below));
        let measured = format!("{above} {}, {below} {}", nanoseconds(over), nanoseconds(under));
        Row::ratio(what, measured, over / under, target)
    }
}

/// The floor right after a decision, compared with the floor alone.
fn floor_after_decision(figures: &Figures, alg: Alg, target: Target) -> Row {
    let alone = figures.of_one("floor");
    let after = figures.of_one("engine, then floor") - figures.of_one("engine");
    let measured = format!("after {}, alone {}", nanoseconds(after), nanoseconds(alone));
    Row::ratio(
        format!("the floor after a decision over the floor alone, {}", alg.name()),
        measured,
        after / alone,
        target,
    )
}

/// The argument that prints the figures of a cold HS256 decision in a separate process.
pub(crate) const COLD_HMAC_ALONE: &str = "cold-hmac-alone";

/// Each process gets a random memory layout, which changes a cold HS256 decision by a few per cent: this many processes
/// measure it, and the median is used.
const PROCESSES: usize = 7;

/// Prints the figures of one process.
pub(crate) fn cold_hmac_alone() {
    measure::print_nanoseconds(scenarios::cold(Alg::Hs256), EFFORT);
}

fn cold_hmac() -> Vec<Row> {
    let this = std::env::current_exe().expect("this program has a path");
    let mut processes: Vec<Figures> = (0..PROCESSES)
        .map(|_| Figures(measure::printed(&output(Command::new(&this).arg(COLD_HMAC_ALONE)))))
        .collect();
    let over_floor = |figures: &Figures| figures.of_one("engine") / figures.of_one("floor");
    processes.sort_by(|one, other| over_floor(one).total_cmp(&over_floor(other)));
    let figures = processes.swap_remove(PROCESSES / 2);
    let mut rows = vec![
        figures.over("cold decision, HS256, over the floor", "engine", "floor", Target::AtMost(1.6)),
        figures.over(
            "`jsonwebtoken::decode` over the cold decision, HS256",
            "jsonwebtoken",
            "engine",
            Target::AtLeast(3.8),
        ),
        floor_after_decision(&figures, Alg::Hs256, Target::None),
    ];
    rows.extend(peers(&figures, Alg::Hs256));
    rows
}

fn cold_parts() -> Vec<Row> {
    let figures = Figures::of(scenarios::parts(), EFFORT);
    let part = |what: &str, name: &str| {
        let what = format!("{what}, {name} alone, over the HS256 floor");
        figures.over(what, name, "floor", Target::None)
    };
    let readers = ["serde_json", "sonic-rs", "simd-json"];
    let quickest = readers.map(|name| figures.of_one(name)).into_iter().fold(f64::INFINITY, f64::min);
    let sum = figures.of_one("floor") + figures.of_one("base64-simd") + quickest;
    let mut rows: Vec<Row> = ["ring", "RustCrypto"]
        .map(|library| part("the same verification by another library", library))
        .into();
    rows.push(part("decoding the claims and the signature", "base64-simd"));
    rows.extend(readers.map(|name| part("reading the claims into a struct", name)));
    rows.push(Row::ratio(
        "the floor, decoding, and the quickest of these readers together, nothing checked, over the HS256 floor",
        nanoseconds(sum),
        sum / figures.of_one("floor"),
        Target::None,
    ));
    rows.push(figures.over(
        "all checks but the signature, in a warm decision, over the HS256 floor",
        "warm",
        "floor",
        Target::None,
    ));
    rows
}

fn cold_asymmetric() -> Vec<Row> {
    [Alg::Rs256, Alg::Es256, Alg::EdDsa]
        .into_iter()
        .flat_map(|alg| {
            let figures = Figures::of(scenarios::cold(alg), LONG);
            let what = format!("cold decision, {}, over the floor", alg.name());
            let mut rows = vec![
                figures.over(what, "engine", "floor", Target::AtMost(1.04)),
                floor_after_decision(&figures, alg, Target::AtMost(1.05)),
            ];
            rows.extend(peers(&figures, alg));
            rows
        })
        .collect()
}

fn warm() -> Vec<Row> {
    Alg::ALL
        .into_iter()
        .flat_map(|alg| {
            let figures = Figures::of(scenarios::warm(alg), EFFORT);
            let name = alg.name();
            let bound = Target::AtMost(100.0 / FLOOR_OF_TARGETS);
            let factor = Target::AtLeast(25.0);
            [
                figures.over(
                    format!("warm decision, {name}, over the floor (≤ 100 ns)"),
                    "engine",
                    "floor",
                    bound,
                ),
                figures.over(
                    format!("`jsonwebtoken::decode` HS256 over the warm decision, {name}"),
                    "jsonwebtoken",
                    "engine",
                    factor,
                ),
            ]
        })
        .collect()
}

fn peers(figures: &Figures, alg: Alg) -> Vec<Row> {
    ["jsonwebtoken", "jsonwebtoken-9", "jwt-simple", "oxitoken"]
        .map(|peer| {
            figures.over(format!("{peer}, {}, over the floor", alg.name()), peer, "floor", Target::None)
        })
        .to_vec()
}

fn before_signature() -> Vec<Row> {
    let figures = Figures::of(scenarios::before_signature(), EFFORT);
    [("public-path", 25.0), ("missing-header", 25.0), ("malformed-header", 40.0), ("oversized-token", 40.0)]
        .map(|(name, bound)| {
            let what = format!("{}, over the floor (≤ {bound} ns)", name.replace('-', " "));
            figures.over(what, name, "floor", Target::AtMost(bound / FLOOR_OF_TARGETS))
        })
        .to_vec()
}

fn forged() -> Vec<Row> {
    let combinations = Alg::ALL.into_iter().flat_map(|alg| [1, 8].map(|keys| (alg, keys)));
    combinations
        .map(|(alg, keys)| {
            let effort = if alg == Alg::Hs256 { EFFORT } else { LONG };
            let figures = Figures::of(scenarios::forged(alg, keys), effort);
            let what =
                format!("refusing a forged token over accepting a good one, {}, {keys} key(s)", alg.name());
            // They agree within one per cent: both verify one signature for each key.
            figures.over(what, "forged", "good", Target::AtMost(1.01))
        })
        .collect()
}

fn signed_sha256() -> Vec<Row> {
    let figures = Figures::of(scenarios::signed_sha256(), EFFORT);
    vec![figures.over("cold decision, HS256, with `signed_sha256` listed", "listed", "empty", Target::None)]
}

fn authorization() -> Vec<Row> {
    let figures = Figures::of(scenarios::authorization(), EFFORT);
    ["cedar-policy", "regorus"]
        .map(|peer| {
            let what = format!("{peer} for the authorization half, over the whole cold decision, HS256");
            figures.over(what, peer, "engine-whole-decision", Target::None)
        })
        .to_vec()
}

fn growth_of_the_warm_decision() -> Vec<Row> {
    let mut rows = growth("warm", Temperature::Warm, EFFORT, 1.5);
    rows.push(cached_tokens("warm", scenarios::cached_tokens, EFFORT, 1.5));
    rows
}

fn growth_of_the_cold_decision() -> Vec<Row> {
    let mut rows = growth("cold", Temperature::Cold, LONG, 1.3);
    rows.push(cached_tokens("cold (a miss)", scenarios::misses, LONG, 1.3));
    rows
}

fn growth(name: &str, temperature: Temperature, effort: Effort, bound: f64) -> Vec<Row> {
    Dimension::ALL
        .map(|dimension| {
            let sizes = dimension.sizes();
            let (small, large) = (sizes[0], sizes[sizes.len() - 1]);
            let figures = Figures::of(scenarios::growth(temperature, dimension, &[small, large]), effort);
            let sizes = format!("{} over {}", shown(large as f64), shown(small as f64));
            let what = format!("{name} decision, RS256, {}: {sizes}", dimension.slug());
            figures.over(what, &large.to_string(), &small.to_string(), Target::AtMost(bound))
        })
        .to_vec()
}

fn cached_tokens(name: &str, subjects: fn(&[usize]) -> Vec<Subject>, effort: Effort, bound: f64) -> Row {
    let figures = Figures::of(subjects(&[1, MILLION]), effort);
    let what = format!("{name} decision, cached tokens: 1,000,000 over 1");
    figures.over(what, &MILLION.to_string(), "1", Target::AtMost(bound))
}

fn random_draw() -> Vec<Row> {
    let own = Figures::of(scenarios::random_draw(MILLION), EFFORT);
    let with_mimalloc = Figures(measure::printed(&output_of("random_draw")));
    [(own, "the system's allocator"), (with_mimalloc, "mimalloc")]
        .into_iter()
        .flat_map(|(figures, allocator)| {
            let what = format!(
                "warm decision, a token at random of 1,000,000, {allocator}, over the floor (≤ 500 ns)"
            );
            let compared = format!("comparing it with a copy, and no more, {allocator}, over the floor");
            [
                figures.over(what, "engine", "floor", Target::AtMost(500.0 / FLOOR_OF_TARGETS)),
                figures.over(compared, "comparison", "floor", Target::None),
            ]
        })
        .collect()
}

/// The output of another program of this workspace.
fn output_of(program: &str) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let arguments = ["run", "--quiet", "--release", "--bin", program, "--manifest-path", manifest];
    output(Command::new(cargo).args(arguments))
}

fn output(command: &mut Command) -> String {
    let output = command.output().expect("the program is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("what is printed is text")
}

fn revocations_of_ten_million() -> Vec<Row> {
    const COUNT: usize = 10_000_000;
    let text = world::revocations_text(COUNT, 0);
    let start = Instant::now();
    let revocations = Revocations::from_json(text.as_bytes()).expect("these are revocations");
    let loading = start.elapsed();
    drop(text);
    let engine = world::engine(&SigningKey::new(Alg::Hs256), Size::default());
    let revocations = std::sync::Arc::new(revocations);
    let start = Instant::now();
    let swapped = engine.with_revocations(revocations);
    let swapping = start.elapsed();
    assert_eq!(swapped.revocations().tokens(), COUNT);
    vec![
        Row::figure("10,000,000 revocations, loaded in", loading.as_secs_f64(), "s", Target::AtMost(5.0)),
        // A decision holds the snapshot that it started with; building the next engine copies pointers.
        Row::figure(
            "10,000,000 revocations, swapped in",
            swapping.as_secs_f64() * 1e6,
            "µs",
            Target::AtMost(10.0),
        ),
    ]
}

fn two_threads() -> Vec<Row> {
    let figures = Figures::of(scenarios::two_threads(), THREADS);
    let gain = |name: &str| 2.0 * figures.of_one(&format!("{name}/1")) / figures.of_one(&format!("{name}/2"));
    ["cold", "warm, the same token", "warm, a token each"]
        .map(|name| {
            let measured = format!("{} × of {} ×", shown(gain(name)), shown(gain("floor")));
            let what = format!("two threads, {name}, HS256: gain over one, over the floor's gain");
            Row::ratio(what, measured, gain(name) / gain("floor"), Target::AtLeast(0.95))
        })
        .to_vec()
}

/// Measured by a separate program, which counts allocations.
fn memory() -> Vec<Row> {
    let text = output_of("memory");
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [what, value, unit, bound] = fields[..] else { panic!("`{line}` is no row") };
        let number = |text: &str| -> f64 { text.parse().expect("this is a number") };
        let unit = ["allocations", "bytes", "µs", "s", "×"].into_iter().find(|known| *known == unit);
        let unit = unit.unwrap_or_else(|| panic!("`{line}` has another unit"));
        Row::figure(what, number(value), unit, Target::AtMost(number(bound)))
    };
    text.lines().map(row).collect()
}
