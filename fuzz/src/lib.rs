//! The fuzz targets of artos-auth: each hands its input to the function of its name in `artos-auth-oracles`.
//!
//! Without cargo-fuzz, on any toolchain, a target is a program that runs the files it is given:
//! `cargo run --bin claims -- FILE…`.

#[doc(hidden)]
pub use artos_auth_oracles as oracles;
#[cfg(fuzzing)]
#[doc(hidden)]
pub use libfuzzer_sys;

/// The whole of a target: `fuzz!("claims");`.
#[cfg(fuzzing)]
#[macro_export]
macro_rules! fuzz {
    ($name:literal) => {
        use $crate::libfuzzer_sys;
        libfuzzer_sys::fuzz_target!(|input: &[u8]| {
            assert!($crate::oracles::replay($name, input), concat!("there is no target ", $name));
        });
    };
}

/// The whole of a target: `fuzz!("claims");`.
#[cfg(not(fuzzing))]
#[macro_export]
macro_rules! fuzz {
    ($name:literal) => {
        fn main() -> std::io::Result<()> {
            $crate::run_files($name)
        }
    };
}

/// Runs the files that the command line names, one after the other.
///
/// # Errors
///
/// If a file cannot be read, or none is given.
///
/// # Panics
///
/// If an input reveals an error, or there is no such target.
#[cfg(not(fuzzing))]
pub fn run_files(target: &str) -> std::io::Result<()> {
    let mut files = std::env::args_os().skip(1).peekable();
    if files.peek().is_none() {
        return Err(std::io::Error::other("say which files to run"));
    }
    for file in files {
        assert!(oracles::replay(target, &std::fs::read(&file)?), "there is no target {target}");
        println!("{target}: {} holds", file.display());
    }
    Ok(())
}
