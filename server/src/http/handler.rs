//! The service that a connection calls for each of its requests.

use std::convert::Infallible;

use hyper::body::Incoming;
use hyper::service::Service;
use hyper::{Request, Response};

use super::body::Body;
use super::request::Refusal;

/// The service that handles the requests of a connection.
pub(crate) trait Handler:
    Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send + Unpin>
    + Send
    + Sync
    + Unpin
    + 'static
{
    /// hyper or h2 itself answered the received bytes, for this reason.
    fn refused(&self, refusal: Refusal) {
        let _ = refusal;
    }
}
