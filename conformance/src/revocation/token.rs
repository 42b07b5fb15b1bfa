//! The token of a run, and the values of the command's placeholders.

use std::time::Duration;

use serde_json::Value;

use crate::profile::{Placeholder, Profile, TokenKind};
use crate::run::session::good_token;
use crate::secret::Secret;
use crate::token::{Compact, quote};

/// A token that is valid until the command revokes it.
pub(super) struct RunToken {
    pub(super) text: Secret,
    pub(super) id: Option<String>,
    user: Option<String>,
    organization: Option<String>,
}

impl RunToken {
    /// Mints a token with its own user and `jti`, or takes `tokens.valid` if there is no key. `lifetime` is how long it
    /// must be valid.
    pub(super) fn new(
        profile: &Profile,
        now: i64,
        run_id: &str,
        number: u32,
        lifetime: Duration,
    ) -> Result<Self, String> {
        let lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX / 2) + 5;
        let (token, names) = if let Some(signing) = &profile.signing {
            // A user or organization is revoked for tokens issued before the revocation's second.
            let mint = good_token(signing, &signing.organization, now)
                .claim(&signing.claims.user, &quote(&format!("{}-{run_id}-{number}", signing.user)))
                .claim("jti", &quote(&format!("{run_id}-{number}")))
                .claim("iat", &(now - 2).to_string())
                .claim("exp", &(now + lifetime.max(1_800)).to_string());
            (mint.sign(&signing.key), signing.claims.clone())
        } else {
            (given(profile, now, lifetime)?, crate::profile::ClaimNames::default())
        };
        let claims = token.claim_members();
        let text = |name: &str| match claims.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        let token = Self {
            id: text("jti"),
            user: text(&names.user),
            organization: text(&names.organization),
            text: Secret::new(token.text()),
        };
        token.require_values(profile)?;
        Ok(token)
    }

    /// The command must not run with an empty value.
    fn require_values(&self, profile: &Profile) -> Result<(), String> {
        for placeholder in Placeholder::ALL {
            let used = profile.revocation.as_ref().is_some_and(|revocation| revocation.uses(placeholder));
            if used && self.value(placeholder, "").is_none() {
                return Err(format!(
                    "tokens.valid has no claim for `{}` in revocation.command: name another placeholder or another token",
                    placeholder.text()
                ));
            }
        }
        Ok(())
    }

    /// The value of a placeholder.
    pub(super) fn value(&self, placeholder: Placeholder, token_file: &str) -> Option<String> {
        match placeholder {
            Placeholder::TokenId => self.id.clone(),
            Placeholder::User => self.user.clone(),
            Placeholder::Organization => self.organization.clone(),
            Placeholder::TokenFile => Some(token_file.to_owned()),
        }
    }
}

/// `tokens.valid`. A refusal after it has expired would not be a revocation.
fn given(profile: &Profile, now: i64, lifetime: i64) -> Result<Compact, String> {
    let token = profile.tokens.get(&TokenKind::Valid).ok_or_else(|| {
        format!(
            "{}: has neither [signing] nor tokens.valid: one is needed for a token to revoke",
            profile.path.display()
        )
    })?;
    match token.compact.expires_at() {
        Some(expiry) if expiry < now + lifetime => Err(format!(
            "tokens.valid expires in {} s: it must be valid for at least {lifetime} s, so that only a revocation refuses it",
            (expiry - now).max(0)
        )),
        _ => Ok(token.compact.clone()),
    }
}
