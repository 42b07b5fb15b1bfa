//! The accounts of the demonstration: data about users that only a service has, not a configuration.

use artos_auth_engine::{Account, Context};
use base64_simd::URL_SAFE_NO_PAD;
use hyper::header::{AUTHORIZATION, HeaderValue};
use serde::Deserialize;

use crate::snapshot::{Configured, ContextResolver, RequestView, Snapshot};

/// A user who has left the organization.
pub(super) const LEFT: &str = "lena";
/// A user whose account is not set up completely.
pub(super) const HALF_SET_UP: &str = "hank";

/// The configured context, with the account of the token's user.
///
/// Looks the account up by a user id that is not verified yet. This is safe, because the engine uses the account only
/// after it has verified the same token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Accounts;

impl ContextResolver for Accounts {
    fn resolve<'s>(&'s self, request: &RequestView<'_>, state: &'s Snapshot) -> Context<'s> {
        let account = account_of(request.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes));
        Configured.resolve(request, state).account(account)
    }
}

pub(super) fn account_of(authorization: Option<&[u8]>) -> Account {
    match authorization.and_then(user_id).as_deref() {
        Some(LEFT) => Account::NotAMember,
        Some(HALF_SET_UP) => Account::NotConfigured,
        Some(_) => Account::Active,
        None => Account::Unknown,
    }
}

fn user_id(authorization: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        sub: String,
    }
    let claims = authorization.split(|byte| *byte == b'.').nth(1)?;
    let claims = URL_SAFE_NO_PAD.decode_to_vec(claims).ok()?;
    serde_json::from_slice::<Claims>(&claims).ok().map(|claims| claims.sub)
}
