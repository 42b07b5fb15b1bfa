//! Spans as an `ExportTraceServiceRequest` in JSON (OTLP 1.x): ids in hex, 64-bit integers as text.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::span::Span;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'s> {
    resource_spans: [ResourceSpans<'s>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'s> {
    resource: Resource,
    scope_spans: [ScopeSpans<'s>; 1],
}

#[derive(Serialize)]
struct Resource {
    attributes: [Attribute<'static>; 2],
}

#[derive(Serialize)]
struct ScopeSpans<'s> {
    scope: Scope,
    spans: Vec<SpanJson<'s>>,
}

#[derive(Serialize)]
struct Scope {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpanJson<'s> {
    trace_id: String,
    span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<String>,
    /// Sampled.
    flags: u32,
    name: &'static str,
    kind: u32,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    attributes: [Attribute<'s>; 5],
    status: Status,
}

#[derive(Serialize)]
struct Status {
    code: u32,
}

#[derive(Serialize)]
struct Attribute<'s> {
    key: &'static str,
    value: Value<'s>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Value<'s> {
    StringValue(&'s str),
    IntValue(String),
}

const SERVER: u32 = 2;
const UNSET: u32 = 0;
const ERROR: u32 = 2;

/// The body of a request to a collector.
pub(super) fn request(spans: &[Span]) -> Result<Vec<u8>, serde_json::Error> {
    let (name, version) = ("artos-auth", env!("CARGO_PKG_VERSION"));
    let resource = Resource { attributes: [text("service.name", name), text("service.version", version)] };
    let spans = ScopeSpans { scope: Scope { name, version }, spans: spans.iter().map(span).collect() };
    let resource_spans = [ResourceSpans { resource, scope_spans: [spans] }];
    serde_json::to_vec(&Request { resource_spans })
}

fn span(span: &Span) -> SpanJson<'_> {
    SpanJson {
        trace_id: hex(&span.trace),
        span_id: hex(&span.id),
        parent_span_id: span.parent.map(|parent| hex(&parent)),
        flags: 1,
        name: "artos_auth.decide",
        kind: SERVER,
        start_time_unix_nano: nanoseconds(span.start),
        end_time_unix_nano: nanoseconds(span.end),
        attributes: [
            text("http.request.method", span.method),
            Attribute { key: "http.response.status_code", value: Value::IntValue(span.status.to_string()) },
            text("artos.outcome", span.outcome),
            text("artos.reason", span.reason),
            text("artos.clause", span.clause),
        ],
        // A denied request is not an error of the server.
        status: Status { code: if span.status >= 500 { ERROR } else { UNSET } },
    }
}

fn text<'s>(key: &'static str, value: &'s str) -> Attribute<'s> {
    Attribute { key, value: Value::StringValue(value) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn nanoseconds(time: Duration) -> String {
    time.as_nanos().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_as_the_protocol_has_it() {
        let spans = [Span {
            trace: [0xab; 16],
            id: [1; 8],
            parent: Some([2; 8]),
            start: Duration::from_nanos(1_700_000_000_000_000_001),
            end: Duration::from_nanos(1_700_000_000_000_002_000),
            method: "GET",
            outcome: "deny",
            status: 401,
            reason: "header_missing",
            clause: "HDR-2",
        }];
        let text = String::from_utf8(request(&spans).unwrap()).unwrap();
        let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
        let expected = concat!(
            r#"{"resourceSpans":[{"resource":{"attributes":["#,
            r#"{"key":"service.name","value":{"stringValue":"artos-auth"}},"#,
            r#"{"key":"service.version","value":{"stringValue":"VERSION"}}]},"#,
            r#""scopeSpans":[{"scope":{"name":"artos-auth","version":"VERSION"},"spans":["#,
            r#"{"traceId":"abababababababababababababababab","spanId":"0101010101010101","#,
            r#""parentSpanId":"0202020202020202","flags":1,"name":"artos_auth.decide","kind":2,"#,
            r#""startTimeUnixNano":"1700000000000000001","endTimeUnixNano":"1700000000000002000","attributes":["#,
            r#"{"key":"http.request.method","value":{"stringValue":"GET"}},"#,
            r#"{"key":"http.response.status_code","value":{"intValue":"401"}},"#,
            r#"{"key":"artos.outcome","value":{"stringValue":"deny"}},"#,
            r#"{"key":"artos.reason","value":{"stringValue":"header_missing"}},"#,
            r#"{"key":"artos.clause","value":{"stringValue":"HDR-2"}}],"status":{"code":0}}]}]}]}"#,
        );
        assert_eq!(text, expected);
    }
}
