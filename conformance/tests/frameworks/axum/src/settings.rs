//! Settings of the service, from environment variables.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::path::PathBuf;

use jsonwebtoken::jwk::JwkSet;

/// What the service is told at its start.
pub struct Settings {
    /// The verification keys: a JWK Set, or a set with one shared secret.
    pub keys: JwkSet,
    pub issuer: Option<String>,
    pub audience: Option<String>,
    /// The organizations whose tokens authenticate at this deployment.
    pub organizations: HashSet<String>,
    /// Ids of revoked tokens, one per line.
    pub revoked_file: PathBuf,
    /// Optional parts of the application: `cors`, `compression`, ….
    pub parts: HashSet<String>,
    /// A fault of `faults` to switch on.
    pub fault: Option<String>,
    pub port: u16,
}

impl Settings {
    pub fn from_environment() -> Settings {
        let list = |name| words(&env::var(name).unwrap_or_default());
        Settings {
            keys: read_keys("SERVICE_KEYS"),
            issuer: env::var("SERVICE_ISSUER").ok(),
            audience: env::var("SERVICE_AUDIENCE").ok(),
            organizations: list("SERVICE_ORGANIZATIONS"),
            revoked_file: env::var("SERVICE_REVOKED").expect("SERVICE_REVOKED").into(),
            parts: list("SERVICE_PARTS"),
            fault: env::var("SERVICE_FAULT").ok(),
            port: env::var("SERVICE_PORT").expect("SERVICE_PORT").parse().expect("a port"),
        }
    }

    pub fn has(&self, part: &str) -> bool {
        self.parts.contains(part)
    }
}

/// The JWK Set in the file that the environment variable names.
pub fn read_keys(variable: &str) -> JwkSet {
    let file = env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set"));
    let text = fs::read_to_string(file).expect("a readable file of keys");
    serde_json::from_str(&text).expect("a JWK Set")
}

fn words(list: &str) -> HashSet<String> {
    list.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
