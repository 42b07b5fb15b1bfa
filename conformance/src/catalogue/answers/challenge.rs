//! Recommendations of RFCs and good practice for denials: challenge, media type, no caching.

use crate::case::{Accept, Case};
use crate::catalogue::sources;
use crate::judge::{self, Finding};
use crate::run::session::{Session, Stop};
use crate::transport::{Request, RequestOutcome, Response};

/// Checks one property of a response.
macro_rules! manner {
    ($name:ident, $title:literal, $sends:expr, $requirement:literal, clauses: [$($clause:ident),+], source: $source:expr,
     needs: [$($need:ident),*], accept: $accept:literal, shared: $shared:literal, |$session:ident| $request:expr,
     $test:expr, $otherwise:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [$($clause),+],
            level: Should,
            sends: $sends,
            requirement: $requirement,
            source: $source,
            needs: [$($need),*],
            accept: [Accept::Other($accept)],
            requests: 0,
            shares: [$shared => 1],
            run: |session| {
                session.send_shared($shared, |$session| Ok($request)).await?;
                Ok(observe(session, $test, $otherwise))
            },
        }
    };
}

const MISSING: &str = "Sends GET to the protected endpoint without a token.";
const FORGED: &str = "Sends GET to the protected endpoint with a forged token.";
const FOREIGN: &str = "Sends GET to the owned resource with another organization's token.";

fn observe(session: &Session, test: fn(&Response) -> bool, otherwise: fn(&Response) -> String) -> Finding {
    let Some(exchange) = session.exchanges().last() else { return Finding::broken("nothing was sent") };
    match &exchange.answer {
        RequestOutcome::Response(response) if test(response) => Finding::kept(response.status.to_string()),
        RequestOutcome::Response(response) => {
            Finding::broken(format!("{} {}", response.status, otherwise(response)))
        }
        other => Finding::broken(judge::describe(other, session.known())),
    }
    .at(session.exchanges().len() - 1)
}

fn forged(session: &Session) -> Result<Request, Stop> {
    Ok(session.protected().bearer(session.forged()?.text()))
}

fn foreign(session: &Session) -> Result<Request, Stop> {
    Ok(session.owned()?.bearer(session.other_organization()?.text()))
}

