//! `[revocation]`: how a token is revoked, and which instances must refuse it.

/// The command that revokes a token, and the instances that must refuse the token afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The program and its arguments, run without a shell.
    pub command: Vec<Argument>,
    /// `host:port` of each instance; empty: only the target.
    pub addresses: Vec<InstanceAddress>,
}

impl Revocation {
    /// Whether the command contains a placeholder.
    pub fn uses(&self, placeholder: Placeholder) -> bool {
        self.command.iter().any(|argument| argument.0.contains(&Part::Value(placeholder)))
    }
}

/// The value of one run that replaces a placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// `{token_id}`: the token's `jti`.
    TokenId,
    /// `{user}`: the token's user.
    User,
    /// `{organization}`: the token's organization.
    Organization,
    /// `{token_file}`: a file that holds the token.
    TokenFile,
}

impl Placeholder {
    /// Every placeholder.
    pub const ALL: [Self; 4] = [Self::TokenId, Self::User, Self::Organization, Self::TokenFile];

    /// The placeholder as written in the command.
    pub fn text(self) -> &'static str {
        match self {
            Self::TokenId => "{token_id}",
            Self::User => "{user}",
            Self::Organization => "{organization}",
            Self::TokenFile => "{token_file}",
        }
    }
}

/// One argument of a command: text with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(Placeholder),
}

impl Argument {
    /// Reads an argument. Braces around anything but lower-case letters and `_`, such as those of JSON, are text.
    ///
    /// # Errors
    ///
    /// An unknown placeholder, as one clause.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(start) = rest.find('{') {
            let (before, from) = rest.split_at(start);
            plain.push_str(before);
            let name = from.get(1..).and_then(|inner| inner.split_once('}')).map(|(name, _)| name);
            let is_name = |name: &&str| {
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            };
            let Some(name) = name.filter(is_name) else {
                plain.push('{');
                rest = from.get(1..).unwrap_or_default();
                continue;
            };
            let written = format!("{{{name}}}");
            let Some(placeholder) = Placeholder::ALL.into_iter().find(|known| known.text() == written) else {
                let known: Vec<String> =
                    Placeholder::ALL.iter().map(|known| format!("`{}`", known.text())).collect();
                return Err(format!("unknown placeholder `{written}`; expected one of {}", known.join(", ")));
            };
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Value(placeholder));
            rest = from.get(written.len()..).unwrap_or_default();
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    /// The argument with its placeholders replaced. Inserted values are not searched for placeholders.
    pub fn fill(&self, value: impl Fn(Placeholder) -> String) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Value(placeholder) => value(*placeholder),
        });
        parts.collect()
    }
}

/// The address of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceAddress {
    /// The address as written in the profile.
    pub text: String,
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl InstanceAddress {
    /// Reads `host:port`; IPv6 in brackets.
    ///
    /// # Errors
    ///
    /// One clause with the valid form.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an address; expected `host:port`, such as `10.0.0.11:8443`");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(address) => address,
            None if host.contains(':') => return Err(wrong()),
            None => host,
        };
        let plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'%');
        if host.is_empty() || !host.bytes().all(plain) || !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
        Ok(Self { text: text.to_owned(), host: host.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn filled(text: &str) -> Result<String, String> {
        let value = |placeholder| match placeholder {
            Placeholder::TokenId => "ID".to_owned(),
            Placeholder::User => "{token_id}".to_owned(),
            Placeholder::Organization => "ORG".to_owned(),
            Placeholder::TokenFile => "FILE".to_owned(),
        };
        Argument::parse(text).map(|argument| argument.fill(value))
    }

    #[rstest]
    #[case::plain("revoke", "revoke")]
    #[case::empty("", "")]
    #[case::whole("{token_id}", "ID")]
    #[case::inside("--file={token_file}!", "--file=FILE!")]
    #[case::several("{organization}/{organization}/{token_id}", "ORG/ORG/ID")]
    #[case::values_are_not_read_again("{user}", "{token_id}")]
    #[case::json(r#"{"jti":"{token_id}"}"#, r#"{"jti":"ID"}"#)]
    #[case::unclosed("{token_id", "{token_id")]
    #[case::empty_braces("{}{ }", "{}{ }")]
    fn placeholders_are_replaced(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(filled(text).as_deref(), Ok(expected));
    }

    #[test]
    fn an_unknown_placeholder_is_an_error_with_the_known_ones() {
        insta::assert_snapshot!(
            filled("{tokenid}").unwrap_err(),
            @"unknown placeholder `{tokenid}`; expected one of `{token_id}`, `{user}`, `{organization}`, `{token_file}`"
        );
    }

    #[rstest]
    #[case("10.0.0.11:8443", "10.0.0.11", 8443)]
    #[case("node-1.example:80", "node-1.example", 80)]
    #[case("[::1]:65535", "::1", 65535)]
    fn addresses_are_read(#[case] text: &str, #[case] host: &str, #[case] port: u16) {
        let address = InstanceAddress { text: text.into(), host: host.into(), port };
        assert_eq!(InstanceAddress::parse(text), Ok(address));
    }

    #[rstest]
    fn an_address_without_host_or_port_is_refused(
        #[values(
            "",
            "node",
            "node:",
            ":80",
            "node:0",
            "node:65536",
            "node:+1",
            "::1",
            "::1:80",
            "[::1]",
            "a b:1",
            "http://a:1"
        )]
        text: &str,
    ) {
        let error = InstanceAddress::parse(text).unwrap_err();
        assert!(error.contains("expected `host:port`"), "{error}");
    }
}
