//! The tokens available to a case: from the profile, or minted.

use serde_json::Value;

use super::{Session, Stop, fresh_id, lacking, lock};
use crate::profile::{Signing, TokenKind};
use crate::token::{Compact, Mint, SigningKey, quote};

impl Session {
    fn signing(&self) -> Result<&Signing, Stop> {
        self.profile().signing.as_ref().ok_or_else(|| lacking("[signing]"))
    }

    /// The key that the deployment trusts.
    pub(crate) fn key(&self) -> Result<SigningKey, Stop> {
        Ok(self.signing()?.key.clone())
    }

    /// A valid token, ready to be changed and signed.
    pub(crate) fn mint(&self) -> Result<Mint, Stop> {
        let organization = self.signing()?.organization.clone();
        self.mint_for(&organization)
    }

    fn mint_for(&self, organization: &str) -> Result<Mint, Stop> {
        Ok(good_token(self.signing()?, organization, self.now()))
    }

    /// The name of the claim that holds the organization.
    pub(crate) fn organization_claim(&self) -> Result<String, Stop> {
        Ok(self.signing()?.claims.organization.clone())
    }

    /// The name of the claim that holds the user.
    pub(crate) fn user_claim(&self) -> Result<String, Stop> {
        Ok(self.signing()?.claims.user.clone())
    }

    /// The name of the claim that holds the permissions.
    pub(crate) fn permissions_claim(&self) -> Result<String, Stop> {
        Ok(self.signing()?.claims.permissions.clone())
    }

    /// The organization of valid tokens.
    pub(crate) fn organization(&self) -> Result<String, Stop> {
        Ok(self.signing()?.organization.clone())
    }

    /// The other organization of the deployment.
    pub(crate) fn other_organization_id(&self) -> Result<String, Stop> {
        self.signing()?.other_organization.clone().ok_or_else(|| lacking("signing.other_organization"))
    }

    /// The permission that `endpoints.permission` requires.
    pub(crate) fn needed_permission(&self) -> Result<String, Stop> {
        let entry = self.profile().endpoints.permission.as_ref();
        entry.map(|entry| entry.permission.clone()).ok_or_else(|| lacking("endpoints.permission"))
    }

    /// A profile token that must be valid now. A token that is about to expire proves nothing.
    fn good_named(&self, kind: TokenKind) -> Result<Option<Compact>, Stop> {
        let Some(token) = self.profile().tokens.get(&kind) else { return Ok(None) };
        match token.compact.expires_at() {
            Some(expiry) if expiry <= self.now() + 5 => Err(Stop::Skip(format!(
                "{kind} has expired or is about to; put a fresh one into the profile"
            ))),
            _ => Ok(Some(token.compact.clone())),
        }
    }

    fn named(&self, kind: TokenKind) -> Result<Compact, Stop> {
        let token = self.profile().tokens.get(&kind).ok_or_else(|| lacking(&kind.to_string()))?;
        Ok(token.compact.clone())
    }

    /// A valid token.
    pub(crate) fn valid(&self) -> Result<Compact, Stop> {
        match self.good_named(TokenKind::Valid)? {
            Some(token) => Ok(token),
            None => self.minted(TokenKind::Valid, |session| session.mint()),
        }
    }

    /// A token that is minted once in a run, so that cases that send the same request can share a response.
    fn minted(&self, kind: TokenKind, mint: fn(&Self) -> Result<Mint, Stop>) -> Result<Compact, Stop> {
        if let Some(token) = lock(&self.shared.minted).get(&kind) {
            return Ok(token.clone());
        }
        let token = mint(self)?.sign(&self.key()?);
        Ok(lock(&self.shared.minted).entry(kind).or_insert(token).clone())
    }

    /// A valid token of another organization.
    pub(crate) fn other_organization(&self) -> Result<Compact, Stop> {
        match self.good_named(TokenKind::OtherOrganization)? {
            Some(token) => Ok(token),
            None => self.minted(TokenKind::OtherOrganization, |session| {
                session.mint_for(&session.other_organization_id()?)
            }),
        }
    }

    /// A valid token's header and claims with a signature of zeros.
    pub(crate) fn forged(&self) -> Result<Compact, Stop> {
        Ok(self.valid()?.with_signature(&[0; 64]))
    }

