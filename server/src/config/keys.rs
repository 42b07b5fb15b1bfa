//! `[keys]`, or several `[[keys]]`: the sources of keys, and the issuer and organizations that each set is bound to.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use artos_auth_engine::Organizations;
use serde::Deserialize;

use crate::fetch::{Location, Remote, url_problem};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

/// One set of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySource {
    /// The source of its keys.
    pub origin: KeyOrigin,
    /// The `iss` that tokens of these keys must have, if the set is bound to one.
    pub issuer: Option<String>,
    /// Tokens of these keys must be of one of these organizations, if the set is bound to some.
    pub organizations: Option<Vec<String>>,
}

/// The source of a key set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyOrigin {
    /// A file: a JWK Set or one JWK.
    File(PathBuf),
    /// An identity provider.
    Remote(Remote),
}

impl KeySource {
    /// The name of the set at this position in `/readyz`, logs and metrics.
    #[must_use]
    pub fn name(&self, index: usize) -> String {
        match &self.origin {
            KeyOrigin::File(path) => format!("keys[{index}] {}", path.display()),
            KeyOrigin::Remote(remote) => format!("keys[{index}] {}", remote.location.host()),
        }
    }

    /// The organizations as the engine takes them.
    #[must_use]
    pub fn organizations(&self) -> Option<Organizations> {
        self.organizations.as_ref().map(|names| names.iter().map(String::as_str).collect())
    }
}

/// One entry, as written in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeysSpec {
    pub(super) file: Option<PathBuf>,
    pub(super) url: Option<String>,
    pub(super) discover: Option<String>,
    pub(super) refresh_seconds: Option<u64>,
    pub(super) cooldown_seconds: Option<u64>,
    pub(super) timeout_seconds: Option<u64>,
    pub(super) max_bytes: Option<u64>,
    pub(super) stale_seconds: Option<u64>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) fallback_file: Option<PathBuf>,
    pub(super) issuer: Option<String>,
    pub(super) organizations: Option<Vec<String>>,
}

/// One table or an array of tables.
pub(super) struct OneOrMore {
    pub(super) specs: Vec<KeysSpec>,
    /// Whether the file has `[[keys]]`, so that messages name the entry.
    pub(super) is_array: bool,
}

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = OneOrMore;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneOrMore, A::Error> {
                let spec = KeysSpec::deserialize(MapAccessDeserializer::new(map))?;
                Ok(OneOrMore { specs: vec![spec], is_array: false })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, entries: A) -> Result<OneOrMore, A::Error> {
                let specs = Vec::deserialize(SeqAccessDeserializer::new(entries))?;
                Ok(OneOrMore { specs, is_array: true })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl KeysSpec {
    /// The source of the set, with file names as in the configuration. The error: a member, and its problem.
    pub(super) fn origin(&self) -> Result<KeyOrigin, (&'static str, String)> {
        const WHERE: &str = "expected one of `file`, `url` and `discover`";
        let location = match (&self.file, &self.url, &self.discover) {
            (Some(file), None, None) => return self.file_origin(file),
            (None, Some(url), None) => Location::Url(url.clone()),
            (None, None, Some(issuer)) => Location::Discover(issuer.clone()),
            _ => return Err(("", WHERE.to_owned())),
        };
        let (member, url) = match &location {
            Location::Url(url) => ("url", url),
            Location::Discover(issuer) => ("discover", issuer),
        };
        if let Some(problem) = url_problem(url) {
            return Err((member, format!("the URL {problem}")));
        }
        if let (Location::Discover(discovered), Some(issuer)) = (&location, &self.issuer)
            && discovered != issuer
        {
            return Err(("issuer", "must be the same as `discover`, which sets it; leave it out".to_owned()));
        }
        let seconds = |name, value: Option<u64>, default: u64| match value.unwrap_or(default) {
            0 => Err((name, "must be 1 or more, got 0".to_owned())),
            seconds => Ok(Duration::from_secs(seconds.min(u64::from(u32::MAX)))),
        };
        let max_bytes = self.max_bytes.unwrap_or(262_144);
        if max_bytes == 0 {
            return Err(("max_bytes", "must be 1 or more, got 0".to_owned()));
        }
        Ok(KeyOrigin::Remote(Remote {
            location,
            refresh: seconds("refresh_seconds", self.refresh_seconds, 300)?,
            cooldown: seconds("cooldown_seconds", self.cooldown_seconds, 30)?,
            timeout: seconds("timeout_seconds", self.timeout_seconds, 5)?,
            max_bytes: usize::try_from(max_bytes).unwrap_or(usize::MAX),
            stale: seconds("stale_seconds", self.stale_seconds, 86_400)?,
            ca_file: self.ca_file.clone(),
            fallback_file: self.fallback_file.clone(),
        }))
    }

    fn file_origin(&self, file: &Path) -> Result<KeyOrigin, (&'static str, String)> {
        let others = [
            ("refresh_seconds", self.refresh_seconds.is_some()),
            ("cooldown_seconds", self.cooldown_seconds.is_some()),
            ("timeout_seconds", self.timeout_seconds.is_some()),
            ("max_bytes", self.max_bytes.is_some()),
            ("stale_seconds", self.stale_seconds.is_some()),
            ("ca_file", self.ca_file.is_some()),
            ("fallback_file", self.fallback_file.is_some()),
        ];
        match others.into_iter().find(|(_, is_there)| *is_there) {
            Some((name, _)) => Err((name, "is for keys by `url` or `discover`; leave it out".to_owned())),
            None => Ok(KeyOrigin::File(file.to_owned())),
        }
    }
}
