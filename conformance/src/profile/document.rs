//! The profile's TOML, and its conversion to a [`Profile`].

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::{
    Argument, ClaimNames, Endpoint, Endpoints, InstanceAddress, Matrix, NamedToken, Owned, Permission,
    Profile, ProfileError, Revocation, Signing, Target, TokenKind,
};
use crate::secret::Secret;
use crate::token::{Compact, SigningKey};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    target: Option<Spanned<String>>,
    #[serde(default)]
    allow_writes: bool,
    #[serde(default)]
    endpoints: EndpointsTable,
    #[serde(default)]
    tokens: BTreeMap<Spanned<String>, Spanned<TokenTable>>,
    signing: Option<SigningTable>,
    revocation: Option<RevocationTable>,
    #[serde(default)]
    matrix: Matrix,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a table of endpoints, such as `protected = { path = \"/…\" }`")]
struct EndpointsTable {
    public: Option<Spanned<EndpointTable>>,
    protected: Option<Spanned<EndpointTable>>,
    owned: Option<Spanned<OwnedTable>>,
    permission: Option<Spanned<PermissionTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table such as `{ path = \"/…\" }`")]
struct EndpointTable {
    method: Option<String>,
    path: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table such as `{ path = \"/…\", organization = \"…\" }`")]
struct OwnedTable {
    method: Option<String>,
    path: String,
    organization: String,
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as `{ method = \"POST\", path = \"/…\", permission = \"…\" }`"
)]
struct PermissionTable {
    method: Option<String>,
    path: String,
    permission: String,
    body: Option<toml::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table such as `{ env = \"…\" }`")]
struct TokenTable {
    env: Option<String>,
    file: Option<String>,
    value: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with `key` and `organization`")]
struct SigningTable {
    key: Spanned<String>,
    organization: Spanned<String>,
    other_organization: Option<Spanned<String>>,
    #[serde(default = "default_user")]
    user: String,
    issuer: Option<String>,
    audience: Option<String>,
    #[serde(default)]
    claims: ClaimsTable,
    #[serde(default)]
    permissions: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a table such as `{ organization = \"…\" }`")]
struct ClaimsTable {
    user: Option<String>,
    organization: Option<String>,
    permissions: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table such as `{ command = [\"…\", \"{token_id}\"] }`")]
struct RevocationTable {
    command: Spanned<Vec<Spanned<String>>>,
    addresses: Option<Spanned<Vec<Spanned<String>>>>,
}

fn default_user() -> String {
    "conformance".into()
}

pub(super) fn read(text: &str, path: &Path, target: Option<&str>) -> Result<Profile, ProfileError> {
    let document: Document = toml::from_str(text).map_err(|error| syntax(text, path, &error))?;
    let reader = Reader { text, path };
    Ok(Profile {
        path: path.to_owned(),
        target: reader.target(document.target, target)?,
        allow_writes: document.allow_writes,
        endpoints: reader.endpoints(document.endpoints)?,
        tokens: reader.tokens(document.tokens)?,
        signing: document.signing.map(|table| reader.signing(table)).transpose()?,
        revocation: document.revocation.map(|table| reader.revocation(table)).transpose()?,
        matrix: document.matrix,
    })
}

/// The parser's message, with the key of the line but without the line's text, which might be a token.
fn syntax(text: &str, path: &Path, error: &toml::de::Error) -> ProfileError {
    let offset = error.span().map_or(0, |span| span.start);
    let line = text.get(..offset).map_or(0, |before| before.rfind('\n').map_or(0, |end| end + 1));
    let key = text.get(line..).and_then(|rest| rest.lines().next()).and_then(|line| line.split_once('='));
    let message = error.message().lines().next().unwrap_or("is not TOML").trim_end_matches('.');
    let message = &in_words_of_toml(&without_quoted_string(message));
    match key {
        Some((key, _)) if !key.trim().is_empty() && !message.starts_with("unknown field") => {
            ProfileError::at(path, text, offset, format!("{}: {message}", key.trim()))
        }
        _ => ProfileError::at(path, text, offset, message),
    }
}

/// serde quotes the unexpected string, which may be a token pasted into the wrong place.
fn without_quoted_string(message: &str) -> String {
    let Some((before, rest)) = message.split_once("string \"") else { return message.to_owned() };
    match rest.rsplit_once("\", expected ") {
        Some((_, expected)) => format!("{before}a string, expected {expected}"),
        None => format!("{before}a string"),
    }
}

/// serde's type names, as TOML names them.
fn in_words_of_toml(message: &str) -> String {
    let words = [("a sequence", "an array"), (": sequence,", ": an array,"), (": map,", ": a table,")];
    words.iter().fold(message.to_owned(), |message, (serde, toml)| message.replace(serde, toml))
}

struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Reader<'_> {
    fn error(&self, offset: usize, message: impl Into<String>) -> ProfileError {
        ProfileError::at(self.path, self.text, offset, message)
    }

