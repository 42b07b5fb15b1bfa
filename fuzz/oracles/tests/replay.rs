//! Every seed, and every input that ever failed, passes on stable.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use artos_auth_oracles::{TARGETS, replay, seeds};

/// The stored inputs: `fixtures/fuzz/TARGET/NAME`.
fn kept() -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/fuzz");
    let entries = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        entries.map(|entry| entry.expect("an entry").path()).collect()
    };
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    entries(&folder)
        .iter()
        .filter(|path| path.is_dir())
        .flat_map(|target| entries(target).into_iter().map(move |input| (name(target), input)))
        .collect()
}

#[test]
fn every_input_that_ever_failed_passes() {
    let kept = kept();
    assert!(!kept.is_empty(), "fixtures/fuzz holds no input");
    for (target, input) in kept {
        println!("{target}: {}", input.display());
        let bytes = fs::read(&input).expect("an input that can be read");
        assert!(replay(&target, &bytes), "{} is in the folder of no target", input.display());
    }
}

#[test]
fn every_seed_passes_and_every_target_has_one() {
    let seeds = seeds::all().expect("seeds");
    let seeded: BTreeSet<&str> = seeds.iter().map(|(target, _)| *target).collect();
    let targets: BTreeSet<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(seeded, targets);
    for (target, bytes) in seeds {
        println!("{target}: {:?}", String::from_utf8_lossy(&bytes));
        assert!(replay(target, &bytes));
    }
}

#[test]
fn the_empty_input_passes() {
    for target in TARGETS {
        (target.run)(&[]);
    }
}
