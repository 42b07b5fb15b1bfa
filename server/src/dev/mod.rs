//! `serve --dev`: a demonstration without any files, which shows every kind of answer.

mod accounts;
mod folder;
mod introduction;

use std::path::{Path, PathBuf};

use artos_auth_engine::{
    Algorithm, Engine, KeySet, Policy, PolicySpec, ResourceSpec, Resources, Revocations,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::calendar::LAST_SECOND;
use crate::clock::{Clock as _, SystemClock};
use crate::config::Realms;
use crate::signing::{self, PrivateKey};
use crate::snapshot::Snapshot;
pub(crate) use accounts::Accounts;
use folder::Folder;

/// A server's state with fresh keys, and tokens for it.
pub(crate) struct Dev {
    state: Snapshot,
    tokens: Tokens,
    issuer: String,
    audience: String,
    key: PrivateKey,
    /// The absolute path of the file that the private key was written to.
    key_file: Option<PathBuf>,
    folder: Option<Folder>,
}

/// The files that the demonstration writes.
#[derive(Clone, Copy)]
pub(crate) enum Output<'p> {
    /// None: it prints its tokens.
    Printed,
    /// The private key, to a new file.
    Key(&'p Path),
    /// Key, tokens and profile, to this folder.
    Folder(&'p Path),
}

/// The names of a token.
struct TokenName {
    /// As a shell variable.
    variable: &'static str,
    /// As a file, without its extension.
    file: &'static str,
    /// As a token of the checker's profile.
    profile: Option<&'static str>,
}

/// One token for each kind of answer.
struct Tokens {
    valid: String,
    other_organization: String,
    no_permission: String,
    expired: String,
    revoked: String,
    tampered: String,
    no_organization: String,
    other_realm: String,
    other_environment: String,
    not_a_member: String,
    not_configured: String,
}

/// The embedded configuration file.
#[derive(Deserialize)]
struct File {
    policy: PolicySpec,
    resources: Vec<ResourceSpec>,
}

/// The key id, which says in every log that this is not a real key.
const KEY_ID: &str = "artos-auth-dev-never-use-elsewhere";
/// The organizations whose tokens authenticate here.
const ORGANIZATIONS: [&str; 2] = ["org-a", "org-b"];
const REVOKED_TOKEN_ID: &str = "dev-revoked";
const HOUR: u64 = 3600;

impl Dev {
    /// Generates a key, tokens signed with it, and the state that decides about them.
    ///
    /// # Errors
    ///
    /// The key file exists or cannot be written; the folder contains other files.
    pub(crate) fn new(output: Output<'_>) -> Result<Self, String> {
        let file: File = toml::from_str(include_str!("policy.toml")).map_err(|error| error.to_string())?;
        let first = |names: &Option<Vec<String>>| names.iter().flatten().next().cloned().unwrap_or_default();
        let (issuer, audience) = (first(&file.policy.issuers), first(&file.policy.audiences));

        let generate = |name: &str| {
            PrivateKey::generate(Algorithm::ES256, Some(name.to_owned())).map_err(|error| error.to_string())
        };
        let (key, foreign_key) = (generate(KEY_ID)?, generate(KEY_ID)?);
        let (key_file, folder) = match output {
            Output::Printed => (None, None),
            Output::Key(file) => (Some(write_key(file, &key)?), None),
            Output::Folder(path) => (None, Some(Folder::open(path)?)),
        };
        let public = json!({ "keys": [key.to_public_jwk()] }).to_string();
        let revocations = json!({ "tokens": [REVOKED_TOKEN_ID] }).to_string();
        let engine = Engine::new(
            Policy::new(&file.policy).map_err(|error| error.to_string())?,
            KeySet::from_jwks(public.as_bytes()).map_err(|error| error.to_string())?,
            Revocations::from_json(revocations.as_bytes()).map_err(|error| error.to_string())?,
        );
        let resources = Resources::new(&file.resources).map_err(|error| error.to_string())?;
        let tokens = Tokens::mint(&key, &foreign_key, &issuer, &audience)?;
        let realms = Realms::of_all_hosts(ORGANIZATIONS.into_iter().collect());
        let state = Snapshot::new(engine, realms, resources);
        Ok(Self { state, tokens, issuer, audience, key, key_file, folder })
    }

    pub(crate) fn state(&self) -> &Snapshot {
        &self.state
    }

    pub(crate) fn into_state(self) -> Snapshot {
        self.state
    }
}

fn write_key(file: &Path, key: &PrivateKey) -> Result<PathBuf, String> {
    let said = |error: std::io::Error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AlreadyExists => ": keys are never overwritten; choose another name",
            _ => "",
        };
        format!("`--dev-key`: {} cannot be written: {error}{hint}", file.display())
    };
    signing::write_private(file, key).map_err(said)?;
    std::path::absolute(file).map_err(said)
}

