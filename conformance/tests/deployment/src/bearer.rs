//! Extracts the token from a request.

use crate::fault::Fault;
use crate::judge::Judge;
use crate::message::{Request, latin1, percent_decode};
use crate::reason::Reason;
use crate::variation::Variation;

impl Judge<'_> {
    /// The bytes of the token, if they are valid in a compact JWS.
    ///
    /// Contract: exactly one field line, `Bearer` in any letter case, one space, the token.
    pub(crate) fn token(&self, request: &Request) -> Result<Vec<u8>, Reason> {
        if let Some(token) = self.token_elsewhere(request) {
            return Ok(token);
        }
        let lines: Vec<&[u8]> = self.authorization_lines(request);
        let line = match lines.as_slice() {
            [] => return Err(Reason::HeaderMissing),
            [line] => line,
            [first, .., last] => match self.behavior.fault {
                Some(Fault::FirstLineWins | Fault::LinesMixed) => first,
                Some(Fault::LastLineWins) => last,
                _ => return Err(Reason::HeaderRepeated),
            },
        };
        self.token_of_line(line)
    }

    /// The same, of one line.
    pub(crate) fn token_of_line(&self, line: &[u8]) -> Result<Vec<u8>, Reason> {
        if line.iter().all(|byte| matches!(byte, b' ' | b'\t')) {
            return Err(Reason::HeaderEmpty);
        }
        let rest = self.after_scheme(line).ok_or(Reason::OtherScheme)?;
        if rest.iter().all(|byte| *byte == b' ') {
            return Err(Reason::TokenMissing);
        }
        let token = self.trimmed(rest);
        if token.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte)) {
            return Ok(token);
        }
        let lenient: &[u8] = match self.behavior.fault {
            Some(Fault::PaddingAccepted) => b"-_.=",
            Some(Fault::StandardAlphabetAccepted) => b"-_.+/",
            _ => b"-_.",
        };
        let fits = token.iter().all(|byte| byte.is_ascii_alphanumeric() || lenient.contains(byte));
        if fits { Ok(token) } else { Err(Reason::ExtraCharacters) }
    }

    fn authorization_lines<'r>(&self, request: &'r Request) -> Vec<&'r [u8]> {
        let field = match self.behavior.fault {
            Some(Fault::ForwardedAuthorizationAccepted) => "x-forwarded-authorization",
            Some(Fault::ProxyAuthorizationAccepted) => "proxy-authorization",
            _ => "authorization",
        };
        let lines: Vec<&[u8]> = request
            .fields
            .iter()
            .filter(|(name, _)| name == field)
            .map(|(_, value)| value.as_slice())
            .collect();
        if lines.is_empty() && field != "authorization" {
            return request
                .fields
                .iter()
                .filter(|(name, _)| name == "authorization")
                .map(|(_, value)| value.as_slice())
                .collect();
        }
        lines
    }

    /// The token that a faulty deployment finds in other places.
    fn token_elsewhere(&self, request: &Request) -> Option<Vec<u8>> {
        let found = match self.behavior.fault? {
            Fault::QueryTokenAccepted => request.query("access_token"),
            Fault::QueryTokenShortAccepted => request.query("token"),
            Fault::FormTokenAccepted => request.form("access_token"),
            Fault::BodyTokenAccepted if request.field("authorization").is_none() => {
                let body: serde_json::Value = serde_json::from_slice(&request.body).ok()?;
                body.get("access_token")?.as_str().map(str::to_owned)
            }
            Fault::CookieTokenAccepted => request.cookie("access_token"),
            Fault::AccessTokenFieldAccepted => request.field("x-access-token"),
            Fault::AuthTokenFieldAccepted => request.field("x-auth-token"),
            _ => None,
        }?;
        let token = found.strip_prefix("Bearer ").unwrap_or(&found);
        Some(token.bytes().collect())
    }

    /// The text after the scheme and its one space; empty for a bare scheme.
    fn after_scheme<'l>(&self, line: &'l [u8]) -> Option<&'l [u8]> {
        if let Some(rest) = self.after_other_scheme(line) {
            return Some(rest);
        }
        let (scheme, rest) = line.split_at_checked(6)?;
        let scheme_fits = if self.has(Fault::LowercaseSchemeRefused) {
            scheme == b"Bearer"
        } else {
            scheme.eq_ignore_ascii_case(b"bearer")
        };
        if !scheme_fits {
            return None;
        }
        match rest {
            [] => Some(rest),
            [b' ', rest @ ..] => Some(rest),
            [b'\t', rest @ ..] if self.has(Fault::TabAccepted) => Some(rest),
            _ => None,
        }
    }

    fn after_other_scheme<'l>(&self, line: &'l [u8]) -> Option<&'l [u8]> {
        let after = |scheme: &[u8]| -> Option<&'l [u8]> {
            let (start, rest) = line.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        };
        let last_word = || line.rsplit(|byte| *byte == b' ').next();
        match self.behavior.fault? {
            Fault::AnySchemeAccepted => (line.contains(&b' ')).then(last_word).flatten(),
            Fault::SchemeMissingAccepted => (!line.contains(&b' ') && line.contains(&b'.')).then_some(line),
            Fault::BasicSchemeAccepted => after(b"Basic "),
            Fault::TokenSchemeAccepted => after(b"Token "),
            Fault::JwtSchemeAccepted => after(b"JWT "),
            Fault::SchemeColonAccepted => after(b"Bearer: ").or_else(|| after(b"Bearer:")),
            Fault::SchemeGluedAccepted => {
                after(b"Bearer").filter(|rest| rest.first().is_some_and(u8::is_ascii_alphanumeric))
            }
            Fault::SchemePrefixAccepted => {
                after(b"Bearer")?;
                line.contains(&b' ').then(last_word).flatten()
            }
            Fault::SchemeTwiceAccepted => after(b"Bearer Bearer "),
            Fault::SchemeAnywhereAccepted => {
                let at = line.windows(7).position(|window| window.eq_ignore_ascii_case(b"bearer "))?;
                let rest = &line[at + 7..];
                Some(rest.split(|byte| matches!(byte, b' ' | b',' | b';')).next().unwrap_or(rest))
            }
            _ => None,
        }
    }

    /// The token, without the parts that a lenient deployment removes.
    fn trimmed(&self, rest: &[u8]) -> Vec<u8> {
        let until = |stop: &[u8]| -> Vec<u8> {
            rest.split(|byte| stop.contains(byte)).next().unwrap_or_default().to_vec()
        };
        let without_spaces = || rest.iter().copied().skip_while(|byte| *byte == b' ').collect();
        match self.behavior.fault {
            Some(Fault::DoubledSpaceAccepted) => without_spaces(),
            Some(Fault::TrailingWordIgnored) => until(b" \t"),
            Some(Fault::TrailingCommaIgnored) => until(b","),
            Some(Fault::TrailingSemicolonIgnored) => until(b";"),
            Some(Fault::QuotesStripped) => {
                rest.iter().copied().filter(|byte| !matches!(byte, b'"' | b'\'')).collect()
            }
            Some(Fault::CharactersSkipped) => rest
                .iter()
                .copied()
                .filter(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
                .collect(),
            Some(Fault::SignatureWhiteSpaceSkipped) => {
                let signature = rest.iter().rposition(|byte| *byte == b'.').unwrap_or(rest.len());
                let kept = |(at, byte): (usize, &u8)| at < signature || !matches!(byte, b' ' | b'\t');
                rest.iter()
                    .enumerate()
                    .filter(|(at, byte)| kept((*at, byte)))
                    .map(|(_, byte)| *byte)
                    .collect()
            }
            Some(Fault::PercentDecodedToken) => percent_decode(&latin1(rest)),
            _ if self.varies(Variation::SpacesSkipped) => without_spaces(),
            _ => rest.to_vec(),
        }
    }
}
