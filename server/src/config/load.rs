//! Reads a configuration file and the files that it names, each with a deadline and a size limit.

use std::path::Path;

use artos_auth_engine::{Engine, KeySet, Revocations};

use super::{Config, ConfigError, KeyOrigin, KeySource, RevocationSource, parse, secret_file_warning};
use crate::fetch::{Fetcher, Get, Remote, UsableKeys, text_of, tls};
use crate::files;
use crate::redis::{Connector, Contents, eviction_warning, list_of, read_all};

/// Much more than any real file needs, so that a wrong path cannot exhaust the memory.
pub(crate) const MAX_CONFIG_BYTES: u64 = 16 << 20;
pub(crate) const MAX_KEYS_BYTES: u64 = 16 << 20;
/// Ten million revoked tokens need less than half of this.
pub(crate) const MAX_REVOCATIONS_BYTES: u64 = 4 << 30;

/// Reads a regular file, with a deadline.
pub(crate) fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>, ConfigError> {
    read_contents(path, max_bytes).map(|contents| contents.bytes)
}

pub(crate) fn read_contents(path: &Path, max_bytes: u64) -> Result<files::Contents, ConfigError> {
    files::read(path, max_bytes).map_err(|problem| ConfigError::of_file(path, problem))
}

/// A configuration file and everything that it names, loaded.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration file.
    pub config: Config,
    /// The engine of its policy, keys and revocations.
    pub engine: Engine,
    /// Warnings about the keys and the revocations, one sentence each.
    pub warnings: Vec<String>,
}

/// Loads a configuration file.
///
/// # Errors
///
/// Names the file, line and key, and the fix.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    parse_bytes(path, read(path, MAX_CONFIG_BYTES)?)
}

/// Reads the bytes of a configuration file.
pub(crate) fn parse_bytes(path: &Path, bytes: Vec<u8>) -> Result<Config, ConfigError> {
    let text = String::from_utf8(bytes).map_err(|_| ConfigError::of_file(path, "invalid UTF-8"))?;
    parse(path, &text)
}

/// Reads a JWK Set, or a single JWK.
///
/// # Errors
///
/// Names the file and line, and the key that is invalid or too weak.
pub fn read_keys(path: &Path) -> Result<KeySet, ConfigError> {
    let text = read(path, MAX_KEYS_BYTES).map_err(|error| error.named_by("keys.file"))?;
    parse_keys(path, &text)
}

/// Reads the bytes of a file of keys.
pub(crate) fn parse_keys(path: &Path, bytes: &[u8]) -> Result<KeySet, ConfigError> {
    KeySet::from_jwks(bytes).map_err(|error| ConfigError::of_json(path, error))
}

/// Reads a file of revocations.
///
/// # Errors
///
/// Names the file, the line and the problem.
pub fn read_revocations(path: &Path) -> Result<Revocations, ConfigError> {
    let text = read(path, MAX_REVOCATIONS_BYTES).map_err(|error| error.named_by("revocations.file"))?;
    parse_revocations(path, &text)
}

/// Reads the bytes of a file of revocations.
pub(crate) fn parse_revocations(path: &Path, bytes: &[u8]) -> Result<Revocations, ConfigError> {
    Revocations::from_json(bytes).map_err(|error| ConfigError::of_json(path, error))
}

/// Loads a configuration file and everything that it names. Keys by URL are fetched once.
///
/// # Errors
///
/// The first error: see [`load`], [`read_keys`] and [`read_revocations`].
pub fn load_all(path: &Path) -> Result<Loaded, ConfigError> {
    load_with(path, Access::Online)
}

/// Whether a command may fetch the URLs of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Each source is fetched once.
    Online,
    /// Only files and fallback files are used.
    Offline,
}

impl Access {
    pub(crate) const fn of(offline: bool) -> Self {
        if offline { Self::Offline } else { Self::Online }
    }
}

pub(crate) fn load_with(path: &Path, access: Access) -> Result<Loaded, ConfigError> {
    let config = load(path)?;
    let (mut sets, mut warnings) = (Vec::new(), Vec::new());
    for (index, source) in config.keys.iter().enumerate() {
        let read = read_source(&config.path, index, source, access)?;
        sets.push(read.set);
        warnings.extend(read.warnings);
    }
    warnings.extend(config.revocations.as_ref().and_then(RevocationSource::password_warning));
    let keys = bind_keys(&config.path, &config.keys, sets)?;
    let revocations = match &config.revocations {
        None => Revocations::none(),
        Some(source) => match read_revocations_of(&config.path, source, access)? {
            Some(read) => {
                warnings.extend(read.warnings);
                read.set
            }
            None => {
                let place = source.place();
                warnings
                    .push(format!("revocations {place}: not fetched, so revoked tokens are not recognized"));
                Revocations::none()
            }
        },
    };
    let engine = Engine::new(config.policy.clone(), keys, revocations);
    Ok(Loaded { config, engine, warnings })
}

