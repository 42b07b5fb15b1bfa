//! `[revocations]`: the source of revocations, and their maximum age.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::ConfigError;
use super::locate::Document;
use super::secret_file::password_file_warning;
use crate::fetch::url_problem;
use crate::redis::{Address, Password, RedisRevocations, host_and_port};
use crate::revocation::{OnStale, Staleness};

/// The source of revocations.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevocationSource {
    /// A file.
    File(PathBuf),
    /// A list by URL, fetched at an interval.
    Url(RemoteRevocations),
    /// A snapshot and a log in Redis or Valkey.
    Redis(RedisRevocations),
}

/// A list of revocations by URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteRevocations {
    /// The URL.
    pub url: String,
    /// The time between two fetches.
    pub poll: Duration,
    /// The largest response body.
    pub max_bytes: usize,
    /// The certification authorities to trust instead of the system's (PEM).
    pub ca_file: Option<PathBuf>,
    /// The maximum age.
    pub staleness: Staleness,
}

impl RevocationSource {
    /// The source in messages: a path, or host and port.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Url(remote) => crate::fetch::Location::Url(remote.url.clone()).host(),
            Self::Redis(redis) => redis.address.to_string(),
        }
    }

    /// The `on_stale` of `other`, if the two differ in nothing else.
    pub(crate) fn other_on_stale(&self, other: &Self) -> Option<OnStale> {
        let mut same = self.clone();
        let (own, on_stale) = match (&mut same, other) {
            (Self::Url(own), Self::Url(other)) => (&mut own.staleness.on_stale, other.staleness.on_stale),
            (Self::Redis(own), Self::Redis(other)) => (&mut own.staleness.on_stale, other.staleness.on_stale),
            _ => return None,
        };
        *own = on_stale;
        (self != other && same == *other).then_some(on_stale)
    }

    /// The warning for a file of its password that every user of the machine can read or change.
    pub(crate) fn password_warning(&self) -> Option<String> {
        match self {
            Self::Redis(RedisRevocations { password: Some(Password::File(path)), .. }) => {
                password_file_warning(path)
            }
            _ => None,
        }
    }

    /// The key of the source, which is also its label in metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Url(_) => "url",
            Self::Redis(_) => "redis",
        }
    }
}

/// The table as written in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RevocationsSpec {
    file: Option<PathBuf>,
    url: Option<String>,
    redis: Option<String>,
    poll_seconds: Option<u64>,
    max_bytes: Option<u64>,
    password: Option<PasswordSpec>,
    sentinels: Option<Vec<String>>,
    service: Option<String>,
    ca_file: Option<PathBuf>,
    prefix: Option<String>,
    max_staleness_seconds: Option<u64>,
    on_stale: Option<OnStale>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordSpec {
    env: Option<String>,
    file: Option<PathBuf>,
}

