//! The configuration file as a source, and the sources that it names.
//!
//! The configuration file takes effect completely or not at all, independently of the files that it names. A reload
//! never loosens access by omission: a file that drops a restriction is rejected until a SIGHUP confirms it.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::follow::{Change, Followed, Rejected, follow};
use super::loading::{self, Loaded, LoadedKeys, LoadedRevocations};
use super::publisher::{KeySlot, Publisher, Rules};
use super::remote::{self, Before};
use super::restart::NeedsRestart;
use super::revocations::{Freshness, follow_redis, follow_url, report_loaded, report_warnings};
use super::status::{Reporter, Status};
use super::watch::{Bells, Retire};
use crate::audit::Level;
use crate::config::{self, Config, KeyOrigin, KeySource, Protections, RevocationSource};
use crate::files::FileVersion;
use crate::redis::Connector;
use crate::text::count;

/// A key source in use, with the task that updates it until it is dropped.
struct Keys {
    source: KeySource,
    slot: KeySlot,
    status: Status,
    _task: KeysTask,
}

/// Updates the keys until it is dropped.
enum KeysTask {
    File(#[expect(dead_code, reason = "held until it is dropped")] Retire),
    Remote(#[expect(dead_code, reason = "held until it is dropped")] remote::Task),
}

/// A revocation source in use.
struct UsedRevocations {
    source: RevocationSource,
    status: Status,
    /// Of a source by URL, Redis or Valkey.
    freshness: Option<Arc<Freshness>>,
    _task: RevocationsTask,
}

/// Updates the revocations until it is dropped.
enum RevocationsTask {
    File(#[expect(dead_code, reason = "held until it is dropped")] Retire),
    Remote(#[expect(dead_code, reason = "held until it is dropped")] remote::Task),
}

/// The configuration in use.
pub(crate) struct Configuration {
    path: PathBuf,
    protections: Protections,
    restart: NeedsRestart,
    keys: Vec<Keys>,
    revocations: Option<UsedRevocations>,
    publisher: Publisher,
    reporter: Reporter,
    status: Status,
    bells: Bells,
    runtime: Handle,
}

/// Everything that the configuration names, read once.
pub(crate) struct FirstLoad {
    config: Config,
    version: FileVersion,
    keys: Vec<Loaded<LoadedKeys>>,
    revocations: Option<LoadedRevocations>,
}

impl FirstLoad {
    /// Reads the files named in `config`; `version` is the metadata of the configuration file when it was read.
    ///
    /// # Errors
    ///
    /// One sentence about the first file that does not load.
    pub(crate) fn read(config: Config, version: FileVersion) -> Result<Self, String> {
        let keys = config.keys.iter().map(loading::keys).collect::<Result<_, _>>()?;
        let revocations = config.revocations.as_ref().map(loading::revocations).transpose()?;
        Ok(Self { config, version, keys, revocations })
    }

    /// Publishes the first snapshot and starts to follow the files.
    ///
    /// # Errors
    ///
    /// The key sets conflict with each other, or a thread cannot be started.
    pub(crate) fn start(
        self,
        reporter: Reporter,
        bells: &Bells,
        cached: impl FnOnce(artos_auth_engine::Engine) -> Result<artos_auth_engine::Engine, String>,
    ) -> Result<(Publisher, Retire), String> {
        let Self { mut config, version, keys, revocations } = self;
        let slots = slots(&config.keys, &keys);
        let revoked =
            revocations.as_ref().map_or_else(loading::no_revocations, LoadedRevocations::to_publish);
        let (protections, restart) = (std::mem::take(&mut config.protections), NeedsRestart::of(&config));
        let sources = std::mem::take(&mut config.keys);
        let refused = refused_tokens(&config, &slots);
        let path = config.path.clone();
        let publisher = Publisher::start(rules(config), slots, revoked, cached)?;
        let status = reporter.source("config", "config");
        status.starts();
        for warning in refused {
            status.note(Level::Warning, &warning);
        }
        let mut configuration = Configuration {
            path: path.clone(),
            protections,
            restart,
            keys: Vec::new(),
            revocations: None,
            publisher: publisher.clone(),
            reporter,
            status: status.clone(),
            bells: bells.clone(),
            runtime: Handle::current(),
        };
        for (index, (source, loaded)) in sources.into_iter().zip(keys).enumerate() {
            let keys = configuration.follow_keys(index, source, loaded)?;
            configuration.keys.push(keys);
        }
        if let Some(revocations) = revocations {
            configuration.revocations = Some(configuration.follow_revocations(revocations)?);
        }
        let file = Followed { path, max_bytes: config::MAX_CONFIG_BYTES, version: Some(version) };
        let task = follow(file, bells, status, move |change| configuration.take(change)).map_err(in_words)?;
        Ok((publisher, task))
    }
}

impl Configuration {
    fn take(&mut self, change: Change) -> Result<(), Rejected> {
        let config = config::parse_bytes(&self.path, change.bytes).map_err(|error| error.to_string())?;
        let dropped = self.protections.dropped_by(&config.protections);
        if !dropped.is_empty() && !change.confirmed {
            return Err(format!("drops {}; send SIGHUP to confirm", dropped.join(", ")).into());
        }
        self.apply(config)
    }

    /// Puts a configuration in use. Unchanged sources keep their values. New files are read first; if one of them does
    /// not load, nothing changes.
    fn apply(&mut self, mut config: Config) -> Result<(), Rejected> {
        let missing = |problem| Rejected { problem, try_again: true };
        let sources = std::mem::take(&mut config.keys);
        let mut new = Vec::new();
        for source in &sources {
            let known = self.keys.iter().find(|keys| is_same_place(&keys.source.origin, &source.origin));
            new.push(match known {
                Some(known) if known.source.origin == source.origin => None,
                // Same key set, fetched with other settings.
                Some(Keys { slot, .. }) => {
                    let value = LoadedKeys { slot: slot.clone(), warnings: Vec::new(), fetched: true };
                    Some(Loaded { value, version: None })
                }
                None => Some(loading::keys(source).map_err(missing)?),
            });
        }
        let known = self.revocations.as_ref().map(|known| &known.source);
        let on_stale = known
            .zip(config.revocations.as_ref())
            .and_then(|(known, new)| Some((known.other_on_stale(new)?, new.clone())));
        let is_other = known != config.revocations.as_ref() && on_stale.is_none();
        let revocations = config.revocations.take().filter(|_| is_other);
        let revocations = revocations.as_ref().map(loading::revocations).transpose().map_err(missing)?;
        let revoked = is_other.then(|| {
            revocations.as_ref().map_or_else(loading::no_revocations, LoadedRevocations::to_publish)
        });

        // Everything is loaded: replace the snapshot.
        let slots = sources.iter().zip(&new).map(|(source, loaded)| {
            let known = || self.keys.iter().find(|keys| keys.source.origin == source.origin);
            let slot = match loaded {
                Some(Loaded { value, .. }) => value.slot.clone(),
                None => known().map(|keys| keys.slot.clone()).unwrap_or_default(),
            };
            (source.clone(), slot)
        });
        let slots: Vec<_> = slots.collect();
        let refused = refused_tokens(&config, &slots);
        let (protections, restart) = (std::mem::take(&mut config.protections), NeedsRestart::of(&config));
        let mut warnings = std::mem::take(&mut config.port_warnings);
        warnings.append(&mut config.warnings);
        warnings.extend(refused);
        self.publisher.set_rules(rules(config), slots, revoked)?;

        self.announce(&restart, &warnings);
        (self.protections, self.restart) = (protections, restart);
        self.follow_all_keys(sources, new)?;
        if let (Some(used), Some((on_stale, source))) = (&mut self.revocations, on_stale) {
            used.source = source;
            used.freshness.iter().for_each(|freshness| freshness.set_on_stale(on_stale));
        }
        if is_other {
            if let Some(old) = self.revocations.take() {
                old.status.forget();
            }
            self.reporter.metrics.revocations.forget();
            self.revocations = revocations.map(|loaded| self.follow_revocations(loaded)).transpose()?;
        }
        self.status.loaded("loaded");
        Ok(())
    }

    fn follow_all_keys(
        &mut self,
        sources: Vec<KeySource>,
        new: Vec<Option<Loaded<LoadedKeys>>>,
    ) -> Result<(), Rejected> {
        let mut old = std::mem::take(&mut self.keys);
        // Must run before sources of the same name start.
        for keys in &old {
            let is_kept = |(index, source): (usize, &KeySource)| {
                source.origin == keys.source.origin && source.name(index) == keys.status.name()
            };
            if !sources.iter().enumerate().any(is_kept) {
                keys.status.forget();
            }
        }
        for (index, (source, loaded)) in sources.into_iter().zip(new).enumerate() {
            let known = old.iter().position(|keys| keys.source.origin == source.origin);
            let known = known.map(|at| old.swap_remove(at));
            let keys = match (known, loaded) {
                (Some(known), None) if known.status.name() == source.name(index) => Keys { source, ..known },
                // Its name depends on its position.
                (Some(Keys { slot, .. }), None) => {
                    let value = LoadedKeys { slot, warnings: Vec::new(), fetched: true };
                    self.follow_keys(index, source, Loaded { value, version: None })?
                }
                (_, Some(loaded)) => self.follow_keys(index, source, loaded)?,
                (None, None) => continue,
            };
            self.keys.push(keys);
        }
        Ok(())
    }

    fn follow_keys(
        &self,
        index: usize,
        source: KeySource,
        loaded: Loaded<LoadedKeys>,
    ) -> Result<Keys, String> {
        let status = self.reporter.source(source.name(index), "keys");
        let Loaded { value: LoadedKeys { slot, warnings, fetched }, version } = loaded;
        for warning in &warnings {
            status.note(Level::Warning, warning);
        }
        let path = match &source.origin {
            KeyOrigin::File(path) => path,
            KeyOrigin::Remote(remote) => {
                let before = match (slot.is_filled(), fetched) {
                    (true, true) => Before::Fetched,
                    (true, false) => Before::Fallback,
                    (false, _) => Before::Nothing,
                };
                let (publisher, metrics) = (self.publisher.clone(), self.reporter.metrics.clone());
                let remote = remote.clone();
                let task = remote::start(
                    remote,
                    slot.clone(),
                    before,
                    publisher,
                    status.clone(),
                    metrics,
                    &self.runtime,
                )?;
                return Ok(Keys { source, slot, status, _task: KeysTask::Remote(task) });
            }
        };
        status.starts();
        let file = Followed { path: path.clone(), max_bytes: config::MAX_KEYS_BYTES, version };
        let (publisher, its, told, path) =
            (self.publisher.clone(), slot.clone(), status.clone(), path.clone());
        let take = move |Change { bytes, .. }: Change| {
            let set = config::parse_keys(&path, &bytes).map_err(|error| error.to_string())?;
            publisher.set_keys(&its, Some(bytes))?;
            told.loaded(&format!("loaded: {}", count(set.len(), "key")));
            for warning in loading::warnings_of(&path, &set) {
                told.note(Level::Warning, &warning);
            }
            Ok(())
        };
        let task = follow(file, &self.bells, status.clone(), take).map_err(in_words)?;
        Ok(Keys { source, slot, status, _task: KeysTask::File(task) })
    }

    fn follow_revocations(&self, loaded: LoadedRevocations) -> Result<UsedRevocations, String> {
        let LoadedRevocations { source, slot, set, version, connector } = loaded;
        let status = self.reporter.source("revocations", "revocations");
        if let Some(warning) = source.password_warning() {
            status.note(Level::Warning, &warning);
        }
        let metrics = self.reporter.metrics.clone();
        let freshness = |staleness| {
            let (publisher, slot) = (self.publisher.clone(), slot.clone());
            Arc::new(Freshness::new(publisher, slot, status.clone(), metrics.clone(), staleness))
        };
        let (task, freshness) = match (&source, connector) {
            (RevocationSource::File(path), _) => {
                status.starts();
                if let Some(set) = set {
                    report_warnings(&status, &set);
                    metrics.revocations.holds(set);
                    metrics.revocations.applied("file", 1);
                }
                let file = Followed { path: path.clone(), max_bytes: config::MAX_REVOCATIONS_BYTES, version };
                let (publisher, name, told) = (self.publisher.clone(), path.clone(), status.clone());
                let take = move |Change { bytes, .. }: Change| {
                    let revocations =
                        config::parse_revocations(&name, &bytes).map_err(|error| error.to_string())?;
                    metrics.revocations.holds(revocations.clone());
                    metrics.revocations.applied("file", 1);
                    publisher.set_revocations(&slot, revocations.clone());
                    report_loaded(&told, &revocations);
                    Ok(())
                };
                let task = follow(file, &self.bells, status.clone(), take).map_err(in_words)?;
                (RevocationsTask::File(task), None)
            }
            (RevocationSource::Url(remote), _) => {
                let freshness = freshness(remote.staleness);
                let task = follow_url(remote.clone(), Arc::clone(&freshness), &self.runtime)?;
                (RevocationsTask::Remote(task), Some(freshness))
            }
            (RevocationSource::Redis(redis), connector) => {
                let connector = connector.map_or_else(|| Connector::new(redis), Ok)?;
                let freshness = freshness(redis.staleness);
                let task = follow_redis(connector, Arc::clone(&freshness), &self.runtime);
                (RevocationsTask::Remote(task), Some(freshness))
            }
        };
        Ok(UsedRevocations { source, status, freshness, _task: task })
    }

    fn announce(&self, restart: &NeedsRestart, warnings: &[String]) {
        let differences = self.restart.differences(restart);
        if !differences.is_empty() {
            let message = format!("{} changed; restart the server to apply it", differences.join(" and "));
            self.status.note(Level::Warning, &message);
        }
        for warning in warnings {
            self.status.note(Level::Warning, warning);
        }
    }
}

/// The reasons why every token is refused, once all sources have keys.
fn refused_tokens(config: &Config, slots: &[(KeySource, KeySlot)]) -> Vec<String> {
    let sets: Option<Vec<_>> = slots.iter().map(|(_, slot)| slot.keys()).collect();
    let sources: Vec<_> = slots.iter().map(|(source, _)| source.clone()).collect();
    sets.map(|sets| config::warnings_of_refused_tokens(config, &sources, &sets)).unwrap_or_default()
}

fn rules(config: Config) -> Rules {
    let Config { policy, realms, resources, forward, ext_authz, .. } = config;
    Rules { policy, realms, resources, forward, ext_authz }
}

fn slots(sources: &[KeySource], loaded: &[Loaded<LoadedKeys>]) -> Vec<(KeySource, KeySlot)> {
    let slots = loaded.iter().map(|loaded| loaded.value.slot.clone());
    sources.iter().cloned().zip(slots).collect()
}

/// Whether two sources are the same key set, regardless of how it is fetched.
fn is_same_place(one: &KeyOrigin, other: &KeyOrigin) -> bool {
    match (one, other) {
        (KeyOrigin::Remote(one), KeyOrigin::Remote(other)) => one.location == other.location,
        _ => one == other,
    }
}

fn in_words(error: std::io::Error) -> String {
    format!("cannot start a thread to follow the file: {error}")
}
