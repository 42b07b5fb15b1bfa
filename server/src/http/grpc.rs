//! Unary gRPC over HTTP/2: one request message; one response message or a status.

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use prost::Message;

use super::body::Body;

/// Maximum size of a message that describes a request, in bytes.
pub(crate) const MAX_CHECK_BYTES: usize = 64 << 10;
/// Maximum size of a health check, in bytes: it names a service, and its peer need not be trusted.
pub(crate) const MAX_HEALTH_BYTES: usize = 256;
/// Length of the message prefix: a flag and the message length.
const PREFIX_BYTES: usize = 5;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// Why a call gets a status instead of a message. Never results in an allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// 3: the bytes are not a message of the method's type.
    InvalidArgument,
    /// 4: the message did not arrive in time.
    DeadlineExceeded,
    /// 5: no service of this name.
    NotFound,
    /// 8: the message is too large.
    ResourceExhausted,
    /// 12: unknown method or unsupported compression.
    Unimplemented,
    /// 13: a call that is not exactly one message.
    Internal,
}

impl Failure {
    const fn code(self) -> &'static str {
        match self {
            Self::InvalidArgument => "3",
            Self::DeadlineExceeded => "4",
            Self::NotFound => "5",
            Self::ResourceExhausted => "8",
            Self::Unimplemented => "12",
            Self::Internal => "13",
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::InvalidArgument => "not a message of this method",
            Self::DeadlineExceeded => "the message did not arrive in time",
            Self::NotFound => "unknown service",
            Self::ResourceExhausted => "message too large: at most 65536 bytes, 256 for a health check",
            Self::Unimplemented => "unknown method or message encoding",
            Self::Internal => "expected one length-prefixed message",
        }
    }
}

/// Whether a request is a gRPC call with messages in Protocol Buffers.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(CONTENT_TYPE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return false };
    let media_type = line.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    [&b"application/grpc"[..], b"application/grpc+proto"]
        .iter()
        .any(|known| media_type.eq_ignore_ascii_case(known))
}

/// Reads the call's only message, of at most `max_bytes`.
pub(crate) async fn read<M: Message + Default>(
    headers: &HeaderMap,
    mut body: Incoming,
    max_bytes: usize,
) -> Result<M, Failure> {
    let expected = Expected { max_bytes, compressed: is_compressed(headers) };
    let mut received = Vec::new();
    while let Some(frame) = body.frame().await {
        // The stream ended inside the body.
        let Ok(frame) = frame else { return Err(Failure::Internal) };
        // Trailers contain no message data.
        let Ok(data) = frame.into_data() else { continue };
        received.extend_from_slice(&data);
        // Checked after each frame, so that at most one message and one frame are buffered.
        expected.message_in(&received, false)?;
    }
    decode(expected.message_in(&received, true)?)
}

/// Reads the only message of an uncompressed body of `Check`.
pub(crate) fn message<M: Message + Default>(body: &[u8]) -> Result<M, Failure> {
    let expected = Expected { max_bytes: MAX_CHECK_BYTES, compressed: false };
    decode(expected.message_in(body, true)?)
}

fn decode<M: Message + Default>(message: Option<&[u8]>) -> Result<M, Failure> {
    M::decode(message.ok_or(Failure::Internal)?).map_err(|_| Failure::InvalidArgument)
}

/// Whether the call declares a message compression; none is supported.
fn is_compressed(headers: &HeaderMap) -> bool {
    headers.get(GRPC_ENCODING).is_some_and(|encoding| encoding != "identity")
}

/// What a call may send.
#[derive(Clone, Copy)]
struct Expected {
    max_bytes: usize,
    /// Whether the call declares a compression.
    compressed: bool,
}

impl Expected {
    /// The message in the received bytes, once complete; `ended`: no more bytes follow.
    fn message_in(self, received: &[u8], ended: bool) -> Result<Option<&[u8]>, Failure> {
        let Some(([flag, length @ ..], rest)) = received.split_first_chunk::<PREFIX_BYTES>() else {
            return if ended { Err(Failure::Internal) } else { Ok(None) };
        };
        match flag {
            0 => {}
            1 if self.compressed => return Err(Failure::Unimplemented),
            _ => return Err(Failure::Internal),
        }
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > self.max_bytes {
            return Err(Failure::ResourceExhausted);
        }
        if rest.len() > length || (ended && rest.len() < length) {
            return Err(Failure::Internal);
        }
        Ok((rest.len() == length).then_some(rest))
    }
}

