//! The configuration file and the files that it names, as validated values. Using them cannot fail.
//!
//! [`load`] reads the file itself. [`read_keys`] and [`read_revocations`] read the files that it names, separately, because
//! a reload takes policy and keys together or not at all, and revocations by themselves.

mod error;
mod ext_authz;
mod file;
mod forward;
mod keys;
mod limits;
mod listen;
mod load;
mod locate;
mod otlp;
mod problem;
mod protections;
mod reader;
mod realms;
mod refused;
mod revocations;
mod schema;
mod secret_file;
mod tls;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use artos_auth_engine::{LoadError, Policy, PolicySpec, ResourceSpec, Resources};

use crate::quote::quoted;
pub use crate::redis::{Address as RedisAddress, Password, RedisRevocations};
pub use crate::revocation::{OnStale, Staleness};
pub use error::ConfigError;
pub use ext_authz::ExtAuthz;
use file::FileSpec;
pub use forward::{FieldFamily, Forward, TrustedProxies};
use keys::OneOrMore;
pub use keys::{KeyOrigin, KeySource};
pub use limits::Limits;
pub use listen::ListenAddress;
pub(crate) use listen::UNIX_PREFIX;
pub(crate) use load::{
    Access, MAX_CONFIG_BYTES, MAX_KEYS_BYTES, MAX_REVOCATIONS_BYTES, ReadRevocations, ReadSource, bind_keys,
    block_on, load_with, parse_bytes, parse_keys, parse_revocations, read, read_contents,
    read_revocations_of, read_source,
};
pub use load::{Loaded, load, load_all, read_keys, read_revocations};
use locate::Document;
pub use otlp::{Otlp, SampleRatio};
pub use protections::Protections;
pub use realms::{Realms, host_of_authority};
pub(crate) use refused::warnings as warnings_of_refused_tokens;
pub use revocations::{RemoteRevocations, RevocationSource};
pub use schema::{example, schema};
pub(crate) use secret_file::secret_file_warning;
pub use tls::TlsFiles;

/// A validated configuration file. Its keys and revocations are not read yet.
#[derive(Debug)]
#[non_exhaustive]
pub struct Config {
    /// The path of the file.
    pub path: PathBuf,
    /// The main port.
    pub listen: ListenAddress,
    /// The admin port, for health, readiness and metrics.
    pub admin_listen: Option<ListenAddress>,
    /// The mode of Unix sockets.
    pub socket_mode: u32,
    /// The policy.
    pub policy: Policy,
    /// The policy as written in the file, for people.
    pub policy_spec: PolicySpec,
    /// The sets of keys: at least one.
    pub keys: Vec<KeySource>,
    /// The source of revocations, if there is one.
    pub revocations: Option<RevocationSource>,
    /// The organizations whose tokens authenticate at each host.
    pub realms: Realms,
    /// The owners of resources, by path.
    pub resources: Resources,
    /// Forward authentication.
    pub forward: Option<Forward>,
    /// Envoy's `ext_authz` over gRPC.
    pub ext_authz: Option<ExtAuthz>,
    /// The files for TLS; `None` for plaintext.
    pub tls: Option<TlsFiles>,
    /// The audit log.
    pub audit: Audit,
    /// Where spans of decisions are sent, if anywhere.
    pub otlp: Option<Otlp>,
    /// The limits of connections.
    pub limits: Limits,
    /// Warnings about addresses and their protection, one sentence each; they do not concern a program that does not listen.
    pub port_warnings: Vec<String>,
    /// All other warnings, one sentence each.
    pub warnings: Vec<String>,
    /// What a reload must not remove without confirmation.
    pub protections: Protections,
}

/// The output of the audit log, and what happens if it is slower than the decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// The output.
    pub output: AuditOutput,
    /// The file, for [`AuditOutput::File`].
    pub file: Option<PathBuf>,
    /// What happens if the queue is full.
    pub overflow: AuditOverflow,
}

/// The output of the audit log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuditOutput {
    /// Standard error.
    #[default]
    Stderr,
    /// Nowhere.
    Off,
    /// A file that lines are appended to, reopened on SIGUSR1 or SIGHUP.
    File,
}

/// What happens if audit lines cannot be written as fast as decisions are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuditOverflow {
    /// Answers wait for room in the queue.
    #[default]
    Block,
    /// Lines are dropped and counted.
    Drop,
}

/// The warning for an address on which other machines would send tokens in plaintext (SEC-2).
#[must_use]
pub fn plaintext_warning(key: &str, address: SocketAddr) -> Option<String> {
    (!address.ip().to_canonical().is_loopback()).then(|| {
        format!(
            "`{key}`: {address} is not loopback and this server speaks plaintext, so anyone on the \
             network can read the traffic; listen on loopback behind a proxy that terminates TLS"
        )
    })
}

