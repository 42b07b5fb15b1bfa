//! The address of Redis or Valkey, and the credentials for it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::Uri;
use zeroize::Zeroizing;

use crate::revocation::Staleness;

/// Revocations in Redis or Valkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisRevocations {
    /// The address of the server.
    pub address: Address,
    /// The user; `None` for the default user.
    pub user: Option<String>,
    /// The source of the password.
    pub password: Option<Password>,
    /// The number of the database.
    pub database: i64,
    /// The certification authorities to trust instead of the system's (PEM).
    pub ca_file: Option<PathBuf>,
    /// The key of the snapshot. The key of the log is this with the suffix `:log`.
    pub prefix: String,
    /// The largest snapshot.
    pub max_bytes: usize,
    /// The maximum age of revocations.
    pub staleness: Staleness,
}

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket.
    Unix(PathBuf),
    /// A host and a port.
    Tcp {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// Whether the connection is TLS.
        tls: bool,
    },
    /// The master named by Sentinels.
    Sentinels {
        /// Host and port of each.
        addresses: Vec<(String, u16)>,
        /// The name of the master.
        service: String,
        /// Whether the connections are TLS.
        tls: bool,
    },
}

/// The source of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// An environment variable.
    Env(String),
    /// A file; one trailing newline is ignored.
    File(PathBuf),
}

impl Address {
    pub(crate) fn is_tls(&self) -> bool {
        matches!(self, Self::Tcp { tls: true, .. } | Self::Sentinels { tls: true, .. })
    }

    /// Whether the connection is plaintext over a network.
    pub(crate) fn is_exposed(&self) -> bool {
        let is_loopback = |host: &str| {
            host.eq_ignore_ascii_case("localhost")
                || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        };
        match self {
            Self::Unix(_) | Self::Tcp { tls: true, .. } | Self::Sentinels { tls: true, .. } => false,
            Self::Tcp { host, .. } => !is_loopback(host),
            Self::Sentinels { addresses, .. } => addresses.iter().any(|(host, _)| !is_loopback(host)),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp { host, port, .. } => write!(f, "{host}:{port}"),
            Self::Sentinels { service, .. } => f.write_str(service),
        }
    }
}

impl Password {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// Names the source that has no password.
    pub(crate) fn read(&self) -> Result<Zeroizing<String>, String> {
        const MAX_BYTES: u64 = 64 << 10;
        let password = match self {
            Self::Env(name) => Zeroizing::new(std::env::var(name).map_err(|_| {
                format!("`password`: the environment variable `{name}` is not set, or is not UTF-8")
            })?),
            Self::File(path) => {
                let wrong = |problem: &str| format!("`password`: {}: {problem}", path.display());
                let contents = crate::files::read(path, MAX_BYTES).map_err(|problem| wrong(&problem))?;
                let bytes = Zeroizing::new(contents.bytes);
                let text = std::str::from_utf8(&bytes).map_err(|_| wrong("is not UTF-8"))?;
                let line = text.strip_suffix('\n').unwrap_or(text);
                Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned())
            }
        };
        if password.is_empty() {
            return Err("`password`: the password is empty".to_owned());
        }
        Ok(password)
    }
}

