//! The machine on which the figures were measured.

use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use core_affinity::CoreId;

/// The cores that this process may use. Read once, before any thread is pinned: a pinned thread sees only its own.
pub fn cores() -> &'static [CoreId] {
    static CORES: OnceLock<Vec<CoreId>> = OnceLock::new();
    CORES.get_or_init(|| core_affinity::get_core_ids().unwrap_or_default())
}

/// Pins the calling thread to the last core, which gets the fewest interrupts; returns whether that worked.
pub fn pin_to_last_core() -> bool {
    cores().last().is_some_and(|core| core_affinity::set_for_current(*core))
}

/// Processor, relevant extensions, memory, kernel, compiler: the context that a reader of the figures needs.
#[must_use]
pub fn description() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        cpuinfo
            .lines()
            .find_map(|line| line.split_once(':').filter(|(key, _)| key.trim() == name))
            .map_or("unknown", |(_, value)| value.trim())
    };
    let flags: Vec<&str> = field("flags").split_whitespace().collect();
    let extensions: Vec<&str> = ["sha_ni", "avx2", "avx512f", "adx", "bmi2"]
        .into_iter()
        .filter(|flag| flags.contains(flag))
        .collect();
    let cores = cores().len();
    let memory = fs::read_to_string("/proc/meminfo")
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok())
        .map_or_else(
            || "unknown memory".to_owned(),
            |kilobytes| format!("{:.0} GiB", kilobytes / 1_048_576.0),
        );
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel: Vec<&str> = kernel.trim().split('.').take(2).collect();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("unknown").to_owned();
    format!(
        "{} (family {}, model {}; {}), {cores} cores, {memory}, Linux {}, {}; load at the start {load}",
        field("model name"),
        field("cpu family"),
        field("model"),
        extensions.join(" "),
        kernel.join("."),
        rustc(),
    )
}

fn rustc() -> String {
    let output = Command::new("rustc").arg("--version").output();
    output.map_or_else(
        |_| "rustc unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
