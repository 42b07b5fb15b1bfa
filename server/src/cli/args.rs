//! The arguments of the command line and its help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::explain::ExplainArgs;
use crate::commands::keys::{GenerateArgs, PublicArgs};
use crate::commands::revocations::RevokeArgs;
use crate::commands::serve::ServeArgs;
use crate::commands::token::MintArgs;

/// Decides requests of an API by their bearer JWT: allow, 401 or 403.
#[derive(Debug, Parser)]
#[command(
    name = "artos-auth",
    version,
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
  1  a negative result, such as `explain` of a denied request
  2  bad usage, file or data; the message names the file, the line and the key"
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the server
    #[command(after_help = "\
Examples:
  artos-auth serve --dev
  artos-auth serve --config artos-auth.toml
  artos-auth serve --config artos-auth.toml --listen 127.0.0.1:0

Port 0 picks a free port, printed on the first line.

SIGTERM and SIGINT end the server after answers in flight; a second one ends it at once. SIGHUP
reloads all files, reopens the audit log, and confirms a configuration that drops a restriction. A
changed file is also loaded without a signal. SIGUSR1 only reopens the audit log.

The status is 0 after a signal, 143 or 130 after a second one, and 2 if a flag or a file is wrong, an
address is in use, the audit log cannot be opened, or audit lines were lost at the end.")]
    Serve(ServeArgs),

    /// Decide requests from JSON lines, without a server
    #[command(after_help = "\
Each line of standard input is a request. Each decision is a line of standard output, in order.
An invalid line gives {\"id\": …, \"error\": \"…\"}, and the next line is read. Empty lines
are ignored.

  id                 any JSON value, echoed
  path               required: the request-target as received, query included
  now                required: seconds since 1970, an integer
  method             default: GET
  authorization      an array: the value of each Authorization line, in order
  authorization_b64  instead: the same in base64 (standard, padded), for values that are not text
  context            what only the service knows:
    realm                null: every organization authenticates here; or an array of organizations
    resource_org         the organization that owns the resource; null or absent: nobody owns it
    resource_unresolved  true: the owner could not be determined
    account              unknown, active, not_a_member or not_configured

[[realms]] and [[resources]] of the file are checked but not applied; the line has the context.

Example:
  echo '{\"id\": 1, \"path\": \"/\", \"now\": 1700000000, \"authorization\": [\"Bearer TOKEN\"]}' |
    artos-auth decide --config artos-auth.toml

The status is 0 at the end of the input, even after invalid lines, and 2 if the files do not load.")]
    Decide(ConfigArg),

    /// Explain one decision, check by check
    #[command(after_help = "\
Examples:
  artos-auth explain --config artos-auth.toml --path /api/v1/templates/ --header-file header.txt
  printf 'Bearer %s' \"$TOKEN\" |
    artos-auth explain --config artos-auth.toml --path /api/v1/documents/doc-a \\
      --resource-org org-a --header-file -

The output never contains the token, so you can paste it into a ticket.

The status is 0 if the request is allowed, 1 if it is denied, 2 if a flag or a file is wrong.")]
    Explain(ExplainArgs),

    /// Check a configuration file and all files that it names, and summarize them
    #[command(after_help = "\
Example:
  artos-auth check --config artos-auth.toml && systemctl reload artos-auth

The status is 0 if everything loads, even with warnings, and 2 if not.")]
    Check(ConfigArg),

    /// Print the schema and an example of the configuration file
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },

    /// Generate keys, and convert them to public ones
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },

    /// Mint and inspect tokens
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },

    /// Revoke a token, a user or an organization in the configured source
    #[command(after_help = "\
Examples:
  artos-auth revoke --config artos-auth.toml --token-id 7f0c1a5e
  artos-auth revoke --config artos-auth.toml --token-file - < token.jwt
  artos-auth revoke --config artos-auth.toml --user u1
  artos-auth revoke --config artos-auth.toml --user u1 --org org-a --expires $(date -d '+1 day' +%s)
  artos-auth revoke --config artos-auth.toml --org org-a --issued-before 1764374400

Tokens that a user or an organization gets later are valid. An entry with --expires is
dropped by `artos-auth revocations compact` after that time.

A file is replaced as a whole, under a lock, and keeps its mode; one that does not load is not
touched. What was written, and where, is printed; the token is not.

