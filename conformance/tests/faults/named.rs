//! The cases listed in the documentation's table.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// If set to any value, the table is rewritten instead of compared.
pub(crate) const UPDATE: &str = "UPDATE_FAULT_TABLE";

/// The cases that the table lists for a fault.
#[derive(Clone, Debug, Default)]
pub(crate) struct Named {
    pub(crate) cases: Vec<String>,
    /// Whether there are more.
    pub(crate) others: bool,
}

/// Whether the table is to be rewritten.
pub(crate) fn is_updated() -> bool {
    std::env::var_os(UPDATE).is_some()
}

/// The table in the documentation.
pub(crate) fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance-faults.md")
}

/// The content of the table in the documentation, by the fault's id.
pub(crate) fn named() -> BTreeMap<String, Named> {
    let text = std::fs::read_to_string(path()).unwrap_or_default();
    let row = |line: &str| {
        let id = line.strip_prefix("| `")?.split('`').next()?.to_owned();
        let found = line.strip_suffix(" |")?.rsplit(" | ").next()?;
        let cases = found.split('`').filter(|piece| piece.contains('/')).map(ToOwned::to_owned).collect();
        Some((id, Named { cases, others: found.ends_with("others") }))
    };
    text.lines().filter_map(row).collect()
}
