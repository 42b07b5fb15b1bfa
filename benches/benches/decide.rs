//! `decide/<scenario>/<implementation>`: nanoseconds of a decision, next to floors and peers.

use artos_auth_benches::measure::Subject;
use artos_auth_benches::scenarios::{self, Dimension, Temperature};
use artos_auth_benches::tokens::Alg;
use criterion::{BenchmarkId, Criterion};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    // The check that benches still run (`cargo test`, or `cargo bench -- --test`) should not have to load ten million
    // entries.
    let given = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    let smoke = given("--test") || !given("--bench");

    for alg in Alg::ALL {
        group(&mut criterion, &format!("cold-{}", alg.slug()), scenarios::cold(alg));
    }
    group(&mut criterion, "cold-parts", scenarios::parts());
    for alg in Alg::ALL {
        group(&mut criterion, &format!("warm-{}", alg.slug()), scenarios::warm(alg));
    }
    group(&mut criterion, "before-signature", scenarios::before_signature());
    for alg in Alg::ALL {
        for keys in [1, 8] {
            group(&mut criterion, &format!("forged-{}-{keys}", alg.slug()), scenarios::forged(alg, keys));
        }
    }
    group(&mut criterion, "signed-sha256", scenarios::signed_sha256());
    group(&mut criterion, "authorization", scenarios::authorization());
    group(&mut criterion, "two-threads", scenarios::two_threads());
    let sized = |sizes: &[usize]| -> Vec<usize> {
        sizes.iter().copied().filter(|size| !smoke || *size <= 1_000).collect()
    };
    for dimension in Dimension::ALL {
        let sizes = sized(dimension.sizes());
        for (name, temperature) in [("cold", Temperature::Cold), ("warm", Temperature::Warm)] {
            let subjects = scenarios::growth(temperature, dimension, &sizes);
            plot(&mut criterion, &format!("{name}-growth-{}", dimension.slug()), &sizes, subjects);
        }
    }
    let counts = sized(&[1, 1_000, 100_000, 1_000_000]);
    plot(&mut criterion, "warm-growth-cached", &counts, scenarios::cached_tokens(&counts));
    plot(&mut criterion, "cold-growth-cached", &counts, scenarios::misses(&counts));
    let drawn = if smoke { 1_000 } else { 1_000_000 };
    group(&mut criterion, "warm-random-draw", scenarios::random_draw(drawn));
    criterion.final_summary();
}

/// A group of implementations of one scenario.
fn group(criterion: &mut Criterion, scenario: &str, subjects: Vec<Subject>) {
    let mut group = criterion.benchmark_group(format!("decide/{scenario}"));
    for mut subject in subjects {
        let name = subject.name().to_owned();
        group.bench_function(name, |bencher| bencher.iter_custom(|iterations| subject.run(iterations)));
    }
    group.finish();
}

/// A group whose subjects differ only in size, so that criterion plots them as a line.
fn plot(criterion: &mut Criterion, scenario: &str, sizes: &[usize], subjects: Vec<Subject>) {
    let mut group = criterion.benchmark_group(format!("decide/{scenario}"));
    for (size, mut subject) in sizes.iter().zip(subjects) {
        let id = BenchmarkId::new("engine", size);
        group.bench_with_input(id, size, |bencher, _| {
            bencher.iter_custom(|iterations| subject.run(iterations));
        });
    }
    group.finish();
}