impl Tokens {
    /// Every token with its names, in the order in which they are shown.
    fn named(&self) -> [(TokenName, &str); 11] {
        let name = |variable, file, profile| TokenName { variable, file, profile };
        [
            (name("TOKEN", "valid", Some("valid")), &self.valid),
            (name("TOKEN_ORG_B", "org-b", Some("other_organization")), &self.other_organization),
            (name("TOKEN_NO_PERMISSION", "no-permission", Some("no_permission")), &self.no_permission),
            (
                name("TOKEN_NO_ORGANIZATION", "no-organization", Some("no_organization")),
                &self.no_organization,
            ),
            (name("TOKEN_NOT_A_MEMBER", "not-a-member", Some("not_a_member")), &self.not_a_member),
            (name("TOKEN_NOT_CONFIGURED", "not-configured", Some("not_configured")), &self.not_configured),
            (name("TOKEN_EXPIRED", "expired", Some("expired")), &self.expired),
            (name("TOKEN_REVOKED", "revoked", Some("revoked")), &self.revoked),
            (name("TOKEN_TAMPERED", "tampered", None), &self.tampered),
            (name("TOKEN_OTHER_REALM", "other-realm", Some("other_realm")), &self.other_realm),
            (
                name("TOKEN_OTHER_ENVIRONMENT", "other-environment", Some("other_environment")),
                &self.other_environment,
            ),
        ]
    }

    fn mint(
        key: &PrivateKey,
        foreign_key: &PrivateKey,
        issuer: &str,
        audience: &str,
    ) -> Result<Self, String> {
        let now = SystemClock.now().since_epoch.as_secs().min(LAST_SECOND);
        let mint_with = |key: &PrivateKey, changes: Value| {
            let mut claims = json!({
                "iss": issuer, "aud": audience, "sub": "alice", "org_id": "org-a",
                "permissions": ["documents:read", "documents:write"], "jti": "dev-alice",
                "iat": now, "exp": now.saturating_add(12 * HOUR).min(LAST_SECOND),
            });
            if let (Some(claims), Value::Object(changes)) = (claims.as_object_mut(), changes) {
                claims.extend(changes);
            }
            key.token(&claims.to_string()).map_err(|error| error.to_string())
        };
        let mint = |changes: Value| mint_with(key, changes);
        let valid = mint(json!({}))?;
        Ok(Self {
            tampered: tamper(&valid),
            valid,
            other_organization: mint(json!({ "sub": "bob", "org_id": "org-b", "jti": "dev-bob" }))?,
            no_permission: mint(json!({
                "sub": "rita", "permissions": ["documents:read"], "jti": "dev-rita",
            }))?,
            expired: mint(json!({
                "iat": now.saturating_sub(2 * HOUR), "exp": now.saturating_sub(HOUR), "jti": "dev-expired",
            }))?,
            revoked: mint(json!({ "jti": REVOKED_TOKEN_ID }))?,
            no_organization: mint(json!({ "sub": "nora", "org_id": null, "jti": "dev-nora" }))?,
            other_realm: mint(json!({ "sub": "fred", "org_id": "org-c", "jti": "dev-fred" }))?,
            other_environment: mint_with(foreign_key, json!({ "jti": "dev-staging" }))?,
            not_a_member: mint(json!({ "sub": accounts::LEFT, "jti": "dev-lena" }))?,
            not_configured: mint(json!({ "sub": accounts::HALF_SET_UP, "jti": "dev-hank" }))?,
        })
    }
}

/// The same token with one character of its claims changed.
fn tamper(token: &str) -> String {
    // Inside the claims segment, where each character encodes six bits.
    let at = token.find('.').map_or(0, |dot| dot.saturating_add(9));
    let changed = |(index, character)| match (index == at, character) {
        (true, 'A') => 'B',
        (true, _) => 'A',
        (false, character) => character,
    };
    token.chars().enumerate().map(changed).collect()
}

#[cfg(test)]
mod tests {
    use artos_auth_engine::{Context, Request, UnixTime};

    use super::*;

    fn reason(dev: &Dev, token: &str) -> &'static str {
        let line = format!("Bearer {token}");
        let lines: [&[u8]; 1] = [line.as_bytes()];
        let request = Request::new("GET", "/api/v1/templates/", &lines);
        let now = UnixTime::from_seconds(SystemClock.now().since_epoch.as_secs());
        let context = Context::unowned()
            .realm(dev.state.realms().of(Some("localhost")))
            .account(accounts::account_of(Some(line.as_bytes())));
        dev.state.engine().decide(&request, &context, now).reason_code()
    }

    #[test]
    fn each_token_has_the_named_property() {
        let dev = Dev::new(Output::Printed).unwrap();
        let tokens = &dev.tokens;
        assert_eq!(reason(&dev, &tokens.valid), "authorized");
        assert_eq!(reason(&dev, &tokens.other_organization), "authorized");
        assert_eq!(reason(&dev, &tokens.no_permission), "authorized");
        assert_eq!(reason(&dev, &tokens.expired), "token_expired");
        assert_eq!(reason(&dev, &tokens.revoked), "token_revoked");
        assert_eq!(reason(&dev, &tokens.tampered), "signature_invalid");
        assert_eq!(reason(&dev, &tokens.no_organization), "organization_missing");
        assert_eq!(reason(&dev, &tokens.other_realm), "organization_not_in_realm");
        assert_eq!(reason(&dev, &tokens.other_environment), "signature_invalid");
        assert_eq!(reason(&dev, &tokens.not_a_member), "not_a_member");
        assert_eq!(reason(&dev, &tokens.not_configured), "account_not_configured");
    }
}