The status is 0 once the revocation is written, and 2 if it is not.")]
    Revoke(RevokeArgs),

    /// List and compact revocations
    Revocations {
        #[command(subcommand)]
        command: RevocationsCommand,
    },

    /// Check whether a running server is ready
    #[command(after_help = "\
Example:
  artos-auth health --admin 127.0.0.1:9090

The status is 0 if the server is ready, 1 if it is not, and 2 if nothing listens at the address.")]
    Health {
        /// The address of its admin port, or `unix:PATH`
        #[arg(long, value_name = "ADDR")]
        admin: String,
    },

    /// Write completions for a shell to standard output
    #[command(after_help = "\
Example:
  artos-auth completions bash > /etc/bash_completion.d/artos-auth")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },

    /// Write the manual pages into a folder: one for the program and one for each command
    #[command(after_help = "\
Example:
  artos-auth man /usr/local/share/man/man1")]
    Man {
        /// The folder, which must exist
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(super) struct ConfigArg {
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,

    /// Do not fetch keys by URL; use files and fallback files only
    #[arg(long)]
    pub(super) offline: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print the JSON Schema of the configuration file, for editors
    #[command(after_help = "\
Example:
  artos-auth config schema > artos-auth.schema.json

An editor with Taplo (Even Better TOML) uses the schema of a file that begins with
  #:schema ./artos-auth.schema.json")]
    Schema,

    /// Print an annotated configuration file with every key, its default and its meaning
    #[command(after_help = "\
Example:
  artos-auth config example > artos-auth.toml
  artos-auth check --config artos-auth.toml

The keys are expected in keys.jwks.json beside it.")]
    Example,
}

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Generate a private key, as a JWK
    #[command(after_help = "\
Examples:
  artos-auth keys generate --alg ES256 --out signing.jwk.json
  artos-auth keys generate --alg HS256 --kid 2024-06 --out shared.jwk.json

Anyone with the output can sign tokens for every user. A server that only verifies tokens needs
only the public part:
  artos-auth keys public --in signing.jwk.json > keys.jwks.json")]
    Generate(GenerateArgs),

    /// Print a JWK Set of the public keys of private JWKs, PEM public keys and certificates
    #[command(after_help = "\
Examples:
  artos-auth keys public --in signing.jwk.json > keys.jwks.json
  artos-auth keys public --in old.jwk.json --in new.jwk.json > keys.jwks.json
  artos-auth keys public --in issuer.pem --alg RS256 --kid 2026-11 > keys.jwks.json

A shared secret (HS256, HS384, HS512) has no public part: the server verifies with the secret
itself. Set `keys.file` to its file, and make it readable by the server only.")]
    Public(PublicArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum RevocationsCommand {
    /// Print all revocations, one JSON object per line
    #[command(after_help = "\
Example:
  artos-auth revocations list --config artos-auth.toml | grep '\"user\"'

Each line has `op` (token, signed_sha256, user or organization), its subject, and
`issued_before` and `expires` if present.")]
    List {
        /// The configuration file (TOML), which says where revocations are kept
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },

    /// Remove expired entries
    #[command(after_help = "\
Example:
  artos-auth revocations compact --config artos-auth.toml

It can run while servers read the source and others write to it. An entry without `expires` is kept.")]
    Compact {
        /// The configuration file (TOML), which says where revocations are kept
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Mint a token, signed with a private JWK
    #[command(after_help = "\
The claims are `sub` (--user), `org_id` (--org), `permissions` (with --permission), `iat`,
`exp` and a random `jti`. --claim overrides them, so that a test can mint an invalid token.

Examples:
  artos-auth token mint --key signing.jwk.json --user u1 --org org-a --permission documents:write
  artos-auth token mint --key signing.jwk.json --user u1 --org org-a --expires-in=-1h
  artos-auth token mint --key signing.jwk.json --user u1 --org org-a \\
    --claim 'iss=\"https://auth.example\"' --claim jti=null")]
    Mint(MintArgs),

    /// Show header and claims of a token from standard input, without verifying its signature
    #[command(after_help = "\
Example:
  artos-auth token inspect < token.jwt

The content is not verified. `artos-auth explain` says whether the token is accepted.")]
    Inspect,
}
