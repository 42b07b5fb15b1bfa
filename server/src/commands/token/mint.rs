//! `token mint`.

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use base64_simd::URL_SAFE_NO_PAD;
use clap::Args;
use serde_json::json;
use serde_json::value::RawValue;

use super::Offset;
use crate::commands::keys::read_private;
use crate::commands::{Exit, Failure};

#[derive(Debug, Args)]
pub(crate) struct MintArgs {
    /// The file of the private JWK to sign with
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,

    /// The user id
    #[arg(long, value_name = "U")]
    pub(crate) user: String,

    /// The organization id
    #[arg(long, value_name = "O")]
    pub(crate) org: String,

    /// A permission; repeat for several
    #[arg(long = "permission", value_name = "P")]
    pub(crate) permissions: Vec<String>,

    /// The validity period: a number and s, m, h or d; `--expires-in=-1h` expired an hour ago
    #[arg(long, value_name = "TIME", default_value = "1h", allow_hyphen_values = true)]
    pub(crate) expires_in: Offset,

    /// A claim and its value as JSON; `null` removes the claim
    #[arg(long = "claim", value_name = "K=JSON")]
    pub(crate) claims: Vec<Claim>,
}

/// A claim of `--claim`: its name, and its unparsed value, because a test may need `1e2` or a duplicate member.
#[derive(Clone)]
pub(crate) struct Claim {
    name: String,
    value: Box<RawValue>,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Claim").field(&self.name).finish()
    }
}

impl FromStr for Claim {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once('=').ok_or("expected a name, `=` and a value as JSON")?;
        let value = serde_json::from_str(value).map_err(|_| {
            let quoted = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:/@".contains(&byte));
            match quoted && !value.is_empty() {
                true => {
                    format!("the value after `=` is not JSON; a string needs its quotes: '{name}=\"{value}\"'")
                }
                false => {
                    "the value after `=` is not JSON; a string needs its quotes, and the shell quotes around them"
                        .to_owned()
                }
            }
        })?;
        Ok(Self { name: name.to_owned(), value })
    }
}

/// Mints a token and prints it.
pub(crate) fn mint(args: &MintArgs) -> Result<Exit, Failure> {
    let key = read_private(&args.key)?;
    let claims = claims(args, now()?)?;
    let token = key.token(&claims).map_err(|error| Failure::key(&args.key, &error))?;
    let mut output = io::stdout().lock();
    writeln!(output, "{token}").and_then(|()| output.flush()).map_err(|error| Failure::output(&error))?;
    Ok(Exit::Done)
}

/// The claims as JSON text, in a fixed order. A `--claim` replaces the claim of its name, or is appended.
fn claims(args: &MintArgs, now: u64) -> Result<String, Failure> {
    let mut claims: Vec<(&str, Option<String>)> = vec![
        ("sub", Some(json!(args.user).to_string())),
        ("org_id", Some(json!(args.org).to_string())),
        ("permissions", (!args.permissions.is_empty()).then(|| json!(args.permissions).to_string())),
        ("iat", Some(now.to_string())),
        ("exp", args.expires_in.from(now).map(|instant| instant.to_string())),
        ("jti", Some(json!(random_id()?).to_string())),
    ];
    for (index, claim) in args.claims.iter().enumerate() {
        if args.claims.iter().take(index).any(|earlier| earlier.name == claim.name) {
            return Err(Failure::Bad(format!("duplicate `--claim` `{}`", claim.name)));
        }
        let value = Some(claim.value.get().to_owned()).filter(|value| value != "null");
        match claims.iter_mut().find(|(name, _)| *name == claim.name) {
            Some((_, its)) => *its = value,
            None => claims.push((&claim.name, value)),
        }
    }
    if args.expires_in.from(now).is_none() && !args.claims.iter().any(|claim| claim.name == "exp") {
        return Err(Failure::Bad("`--expires-in` must give a date from 1970 to 9999".to_owned()));
    }
    let members: Vec<String> =
        claims.into_iter().filter_map(|(name, value)| Some(format!("{}:{}", json!(name), value?))).collect();
    Ok(format!("{{{}}}", members.join(",")))
}

fn now() -> Result<u64, Failure> {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Ok(since.as_secs()),
        Err(_) => Err(Failure::Bad("the clock of this machine is before 1970".to_owned())),
    }
}

fn random_id() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Failure::Bad("the crypto library has no random bytes".to_owned()))?;
    Ok(URL_SAFE_NO_PAD.encode_to_string(bytes))
}