    fn target(&self, own: Option<Spanned<String>>, flag: Option<&str>) -> Result<Target, ProfileError> {
        match (flag, own) {
            (Some(flag), _) => {
                Target::parse(flag).map_err(|why| ProfileError::file(Path::new("--target"), why))
            }
            (None, Some(own)) => Target::parse(own.get_ref())
                .map_err(|why| self.error(own.span().start, format!("target: {why}"))),
            (None, None) => Err(ProfileError::file(
                self.path,
                "missing `target`; add `target = \"https://…\"` at the top, or pass --target",
            )),
        }
    }

    fn endpoints(&self, table: EndpointsTable) -> Result<Endpoints, ProfileError> {
        let plain = |key: &str, entry: Option<Spanned<EndpointTable>>, default: &str| match entry {
            None => Ok(Endpoint { method: "GET".into(), path: default.into() }),
            Some(entry) => {
                let offset = entry.span().start;
                let entry = entry.into_inner();
                self.endpoint(key, offset, entry.method, entry.path)
            }
        };
        let public = plain("public", table.public, "/api/v1/search/status")?;
        let protected = plain("protected", table.protected, "/api/v1/templates/")?;
        let owned = table.owned.map(|entry| {
            let offset = entry.span().start;
            let entry = entry.into_inner();
            if entry.organization.is_empty() {
                return Err(self.error(offset, "endpoints.owned: organization must not be empty"));
            }
            let endpoint = self.endpoint("owned", offset, entry.method, entry.path)?;
            Ok(Owned { endpoint, organization: entry.organization })
        });
        let permission = table.permission.map(|entry| {
            let offset = entry.span().start;
            let entry = entry.into_inner();
            if entry.permission.is_empty() {
                return Err(self.error(offset, "endpoints.permission: permission must not be empty"));
            }
            let endpoint = self.endpoint("permission", offset, entry.method, entry.path)?;
            let body = entry.body.map(|body| match body {
                toml::Value::String(text) => Ok(text),
                table => serde_json::to_string(&table),
            });
            let body = body.transpose().map_err(|error| {
                self.error(offset, format!("endpoints.permission.body: not expressible as JSON: {error}"))
            })?;
            Ok(Permission { endpoint, permission: entry.permission, body })
        });
        for (key, endpoint) in [("public", &public), ("protected", &protected)] {
            if endpoint.method != "GET" {
                let why = format!("endpoints.{key}: method must be GET, which is what the cases send");
                return Err(ProfileError::file(self.path, why));
            }
        }
        if protected.path == public.path {
            return Err(ProfileError::file(
                self.path,
                "endpoints.protected: must differ from endpoints.public",
            ));
        }
        Ok(Endpoints { public, protected, owned: owned.transpose()?, permission: permission.transpose()? })
    }

    fn endpoint(
        &self,
        key: &str,
        offset: usize,
        method: Option<String>,
        path: String,
    ) -> Result<Endpoint, ProfileError> {
        let method = method.unwrap_or_else(|| "GET".into());
        if !method.bytes().all(|byte| byte.is_ascii_uppercase()) || method.is_empty() {
            return Err(
                self.error(offset, format!("endpoints.{key}: method must be in upper case, like GET"))
            );
        }
        let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#' && byte != b'\\');
        if !path.starts_with('/') || !plain {
            let why = format!("endpoints.{key}: path must begin with `/` and be visible ASCII without `#`");
            return Err(self.error(offset, why));
        }
        Ok(Endpoint { method, path })
    }