    /// A token that expired well over two minutes ago, ready to be changed and signed.
    pub(crate) fn expired_mint(&self) -> Result<Mint, Stop> {
        let now = self.now();
        let mint = self.mint()?.claim("exp", &(now - 150).to_string());
        Ok(mint.claim("iat", &(now - 4_000).to_string()))
    }

    /// A valid token's header and claims, to be changed and signed with an untrusted key, so it needs no trusted key.
    /// The header names ES256.
    pub(crate) fn base(&self) -> Result<Mint, Stop> {
        if self.profile().signing.is_some() {
            return self.mint();
        }
        let token = self.valid()?;
        let mut mint = Mint::default();
        for (name, value) in token.header_members() {
            mint = mint.header(&name, &value.to_string());
        }
        for (name, value) in token.claim_members() {
            mint = mint.claim(&name, &value.to_string());
        }
        Ok(mint.header("alg", "\"ES256\""))
    }

    /// An untrusted key.
    pub(crate) fn impostor(&self) -> Result<SigningKey, Stop> {
        let key = match self.key() {
            Ok(key) => key.impostor(),
            Err(_) => SigningKey::stranger(None),
        };
        key.map_err(Stop::Skip)
    }

    /// A token that expired well over two minutes ago.
    pub(crate) fn expired(&self) -> Result<Compact, Stop> {
        let Some(token) = self.profile().tokens.get(&TokenKind::Expired) else {
            return Ok(self.expired_mint()?.sign(&self.key()?));
        };
        match token.compact.expires_at() {
            Some(expiry) if expiry > self.now() - 120 => {
                Err(Stop::Skip("tokens.expired expired less than two minutes ago; give an older one".into()))
            }
            _ => Ok(token.compact.clone()),
        }
    }

    /// A revoked token.
    pub(crate) fn revoked(&self) -> Result<Compact, Stop> {
        self.good_named(TokenKind::Revoked)?.ok_or_else(|| lacking("tokens.revoked"))
    }

    /// A valid token without an organization.
    pub(crate) fn no_organization(&self) -> Result<Compact, Stop> {
        match self.good_named(TokenKind::NoOrganization)? {
            Some(token) => Ok(token),
            None => Ok(self.mint()?.without(&self.organization_claim()?).sign(&self.key()?)),
        }
    }

    /// A token of another environment: from the profile, or valid except for a key that the deployment does not know.
    pub(crate) fn other_environment(&self) -> Result<Compact, Stop> {
        match self.profile().tokens.get(&TokenKind::OtherEnvironment) {
            Some(token) => Ok(token.compact.clone()),
            None => {
                let key = self.impostor()?;
                Ok(self.mint()?.header("kid", "\"another-environment\"").sign(&key))
            }
        }
    }

    /// A valid token without the permission that `endpoints.permission` requires.
    pub(crate) fn no_permission(&self) -> Result<Compact, Stop> {
        match self.good_named(TokenKind::NoPermission)? {
            Some(token) => Ok(token),
            None => Ok(self.mint()?.claim(&self.permissions_claim()?, "[]").sign(&self.key()?)),
        }
    }

    /// A token that only the profile can provide.
    pub(crate) fn only_named(&self, kind: TokenKind) -> Result<Compact, Stop> {
        self.good_named(kind)?.map_or_else(|| self.named(kind), Ok)
    }
}

/// A valid token of an organization, ready to be changed and signed. `now` is the deployment's time.
pub(crate) fn good_token(signing: &Signing, organization: &str, now: i64) -> Mint {
    let names = &signing.claims;
    let mut mint =
        Mint::default().header("alg", &quote(signing.key.algorithm().name())).header("typ", "\"JWT\"");
    if let Some(kid) = signing.key.kid() {
        mint = mint.header("kid", &quote(kid));
    }
    mint = mint
        .claim(&names.user, &quote(&signing.user))
        .claim(&names.organization, &quote(organization))
        .claim(&names.permissions, &Value::from(signing.permissions.clone()).to_string())
        .claim("iat", &(now - 5).to_string())
        .claim("exp", &(now + 1_800).to_string())
        .claim("jti", &quote(&format!("conformance-{}", fresh_id())));
    if let Some(issuer) = &signing.issuer {
        mint = mint.claim("iss", &quote(issuer));
    }
    if let Some(audience) = &signing.audience {
        mint = mint.claim("aud", &quote(audience));
    }
    mint
}
