//! How long after its expiry a token is still accepted.

use std::time::Duration;

use crate::case::Accept;
use crate::judge::{self, Finding};
use crate::run::clock::http_date;
use crate::run::session::{Session, Stop, lock};
use crate::transport::RequestOutcome;

/// The oldest token that is tried.
const LONGEST: i64 = 300;

/// The leeway that a deployment may grant.
const ALLOWED: i64 = 120;

/// Finds the leeway by bisection: at most ten requests, one if there is no leeway.
pub(in crate::catalogue) async fn bisect(session: &mut Session) -> Result<Finding, Stop> {
    let granted = match taken(session, 1).await? {
        None => return session.judge_last().await,
        Some(false) => 0,
        Some(true) if taken(session, LONGEST).await? == Some(true) => LONGEST,
        Some(true) => {
            let (mut good, mut bad) = (1, LONGEST);
            // The exact second of a response is not known, so the last two need not be distinguished.
            while bad - good > 1 {
                let middle = good + (bad - good) / 2;
                match taken(session, middle).await? {
                    Some(true) => good = middle,
                    Some(false) => bad = middle,
                    None => return session.judge_last().await,
                }
            }
            good
        }
    };
    let capped = granted == LONGEST;
    *lock(&session.shared.leeway) = Some((u64::try_from(granted).unwrap_or_default(), capped));
    Ok(if granted > ALLOWED {
        let last_taken = session.exchanges().iter().rposition(|exchange| is_taken(&exchange.answer));
        let finding = Finding::broken("a leeway of more than 120 s").allowed();
        let finding = finding.remark(match capped {
            true => format!("a token that expired {LONGEST} s ago was accepted; no older one was tried"),
            false => format!("a token that expired {granted} s ago was accepted, and one that expired {} s ago was refused", granted + 1),
        });
        Finding { deciding: last_taken, ..finding }
    } else if granted == 0 {
        Finding::kept("no leeway")
    } else {
        Finding::kept("a leeway of at most 120 s").remark(format!("{granted} s"))
    })
}

/// Whether a token that expired this many seconds ago is accepted; `None` if the response is neither.
async fn taken(session: &mut Session, seconds: i64) -> Result<Option<bool>, Stop> {
    let mint = session.mint()?.claim("exp", &(session.now() - seconds).to_string());
    let token = mint.claim("iat", &(session.now() - 4_000).to_string()).sign(&session.key()?);
    let answer = session.send(session.protected().bearer(token.text())).await?;
    Ok(match &answer {
        RequestOutcome::Response(response) if response.is_success() => Some(true),
        RequestOutcome::Response(response) if response.status == 401 => Some(false),
        _ => None,
    })
}

fn is_taken(answer: &RequestOutcome) -> bool {
    matches!(answer, RequestOutcome::Response(response) if response.is_success())
}

/// The lifetime, in seconds, of a token that is used before and after its expiry.
const SHORT: i64 = 2;

/// Uses a token, waits until it has expired, and uses it again together with a new one of the same expiry.
pub(in crate::catalogue) async fn after_use(session: &mut Session) -> Result<Finding, Stop> {
    let expiry = session.now() + SHORT;
    let (used, fresh) = (token_until(session, expiry)?, token_until(session, expiry)?);
    let first = session.send(session.protected().bearer(&used)).await?;
    if !is_taken(&first) {
        return Err(Stop::Skip("needs an answer within two seconds".into()));
    }
    // One second more: the second of the expiry itself is another case.
    let wait = u64::try_from(expiry + 1 - session.now()).unwrap_or_default();
    tokio::time::sleep(Duration::from_secs(wait)).await;
    let seen_before = session.send(session.protected().bearer(&fresh)).await?;
    if is_taken(&seen_before) {
        return Err(Stop::Skip("needs a deployment without a leeway on `exp`".into()));
    }
    session.send(session.protected().bearer(&used)).await?;
    session.judge_last().await
}

fn token_until(session: &Session, expiry: i64) -> Result<String, Stop> {
    Ok(session.mint()?.claim("exp", &expiry.to_string()).sign(&session.key()?).text())
}

/// How many tokens are tried until a response falls within the second of the expiry.
const ROUNDS: u32 = 3;

/// Maximum number of requests for one of them: one that reads the clock, three of which the last falls in the second of
/// the expiry or later, and one more.
const ROUND: u32 = 5;

/// Maximum number of requests of [`the_second_itself`].
pub(in crate::catalogue) const SECOND_ITSELF: u32 = ROUNDS * ROUND;

/// Sends one token until a response was requested after its expiry, according to the deployment's `Date`.
///
/// A refusal counts only if it was given in that second; if it came later, on a busy machine or a slow network, another
/// token is tried.
pub(in crate::catalogue) async fn the_second_itself(session: &mut Session) -> Result<Finding, Stop> {
    for _ in 0..ROUNDS {
        let (expiry, answer) = first_after_expiry(session).await?;
        let in_time = date(&answer) == Some(expiry);
        if in_time || is_taken(&answer) {
            return session.judge(session.exchanges().len() - 1, &[Accept::InvalidCredentials]).await;
        }
    }
    Err(Stop::Skip(format!("needs an answer within a second, and {ROUNDS} came later")))
}

/// The expiry of a new token, and the first response to it that was requested after that.
async fn first_after_expiry(session: &mut Session) -> Result<(i64, RequestOutcome), Stop> {
    // The deployment's clock is known to a second or two: the `Date` of the first response makes it exact.
    let mut answer = session.send(session.protected()).await?;
    let Some(now) = date(&answer) else {
        return Err(Stop::Skip("needs a deployment that sends Date".into()));
    };
    let expiry = now + 2;
    let token = session.mint()?.claim("exp", &expiry.to_string()).sign(&session.key()?).text();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut over = false;
    for _ in 1..ROUND {
        answer = session.send(session.protected().bearer(&token)).await?;
        // The first response that shows the second may have been decided just before it began; the next one was
        // requested after that.
        if over {
            return Ok((expiry, answer));
        }
        over = date(&answer).is_some_and(|date| date >= expiry);
        if !over {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
    let seen = judge::describe(&answer, session.known());
    Err(Stop::Skip(format!("needs a deployment whose Date moves on: it stood still after {seen}")))
}

fn date(answer: &RequestOutcome) -> Option<i64> {
    match answer {
        RequestOutcome::Response(response) => response.value("date").as_deref().and_then(http_date),
        _ => None,
    }
}
