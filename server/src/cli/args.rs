//! What the command line takes and what it says of itself.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use artos_auth_engine::{Account, Algorithm};
use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

use crate::token;

/// Judges the requests of an API by their bearer JWT: allow, 401 or 403.
#[derive(Debug, Parser)]
#[command(
    name = "artos-auth",
    version,
    disable_help_subcommand = true,
    after_help = "\
Try it:
  artos-auth serve --dev

Set it up:
  artos-auth keys generate --alg ES256 --out signing.jwk.json
  artos-auth keys public --in signing.jwk.json > keys.jwks.json
  artos-auth token mint --key signing.jwk.json --user u1 --org org-a > token.jwt
  printf '[keys]\\nfile = \"keys.jwks.json\"\\n' > artos-auth.toml
  artos-auth check --config artos-auth.toml
  artos-auth serve --config artos-auth.toml

Exit status:
  0  done
  1  the answer is no: `explain` of a request that is denied
  2  bad usage, file or data; the message names the file, the line and the key"
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Answer requests over HTTP
    #[command(after_help = "\
Examples:
  artos-auth serve --dev
  artos-auth serve --config artos-auth.toml
  artos-auth serve --config artos-auth.toml --listen 127.0.0.1:0

Port 0 takes a free one; the first line of output names it.

SIGTERM and SIGINT let answers in flight finish, and a second one ends at once; SIGHUP loads the
files again, as does a change of one of them.

The status is 0 after a signal, and 2 if a flag or a file is wrong or the address is taken.")]
    Serve(ServeArgs),

    /// Decide requests, a JSON object a line, without a server
    #[command(after_help = "\
Each line of standard input is a request, and its decision a line of standard output, in order.
A line that is no request gives {\"id\": …, \"error\": \"…\"}, and the next line is read. Empty lines
are passed over.

  id                 any JSON value, echoed
  path               required: the request-target as received, query included
  now                required: seconds since 1970, an integer
  method             GET unless given
  authorization      an array: the value of each Authorization line, in order
  authorization_b64  instead: the same in base64 (standard, padded), for values that are no text
  context            what only the service knows:
    realm                null: every organization authenticates here; or an array of those that do
    resource_org         the organization that owns what is addressed, or null
    resource_unresolved  true: the service could not tell
    account              unknown, active, not_a_member or not_configured

[[realms]] and [[resources]] of the file are checked, not applied: the context is the line's.

Example:
  echo '{\"id\": 1, \"path\": \"/\", \"now\": 1700000000, \"authorization\": [\"Bearer TOKEN\"]}' |
    artos-auth decide --config artos-auth.toml

The status is 0 at the end of the input, bad lines or not, and 2 if the files do not load.")]
    Decide(ConfigArg),

    /// Tell a person how one request is decided, check by check
    #[command(after_help = "\
Examples:
  artos-auth explain --config artos-auth.toml --path /api/v1/templates/ --header-file header.txt
  printf 'Bearer %s' \"$TOKEN\" |
    artos-auth explain --config artos-auth.toml --path /api/v1/documents/doc-a \\
      --resource-org org-a --header-file -

The output never holds the token, so that it can go into a ticket as it is.

The status is 0 if the request is allowed, 1 if it is denied, 2 if a flag or a file is wrong.")]
    Explain(ExplainArgs),

    /// Load everything that a configuration file names, and say what it holds or what is wrong
    #[command(after_help = "\
Example:
  artos-auth check --config artos-auth.toml && systemctl reload artos-auth

The status is 0 if everything loads, warnings or not, and 2 if not.")]
    Check(ConfigArg),

    /// Make keys, and show what may be public of them
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },

    /// Make tokens, and look into them
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
}

/// What `serve` was asked to do.
#[derive(Clone, Debug, Args)]
#[command(
    group = ArgGroup::new("source").required(true).args(["dev", "config"]))]
pub struct ServeArgs {
    /// Serve a demonstration: fresh keys, two organizations, a few documents, and `curl` lines to paste
    #[arg(long)]
    pub dev: bool,

    /// Serve by this configuration file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Listen here, whatever the file says; port 0 takes a free one
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub listen: Option<SocketAddr>,

