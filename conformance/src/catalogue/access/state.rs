//! ORG-4, TOK-8: no state of one request affects the next.

use crate::case::{Accept, Case};
use crate::catalogue::compare::expect;
use crate::catalogue::sources;

const REFUSED: &[Accept] = &[Accept::InvalidCredentials];
const NO_TOKEN: &[Accept] = &[Accept::NotAuthenticated];
const GOOD: &[Accept] = &[Accept::Success];
const FOREIGN: &[Accept] = &[Accept::Forbidden, Accept::Hidden];

pub(in crate::catalogue) static CASES: &[Case] = &[
    case! {
        no_token_after_good_token,
        title: "A connection does not remember a token",
        clauses: [Hdr2],
        level: Must,
        sends: "Sends GET to the protected endpoint with a good token, and again without one on the same connection.",
        requirement: "The deployment must answer 401 to the second.",
        source: sources::INCLUDE,
        needs: [Valid],
        accept: [Accept::NotAuthenticated],
        requests: 2,
        run: |s| {
            let requests = vec![s.protected().bearer(s.valid()?.text()), s.protected()];
            s.send_on_one_connection(requests).await?;
            expect(s, &[GOOD, NO_TOKEN]).await
        },
    },
    case! {
        no_token_after_public_endpoint,
        title: "The public endpoint does not open the connection",
        clauses: [Pub2, Hdr2],
        level: Must,
        sends: "Sends GET to the public endpoint and, on the same connection, to the protected one without a token.",
        requirement: "The deployment must answer 401 to the second.",
        source: sources::ALL_REQUIRE,
        needs: [],
        accept: [Accept::NotAuthenticated],
        requests: 2,
        run: |s| {
            s.send_on_one_connection(vec![s.public(), s.protected()]).await?;
            s.judge_last().await
        },
    },
    case! {
        forged_after_good_token,
        title: "A good token does not make a forged one valid",
        clauses: [Tok8],
        level: Must,
        sends: "Sends GET to the protected endpoint with a good token, and again on the same connection with the same one with a forged signature.",
        requirement: "The deployment must answer 401 to the second.",
        source: sources::NOT_VALID,
        needs: [Valid],
        accept: [Accept::InvalidCredentials],
        requests: 2,
        run: |s| {
            let token = s.valid()?;
            let forged = token.with_signature(&[0; 64]);
            s.send_on_one_connection(vec![s.protected().bearer(token.text()), s.protected().bearer(forged.text())]).await?;
            expect(s, &[GOOD, REFUSED]).await
        },
    },
    case! {
        good_after_forged_token,
        title: "A forged token does not spoil the connection",
        clauses: [Tok8],
        level: Must,
        sends: "Sends GET to the protected endpoint with a forged token, and again on the same connection with a good one.",
        requirement: "The deployment must answer 401 to the first and 2xx to the second.",
        source: sources::INCLUDE,
        needs: [Valid],
        accept: [Accept::Other("401 `Invalid authentication credentials`, then 2xx")],
        requests: 2,
        run: |s| {
            let token = s.valid()?;
            let forged = token.with_signature(&[0; 64]);
            s.send_on_one_connection(vec![s.protected().bearer(forged.text()), s.protected().bearer(token.text())]).await?;
            expect(s, &[REFUSED, GOOD]).await
        },
    },
    case! {
        other_organization_after_owner,
        title: "The owner's request does not open the resource to the next",
        clauses: [Org4, Org1],
        level: Must,
        sends: "Sends GET to the owned resource with its organization's token, and again on the same connection with another's.",
        requirement: "The deployment must answer 403, or 404 without the resource, to the second.",
        source: sources::PREVENTED,
        needs: [Owned, Valid, OtherOrganization],
        accept: [Accept::Forbidden, Accept::Hidden],
        requests: 2,
        run: |s| {
            let (own, other) = (s.valid()?.text(), s.other_organization()?.text());
            s.send_on_one_connection(vec![s.owned()?.bearer(own), s.owned()?.bearer(other)]).await?;
            expect(s, &[GOOD, FOREIGN]).await
        },
    },
    case! {
        cached_for_another_organization,
        title: "No cache shows one organization's answer to another",
        clauses: [Org4],
        level: Must,
        sends: "Sends GET to the owned resource with its organization's token twice, then with another's, then without one, each on a connection of its own.",
        requirement: "The deployment must refuse the last two.",
        source: sources::PREVENTED,
        needs: [Owned, Valid, OtherOrganization],
        accept: [Accept::Other("2xx twice, then 403 or 404 without the resource, then 401")],
        requests: 4,
        run: |s| {
            let (own, other) = (s.valid()?.text(), s.other_organization()?.text());
            s.send(s.owned()?.bearer(&own)).await?;
            s.send(s.owned()?.bearer(&own)).await?;
            s.send(s.owned()?.bearer(other)).await?;
            s.send(s.owned()?).await?;
            expect(s, &[GOOD, GOOD, FOREIGN, NO_TOKEN]).await
        },
    },
    case! {
        pipelined,
        title: "Pipelined requests are decided one by one",
        clauses: [Hdr2],
        level: Must,
        sends: "Sends GET to the protected endpoint with a good token and, without waiting, again without one.",
        requirement: "The deployment must answer 2xx to the first and 401 to the second.",
        source: sources::INCLUDE,
        needs: [Valid],
        accept: [Accept::Other("2xx, then 401 `Not authenticated`")],
        requests: 2,
        http1_only: true,
        run: |s| {
            let first = s.protected().bearer(s.valid()?.text());
            s.pipeline(first, s.protected()).await?;
            expect(s, &[GOOD, NO_TOKEN]).await
        },
    },
    case! {
        forged_and_good_at_once,
        title: "Good and forged tokens at the same time are not mixed up",
        clauses: [Tok8],
        level: Must,
        sends: "Sends GET to the protected endpoint four times at once, with a good token and a forged one in turn.",
        requirement: "The deployment must answer 2xx to each good one and 401 to each forged one.",
        source: sources::NOT_VALID,
        needs: [Valid],
        accept: [Accept::Other("2xx and 401 in turn")],
        requests: 4,
        run: |s| {
            let token = s.valid()?;
            let (good, forged) = (token.text(), token.with_signature(&[0; 64]).text());
            let requests = (0..4).map(|turn| s.protected().bearer(if turn % 2 == 0 { &good } else { &forged }));
            let requests = requests.collect();
            s.send_at_once(requests).await?;
            expect(s, &[GOOD, REFUSED].repeat(2)).await
        },
    },
    case! {
        organizations_at_once,
        title: "Organizations at the same time are not mixed up",
        clauses: [Org4],
        level: Must,
        sends: "Sends GET to the owned resource four times at once, with its organization's token and another's in turn.",
        requirement: "The deployment must answer 2xx to the owner and 403, or 404 without the resource, to the other.",
        source: sources::PREVENTED,
        needs: [Owned, Valid, OtherOrganization],
        accept: [Accept::Other("2xx, and 403 or 404 without the resource, in turn")],
        requests: 4,
        run: |s| {
            let (own, other) = (s.valid()?.text(), s.other_organization()?.text());
            let mut requests = Vec::new();
            for turn in 0..4 {
                requests.push(s.owned()?.bearer(if turn % 2 == 0 { &own } else { &other }));
            }
            s.send_at_once(requests).await?;
            expect(s, &[GOOD, FOREIGN].repeat(2)).await
        },
    },
];
