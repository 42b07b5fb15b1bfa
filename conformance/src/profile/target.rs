//! The base URL of a deployment.

use std::fmt;
use std::net::IpAddr;

/// The address of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether it uses TLS.
    pub tls: bool,
    /// Its host: a name or an address, IPv6 without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl Target {
    /// Reads `http://host[:port]` or `https://host[:port]`; one trailing slash is allowed.
    ///
    /// # Errors
    ///
    /// One clause that describes the valid form.
    pub fn parse(url: &str) -> Result<Self, String> {
        let uri: http::Uri = url.parse().map_err(|error| format!("`{url}` is not a URL: {error}"))?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(format!("`{url}` must begin with `https://` or `http://`")),
        };
        let authority = uri.authority().ok_or_else(|| format!("`{url}` names no host"))?;
        if authority.as_str().contains('@') {
            return Err("a user name or password in the target is not supported; remove it".into());
        }
        if !matches!(uri.path_and_query().map(http::uri::PathAndQuery::as_str), None | Some("" | "/")) {
            return Err(format!("`{url}` must end after the host and port: put paths under [endpoints]"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(format!("`{url}` names no host"));
        }
        // `http` ignores an invalid port, and the tokens would go to the scheme's default port.
        let after = authority.as_str().rsplit_once(']').map_or(authority.as_str(), |(_, after)| after);
        if let Some((_, digits)) = after.rsplit_once(':')
            && digits.parse::<u16>().map_or(true, |port| port == 0)
        {
            return Err(format!("`{url}` has no valid port: expected 1 to 65535, got `{digits}`"));
        }
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { tls, host, port })
    }

    /// `host[:port]` for the `Host` field: IPv6 in brackets, the scheme's default port omitted.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == if self.tls { 443 } else { 80 } { host } else { format!("{host}:{}", self.port) }
    }

    /// Whether the target is this machine.
    pub fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls { "https" } else { "http" }, self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_printed() {
        for (url, printed) in [
            ("https://staging.example", "https://staging.example"),
            ("https://staging.example:443/", "https://staging.example"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(Target::parse(url).unwrap().to_string(), printed);
        }
        assert!(Target::parse("http://[::1]").unwrap().is_loopback());
        assert!(!Target::parse("http://10.0.0.1").unwrap().is_loopback());
    }

    #[test]
    fn an_invalid_base_url_is_refused_with_the_valid_form() {
        for (url, says) in [
            ("staging.example", "must begin with"),
            ("ftp://staging.example", "must begin with"),
            ("https://staging.example/v1", "put paths under [endpoints]"),
            ("http://127.0.0.1:99999", "expected 1 to 65535"),
            ("http://[::1]:65536", "expected 1 to 65535"),
            ("http://127.0.0.1:0", "expected 1 to 65535"),
            ("https://user:pass@staging.example", "remove it"),
        ] {
            let error = Target::parse(url).unwrap_err();
            assert!(error.contains(says), "{url}: {error}");
        }
    }
}
