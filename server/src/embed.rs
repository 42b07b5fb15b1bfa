//! A configuration file and everything that it names, for programs that embed decisions without the server.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};

use crate::audit::{AuditLog, Format, Level, Writer};
use crate::config::{self, Audit, AuditOutput, ConfigError, KeyOrigin, RevocationSource};
use crate::health::Health;
use crate::metrics::Metrics;
use crate::process::with_cache;
use crate::snapshot::Snapshot;
use crate::sources::configuration::FirstLoad;
use crate::sources::publisher::Publisher;
use crate::sources::status::Reporter;
use crate::sources::watch::{Bells, Retire};

/// The snapshot of a configuration file, kept current in the background until this is dropped.
///
/// Files are followed as by the server: a replaced file takes effect within seconds, a file that does not load keeps the
/// last good value and is reported on standard error, and a reload never loosens access by omission.
pub struct FollowedConfig {
    publisher: Publisher,
    _sources: Retire,
    _messages: Writer,
    /// The runtime that fetches keys by URL; `Some` until this is dropped.
    runtime: Option<Runtime>,
}

impl FollowedConfig {
    /// Loads a configuration file and everything that it names.
    ///
    /// # Errors
    ///
    /// Names the file, line and key, and the fix.
    pub fn start(path: &Path) -> Result<Self, ConfigError> {
        let contents = config::read_contents(path, config::MAX_CONFIG_BYTES)?;
        let config = config::parse_bytes(path, contents.bytes)?;
        // Loaded here for errors with line and key; below, the same files are read again to follow them.
        for source in &config.keys {
            if let KeyOrigin::File(file) = &source.origin {
                config::read_keys(file)?;
            }
        }
        if let Some(RevocationSource::File(file)) = &config.revocations {
            config::read_revocations(file)?;
        }
        let failed = |problem: String| ConfigError::of_file(path, problem);
        let (limits, metrics) = (config.limits, Metrics::new());
        let audit = Audit { output: AuditOutput::Off, ..Audit::default() };
        let (log, messages) = AuditLog::start(std::io::stderr(), Format::Json, &audit, metrics.audit.clone())
            .map_err(failed)?;
        for warning in &config.warnings {
            log.note(Level::Warning, &format!("{}: {warning}", path.display()));
        }
        let reporter = Reporter { health: Health::new(), metrics, log };
        let first = FirstLoad::read(config, contents.version).map_err(failed)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .thread_name("artos-auth-sources")
            .build()
            .map_err(|error| failed(format!("cannot start the thread that fetches keys: {error}")))?;
        let (publisher, sources) = {
            let _guard = runtime.enter();
            first.start(reporter, &Bells::default(), |engine| with_cache(engine, limits)).map_err(failed)?
        };
        Ok(Self { publisher, _sources: sources, _messages: messages, runtime: Some(runtime) })
    }

    /// The current snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.publisher.snapshot().load_full()
    }
}

/// A fetch that hangs does not delay the drop, which may happen in an asynchronous task.
impl Drop for FollowedConfig {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for FollowedConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FollowedConfig").field("snapshot", &self.snapshot()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const KEYS: &str = r#"{"keys": [{"kty": "oct", "kid": "test-only-not-a-real-key",
        "k": "dGVzdC1vbmx5LCBuZXZlciBhIHJlYWwgc2VjcmV0ISE"}]}"#;

    #[test]
    fn a_replaced_file_takes_effect_without_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("keys.json"), KEYS).unwrap();
        std::fs::write(path("revocations.json"), "{}").unwrap();
        let text = "[keys]\nfile = \"keys.json\"\n[revocations]\nfile = \"revocations.json\"\n";
        std::fs::write(path("artos-auth.toml"), text).unwrap();
        let followed = FollowedConfig::start(&path("artos-auth.toml")).unwrap();
        assert_eq!(followed.snapshot().engine().revocations().tokens(), 0);
        std::fs::write(path("new.json"), r#"{"tokens": ["t-1"]}"#).unwrap();
        std::fs::rename(path("new.json"), path("revocations.json")).unwrap();
        let arrived = (0..600).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            followed.snapshot().engine().revocations().tokens() == 1
        });
        assert!(arrived);
    }

    #[test]
    fn an_error_names_file_line_and_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("artos-auth.toml");
        std::fs::write(&path, "[policy]\nleeway_seconds = 121\n[keys]\nfile = \"keys.json\"\n").unwrap();
        let error = FollowedConfig::start(&path).unwrap_err();
        assert_eq!(
            (error.file.as_path(), error.line, error.key.as_str()),
            (&*path, Some(2), "policy.leeway_seconds")
        );
    }
}