impl RedisRevocations {
    /// Parses a URL; what it does not set has the default. A path is relative to `folder`.
    ///
    /// # Errors
    ///
    /// The problem with the URL, in one sentence.
    pub(crate) fn of_url(url: &str, folder: &Path) -> Result<Self, String> {
        const FORM: &str = "expected `redis://HOST:PORT/DATABASE`, `rediss://…` or `unix:PATH`";
        let (mut user, mut database) = (None, 0);
        let address = if let Some(path) = url.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err("the path is empty; name a socket".to_owned());
            }
            Address::Unix(folder.join(path))
        } else {
            let uri: Uri = url.parse().map_err(|_| FORM)?;
            let tls = match uri.scheme_str() {
                Some("redis") => false,
                Some("rediss") => true,
                _ => return Err(FORM.to_owned()),
            };
            let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
            let (name, server) = match authority.rsplit_once('@') {
                Some((name, server)) => (Some(name), server),
                None => (None, authority),
            };
            if name.is_some_and(|name| name.contains(':')) {
                return Err("contains a password; remove it and set `password`".to_owned());
            }
            if name.is_some_and(|name| name.contains('%') || name.is_empty()) || uri.query().is_some() {
                return Err(FORM.to_owned());
            }
            user = name.map(str::to_owned);
            let number = uri.path().trim_start_matches('/');
            if !number.is_empty() {
                let parsed = number.parse::<u16>();
                database = parsed.map_err(|_| "the path is not the number of a database")?.into();
            }
            let (host, port) = host_and_port(server, 6_379).ok_or(FORM)?;
            Address::Tcp { host, port, tls }
        };
        Ok(Self {
            address,
            user,
            password: None,
            database,
            ca_file: None,
            prefix: "artos:revocations".to_owned(),
            max_bytes: 64 << 20,
            staleness: Staleness::default(),
        })
    }

    /// The key of the log.
    pub(crate) fn log(&self) -> String {
        format!("{}:log", self.prefix)
    }

    /// How long the server may block a read of the log. Each response shows that it is alive.
    pub(crate) fn block(&self) -> Duration {
        Duration::from_secs(1).min(self.staleness.max / 3)
    }
}

/// Parses a host (an IPv6 address in brackets) and its port, or this default port.
pub(crate) fn host_and_port(text: &str, default: u16) -> Option<(String, u16)> {
    let authority: hyper::http::uri::Authority = text.parse().ok()?;
    let host = authority.host();
    let port = match text.strip_prefix(host)? {
        "" => default,
        rest => rest.strip_prefix(':')?.parse().ok().filter(|port| *port > 0)?,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("redis://valkey.example", "valkey.example:6379", None, 0)]
    #[case("rediss://user@valkey.example:6380/3", "valkey.example:6380", Some("user"), 3)]
    #[case("redis://[::1]:7/", "::1:7", None, 0)]
    #[case("unix:valkey.sock", "unix:/etc/artos/valkey.sock", None, 0)]
    #[case("unix:/run/valkey.sock", "unix:/run/valkey.sock", None, 0)]
    fn a_url_has_the_address_of_the_server(
        #[case] url: &str,
        #[case] address: &str,
        #[case] user: Option<&str>,
        #[case] database: i64,
    ) {
        let redis = RedisRevocations::of_url(url, Path::new("/etc/artos")).unwrap();
        assert_eq!((redis.address.to_string().as_str(), redis.user.as_deref()), (address, user));
        assert_eq!((redis.database, redis.address.is_tls()), (database, url.starts_with("rediss:")));
    }

    #[rstest]
    fn other_urls_are_refused(
        #[values(
            "",
            "valkey.example",
            "http://valkey.example",
            "redis://",
            "redis://user:secret@valkey.example",
            "redis://@valkey.example",
            "redis://valkey.example/x",
            "redis://valkey.example:0",
            "redis://valkey.example?db=1",
            "unix:"
        )]
        url: &str,
    ) {
        let problem = RedisRevocations::of_url(url, Path::new("/")).unwrap_err();
        assert!(!problem.contains("secret"), "{problem}");
    }

    #[test]
    fn a_password_is_read_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        for (text, expected) in [("s3cret\n", Some("s3cret")), ("s3\ncret", Some("s3\ncret")), ("\n", None)] {
            std::fs::write(&path, text).unwrap();
            let read = Password::File(path.clone()).read();
            assert_eq!(read.as_ref().ok().map(|read| read.as_str()), expected);
        }
        assert!(Password::File(folder.path().join("none")).read().is_err());
        let problem = Password::Env("ARTOS_AUTH_TEST_UNSET".to_owned()).read().unwrap_err();
        assert!(problem.contains("`ARTOS_AUTH_TEST_UNSET` is not set"), "{problem}");
    }
}
