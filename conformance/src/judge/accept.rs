//! The responses that a case accepts.

use std::fmt;

/// An acceptable response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Accept {
    /// 2xx.
    Success,
    /// Anything but 401, 403 and 5xx.
    LetThrough,
    /// 401 with `Not authenticated`.
    NotAuthenticated,
    /// 401 with `Invalid authentication credentials`.
    InvalidCredentials,
    /// 403 with `User has no organization or not authorized`.
    Forbidden,
    /// 404 without the content of the resource.
    Hidden,
    /// Any response without access: neither 2xx nor 5xx.
    Closed,
    /// 2xx without content, and without header fields that describe content.
    Contentless,
    /// 2xx with the content of the public endpoint.
    PublicContent,
    /// Any response without access, or 2xx with content other than the owned resource's.
    NotTheResource,
    /// As these words describe; the case's own procedure checks it.
    Other(&'static str),
}

impl fmt::Display for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Success => "2xx",
            Self::LetThrough => "an answer other than 401, 403 and 5xx",
            Self::NotAuthenticated => "401 `Not authenticated`",
            Self::InvalidCredentials => "401 `Invalid authentication credentials`",
            Self::Forbidden => "403 `User has no organization or not authorized`",
            Self::Hidden => "404 without the resource",
            Self::Closed => "an answer that opens nothing",
            Self::Contentless => "2xx without content",
            Self::PublicContent => "2xx with the public endpoint's content",
            Self::NotTheResource => "an answer without the resource",
            Self::Other(words) => words,
        })
    }
}
