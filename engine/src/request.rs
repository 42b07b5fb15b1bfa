//! The request, as received.

use std::fmt;

use crate::path::without_query;

/// The request, as the server received it.
#[derive(Clone, Copy)]
pub struct Request<'r> {
    pub(crate) method: &'r [u8],
    /// Without the query, which no check reads.
    pub(crate) path: &'r [u8],
    pub(crate) authorization: &'r [&'r [u8]],
    pub(crate) spelling_known: bool,
}

impl<'r> Request<'r> {
    /// A request of `method` for `path`, with the values of all its `Authorization` field lines, in order.
    ///
    /// `path` is the request-target as received: with its query, not decoded. The values are the bytes that an HTTP library
    /// returns, without the white space around them (RFC 9110 §5.5).
    #[must_use]
    pub fn new<M, P>(method: &'r M, path: &'r P, authorization: &'r [&'r [u8]]) -> Self
    where
        M: AsRef<[u8]> + ?Sized,
        P: AsRef<[u8]> + ?Sized,
    {
        let path = without_query(path.as_ref());
        Self { method: method.as_ref(), path, authorization, spelling_known: true }
    }

    /// The same request with a path that has already been decoded. It is never public: public paths match byte for byte
    /// (PUB-2), and these may not be the bytes that the client sent.
    #[must_use]
    pub fn with_unknown_spelling(self) -> Self {
        Self { spelling_known: false, ..self }
    }
}

/// Shows the number of `Authorization` lines, but not their content, and no query (SEC-1).
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &String::from_utf8_lossy(self.method))
            .field("path", &String::from_utf8_lossy(self.path))
            .field("authorization", &format_args!("[{} redacted]", self.authorization.len()))
            .finish()
    }
}
