//! A list of revocations by URL.

use std::sync::Arc;
use std::time::Duration;

use artos_auth_engine::Revocations;
use rustls::ClientConfig;

use super::http::{Failed, Get, Outcome, Validators};

/// The timeout of a request, including connecting, TLS and the body.
const TIMEOUT: Duration = Duration::from_secs(5);

impl Get {
    /// The client for a list of revocations.
    pub(crate) fn of_list(tls: Arc<ClientConfig>, max_bytes: usize) -> Self {
        Self { tls, timeout: TIMEOUT, max_bytes, accept: "application/json" }
    }
}

/// Fetches and validates a list; `None` if it has not changed.
pub(crate) async fn list_of(
    get: &Get,
    url: &str,
    validators: &mut Validators,
) -> Result<Option<Revocations>, Failed> {
    let response = get.get(url, validators.of(url)).await?;
    let Some(body) = response.body else { return Ok(None) };
    let (list, _) = parse(body).await?;
    validators.remember(&response.headers);
    Ok(Some(list))
}

/// Fetches a list once, and returns it with its text.
pub(crate) async fn text_of(get: &Get, url: &str) -> Result<(Revocations, Vec<u8>), Failed> {
    let mut validators = Validators::default();
    let response = get.get(url, validators.of(url)).await?;
    let body = response
        .body
        .ok_or_else(|| Failed::new(Outcome::Refused, "answers 304 to an unconditional request"))?;
    parse(body).await
}

/// On a blocking thread, because large lists take a while.
async fn parse(body: Vec<u8>) -> Result<(Revocations, Vec<u8>), Failed> {
    let malformed =
        |problem: String| Failed::new(Outcome::Malformed, format!("is not a list of revocations: {problem}"));
    let parse = move || Revocations::from_json(&body).map(|list| (list, body));
    match tokio::task::spawn_blocking(parse).await {
        Ok(parsed) => parsed.map_err(|error| malformed(error.to_string())),
        Err(_) => Err(malformed("it cannot be read".to_owned())),
    }
}
