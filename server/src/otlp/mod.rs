//! A span for each sampled decision, sent to a collector by OTLP over HTTP in JSON.
//!
//! A decision never waits for a span: spans are queued, and a task sends them together. If the queue is
//! full, a span is dropped and counted. A span has the method, the status and the reason, but no token, path
//! or caller.

mod export;
mod json;
mod span;

pub(crate) use export::Exporter;
pub(crate) use span::{SpanNumbers, Tracer};
