//! The `Authorization` field: exactly one line, scheme `Bearer`, one SP, the token (HDR-1 to HDR-3).

use crate::reason::Reason;
use crate::token::Token;

/// The token from the request's `Authorization` lines, or the reason for a denial.
///
/// Nothing is trimmed: white space around a field value does not belong to it (RFC 9110 §5.5), and an HTTP library
/// has already removed it. Any other white space is an error (TOK-2).
pub(crate) fn bearer<'r>(lines: &'r [&'r [u8]]) -> Result<Token<'r>, Reason> {
    let line = match lines {
        [] => return Err(Reason::HeaderMissing),
        [line] => *line,
        _ => return Err(Reason::HeaderRepeated),
    };
    let Some((scheme, rest)) = line.split_at_checked(SCHEME.len()) else {
        return Err(if is_blank(line) { Reason::HeaderEmpty } else { Reason::SchemeNotBearer });
    };
    // Nearly all clients write the scheme as RFC 6750 does.
    if scheme != b"Bearer" && !scheme.eq_ignore_ascii_case(SCHEME) {
        return Err(if is_blank(line) { Reason::HeaderEmpty } else { Reason::SchemeNotBearer });
    }
    match rest.split_first() {
        None => Err(Reason::TokenMissing),
        Some((b' ', token)) if token.iter().all(|byte| *byte == b' ') => Err(Reason::TokenMissing),
        Some((b' ', token)) => Ok(Token::new(token)),
        Some(_) => Err(Reason::SchemeNotBearer),
    }
}

const SCHEME: &[u8] = b"bearer";

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t'))
}
