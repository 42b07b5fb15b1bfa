//! The flags of `explain`.

use std::ffi::OsString;
use std::path::PathBuf;

use artos_auth_engine::Account;
use clap::{Args, ValueEnum};

use crate::calendar::LAST_SECOND;

#[derive(Clone, Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// Do not fetch keys by URL; use files and fallback files only
    #[arg(long)]
    pub(crate) offline: bool,

    /// The request-target as the server receives it, query included
    #[arg(long, value_name = "P", allow_hyphen_values = true, required_unless_present = "forwarded_header")]
    pub(crate) path: Option<String>,

    /// The method
    #[arg(long, value_name = "M", default_value = "GET")]
    pub(crate) method: String,

    /// A file with the value of one Authorization line, `Bearer TOKEN`; `-` is standard input. One trailing newline is
    /// ignored. Repeat for a request with several such lines
    #[arg(long, value_name = "F")]
    pub(crate) header_file: Vec<PathBuf>,

    /// The value itself. Other users of this machine can see command lines, so prefer --header-file
    #[arg(long, value_name = "'Bearer TOKEN'", allow_hyphen_values = true)]
    pub(crate) header: Vec<OsString>,

    /// A field of a trusted proxy that describes the request, such as 'X-Forwarded-Uri: /x', for `[forward]` of the file.
    /// --path is then the path of the proxy's subrequest. Repeat for each field
    #[arg(long, value_name = "'NAME: VALUE'", conflicts_with = "host")]
    pub(crate) forwarded_header: Vec<String>,

    /// The time to decide at, in seconds since 1970, instead of now
    #[arg(long, value_name = "N", value_parser = instant, allow_hyphen_values = true)]
    pub(crate) now: Option<u64>,

    /// The requested host, for `[[realms]]` of the file
    #[arg(long, value_name = "H", conflicts_with = "realm")]
    pub(crate) host: Option<String>,

    /// An organization whose tokens authenticate here, instead of `[[realms]]`; repeat for several
    #[arg(long, value_name = "O")]
    pub(crate) realm: Vec<String>,

    /// The organization that owns the resource, instead of `[[resources]]`
    #[arg(long, value_name = "O", conflicts_with = "resource_unresolved")]
    pub(crate) resource_org: Option<String>,

    /// Decide as if the owner of the resource were unknown
    #[arg(long)]
    pub(crate) resource_unresolved: bool,

    /// The state of the user's account
    #[arg(long, value_name = "A", default_value = "unknown")]
    pub(crate) account: AccountArg,
}

impl ExplainArgs {
    /// The request-target.
    pub(crate) fn target(&self) -> &str {
        self.path.as_deref().unwrap_or_default()
    }
}

/// An instant in the range of a claim.
fn instant(text: &str) -> Result<u64, &'static str> {
    let instant = text.parse().ok().filter(|instant| *instant <= LAST_SECOND);
    instant.ok_or("expected seconds since 1970, an integer from 0 to 253402300799")
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