/// A key of the table, and its problem.
type Wrong = (&'static str, String);

impl RevocationsSpec {
    /// The validated source; paths are relative to the file of `document`.
    pub(super) fn validate(self, document: &Document<'_>) -> Result<RevocationSource, ConfigError> {
        let folder = document.path().parent().unwrap_or(Path::new("")).to_owned();
        self.source(&folder).map_err(|(key, problem)| {
            let key = if key.is_empty() { "revocations".to_owned() } else { format!("revocations.{key}") };
            document.error(&key, problem)
        })
    }

    fn source(self, folder: &Path) -> Result<RevocationSource, Wrong> {
        const WHERE: &str = "expected one of `file`, `url` and `redis`";
        let (allowed, kinds): (&[&str], _) = match (&self.file, &self.url, &self.redis) {
            (Some(_), None, None) => (&[], "`file`"),
            (None, Some(_), None) => {
                (&["poll_seconds", "max_bytes", "ca_file", "max_staleness_seconds", "on_stale"], "`url`")
            }
            (None, None, Some(_)) => (
                &[
                    "max_bytes",
                    "password",
                    "sentinels",
                    "service",
                    "ca_file",
                    "prefix",
                    "max_staleness_seconds",
                    "on_stale",
                ],
                "`redis`",
            ),
            _ => return Err(("", WHERE.to_owned())),
        };
        let given = [
            ("poll_seconds", self.poll_seconds.is_some()),
            ("max_bytes", self.max_bytes.is_some()),
            ("password", self.password.is_some()),
            ("sentinels", self.sentinels.is_some()),
            ("service", self.service.is_some()),
            ("ca_file", self.ca_file.is_some()),
            ("prefix", self.prefix.is_some()),
            ("max_staleness_seconds", self.max_staleness_seconds.is_some()),
            ("on_stale", self.on_stale.is_some()),
        ];
        if let Some((key, _)) = given.into_iter().find(|(key, is_given)| *is_given && !allowed.contains(key))
        {
            return Err((key, format!("has no meaning for revocations by {kinds}; leave it out")));
        }
        let named = |key: &'static str, path: &Path| {
            if path.as_os_str().is_empty() {
                return Err((key, "the path is empty; name a file".to_owned()));
            }
            Ok(folder.join(path))
        };
        if let Some(file) = &self.file {
            return named("file", file).map(RevocationSource::File);
        }
        let seconds = |key, value: Option<u64>, default: u64| match value.unwrap_or(default) {
            0 => Err((key, "must be 1 or more, got 0".to_owned())),
            seconds => Ok(Duration::from_secs(seconds.min(u64::from(u32::MAX)))),
        };
        let staleness = Staleness {
            max: seconds("max_staleness_seconds", self.max_staleness_seconds, 10)?,
            on_stale: self.on_stale.unwrap_or_default(),
        };
        let max_bytes = match self.max_bytes.unwrap_or(67_108_864) {
            0 => return Err(("max_bytes", "must be 1 or more, got 0".to_owned())),
            bytes => usize::try_from(bytes).unwrap_or(usize::MAX),
        };
        let ca_file = self.ca_file.as_deref().map(|path| named("ca_file", path)).transpose()?;
        if let Some(url) = self.url {
            if let Some(problem) = url_problem(&url) {
                return Err(("url", format!("the URL {problem}")));
            }
            let poll = seconds("poll_seconds", self.poll_seconds, 5)?;
            if poll >= staleness.max {
                let problem = format!(
                    "must be more than `poll_seconds`, {}, got {}",
                    poll.as_secs(),
                    staleness.max.as_secs()
                );
                return Err(("max_staleness_seconds", problem));
            }
            return Ok(RevocationSource::Url(RemoteRevocations { url, poll, max_bytes, ca_file, staleness }));
        }
        let url = self.redis.unwrap_or_default();
        let mut redis = RedisRevocations::of_url(&url, folder).map_err(|problem| ("redis", problem))?;
        match (self.sentinels, self.service) {
            (None, None) => {}
            (Some(sentinels), Some(service)) if !sentinels.is_empty() && !service.is_empty() => {
                let addresses = sentinels.iter().map(|sentinel| {
                    let expected = || {
                        let problem = "expected hosts and ports, such as `10.0.0.1:26379`";
                        ("sentinels", problem.to_owned())
                    };
                    host_and_port(sentinel, 26_379).ok_or_else(expected)
                });
                let addresses = addresses.collect::<Result<_, _>>()?;
                let Address::Tcp { tls, .. } = redis.address else {
                    let problem =
                        "`redis` names a Unix socket, which Sentinels do not support; remove one of them";
                    return Err(("sentinels", problem.to_owned()));
                };
                redis.address = Address::Sentinels { addresses, service, tls };
            }
            (Some(_), _) => {
                return Err(("sentinels", "needs at least one address, and `service` beside it".to_owned()));
            }
            (None, Some(_)) => return Err(("service", "needs `sentinels` beside it".to_owned())),
        }
        if ca_file.is_some() && !redis.address.is_tls() {
            return Err(("ca_file", "is used only with `rediss://`; leave it out".to_owned()));
        }
        redis.password = match self.password {
            None => None,
            Some(PasswordSpec { env: Some(name), file: None }) if !name.is_empty() => {
                Some(Password::Env(name))
            }
            Some(PasswordSpec { env: None, file: Some(path) }) => {
                Some(Password::File(named("password.file", &path)?))
            }
            Some(_) => {
                return Err((
                    "password",
                    "expected `{ env = \"NAME\" }` or `{ file = \"PATH\" }`".to_owned(),
                ));
            }
        };
        if redis.user.is_some() && redis.password.is_none() {
            return Err(("password", "missing: `redis` names a user".to_owned()));
        }
        if let Some(prefix) = self.prefix {
            if prefix.is_empty() {
                return Err(("prefix", "expected the name of a key, got an empty one".to_owned()));
            }
            redis.prefix = prefix;
        }
        (redis.ca_file, redis.max_bytes, redis.staleness) = (ca_file, max_bytes, staleness);
        Ok(RevocationSource::Redis(redis))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn parsed(table: &str) -> Result<RevocationSource, String> {
        let text = format!("[keys]\nfile = \"k\"\n[revocations]\n{table}\n");
        let config = crate::config::parse(Path::new("/etc/artos/artos-auth.toml"), &text);
        config
            .map(|config| config.revocations.unwrap())
            .map_err(|error| format!("{}: {}", error.key, error.problem))
    }

    #[test]
    fn a_missing_key_has_its_default() {
        let Ok(RevocationSource::Url(url)) = parsed("url = \"https://auth.example/r\"") else { panic!() };
        assert_eq!((url.poll, url.max_bytes), (Duration::from_secs(5), 67_108_864));
        assert_eq!(url.staleness, Staleness { max: Duration::from_secs(10), on_stale: OnStale::Deny });
        let Ok(RevocationSource::Redis(redis)) = parsed("redis = \"redis://valkey.example\"") else {
            panic!()
        };
        assert_eq!(
            (redis.prefix.as_str(), redis.log().as_str()),
            ("artos:revocations", "artos:revocations:log")
        );
        assert_eq!((redis.max_bytes, redis.staleness), (67_108_864, Staleness::default()));
    }

    #[test]
    fn every_key_is_read() {
        let source = parsed(
            "redis = \"rediss://user@ignored/2\"\nsentinels = [\"10.0.0.1\", \"[::1]:7\"]\nservice = \"m\"\n\
             password = { file = \"p\" }\nca_file = \"ca.pem\"\nprefix = \"x\"\nmax_bytes = 5\n\
             max_staleness_seconds = 3\non_stale = \"serve\"",
        );
        let Ok(RevocationSource::Redis(redis)) = source else { panic!("{source:?}") };
        let addresses = vec![("10.0.0.1".to_owned(), 26_379), ("::1".to_owned(), 7)];
        assert_eq!(redis.address, Address::Sentinels { addresses, service: "m".to_owned(), tls: true });
        assert_eq!((redis.user.as_deref(), redis.database, redis.max_bytes), (Some("user"), 2, 5));
        assert_eq!(redis.password, Some(Password::File("/etc/artos/p".into())));
        assert_eq!(redis.ca_file, Some("/etc/artos/ca.pem".into()));
        assert_eq!(redis.staleness, Staleness { max: Duration::from_secs(3), on_stale: OnStale::Serve });
    }

    #[rstest]
    #[case("", "revocations: expected one of `file`")]
    #[case("file = \"r\"\nurl = \"https://a.example/r\"", "revocations: expected one of `file`")]
    #[case("file = \"\"", "revocations.file: the path is empty")]
    #[case("file = \"r\"\nmax_staleness_seconds = 5", "revocations.max_staleness_seconds: has no meaning")]
    #[case("url = \"http://a.example/r\"", "revocations.url: the URL is plain http")]
    #[case("url = \"https://a.example/r\"\nprefix = \"x\"", "revocations.prefix: has no meaning")]
    #[case("url = \"https://a.example/r\"\npoll_seconds = 0", "revocations.poll_seconds: must be 1 or more")]
    #[case(
        "url = \"https://a.example/r\"\npoll_seconds = 10",
        "revocations.max_staleness_seconds: must be more"
    )]
    #[case("url = \"https://a.example/r\"\nmax_bytes = 0", "revocations.max_bytes: must be 1 or more")]
    #[case("redis = \"http://a.example\"", "revocations.redis: expected `redis://")]
    #[case("redis = \"redis://u:p@a.example\"", "revocations.redis: contains a password")]
    #[case("redis = \"redis://u@a.example\"", "revocations.password: missing")]
    #[case("redis = \"redis://a\"\npoll_seconds = 5", "revocations.poll_seconds: has no meaning")]
    #[case("redis = \"redis://a\"\nca_file = \"ca\"", "revocations.ca_file: is used only with")]
    #[case("redis = \"redis://a\"\nservice = \"m\"", "revocations.service: needs `sentinels`")]
    #[case("redis = \"redis://a\"\nsentinels = [\"b\"]", "revocations.sentinels: needs at least one")]
    #[case(
        "redis = \"redis://a\"\nsentinels = []\nservice = \"m\"",
        "revocations.sentinels: needs at least one"
    )]
    #[case(
        "redis = \"redis://a\"\nsentinels = [\"b:x\"]\nservice = \"m\"",
        "revocations.sentinels: expected hosts"
    )]
    #[case(
        "redis = \"unix:a\"\nsentinels = [\"b\"]\nservice = \"m\"",
        "revocations.sentinels: `redis` names a Unix"
    )]
    #[case("redis = \"redis://a\"\npassword = {}", "revocations.password: expected")]
    #[case(
        "redis = \"redis://a\"\npassword = { env = \"A\", file = \"b\" }",
        "revocations.password: expected"
    )]
    #[case("redis = \"redis://a\"\npassword = \"secret\"", "revocations.password: expected a table")]
    #[case("redis = \"redis://a\"\nprefix = \"\"", "revocations.prefix: expected the name")]
    #[case(
        "redis = \"redis://a\"\nmax_staleness_seconds = 0",
        "revocations.max_staleness_seconds: must be 1"
    )]
    #[case("redis = \"redis://a\"\non_stale = \"allow\"", "revocations.on_stale: expected `deny` or `serve`")]
    fn every_error_names_its_key(#[case] table: &str, #[case] problem: &str) {
        let told = parsed(table).unwrap_err();
        assert!(told.starts_with(problem) && !told.contains("secret"), "{told}");
    }

    #[test]
    fn plaintext_beyond_this_machine_is_a_warning() {
        let warnings = |url: &str| {
            let text = format!("[keys]\nfile = \"k\"\n[revocations]\nredis = \"{url}\"\n");
            crate::config::parse(Path::new("/a"), &text).unwrap().warnings.len()
        };
        assert_eq!(["redis://127.0.0.1", "rediss://a", "unix:a", "redis://a"].map(warnings), [0, 0, 0, 1]);
    }
}