    fn tokens(
        &self,
        table: BTreeMap<Spanned<String>, Spanned<TokenTable>>,
    ) -> Result<BTreeMap<TokenKind, NamedToken>, ProfileError> {
        let mut tokens = BTreeMap::new();
        for (key, entry) in table {
            let offset = key.span().start;
            let Some(kind) = TokenKind::ALL.into_iter().find(|kind| kind.key() == key.get_ref()) else {
                let known: Vec<&str> = TokenKind::ALL.iter().map(|kind| kind.key()).collect();
                let why =
                    format!("tokens.{}: unknown key, expected one of {}", key.get_ref(), known.join(", "));
                return Err(self.error(offset, why));
            };
            let text = self.token(kind, offset, entry.into_inner())?;
            let compact = Compact::parse(&text).ok_or_else(|| {
                self.error(offset, format!("{kind}: not a JWT; expected three segments separated by dots"))
            })?;
            tokens.insert(kind, NamedToken { text: Secret::new(text), compact });
        }
        Ok(tokens)
    }

    fn token(&self, kind: TokenKind, offset: usize, entry: TokenTable) -> Result<String, ProfileError> {
        let text = match (entry.env, entry.file, entry.value) {
            (Some(name), None, None) => std::env::var(&name).map_err(|_| {
                self.error(offset, format!("{kind}: the environment variable `{name}` is not set"))
            })?,
            (None, Some(file), None) => {
                let path = self.relative(&file);
                std::fs::read_to_string(&path).map_err(|error| {
                    self.error(offset, format!("{kind}: `{}` cannot be read: {error}", path.display()))
                })?
            }
            (None, None, Some(value)) => value,
            _ => {
                let why = format!("{kind}: expected exactly one of `env`, `file` and `value`");
                return Err(self.error(offset, why));
            }
        };
        let text = text.trim();
        if text.is_empty() {
            return Err(self.error(offset, format!("{kind}: is empty")));
        }
        if text.starts_with("Bearer ") {
            return Err(self.error(offset, format!("{kind}: starts with `Bearer `; expected the token only")));
        }
        Ok(text.to_owned())
    }

    fn signing(&self, table: SigningTable) -> Result<Signing, ProfileError> {
        let offset = table.key.span().start;
        let path = self.relative(table.key.get_ref());
        let text = std::fs::read_to_string(&path).map_err(|error| {
            self.error(offset, format!("signing.key: `{}` cannot be read: {error}", path.display()))
        })?;
        let key = SigningKey::from_jwk(&text)
            .map_err(|why| self.error(offset, format!("signing.key: `{}` {why}", path.display())))?;
        if table.organization.get_ref().is_empty() {
            return Err(
                self.error(table.organization.span().start, "signing.organization: must not be empty")
            );
        }
        if let Some(other) = &table.other_organization
            && (other.get_ref() == table.organization.get_ref() || other.get_ref().is_empty())
        {
            let why = "signing.other_organization: must differ from signing.organization";
            return Err(self.error(other.span().start, why));
        }
        let names = ClaimNames::default();
        Ok(Signing {
            key,
            organization: table.organization.into_inner(),
            other_organization: table.other_organization.map(Spanned::into_inner),
            user: table.user,
            issuer: table.issuer,
            audience: table.audience,
            claims: ClaimNames {
                user: table.claims.user.unwrap_or(names.user),
                organization: table.claims.organization.unwrap_or(names.organization),
                permissions: table.claims.permissions.unwrap_or(names.permissions),
            },
            permissions: table.permissions,
        })
    }

    fn revocation(&self, table: RevocationTable) -> Result<Revocation, ProfileError> {
        let offset = table.command.span().start;
        let words = table.command.into_inner();
        if words.first().is_none_or(|program| program.get_ref().is_empty()) {
            return Err(self.error(offset, "revocation.command: must name a program"));
        }
        let command = words.into_iter().map(|word| {
            let offset = word.span().start;
            Argument::parse(word.get_ref())
                .map_err(|why| self.error(offset, format!("revocation.command: {why}")))
        });
        let command = command.collect::<Result<_, _>>()?;
        let mut addresses: Vec<InstanceAddress> = Vec::new();
        if let Some(list) = table.addresses {
            let offset = list.span().start;
            for entry in list.into_inner() {
                let error = |why| self.error(entry.span().start, format!("revocation.addresses: {why}"));
                let address = InstanceAddress::parse(entry.get_ref()).map_err(error)?;
                if addresses.contains(&address) {
                    return Err(error(format!("duplicate address `{}`", address.text)));
                }
                addresses.push(address);
            }
            if addresses.is_empty() {
                let why = "revocation.addresses: must name an instance; leave it out to ask the target";
                return Err(self.error(offset, why));
            }
        }
        Ok(Revocation { command, addresses })
    }

    fn relative(&self, file: &str) -> std::path::PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(file)
    }
}