/// The challenges for the scheme Bearer.
fn bearer_challenges(response: &Response) -> Vec<String> {
    response
        .values("www-authenticate")
        .filter(|value| value.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer")))
        .collect()
}

fn has_challenge(response: &Response) -> bool {
    response.status == 401 && !bearer_challenges(response).is_empty()
}

fn has_code(response: &Response, code: &str) -> bool {
    bearer_challenges(response).iter().any(|challenge| {
        challenge.contains(&format!("error=\"{code}\"")) || challenge.contains(&format!("error={code}"))
    })
}

fn challenge_in_words(response: &Response) -> String {
    match bearer_challenges(response).first() {
        None => "without a Bearer challenge".into(),
        Some(challenge) => match challenge.split_once("error=") {
            None => "with a Bearer challenge without an error code".into(),
            Some((_, rest)) => {
                let code: String = rest
                    .trim_matches('"')
                    .chars()
                    .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                    .collect();
                format!("with the error code `{code}`")
            }
        },
    }
}

fn is_json(response: &Response) -> bool {
    response.value("content-type").is_some_and(|media| {
        let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        media == "application/json" || (media.starts_with("application/") && media.ends_with("+json"))
    })
}

fn media_in_words(response: &Response) -> String {
    match response.value("content-type") {
        None => "without a media type".into(),
        Some(media) => format!("as `{}`", media.split(';').next().unwrap_or_default().trim()),
    }
}

/// `private` and `no-cache` also keep shared caches from serving the response to others.
fn is_kept_from_caches(response: &Response) -> bool {
    response.values("cache-control").any(|value| {
        let directives = value.to_ascii_lowercase();
        let has = |wanted: &str| directives.split(',').any(|directive| directive.trim() == wanted);
        has("no-store") || has("private") || has("no-cache")
    })
}

fn is_not_stored(response: &Response) -> bool {
    response
        .values("cache-control")
        .any(|value| value.to_ascii_lowercase().split(',').any(|directive| directive.trim() == "no-store"))
}

fn caching_in_words(response: &Response) -> String {
    match response.value("cache-control") {
        None => "without Cache-Control".into(),
        Some(value) => format!("with `Cache-Control: {value}`"),
    }
}

pub(in crate::catalogue) static CASES: &[Case] = &[
    manner!(challenge_without_token, "A 401 for a missing token has a Bearer challenge", MISSING,
        "The deployment should name the scheme that it wants in WWW-Authenticate.",
        clauses: [Hdr2], source: sources::CHALLENGE_401, needs: [], accept: "401 with a Bearer challenge",
        shared: "without a token", |s| s.protected(), has_challenge, challenge_in_words),
    manner!(challenge_for_invalid_token, "A 401 for an invalid token has a Bearer challenge", FORGED,
        "The deployment should name the scheme that it wants in WWW-Authenticate.",
        clauses: [Tok1], source: sources::CHALLENGE_401, needs: [Valid], accept: "401 with a Bearer challenge",
        shared: "a forged token", |s| forged(s)?, has_challenge, challenge_in_words),
    manner!(no_code_without_token, "A challenge for a missing token has no error code", MISSING,
        "The deployment should send a Bearer challenge without an error code: nothing was wrong yet.",
        clauses: [Hdr2], source: sources::CHALLENGE_CODES, needs: [], accept: "401 with a Bearer challenge without an error code",
        shared: "without a token", |s| s.protected(),
        |response| has_challenge(response) && !bearer_challenges(response).iter().any(|challenge| challenge.contains("error=")),
        challenge_in_words),
    manner!(invalid_token_code, "A challenge for an invalid token says invalid_token", FORGED,
        "The deployment should send the error code `invalid_token`.",
        clauses: [Tok1], source: sources::INVALID_TOKEN, needs: [Valid], accept: "401 with the error code `invalid_token`",
        shared: "a forged token", |s| forged(s)?, |response| response.status == 401 && has_code(response, "invalid_token"), challenge_in_words),
    manner!(insufficient_scope_code, "A challenge for a 403 says insufficient_scope", FOREIGN,
        "The deployment should send the error code `insufficient_scope`.",
        clauses: [Org1], source: sources::INSUFFICIENT_SCOPE, needs: [Owned, OtherOrganization],
        accept: "403 with the error code `insufficient_scope`, or 404",
        shared: "another organization's token", |s| foreign(s)?,
        |response| response.status == 404 || (response.status == 403 && has_code(response, "insufficient_scope")),
        challenge_in_words),
    manner!(json_without_token, "A 401 for a missing token is JSON", MISSING,
        "The deployment should call its JSON application/json.",
        clauses: [Hdr2], source: sources::JSON_TYPE, needs: [], accept: "a JSON media type",
        shared: "without a token", |s| s.protected(), is_json, media_in_words),
    manner!(json_for_invalid_token, "A 401 for an invalid token is JSON", FORGED,
        "The deployment should call its JSON application/json.",
        clauses: [Tok1], source: sources::JSON_TYPE, needs: [Valid], accept: "a JSON media type",
        shared: "a forged token", |s| forged(s)?, is_json, media_in_words),
    manner!(json_for_403, "A 403 is JSON", FOREIGN,
        "The deployment should call its JSON application/json.",
        clauses: [Org1], source: sources::JSON_TYPE, needs: [Owned, OtherOrganization], accept: "a JSON media type",
        shared: "another organization's token", |s| foreign(s)?, is_json, media_in_words),
    manner!(no_store_without_token, "A 401 for a missing token is not stored", MISSING,
        "The deployment should send `Cache-Control: no-store`.",
        clauses: [Hdr2], source: sources::SHARED_CACHE, needs: [], accept: "`Cache-Control: no-store`",
        shared: "without a token", |s| s.protected(), is_not_stored, caching_in_words),
    manner!(no_store_for_invalid_token, "A 401 for an invalid token is not stored", FORGED,
        "The deployment should send `Cache-Control: no-store`.",
        clauses: [Tok1], source: sources::SHARED_CACHE, needs: [Valid], accept: "`Cache-Control: no-store`",
        shared: "a forged token", |s| forged(s)?, is_not_stored, caching_in_words),
    manner!(no_store_for_403, "A 403 is not stored", FOREIGN,
        "The deployment should send `Cache-Control: no-store`.",
        clauses: [Org1], source: sources::SHARED_CACHE, needs: [Owned, OtherOrganization], accept: "`Cache-Control: no-store`",
        shared: "another organization's token", |s| foreign(s)?, is_not_stored, caching_in_words),
    manner!(owned_resource_kept_from_caches, "An organization's resource is kept from shared caches",
        "Sends GET to the owned resource with its organization's token.",
        "The deployment should send `Cache-Control: no-store`, or at least `private`.",
        clauses: [Org4], source: sources::SHARED_CACHE, needs: [Owned, Valid],
        accept: "`Cache-Control` with `no-store`, `private` or `no-cache`",
        shared: "the owner's token", |s| s.owned()?.bearer(s.valid()?.text()), is_kept_from_caches, caching_in_words),
    manner!(vary_by_authorization, "An answer says that it depends on the token",
        "Sends GET to the protected endpoint with a good token.",
        "The deployment should send `Vary: Authorization`, or keep the answer out of every store.",
        clauses: [Org4], source: sources::SHARED_CACHE, needs: [Valid],
        accept: "`Vary: Authorization`, or `Cache-Control: no-store`",
        shared: "a good token", |s| s.protected().bearer(s.valid()?.text()),
        |response| is_not_stored(response) || response.values("vary").any(|value| {
            value.split(',').any(|name| name.trim() == "*" || name.trim().eq_ignore_ascii_case("authorization"))
        }),
        |_| "without `Vary: Authorization`".into()),
    case! {
        head_without_body,
        title: "HEAD is refused with GET's status and challenge",
        clauses: [Hdr2],
        level: Should,
        sends: "Sends GET and HEAD to the protected endpoint without a token.",
        requirement: "The deployment should answer both with the same status and challenge.",
        source: sources::CHALLENGE_401,
        needs: [],
        accept: [Accept::Other("the same status and challenge")],
        requests: 0,
        shares: ["without a token" => 1, "without a token: HEAD" => 1],
        run: |s| {
            let get = s.send_shared("without a token", |s| Ok(s.protected())).await?;
            let head = s.send_shared("without a token: HEAD", |s| {
                let mut head = s.protected();
                head.method = "HEAD".into();
                Ok(head)
            });
            let answers = [get, head.await?];
            Ok(match answers {
                [RequestOutcome::Response(get), RequestOutcome::Response(head)]
                    if matches!(head.status, 405 | 501)
                        || get.status == head.status && bearer_challenges(&get) == bearer_challenges(&head) =>
                {
                    Finding::kept("the same status and challenge")
                }
                [_, RequestOutcome::Response(head)] => Finding::broken(format!("{} {}", head.status, challenge_in_words(&head))).at(1),
                [_, other] => Finding::broken(judge::describe(&other, s.known())).at(1),
            })
        },
    },
];
