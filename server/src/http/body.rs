//! Response bodies: one chunk, with trailers where gRPC needs them.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use hyper::header::HeaderMap;

/// A response body.
#[derive(Debug, Default)]
pub(crate) struct Body {
    data: Option<Bytes>,
    trailers: Option<Box<HeaderMap>>,
}

impl Body {
    pub(crate) fn new(data: Bytes) -> Self {
        Self { data: (!data.is_empty()).then_some(data), trailers: None }
    }

    pub(crate) fn with_trailers(data: Bytes, trailers: HeaderMap) -> Self {
        Self { trailers: Some(Box::new(trailers)), ..Self::new(data) }
    }

    /// The same body with another chunk, if it has one.
    pub(crate) fn map_data(self, change: impl FnOnce(Bytes) -> Bytes) -> Self {
        Self { data: self.data.map(change), ..self }
    }

    /// The chunk, which may be empty.
    pub(crate) fn into_data(self) -> Bytes {
        self.data.unwrap_or_default()
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = self.data.take().map(Frame::data);
        Poll::Ready(data.or_else(|| self.trailers.take().map(|trailers| Frame::trailers(*trailers))).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(
            self.data.as_ref().map_or(0, |data| u64::try_from(data.len()).unwrap_or(u64::MAX)),
        )
    }
}