/// Parses the text of a configuration file. `path` is its name in errors, and the base of relative paths.
///
/// # Errors
///
/// Names the file, line and key, and the fix.
pub fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
    let document = Document::parse(path, text)?;
    let spec: FileSpec = document.deserialize()?;

    let listen = address(&document, "listen", spec.listen.as_deref())?.unwrap_or(ListenAddress::DEFAULT);
    let admin_listen = address(&document, "admin_listen", spec.admin_listen.as_deref())?;
    if admin_listen.as_ref().is_some_and(|admin| admin.excludes(&listen)) {
        return Err(document.error("admin_listen", "must differ from `listen`"));
    }
    let has_socket = [Some(&listen), admin_listen.as_ref()].into_iter().flatten().any(|at| at.ip().is_none());
    let socket_mode = match spec.socket_mode.as_deref() {
        None => listen::DEFAULT_SOCKET_MODE,
        Some(_) if !has_socket => {
            let problem =
                "used only with a Unix socket; set `listen = \"unix:PATH\"` or remove `socket_mode`";
            return Err(document.error("socket_mode", problem));
        }
        Some(text) => listen::socket_mode(text).map_err(|problem| document.error("socket_mode", problem))?,
    };
    let policy = Policy::new(&spec.policy).map_err(|error| in_table(&document, "policy", error))?;
    let limits = Limits::new(spec.limits.as_ref(), policy.max_token_bytes())
        .map_err(|(key, problem)| document.error(&key, problem))?;
    let mut organizations = realms::warnings(spec.realms.as_deref().unwrap_or_default());
    let realms = Realms::new(spec.realms).map_err(|(key, problem)| document.error(&key, problem))?;
    if spec.resources.as_ref().is_some_and(Vec::is_empty) {
        return Err(document.error("resources", "the list is empty; leave it out"));
    }
    let entries = spec.resources.unwrap_or_default();
    let resources = Resources::new(&entries).map_err(|error| document.error(&error.key, error.problem))?;
    let keys = key_sources(&document, spec.keys)?;
    organizations.extend(keys.iter().enumerate().filter_map(|(index, source)| {
        let key = if keys.len() > 1 { format!("keys[{index}]") } else { "keys".to_owned() };
        realms::wildcard_warning(
            &key,
            source.organizations.as_deref()?,
            "leave `organizations` out for every one",
        )
    }));
    let revocations = spec.revocations.map(|revocations| revocations.validate(&document)).transpose()?;
    let forward = spec.forward.map(Forward::new).transpose();
    let forward = forward.map_err(|(key, problem)| document.error(&key, problem))?;
    let ext_authz = spec.ext_authz.as_ref().map(ExtAuthz::new).transpose();
    let ext_authz = ext_authz.map_err(|(key, problem)| document.error(&key, problem))?;
    let otlp = spec.otlp.map(Otlp::new).transpose();
    let otlp = otlp.map_err(|(key, problem)| document.error(&key, problem))?;
    let audit = spec.audit.unwrap_or_default();
    let tls = spec.tls.map(|tls| TlsFiles::new(&document, tls)).transpose()?;
    let audit_file = audit_file(&document, audit.output, audit.file)?;
    let is_read = |file: &Path| {
        let is_keys = |source: &KeySource| matches!(&source.origin, KeyOrigin::File(keys) if keys == file);
        let is_revocations = matches!(&revocations, Some(RevocationSource::File(list)) if list == file);
        file == path || is_revocations || keys.iter().any(is_keys)
    };
    if audit_file.as_deref().is_some_and(is_read) {
        return Err(
            document.error("audit.file", "the server reads this file; name another one for the audit log")
        );
    }
    let plaintext = listen.ip().filter(|_| tls.is_none());
    let admin = admin_listen.as_ref().and_then(ListenAddress::ip);
    let warned = [("listen", plaintext), ("admin_listen", admin)];
    let mut port_warnings: Vec<String> =
        warned.into_iter().filter_map(|(key, at)| plaintext_warning(key, at?)).collect();
    port_warnings.extend(listen::socket_mode_warning(socket_mode));
    let mut warnings: Vec<String> = policy
        .warnings()
        .iter()
        .map(|warning| format!("`policy.{}`: {}", warning.key, warning.text))
        .collect();
    if let Some(RevocationSource::Redis(redis)) = &revocations
        && redis.address.is_exposed()
    {
        warnings.push(format!(
            "`revocations.redis`: {} is not loopback and the connection is plaintext, so that anyone on the network can \
             read and change the traffic; use `rediss://`",
            redis.address
        ));
    }
    warnings.extend(resources.warnings().iter().map(ToString::to_string));
    warnings.extend(owned_public_paths(&policy, &spec.policy, &entries));
    warnings.extend(organizations);
    Ok(Config {
        path: path.to_owned(),
        listen,
        admin_listen,
        socket_mode,
        policy,
        policy_spec: spec.policy,
        keys,
        revocations,
        realms,
        resources,
        forward,
        ext_authz,
        tls,
        audit: Audit { output: audit.output, file: audit_file, overflow: audit.overflow },
        otlp,
        limits,
        port_warnings,
        warnings,
        protections: Protections::of(text),
    })
}

