//! New files while the server runs.
//!
//! Policy, realms, resources and keys change together or not at all; revocations on their own, so that an urgent
//! one waits for nobody's typing error. What does not load leaves the old in force, and is told everywhere.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use artos_auth_engine::{KeySet, Revocations};

use super::file::Looks;
use crate::audit::{AuditLog, Level};
use crate::config::{self, Config, ConfigError};
use crate::health::{Effect, Health};
use crate::metrics::{Metrics, file_label};
use crate::snapshot::Snapshot;

/// The roles of the files, as metrics and readiness name them.
const CONFIG: &str = "config";
const KEYS: &str = "keys";
const REVOCATIONS: &str = "revocations";

/// Loads files again, and puts them into force.
#[derive(Debug)]
pub(crate) struct Reloader {
    config_file: PathBuf,
    keys_file: PathBuf,
    revocations_file: Option<PathBuf>,
    /// What needs a restart, as it was at the start.
    fixed: Fixed,
    seen: Looks,
    state: Arc<ArcSwap<Snapshot>>,
    health: Health,
    metrics: Metrics,
    trail: AuditLog,
}

/// What a reload does not change.
#[derive(Debug, PartialEq, Eq)]
struct Fixed {
    listen: std::net::SocketAddr,
    admin_listen: Option<std::net::SocketAddr>,
    limits: config::Limits,
    audit: config::Audit,
}

impl Fixed {
    fn of(config: &Config) -> Self {
        Self {
            listen: config.listen,
            admin_listen: config.admin_listen,
            limits: config.limits,
            audit: config.audit.clone(),
        }
    }

    fn differences(&self, other: &Self) -> Vec<&'static str> {
        [
            (self.listen != other.listen, "`listen`"),
            (self.admin_listen != other.admin_listen, "`admin_listen`"),
            (self.limits != other.limits, "`[limits]`"),
            (self.audit != other.audit, "`[audit]`"),
        ]
        .into_iter()
        .filter_map(|(differs, name)| differs.then_some(name))
        .collect()
    }
}

impl Reloader {
    /// A reloader of what `config` names, which is in force in `state`; `seen` is how the files looked before they
    /// were read.
    pub(crate) fn new(
        config: &Config,
        seen: Looks,
        state: Arc<ArcSwap<Snapshot>>,
        health: Health,
        metrics: Metrics,
        trail: AuditLog,
    ) -> Self {
        let loader = Self {
            config_file: config.path.clone(),
            keys_file: config.keys_file.clone(),
            revocations_file: config.revocations_file.clone(),
            fixed: Fixed::of(config),
            seen,
            state,
            health,
            metrics,
            trail,
        };
        for file in [CONFIG, KEYS, REVOCATIONS] {
            // The series is there before the first failure, so that an alert on its growth works.
            drop(loader.metrics.reload_failures.get_or_create(&file_label(file)));
        }
        loader.in_force(CONFIG);
        loader.in_force(KEYS);
        if loader.revocations_file.is_some() {
            loader.in_force(REVOCATIONS);
        }
        for notice in loader.state.load().engine().keys().notices() {
            loader.trail.note(Level::Warning, &format!("{}: {notice}", loader.keys_file.display()));
        }
        if let Some(warning) = config::secret_file_warning(&loader.keys_file) {
            loader.trail.note(Level::Warning, &warning);
        }
        loader
    }

