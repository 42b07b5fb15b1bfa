//! SEC-1: no response contains a part of the presented token.
//!
//! These cases run after all others, because the last of them checks all earlier responses.

use crate::case::{Accept, Case};
use crate::catalogue::sources;
use crate::judge::{self, Finding};
use crate::run::session::{Session, leaks_token, lock};
use crate::transport::RequestOutcome;

macro_rules! silent {
    ($name:ident, $title:literal, $sends:literal, needs: [$($need:ident),+], shared: $shared:literal,
     |$session:ident| $request:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [Sec1],
            level: Must,
            sends: $sends,
            requirement: "The deployment must not send back eight or more consecutive characters of the token's claims or signature.",
            source: sources::NO_LOGGING,
            needs: [$($need),+],
            accept: [Accept::Other("an answer without a piece of the token")],
            requests: 0,
            shares: [$shared => 1],
            run: |session| {
                session.send_shared($shared, |$session| Ok($request)).await?;
                Ok(listen(session))
            },
        }
    };
}

fn listen(session: &Session) -> Finding {
    let Some(exchange) = session.exchanges().last() else { return Finding::broken("nothing was sent") };
    match &exchange.answer {
        RequestOutcome::Response(response) if leaks_token(&exchange.request, response) => {
            Finding::broken(format!("{} with a piece of the token", response.status))
        }
        RequestOutcome::Response(response) => Finding::kept(response.status.to_string()),
        other => Finding::broken(judge::describe(other, session.known())),
    }
    .at(session.exchanges().len() - 1)
}

pub(in crate::catalogue) static CASES: &[Case] = &[
    silent!(forged_token, "A refusal does not repeat the token",
        "Sends GET to the protected endpoint with a forged token.", needs: [Valid],
        shared: "a forged token", |s| s.protected().bearer(s.forged()?.text())),
    silent!(malformed_header, "A refusal does not repeat the header line",
        "Sends GET to the protected endpoint with a good token under the scheme Token.", needs: [Valid],
        shared: "under the scheme Token", |s| s.protected().authorization(crate::transport::TokenText::from("Token ").token(s.valid()?.text()))),
    silent!(other_organization, "A 403 does not repeat the token",
        "Sends GET to the owned resource with another organization's token.", needs: [Owned, OtherOrganization],
        shared: "another organization's token", |s| s.owned()?.bearer(s.other_organization()?.text())),
    silent!(good_token, "A good answer does not repeat the token",
        "Sends GET to the protected endpoint with a good token.", needs: [Valid],
        shared: "a good token", |s| s.protected().bearer(s.valid()?.text())),
    silent!(trace, "TRACE does not repeat the token",
    "Sends TRACE to the protected endpoint with a good token.", needs: [Valid],
    shared: "TRACE with a good token", |s| {
        let mut request = s.protected().bearer(s.valid()?.text());
        request.method = "TRACE".into();
        request
    }),
    case! {
        any_answer,
        title: "No answer of the whole run repeats a token",
        clauses: [Sec1],
        level: Must,
        sends: "Sends GET to the public endpoint with a good token, and looks back at every answer of the run.",
        requirement: "The deployment must not send back eight or more consecutive characters of any token's claims or signature.",
        source: sources::NO_LOGGING,
        needs: [Valid],
        accept: [Accept::Other("no answer with a piece of a token")],
        requests: 1,
        run: |s| {
            s.send(s.public().bearer(s.valid()?.text())).await?;
            let mut leaks = lock(&s.shared.leaks).clone();
            leaks.dedup();
            Ok(if leaks.is_empty() {
                Finding::kept("no answer with a piece of a token")
            } else {
                let finding = Finding::broken("an answer with a piece of the token");
                finding.remark(format!("it came in: {}", leaks.join(", ")))
            })
        },
    },
];