/// Warnings about resources with an owner whose path needs no token.
fn owned_public_paths(policy: &Policy, spec: &PolicySpec, entries: &[ResourceSpec]) -> Vec<String> {
    let listed: HashSet<&str> = spec.public.iter().flatten().map(|public| public.path.as_str()).collect();
    let is_public = |entry: &ResourceSpec| {
        entry.organization.is_some()
            && (listed.contains(entry.path.as_str()) || policy.is_public("GET", &entry.path))
    };
    let public = entries.iter().enumerate().filter(|(_, entry)| is_public(entry));
    public
        .map(|(index, entry)| {
            let path = quoted(&entry.path);
            format!("`resources[{index}].path`: {path} is public, so its owner does not matter; remove it from `policy.public`")
        })
        .collect()
}

fn key_sources(document: &Document<'_>, keys: Option<OneOrMore>) -> Result<Vec<KeySource>, ConfigError> {
    const WHERE: &str = "say where the keys are: `[keys]` with `file = \"keys.jwks.json\"`";
    let OneOrMore { specs, is_array } = keys.ok_or_else(|| document.error("keys", WHERE))?;
    if specs.is_empty() {
        return Err(document.error("keys", WHERE));
    }
    let entry = |index: usize| if is_array { format!("keys[{index}]") } else { "keys".to_owned() };
    let mut sources: Vec<KeySource> = Vec::new();
    let mut places: HashMap<KeyOrigin, usize> = HashMap::new();
    for (index, spec) in specs.into_iter().enumerate() {
        let entry = entry(index);
        let at = |member: &str| if member.is_empty() { entry.clone() } else { format!("{entry}.{member}") };
        let mut origin = spec.origin().map_err(|(member, problem)| document.error(&at(member), problem))?;
        let named = |member: &str, path: PathBuf| named_file(document, &at(member), path);
        match &mut origin {
            KeyOrigin::File(path) => *path = named("file", std::mem::take(path))?,
            KeyOrigin::Remote(remote) => {
                remote.ca_file = remote.ca_file.take().map(|path| named("ca_file", path)).transpose()?;
                remote.fallback_file =
                    remote.fallback_file.take().map(|path| named("fallback_file", path)).transpose()?;
            }
        }
        if let Some(earlier) = places.insert(origin.clone(), index) {
            let problem = format!("duplicate key set (also in keys[{earlier}]); merge the entries");
            return Err(document.error(&entry, problem));
        }
        if spec.organizations.as_ref().is_some_and(Vec::is_empty) {
            let problem = "an empty list accepts no token; leave it out to accept any organization";
            return Err(document.error(&format!("{entry}.organizations"), problem));
        }
        let unnamed = spec.organizations.iter().flatten().position(|name| !realms::is_id(name));
        if let Some(unnamed) = unnamed {
            let problem = "expected an organization of 1 to 256 bytes without control characters";
            return Err(document.error(&format!("{entry}.organizations[{unnamed}]"), problem));
        }
        let issuer = spec.issuer.or(spec.discover);
        sources.push(KeySource { origin, issuer, organizations: spec.organizations });
    }
    Ok(sources)
}

fn in_table(document: &Document<'_>, table: &str, error: LoadError) -> ConfigError {
    document.error(&format!("{table}.{}", error.key), error.problem)
}

fn address(
    document: &Document<'_>,
    key: &str,
    text: Option<&str>,
) -> Result<Option<ListenAddress>, ConfigError> {
    let Some(text) = text else { return Ok(None) };
    let folder = document.path().parent().unwrap_or(Path::new(""));
    let address = ListenAddress::read(text, folder);
    address.map(Some).map_err(|problem| document.error(key, problem))
}

/// `audit.file`, which is required for `output = "file"` and refused otherwise.
fn audit_file(
    document: &Document<'_>,
    output: AuditOutput,
    file: Option<PathBuf>,
) -> Result<Option<PathBuf>, ConfigError> {
    match (output, file) {
        (AuditOutput::File, Some(file)) => named_file(document, "audit.file", file).map(Some),
        (AuditOutput::File, None) => {
            Err(document.error("audit", "missing key `file`, which `output = \"file\"` needs"))
        }
        (_, Some(_)) => {
            Err(document
                .error("audit.file", "used only with `output = \"file\"`; set `output` or remove `file`"))
        }
        (_, None) => Ok(None),
    }
}

/// Relative paths are relative to the folder of the configuration file.
fn named_file(document: &Document<'_>, key: &str, name: PathBuf) -> Result<PathBuf, ConfigError> {
    if name.as_os_str().is_empty() {
        return Err(document.error(key, "the path is empty; name a file"));
    }
    Ok(document.path().parent().map_or_else(|| name.clone(), |folder| folder.join(&name)))
}

#[cfg(test)]
mod tests;
