//! The output of `serve --dev`: tokens as shell variables, `curl` lines to paste, and a profile for the checker.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use super::Dev;

/// A `curl` line and the answer to it.
struct Line {
    answers: &'static str,
    options: &'static str,
    path: &'static str,
}

const LINES: &[Line] = &[
    Line {
        answers: "200: the one public endpoint needs no token",
        options: "",
        path: "/api/v1/search/status",
    },
    Line {
        answers: "200: a good token, and a resource of its own organization",
        options: r#" -H "Authorization: Bearer $TOKEN""#,
        path: "/api/v1/documents/doc-a",
    },
    Line {
        answers: "200: a collection that no organization owns; the service behind filters by X-Auth-Org-Id",
        options: r#" -H "Authorization: Bearer $TOKEN_ORG_B""#,
        path: "/api/v1/templates/",
    },
    Line {
        answers: "200: the token has the permission that this needs, documents:write",
        options: r#" -X POST -H "Authorization: Bearer $TOKEN""#,
        path: "/api/v1/documents/generate",
    },
    Line {
        answers: "403: the document belongs to org-a, the token to org-b",
        options: r#" -H "Authorization: Bearer $TOKEN_ORG_B""#,
        path: "/api/v1/documents/doc-a",
    },
    Line {
        answers: "403: a good token without the permission",
        options: r#" -X POST -H "Authorization: Bearer $TOKEN_NO_PERMISSION""#,
        path: "/api/v1/documents/generate",
    },
    Line {
        answers: "403: a good token of a user without an organization",
        options: r#" -H "Authorization: Bearer $TOKEN_NO_ORGANIZATION""#,
        path: "/api/v1/templates/",
    },
    Line {
        answers: "403: a good token of a user who has left the organization",
        options: r#" -H "Authorization: Bearer $TOKEN_NOT_A_MEMBER""#,
        path: "/api/v1/templates/",
    },
    Line {
        answers: "403: a good token of a user whose account is not set up",
        options: r#" -H "Authorization: Bearer $TOKEN_NOT_CONFIGURED""#,
        path: "/api/v1/templates/",
    },
    Line {
        answers: "401: the token has expired",
        options: r#" -H "Authorization: Bearer $TOKEN_EXPIRED""#,
        path: "/api/v1/templates/",
    },
    Line {
        answers: "401: the token has been revoked",
        options: r#" -H "Authorization: Bearer $TOKEN_REVOKED""#,
        path: "/api/v1/templates/",
    },
    Line {
        answers: "401: the token has been changed",
        options: r#" -H "Authorization: Bearer $TOKEN_TAMPERED""#,
        path: "/api/v1/templates/",
    },
    Line {
        answers: "401: the token is of an organization that does not authenticate here",
        options: r#" -H "Authorization: Bearer $TOKEN_OTHER_REALM""#,
        path: "/api/v1/templates/",
    },
    Line {
        answers: "401: the token is signed with the key of another environment",
        options: r#" -H "Authorization: Bearer $TOKEN_OTHER_ENVIRONMENT""#,
        path: "/api/v1/templates/",
    },
    Line { answers: "401: no token", options: "", path: "/api/v1/templates/" },
];

impl Dev {
    /// Writes the files of `--dev-dir`, if it was given, and returns the lines to paste, for a server at this address.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub(crate) fn introduction(&self, address: SocketAddr) -> Result<String, String> {
        let address = reachable(address);
        let url = format!("http://{address}");
        match &self.folder {
            Some(folder) => {
                folder.write(self, &url)?;
                Ok(folder.introduction(address))
            }
            None => Ok(Introduction { dev: self, url }.to_string()),
        }
    }
}

/// An address that a client on this machine can use.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, address.port())
}

struct Introduction<'d> {
    dev: &'d Dev,
    url: String,
}

impl Display for Introduction<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (tokens, url) = (&self.dev.tokens, &self.url);
        writeln!(
            f,
            "# A demonstration: its key and tokens are new, valid only here, and gone when it ends."
        )?;
        writeln!(f, "# Paste the tokens into a shell, and then any of the lines below.")?;
        for (token, text) in tokens.named() {
            writeln!(f, "{}='{text}'", token.variable)?;
        }
        for Line { answers, options, path } in LINES {
            writeln!(f, "\n# {answers}\ncurl -i{options} {url}{path}")?;
        }
        writeln!(f, "\n# A profile of this server for the conformance checker:")?;
        writeln!(f, "#   artos-conformance run --profile artos-auth-dev.toml")?;
        writeln!(f, "cat > artos-auth-dev.toml <<'PROFILE'")?;
        let secrets = Secrets::Inline { key: self.dev.key_file.as_deref() };
        Profile { dev: self.dev, url, secrets }.fmt(f)?;
        writeln!(f, "PROFILE")
    }
}

/// A profile of the demonstration for the checker.
pub(super) struct Profile<'d> {
    pub(super) dev: &'d Dev,
    pub(super) url: &'d str,
    pub(super) secrets: Secrets<'d>,
}

/// Where a profile finds its tokens and its key.
pub(super) enum Secrets<'d> {
    /// Tokens in the profile itself, and the key in this file, if it was written.
    Inline { key: Option<&'d Path> },
    /// All in files beside the profile.
    Files { key: &'static str },
}

impl Display for Profile<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "target = {}", quoted(self.url))?;
        writeln!(f, "# The demonstration stores nothing, so every case may run.")?;
        writeln!(f, "allow_writes = true")?;
        writeln!(f, "\n[endpoints]")?;
        writeln!(f, "public = {{ path = \"/api/v1/search/status\" }}")?;
        writeln!(f, "protected = {{ path = \"/api/v1/templates/\" }}")?;
        writeln!(f, "owned = {{ path = \"/api/v1/documents/doc-a\", organization = \"org-a\" }}")?;
        let permission =
            "method = \"POST\", path = \"/api/v1/documents/generate\", permission = \"documents:write\"";
        writeln!(f, "permission = {{ {permission} }}")?;
        writeln!(f, "\n[tokens]")?;
        for (token, text) in self.dev.tokens.named() {
            let Some(name) = token.profile else { continue };
            match self.secrets {
                Secrets::Inline { .. } => writeln!(f, "{name} = {{ value = {} }}", quoted(text))?,
                Secrets::Files { .. } => writeln!(f, "{name} = {{ file = \"{}.token\" }}", token.file)?,
            }
        }
        let key = match self.secrets {
            Secrets::Inline { key: None } => return Ok(()),
            Secrets::Inline { key: Some(key) } => key.to_string_lossy(),
            Secrets::Files { key } => key.into(),
        };
        writeln!(f, "\n[signing]\nkey = {}", quoted(&key))?;
        writeln!(f, "organization = \"org-a\"\nother_organization = \"org-b\"\nuser = \"conformance\"")?;
        writeln!(f, "issuer = {}\naudience = {}", quoted(&self.dev.issuer), quoted(&self.dev.audience))?;
        writeln!(f, "permissions = [\"documents:read\", \"documents:write\"]")
    }
}

/// A TOML string.
fn quoted(text: &str) -> toml::Value {
    toml::Value::String(text.to_owned())
}