/// The response to a call: a message.
pub(crate) fn answer(message: &impl Message) -> Response<Body> {
    let length = u32::try_from(message.encoded_len()).unwrap_or(u32::MAX);
    let mut data = vec![0];
    data.extend_from_slice(&length.to_be_bytes());
    data.extend_from_slice(&message.encode_to_vec());
    let mut trailers = HeaderMap::new();
    trailers.insert(GRPC_STATUS, const { HeaderValue::from_static("0") });
    // A second field distinguishes these trailers from an answer that h2 sends itself.
    trailers.insert(GRPC_MESSAGE, const { HeaderValue::from_static("") });
    head(StatusCode::OK, Body::with_trailers(Bytes::from(data), trailers))
}

/// The response to a call that gets a status. Without a message, it is in the response headers ("trailers only").
pub(crate) fn failed(failure: Failure) -> Response<Body> {
    let mut response = head(StatusCode::OK, Body::default());
    response.headers_mut().insert(GRPC_STATUS, HeaderValue::from_static(failure.code()));
    response.headers_mut().insert(GRPC_MESSAGE, HeaderValue::from_static(failure.message()));
    response
}

/// The response at a gRPC path to a request that is not a gRPC call.
pub(crate) fn not_grpc() -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    response
}

fn head(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, const { HeaderValue::from_static("application/grpc") });
    response
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn message_of(received: &[u8], compressed: bool, ended: bool) -> Result<Option<&[u8]>, Failure> {
        Expected { max_bytes: MAX_CHECK_BYTES, compressed }.message_in(received, ended)
    }

    #[rstest]
    #[case::nothing(&[], Err(Failure::Internal))]
    #[case::half_a_prefix(&[0, 0, 0], Err(Failure::Internal))]
    #[case::empty_message(&[0, 0, 0, 0, 0], Ok(Some(&[][..])))]
    #[case::message(&[0, 0, 0, 0, 2, 7, 8], Ok(Some(&[7, 8][..])))]
    #[case::short(&[0, 0, 0, 0, 3, 7, 8], Err(Failure::Internal))]
    #[case::long(&[0, 0, 0, 0, 1, 7, 8], Err(Failure::Internal))]
    #[case::two_messages(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0], Err(Failure::Internal))]
    #[case::compressed_without_saying_how(&[1, 0, 0, 0, 0], Err(Failure::Internal))]
    #[case::unknown_flag(&[2, 0, 0, 0, 0], Err(Failure::Internal))]
    #[case::too_long(&[0, 0, 1, 0, 1], Err(Failure::ResourceExhausted))]
    #[case::far_too_long(&[0, 255, 255, 255, 255], Err(Failure::ResourceExhausted))]
    fn a_call_has_exactly_one_message(
        #[case] received: &[u8],
        #[case] expected: Result<Option<&[u8]>, Failure>,
    ) {
        assert_eq!(message_of(received, false, true), expected);
    }

    #[test]
    fn a_compressed_message_is_unsupported() {
        assert_eq!(message_of(&[1, 0, 0, 0, 0], true, true), Err(Failure::Unimplemented));
        assert_eq!(message_of(&[0, 0, 0, 0, 0], true, true), Ok(Some(&[][..])));
    }

    #[test]
    fn an_incomplete_message_is_waited_for() {
        for received in [&[][..], &[0, 0, 0], &[0, 0, 0, 0, 2], &[0, 0, 0, 0, 2, 7]] {
            assert_eq!(message_of(received, false, false), Ok(None), "{received:?}");
        }
    }

    #[rstest]
    #[case("application/grpc", true)]
    #[case("application/grpc+proto", true)]
    #[case("application/grpc; charset=utf-8", true)]
    #[case("Application/gRPC", true)]
    #[case("application/grpc+json", false)]
    #[case("application/grpc-web", false)]
    #[case("application/json", false)]
    fn the_media_type_is_grpc(#[case] media_type: &'static str, #[case] expected: bool) {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(media_type))]);
        assert_eq!(is_grpc(&headers), expected);
    }
}