    /// The files that this reloader reads.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.config_file, &self.keys_file].into_iter().chain(&self.revocations_file).map(PathBuf::as_path)
    }

    /// Whether a file looks other than when it was last read.
    pub(crate) fn is_outdated(&self) -> bool {
        self.look() != self.seen
    }

    /// Loads what looks other than when it was last read.
    pub(crate) fn reload_changed(&mut self) {
        let Looks { config, keys, revocations } = self.look();
        let policy = config != self.seen.config || keys != self.seen.keys;
        let revoked = revocations != self.seen.revocations;
        self.reload(policy, revoked);
    }

    /// Loads everything.
    pub(crate) fn reload_all(&mut self) {
        self.reload(true, true);
    }

    fn look(&self) -> Looks {
        Looks::at(&self.config_file, &self.keys_file, self.revocations_file.as_deref())
    }

    /// Files are looked at before they are read: a change in between is another change.
    fn reload(&mut self, policy: bool, revocations: bool) {
        let mut revocations = revocations;
        if policy {
            let Looks { config, keys, .. } = self.look();
            (self.seen.config, self.seen.keys) = (config, keys);
            match self.reload_policy_and_keys() {
                Ok(other_revocations) => revocations |= other_revocations,
                Err((file, error)) => {
                    if file == KEYS {
                        // The configuration is right, as far as it goes: it waits for its keys.
                        self.health.works(CONFIG);
                    }
                    self.failed(file, &error);
                }
            }
        }
        if revocations {
            self.seen.revocations = self.look().revocations;
            self.reload_revocations();
        }
    }

    /// Puts both into force, and says whether the file names other revocations than before; or neither.
    fn reload_policy_and_keys(&mut self) -> Result<bool, (&'static str, ConfigError)> {
        let config = config::load(&self.config_file).map_err(|error| (CONFIG, error))?;
        if config.keys_file != self.keys_file {
            // Even if they cannot be read yet: they may be there in a moment.
            self.keys_file.clone_from(&config.keys_file);
            self.seen.keys = self.look().keys;
        }
        let keys = config::read_keys(&config.keys_file).map_err(|error| (KEYS, error))?;
        self.announce(&config, &keys);
        let others = config.revocations_file != self.revocations_file;
        self.revocations_file = config.revocations_file;
        let engine = self.state.load().engine().with_policy_and_keys(config.policy, keys);
        let snapshot = Snapshot::new(engine, config.realms, config.resources)
            .with_forward(config.forward)
            .with_ext_authz(config.ext_authz);
        self.state.store(Arc::new(snapshot));
        self.in_force(CONFIG);
        self.in_force(KEYS);
        Ok(others)
    }

    fn reload_revocations(&self) {
        let revocations = match &self.revocations_file {
            None => Revocations::none(),
            Some(file) => match config::read_revocations(file) {
                Ok(revocations) => revocations,
                Err(error) => return self.failed(REVOCATIONS, &error),
            },
        };
        let message = format!(
            "revocations loaded: {} tokens, {} users, {} organizations",
            revocations.tokens(),
            revocations.users(),
            revocations.organizations()
        );
        let state = self.state.load_full();
        self.state.store(Arc::new(state.with_engine(state.engine().with_revocations(revocations))));
        self.in_force(REVOCATIONS);
        self.trail.note(Level::Info, &message);
    }

    fn announce(&self, config: &Config, keys: &KeySet) {
        let differences = self.fixed.differences(&Fixed::of(config));
        if !differences.is_empty() {
            let message = format!(
                "{}: {} changed, which counts from the next start on",
                config.path.display(),
                differences.join(" and ")
            );
            self.trail.note(Level::Warning, &message);
        }
        for warning in &config.warnings {
            self.trail.note(Level::Warning, &format!("{}: {warning}", config.path.display()));
        }
        for notice in keys.notices() {
            self.trail.note(Level::Warning, &format!("{}: {notice}", config.keys_file.display()));
        }
        if let Some(warning) = config::secret_file_warning(&config.keys_file) {
            self.trail.note(Level::Warning, &warning);
        }
        self.trail.note(Level::Info, &format!("policy loaded, and {} keys", keys.len()));
    }

    fn in_force(&self, file: &'static str) {
        self.health.works(file);
        self.metrics.snapshots.get_or_create(&file_label(file)).set(since_epoch().as_secs_f64());
    }

    fn failed(&self, file: &'static str, error: &ConfigError) {
        self.metrics.reload_failures.get_or_create(&file_label(file)).inc();
        if self.health.failed(file, since_epoch(), Effect::Degraded, &error.to_string()) {
            let message = format!("not reloaded; the previous version stays in use: {error}");
            self.trail.note(Level::Error, &message);
        }
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
