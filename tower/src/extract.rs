//! axum: extractors, and denials as responses.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::request::Parts;

use crate::caller::{Caller, Principal};
use crate::response::{Denied, Form};

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Denied;

    /// The caller that the layer authenticated.
    ///
    /// 401 on a public path, or without the layer.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Denied> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Denied::not_authenticated_in(parts))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = std::convert::Infallible;

    /// The caller, if the path is not public.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = Denied;

    /// The principal that a layer with [`with_owner`](crate::AuthLayer::with_owner) authorized.
    ///
    /// 401 without such a layer.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Denied> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Denied::not_authenticated_in(parts))
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        // hyper itself drops the body of a response to HEAD.
        self.into_response_as::<axum::body::Body>(Form::Json).map(axum::body::Body::new)
    }
}
