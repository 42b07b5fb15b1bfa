//! A span for each sampled decision, sent to a collector by OTLP over HTTP in JSON.
//!
//! A decision never waits for a span: spans are queued, a task sends them together, and what finds the queue full is
//! dropped and counted. A span has the method, the status and the reason, and nothing of the token, path or caller.

mod export;
mod json;
mod span;

pub(crate) use export::Exporter;
pub(crate) use span::{SpanNumbers, Tracer};