/// The keys of one source, with warnings about them.
pub(crate) struct ReadSource {
    pub(crate) set: KeySet,
    pub(crate) warnings: Vec<String>,
    /// Their file or host.
    pub(crate) place: String,
}

/// Reads or fetches the keys of one source, once.
pub(crate) fn read_source(
    config: &Path,
    index: usize,
    source: &KeySource,
    access: Access,
) -> Result<ReadSource, ConfigError> {
    let of_file = |path: &Path| {
        read_keys(path).map(|set| {
            let warnings = set.warnings().iter().map(|warning| format!("{}: {warning}", path.display()));
            let warnings = warnings.chain(secret_file_warning(path)).collect();
            ReadSource { set, warnings, place: path.display().to_string() }
        })
    };
    let remote = match &source.origin {
        KeyOrigin::File(path) => return of_file(path),
        KeyOrigin::Remote(remote) => remote,
    };
    let error = |problem: String| ConfigError::of_file(config, format!("{}: {problem}", source.name(index)));
    if access == Access::Offline {
        return match &remote.fallback_file {
            Some(path) => of_file(path),
            None => Err(error(
                "has no `fallback_file` to use offline; name one, or leave `--offline` out".to_owned(),
            )),
        };
    }
    if let Some(path) = &remote.fallback_file {
        of_file(path)?;
    }
    let keys = fetch_once(remote).map_err(error)?;
    let set = KeySet::from_jwks(&keys.jwks).map_err(|failed| error(failed.problem))?;
    let name = source.name(index);
    let warnings = keys.ignored.iter().map(|ignored| format!("{name}: {ignored}")).collect();
    Ok(ReadSource { set, warnings, place: remote.location.host() })
}

fn fetch_once(remote: &Remote) -> Result<UsableKeys, String> {
    let mut fetcher = Fetcher::new(remote.clone())?;
    let fetched = block_on(async { fetcher.fetch().await.map_err(|failed| failed.to_string()) })?;
    fetched.set.ok_or_else(|| "answers 304 to an unconditional request".to_owned())
}

/// The revocations of a source, and warnings about them.
pub(crate) struct ReadRevocations {
    pub(crate) set: Revocations,
    pub(crate) warnings: Vec<String>,
}

/// Reads or fetches the revocations of a source, once; `None` if fetching is required but not allowed.
pub(crate) fn read_revocations_of(
    config: &Path,
    source: &RevocationSource,
    access: Access,
) -> Result<Option<ReadRevocations>, ConfigError> {
    let error =
        |problem: String| ConfigError::of_file(config, format!("revocations {}: {problem}", source.place()));
    let (set, warnings) = match source {
        RevocationSource::File(path) => (read_revocations(path)?, Vec::new()),
        RevocationSource::Url(_) | RevocationSource::Redis(_) if access == Access::Offline => {
            return Ok(None);
        }
        RevocationSource::Url(remote) => {
            let get = Get::of_list(tls(remote.ca_file.as_deref()).map_err(error)?, remote.max_bytes);
            let fetched =
                block_on(async { text_of(&get, &remote.url).await.map_err(|failed| failed.to_string()) });
            (fetched.map_err(error)?.0, Vec::new())
        }
        RevocationSource::Redis(redis) => {
            let connector = Connector::new(redis).map_err(error)?;
            let read = block_on(async {
                let mut connection = connector.connect().await?;
                let warning = eviction_warning(&mut connection).await;
                Ok((list_of(&read_all(&mut connection, redis).await?, |_| true)?, warning))
            });
            let (Contents { list, unreadable, .. }, warning) = read.map_err(error)?;
            let set =
                Revocations::from_json(list.to_json().as_bytes()).map_err(|failed| error(failed.problem))?;
            (set, warning.into_iter().chain(unreadable).collect())
        }
    };
    let warnings = warnings.into_iter().chain(set.warnings().iter().map(ToString::to_string));
    let warnings = warnings.map(|warning| format!("revocations {}: {warning}", source.place())).collect();
    Ok(Some(ReadRevocations { set, warnings }))
}

/// Runs asynchronous network requests to completion, in a command that does nothing else.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))?;
    let done = runtime.block_on(work);
    // Does not wait for an unfinished name lookup.
    runtime.shutdown_background();
    done
}

/// Combines the sets, each bound to the issuer and organizations of its source.
pub(crate) fn bind_keys(
    path: &Path,
    sources: &[KeySource],
    sets: Vec<KeySet>,
) -> Result<KeySet, ConfigError> {
    let builder = sources.iter().zip(sets).fold(KeySet::builder(), |builder, (source, set)| {
        if source.issuer.is_none() && source.organizations.is_none() {
            builder.add(set)
        } else {
            builder.add_bound(set, source.issuer.clone(), source.organizations())
        }
    });
    builder.build().map_err(|error| ConfigError::of_json(path, error))
}
