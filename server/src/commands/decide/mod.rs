//! `decide`: reads requests as lines of JSON and prints a decision for each.

mod form;
mod lines;
mod request;

use std::io::{self, BufRead, BufWriter, Write};
use std::path::Path;

use artos_auth_engine::{Context, Engine, Request, TenantScope};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::commands::{Exit, Failure};
use crate::config::{self, Access};
use crate::quote::redact;
use crate::text::without_byte_order_mark;
use form::Form;
use lines::{Line, Lines};
use request::{LineRequest, Refused};

/// Decides each line of standard input until it ends.
pub(crate) fn run(config: &Path, access: Access) -> Result<Exit, Failure> {
    let config::Loaded { engine, warnings, .. } = config::load_with(config, access)?;
    for warning in warnings {
        eprintln!("warning: {}", redact(&warning));
    }
    let input = io::BufReader::with_capacity(BUFFER_BYTES, io::stdin().lock());
    let output = BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock());
    answer_lines(&engine, input, output)?;
    Ok(Exit::Done)
}

const BUFFER_BYTES: usize = 64 << 10;

/// A line of output: the request's `id`, and a decision or an error.
#[derive(Serialize)]
struct OutputLine<'a, O> {
    id: Option<&'a RawValue>,
    #[serde(flatten)]
    outcome: O,
}

/// Why a line has no decision.
#[derive(Serialize)]
struct NoDecision<'a> {
    error: &'a str,
}

/// Decides each line of `input` until it ends. Writes a decision or an error to `output` for each line that is not blank.
///
/// # Errors
///
/// The input cannot be read or the output cannot be written. An invalid line is not an error.
pub fn decide_lines(engine: &Engine, input: impl BufRead, output: impl Write) -> io::Result<()> {
    answer_lines(engine, input, output).map_err(|failure| match failure {
        Failure::OutputClosed => io::ErrorKind::BrokenPipe.into(),
        Failure::Bad(problem) => io::Error::other(problem),
    })
}

fn answer_lines(engine: &Engine, input: impl BufRead, mut output: impl Write) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::output(&error);
    let mut lines = Lines::new(input);
    let mut is_first = true;
    loop {
        // Flush, for a client that waits for each answer before it sends the next request.
        if lines.would_wait() {
            output.flush().map_err(failed)?;
        }
        let line = lines
            .next_line()
            .map_err(|error| Failure::Bad(format!("cannot read standard input: {error}")))?;
        let line = match line {
            Line::Text(text) if is_first => Line::Text(without_byte_order_mark(text)),
            line => line,
        };
        is_first = false;
        match line {
            Line::End => break,
            Line::TooLong => answer(&mut output, None, NoDecision { error: request::TOO_LONG }),
            Line::Text(text) if text.trim_ascii().is_empty() => Ok(()),
            Line::Text(text) => answer_line(engine, text, &mut output),
        }
        .map_err(failed)?;
    }
    output.flush().map_err(failed)
}

fn answer_line(engine: &Engine, text: &[u8], output: &mut impl Write) -> io::Result<()> {
    let LineRequest { id, method, path, authorization, now, context } = match LineRequest::parse(text) {
        Ok(request) => request,
        Err(Refused { id, problem }) => return answer(output, id, NoDecision { error: &problem }),
    };
    let lines: Vec<&[u8]> = authorization.iter().map(AsRef::as_ref).collect();
    let request = Request::new(&*method, &*path, &lines);
    let realm = context.realm.as_ref().map_or(TenantScope::Any, TenantScope::Among);
    let context = Context::of(context.resource_org).realm(realm).account(context.account);
    let decision = engine.decide(&request, &context, now);
    answer(output, id, Form::of(&decision))
}

fn answer(output: &mut impl Write, id: Option<&RawValue>, outcome: impl Serialize) -> io::Result<()> {
    // Some programs treat these separators as line ends.
    let answer = serde_json::to_string(&OutputLine { id, outcome })?;
    let answer = answer.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    output.write_all(answer.as_bytes())?;
    output.write_all(b"\n")
}

#[cfg(test)]
mod tests;
