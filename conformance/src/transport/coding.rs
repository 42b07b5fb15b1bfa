//! Content codings (RFC 9110 §8.4.1): gzip, deflate, br and zstd.

use std::io::Read;

use super::message::Response;

/// The decoded body is truncated at this many bytes: a small response may decode to a very large one.
const MAX_BODY: u64 = 1024 * 1024;

/// Decodes the body of a response. A body that does not match its `Content-Encoding` stays unchanged.
pub(super) fn decode(mut response: Response) -> Response {
    let codings: Vec<String> = response
        .values("content-encoding")
        .flat_map(|value| {
            value.split(',').map(|coding| coding.trim().to_ascii_lowercase()).collect::<Vec<_>>()
        })
        .collect();
    // The last coding was applied last.
    for coding in codings.iter().rev() {
        if response.body.is_empty() {
            break;
        }
        let Some(decoded) = decoded(coding, &response.body) else { break };
        response.body = decoded;
    }
    response
}

fn decoded(coding: &str, body: &[u8]) -> Option<Vec<u8>> {
    match coding {
        "gzip" | "x-gzip" => read(flate2::read::MultiGzDecoder::new(body)),
        // RFC 9110 requires the zlib format; some servers send raw deflate.
        "deflate" => read(flate2::read::ZlibDecoder::new(body))
            .or_else(|| read(flate2::read::DeflateDecoder::new(body))),
        "br" => read(brotli_decompressor::Decompressor::new(body, 4096)),
        "zstd" => read(ruzstd::decoding::StreamingDecoder::new(body).ok()?),
        _ => None,
    }
}

fn read(decoder: impl Read) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    decoder.take(MAX_BODY).read_to_end(&mut body).ok()?;
    Some(body)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn response(coding: &str, hex: &str) -> Response {
        let digits: Vec<char> = hex.chars().collect();
        let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
        Response {
            status: 200,
            fields: vec![("Content-Encoding".to_owned(), coding.as_bytes().to_vec())],
            body: digits.chunks(2).map(byte).collect(),
        }
    }

    const GZIP: &str = "1f8b0800000000000203ab564a492d49cccc51b252f2cb2f51482c2dc948cd2bc94c4e2c494d51aa0500f4bc8d111e000000";

    #[rstest]
    #[case::gzip("gzip", GZIP)]
    #[case::capitals("GZip", GZIP)]
    #[case::zlib("deflate", "789cab564a492d49cccc51b252f2cb2f51482c2dc948cd2bc94c4e2c494d51aa0500a4000ae2")]
    #[case::bare_deflate("deflate", "ab564a492d49cccc51b252f2cb2f51482c2dc948cd2bc94c4e2c494d51aa0500")]
    #[case::br("br", "8b0e807b2264657461696c223a224e6f742061757468656e74696361746564227d03")]
    #[case::zstd(
        "zstd",
        "28b52ffd0458f100007b2264657461696c223a224e6f742061757468656e74696361746564227d9e637167"
    )]
    fn a_body_is_decoded(#[case] coding: &str, #[case] hex: &str) {
        assert_eq!(decode(response(coding, hex)).detail().as_deref(), Some("Not authenticated"));
    }

    #[rstest]
    #[case::damaged("gzip", "1f8b08")]
    #[case::unknown("rot13", "7b7d")]
    #[case::not_in_the_coding("br", "7b7d")]
    fn any_other_body_is_unchanged(#[case] coding: &str, #[case] hex: &str) {
        let response = response(coding, hex);
        assert_eq!(decode(response.clone()), response);
    }
}
