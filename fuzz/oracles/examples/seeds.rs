//! Writes the seeds of the fuzz targets: `cargo run -p artos-auth-oracles --example seeds -- FOLDER`.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use artos_auth_oracles::seeds;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("say which folder to write to")?);
    let seeds = seeds::all()?;
    for (target, bytes) in &seeds {
        let folder = folder.join(target);
        fs::create_dir_all(&folder)?;
        // Named as libFuzzer names inputs, so that equal inputs are one file.
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
        let name: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(folder.join(name), bytes)?;
    }
    println!("{} seeds in {}", seeds.len(), folder.display());
    Ok(())
}
