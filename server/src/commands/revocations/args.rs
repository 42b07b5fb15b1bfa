//! The arguments of `revoke`.

use std::path::PathBuf;

use clap::builder::{NonEmptyStringValueParser, TypedValueParser as _};
use clap::{ArgGroup, Args};
use serde_json::Number;

use super::token;
use crate::calendar::LAST_SECOND;
use crate::clock::Reading;
use crate::commands::Failure;
use crate::revocation::entry::Entry;

/// The arguments of `revoke`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true).args(["token_id", "token_file", "user", "org"]))]
pub(crate) struct RevokeArgs {
    /// The configuration file (TOML), which says where revocations are kept
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// Revoke the token with this id (`jti`)
    #[arg(long, value_name = "J", conflicts_with_all = ["token_file", "user", "org"], value_parser = NonEmptyStringValueParser::new().try_map(id))]
    token_id: Option<String>,

    /// Revoke the token in this file (`-`: standard input), by its `jti`, or by the SHA-256 of its signing input if it has none
    #[arg(long, value_name = "F", conflicts_with_all = ["user", "org"])]
    token_file: Option<PathBuf>,

    /// Revoke the tokens of this user, in the organization of --org or in any
    #[arg(long, value_name = "U", value_parser = NonEmptyStringValueParser::new().try_map(id))]
    user: Option<String>,

    /// Revoke the tokens of this organization, or only those of --user in it
    #[arg(long, value_name = "O", value_parser = NonEmptyStringValueParser::new().try_map(id))]
    org: Option<String>,

    /// Revoke tokens that were issued before this time (seconds since 1970); now unless given
    #[arg(long, value_name = "T", conflicts_with_all = ["token_id", "token_file"], value_parser = instant)]
    issued_before: Option<u64>,

    /// When the entry can be dropped, because no such token is valid any more (seconds since 1970)
    #[arg(long, value_name = "T", value_parser = instant)]
    expires: Option<u64>,
}

impl RevokeArgs {
    /// The revocation, at the time of this clock.
    pub(super) fn entry(&self, now: Reading) -> Result<Entry, Failure> {
        let expires = self.expires.map(Number::from);
        let issued_before = || match (self.issued_before, now.problem()) {
            (Some(instant), _) => Ok(Number::from(instant)),
            (None, None) => Ok(Number::from(now.since_epoch.as_secs())),
            // Tokens are issued later than by this clock, so the entry would revoke none.
            (None, Some(problem)) => Err(Failure::Bad(format!("{problem}, or give `--issued-before`"))),
        };
        Ok(match (&self.token_id, &self.token_file, &self.user, &self.org) {
            (Some(id), ..) => Entry::Token { id: id.clone(), expires },
            (None, Some(file), ..) => token::entry(file, expires)?,
            (None, None, Some(user), org) => {
                Entry::User { user: user.clone(), org: org.clone(), issued_before: issued_before()?, expires }
            }
            (None, None, None, Some(org)) => {
                Entry::Organization { org: org.clone(), issued_before: issued_before()?, expires }
            }
            // The command line requires one of them.
            (None, None, None, None) => return Err(Failure::Bad("say what to revoke".to_owned())),
        })
    }
}

/// Refuses `*`: it looks like a wildcard, but would match nothing.
fn id(text: String) -> Result<String, &'static str> {
    if text == "*" { Err("`*` does not mean every id; give one id") } else { Ok(text) }
}

fn instant(text: &str) -> Result<u64, &'static str> {
    const FORM: &str = "expected seconds since 1970 as an integer, such as the output of `date +%s`";
    let seconds: u64 = text.parse().map_err(|_| FORM)?;
    if seconds <= LAST_SECOND {
        Ok(seconds)
    } else {
        Err("expected a time before the year 10000, in seconds since 1970")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;

    const UNUSABLE: Reading = Reading { since_epoch: Duration::from_secs(1000), is_usable: false };

    fn args(user: Option<&str>, org: Option<&str>, issued_before: Option<u64>) -> RevokeArgs {
        let (user, org) = (user.map(str::to_owned), org.map(str::to_owned));
        RevokeArgs {
            config: PathBuf::new(),
            token_id: user.is_none().then(|| "t".to_owned()).filter(|_| org.is_none()),
            token_file: None,
            user,
            org,
            issued_before,
            expires: None,
        }
    }

    /// Its entry would revoke only tokens from before 1970-01-01T00:16:40Z, and the command would say that it worked.
    #[rstest]
    #[case::user(Some("u"), None)]
    #[case::user_here(Some("u"), Some("o"))]
    #[case::organization(None, Some("o"))]
    fn a_clock_that_is_not_set_revokes_nobody(#[case] user: Option<&str>, #[case] org: Option<&str>) {
        let Err(Failure::Bad(problem)) = args(user, org, None).entry(UNUSABLE) else { panic!("an error") };
        assert_eq!(
            problem,
            "the system clock says 1970-01-01, which is before 2025-01-01, so tokens cannot be checked; set the clock, \
             or give `--issued-before`"
        );
        assert!(args(user, org, Some(1_800_000_000)).entry(UNUSABLE).is_ok());
        assert!(args(user, org, None).entry(Reading::trusted(Duration::from_secs(1_800_000_000))).is_ok());
    }

    #[test]
    fn a_token_is_revoked_by_any_clock() {
        assert!(args(None, None, None).entry(UNUSABLE).is_ok());
    }
}