    /// Write the demonstration's private key here, a new file that only its owner can read
    #[arg(long, value_name = "FILE", requires = "dev", conflicts_with = "config")]
    pub dev_key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ConfigArg {
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// The request-target as the server receives it, query included
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    pub(crate) path: String,

    /// The method
    #[arg(long, value_name = "M", default_value = "GET")]
    pub(crate) method: String,

    /// A file that holds the value of one Authorization line, `Bearer TOKEN`; `-` is standard input. One line end
    /// at its end is no part of it. Repeat for a request with several such lines
    #[arg(long, value_name = "F")]
    pub(crate) header_file: Vec<PathBuf>,

    /// The value itself: other users of this machine can see command lines, so prefer --header-file
    #[arg(long, value_name = "'Bearer TOKEN'", allow_hyphen_values = true)]
    pub(crate) header: Vec<OsString>,

    /// Decide as of this instant, in seconds since 1970, instead of now
    #[arg(long, value_name = "N", value_parser = instant, allow_hyphen_values = true)]
    pub(crate) now: Option<u64>,

    /// The host that is asked for, which `[[realms]]` of the file look at
    #[arg(long, value_name = "H", conflicts_with = "realm")]
    pub(crate) host: Option<String>,

    /// An organization whose tokens authenticate here, whatever `[[realms]]` say; repeat for several
    #[arg(long, value_name = "O")]
    pub(crate) realm: Vec<String>,

    /// The organization that owns what is addressed, whatever `[[resources]]` say
    #[arg(long, value_name = "O", conflicts_with = "resource_unresolved")]
    pub(crate) resource_org: Option<String>,

    /// Decide as if nobody could tell who owns what is addressed
    #[arg(long)]
    pub(crate) resource_unresolved: bool,

    /// What the service knows of the user's account
    #[arg(long, value_name = "A", default_value = "unknown")]
    pub(crate) account: AccountArg,
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "say an IP address and a port, such as `127.0.0.1:8080`")
}

/// An instant that a claim could hold, too.
fn instant(text: &str) -> Result<u64, &'static str> {
    let instant = text.parse().ok().filter(|instant| *instant <= 253_402_300_799);
    instant.ok_or("say whole seconds since 1970, from 0 to 253402300799")
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum AccountArg {
    /// Nothing beyond what the token says
    Unknown,
    /// A member in good standing
    Active,
    /// Not, or no longer, a member of the organization
    NotAMember,
    /// Known, but not properly configured
    NotConfigured,
}

impl From<AccountArg> for Account {
    fn from(account: AccountArg) -> Self {
        match account {
            AccountArg::Unknown => Self::Unknown,
            AccountArg::Active => Self::Active,
            AccountArg::NotAMember => Self::NotAMember,
            AccountArg::NotConfigured => Self::NotConfigured,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Make a fresh private key, as a JWK
    #[command(after_help = "\
Examples:
  artos-auth keys generate --alg ES256 --out signing.jwk.json
  artos-auth keys generate --alg HS256 --kid 2024-06 --out shared.jwk.json

Whoever holds the output can make tokens of every user. Give a server that only verifies the
public part:
  artos-auth keys public --in signing.jwk.json > keys.jwks.json")]
    Generate(GenerateArgs),

    /// Show what may be public of a private JWK, as a JWK Set
    #[command(after_help = "\
Example:
  artos-auth keys public --in signing.jwk.json > keys.jwks.json

A shared secret (HS256, HS384, HS512) has no public part: the server verifies with the secret
itself, so name its own file by `keys.file`, readable by the server alone.")]
    Public {
        /// The file of the private JWK
        #[arg(long = "in", value_name = "FILE")]
        from: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// The algorithm that the key is to serve
    #[arg(long, value_name = "ALG", value_parser = algorithm_parser())]
    pub(crate) alg: Algorithm,

    /// Its key id; by default its RFC 7638 thumbprint
    #[arg(long, value_name = "K", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) kid: Option<String>,

    /// A new file for it, which only its owner can read; by default it goes to standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

fn algorithm_parser() -> impl TypedValueParser<Value = Algorithm> {
    let names = Algorithm::ALL.iter().map(|algorithm| algorithm.name());
    PossibleValuesParser::new(names)
        .try_map(|name| Algorithm::from_name(&name).ok_or("this is none of the algorithms"))
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token, signed with a private JWK
    #[command(after_help = "\
The claims are `sub` (--user), `org_id` (--org), `permissions` (if --permission is there), `iat`,
`exp` and a random `jti`. What --claim says comes last and wins, so that a token can be made as
wrong as a test needs it.

Examples:
  artos-auth token mint --key signing.jwk.json --user u1 --org org-a --permission documents:write
  artos-auth token mint --key signing.jwk.json --user u1 --org org-a --expires-in=-1h
  artos-auth token mint --key signing.jwk.json --user u1 --org org-a \\
    --claim 'iss=\"https://auth.example\"' --claim jti=null")]
    Mint(MintArgs),

    /// Show header and claims of a token from standard input, its signature unverified
    #[command(after_help = "\
Example:
  artos-auth token inspect < token.jwt

What it shows is what the token says of itself. Ask `artos-auth explain` whether it is any good.")]
    Inspect,
}

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

    /// How long it is to be valid: a number and s, m, h or d; `--expires-in=-1h` is an hour ago
    #[arg(long, value_name = "TIME", default_value = "1h", allow_hyphen_values = true)]
    pub(crate) expires_in: token::Offset,

    /// A claim and its value as JSON; `null` takes the claim out
    #[arg(long = "claim", value_name = "K=JSON")]
    pub(crate) claims: Vec<token::Claim>,
}
