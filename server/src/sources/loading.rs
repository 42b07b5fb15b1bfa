//! Reads the files that a configuration names, before anything takes effect.

use std::path::Path;

use artos_auth_engine::{KeySet, Revocations};

use super::publisher::{KeySlot, NewRevocations, RevocationsSlot};
use crate::config::{self, KeyOrigin, KeySource, RevocationSource};
use crate::fetch::{self, Remote};
use crate::files::FileVersion;
use crate::redis::Connector;

/// A file that was read: its value and its metadata; no metadata if it must be read again.
pub(super) struct Loaded<T> {
    pub(super) value: T,
    pub(super) version: Option<FileVersion>,
}

/// Loaded keys and the messages about them.
pub(super) struct LoadedKeys {
    pub(super) slot: KeySlot,
    pub(super) warnings: Vec<String>,
    /// Whether an earlier fetch filled the slot.
    pub(super) fetched: bool,
}

/// Revocations to be followed.
pub(super) struct LoadedRevocations {
    pub(super) source: RevocationSource,
    pub(super) slot: RevocationsSlot,
    /// Loaded from a file. Revocations from a server are not known yet.
    pub(super) set: Option<Revocations>,
    pub(super) version: Option<FileVersion>,
    pub(super) connector: Option<Connector>,
}

impl LoadedRevocations {
    pub(super) fn to_publish(&self) -> NewRevocations {
        NewRevocations { slot: self.slot.clone(), set: self.set.clone(), stale: self.set.is_none() }
    }
}

/// No source: nothing is revoked.
pub(super) fn no_revocations() -> NewRevocations {
    NewRevocations { slot: RevocationsSlot::default(), set: Some(Revocations::none()), stale: false }
}

/// The keys of a file, or of the fallback file of a remote set, which may have none yet.
pub(super) fn keys(source: &KeySource) -> Result<Loaded<LoadedKeys>, String> {
    let (path, key) = match &source.origin {
        KeyOrigin::File(path) => (path, "keys.file"),
        KeyOrigin::Remote(Remote { fallback_file: Some(path), .. }) => (path, "keys.fallback_file"),
        KeyOrigin::Remote(_) => {
            let value = LoadedKeys { slot: KeySlot::default(), warnings: Vec::new(), fetched: false };
            return Ok(Loaded { value, version: None });
        }
    };
    let contents = config::read_contents(path, config::MAX_KEYS_BYTES)
        .map_err(|error| error.named_by(key).to_string())?;
    let set = config::parse_keys(path, &contents.bytes).map_err(|error| error.to_string())?;
    let (slot, warnings) = (KeySlot::default(), warnings_of(path, &set));
    slot.fill(contents.bytes);
    Ok(Loaded { value: LoadedKeys { slot, warnings, fetched: false }, version: Some(contents.version) })
}

pub(super) fn warnings_of(path: &Path, set: &KeySet) -> Vec<String> {
    let warnings = set.warnings().iter().map(|warning| format!("{}: {warning}", path.display()));
    warnings.chain(config::secret_file_warning(path)).collect()
}

/// The revocations of a file. Those of a server are fetched later; the files for its connection are read now.
pub(super) fn revocations(source: &RevocationSource) -> Result<LoadedRevocations, String> {
    let (mut set, mut version, mut connector) = (None, None, None);
    match source {
        RevocationSource::File(path) => {
            let contents = config::read_contents(path, config::MAX_REVOCATIONS_BYTES)
                .map_err(|error| error.named_by("revocations.file").to_string())?;
            let parsed =
                config::parse_revocations(path, &contents.bytes).map_err(|error| error.to_string())?;
            (set, version) = (Some(parsed), Some(contents.version));
        }
        RevocationSource::Url(remote) => drop(fetch::tls(remote.ca_file.as_deref())?),
        RevocationSource::Redis(redis) => connector = Some(Connector::new(redis)?),
    }
    Ok(LoadedRevocations {
        source: source.clone(),
        slot: RevocationsSlot::default(),
        set,
        version,
        connector,
    })
}
