//! How long after its expiry a token is still taken.

use std::time::Duration;

use crate::case::Accept;
use crate::judge::{self, Finding};
use crate::run::clock::http_date;
use crate::run::session::{Session, Stop, lock};
use crate::transport::Answer;

/// No token older than this is tried.
const LONGEST: i64 = 300;

/// The leeway that a deployment may grant.
const ALLOWED: i64 = 120;

/// Finds the leeway by bisection: at most ten requests, one where there is none.
pub(in crate::catalogue) async fn bisect(session: &mut Session) -> Result<Finding, Stop> {
    let granted = match taken(session, 1).await? {
        None => return session.judge_last().await,
        Some(false) => 0,
        Some(true) if taken(session, LONGEST).await? == Some(true) => LONGEST,
        Some(true) => {
            let (mut good, mut bad) = (1, LONGEST);
            // The second in which an answer comes is not known exactly, so the last two need no telling apart.
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
            true => format!("a token that expired {LONGEST} s ago was taken; no older one was tried"),
            false => format!("a token that expired {granted} s ago was taken, one of {} s not", granted + 1),
        });
        Finding { deciding: last_taken, ..finding }
    } else if granted == 0 {
        Finding::kept("no leeway")
    } else {
        Finding::kept("a leeway of at most 120 s").remark(format!("{granted} s"))
    })
}

/// Whether a token is taken that expired so many seconds ago; `None` where the answer is neither.
async fn taken(session: &mut Session, seconds: i64) -> Result<Option<bool>, Stop> {
    let mint = session.mint()?.claim("exp", &(session.now() - seconds).to_string());
    let token = mint.claim("iat", &(session.now() - 4_000).to_string()).sign(&session.key()?);
    let answer = session.send(session.protected().bearer(token.text())).await?;
    Ok(match &answer {
        Answer::Response(response) if response.is_success() => Some(true),
        Answer::Response(response) if response.status == 401 => Some(false),
        _ => None,
    })
}

fn is_taken(answer: &Answer) -> bool {
    matches!(answer, Answer::Response(response) if response.is_success())
}

/// How long a token is good that is used before and after its expiry, in seconds.
const SHORT: i64 = 2;

/// Uses a token, waits until it has expired, and uses it again beside a fresh one of the same expiry.
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

/// How many tokens are tried for an answer that comes within the second itself.
const ROUNDS: u32 = 3;

/// How many requests one of them takes at most: the one that tells the time, three of which the last comes in the
/// second of the expiry or after it, and one more.
const ROUND: u32 = 5;

/// What [`the_second_itself`] sends at most.
pub(in crate::catalogue) const SECOND_ITSELF: u32 = ROUNDS * ROUND;

/// Sends one token until an answer that was asked for after its expiry, by the deployment's own `Date`.
///
/// A refusal tells of that second only if it was given in it: one that came later, on a busy machine or a slow
/// line, is followed by another token.
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

/// The expiry of a new token, and the answer to the first request with it that was made after that.
async fn first_after_expiry(session: &mut Session) -> Result<(i64, Answer), Stop> {
    // The clock of the deployment is known to a second or two: the first answer's `Date` makes it exact.
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
        // The answer that first shows the second may have been decided just before it began; the next one
        // was asked for after that.
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

fn date(answer: &Answer) -> Option<i64> {
    match answer {
        Answer::Response(response) => response.value("date").as_deref().and_then(http_date),
        _ => None,
    }
}
