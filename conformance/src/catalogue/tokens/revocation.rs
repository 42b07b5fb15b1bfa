//! TOK-5, REV-1: a revoked token stays revoked in every encoding and at every endpoint.

use crate::case::{Accept, Case};
use crate::catalogue::sources;
use crate::catalogue::tokens::signature::second_form;

macro_rules! revoked {
    ($name:ident, $title:literal, $sends:literal, needs: [$($need:ident),+], |$session:ident, $token:ident| $request:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [Tok5, Rev1],
            level: Must,
            sends: $sends,
            requirement: "The deployment must answer 401 `Invalid authentication credentials`.",
            source: sources::REVOKED,
            needs: [$($need),+],
            accept: [Accept::InvalidCredentials, Accept::NotAuthenticated],
            probe: |$session| {
                let $token = $session.revoked()?;
                $request
            },
        }
    };
}

pub(in crate::catalogue) static CASES: &[Case] = &[
    revoked!(revoked, "A revoked token is refused",
        "Sends GET to the protected endpoint with a revoked token.",
        needs: [Revoked], |s, token| s.protected().bearer(token.text())),
    revoked!(on_owned_resource, "A revoked token does not open its own organization's resource",
        "Sends GET to the owned resource with a revoked token.",
        needs: [Revoked, Owned], |s, token| s.owned()?.bearer(token.text())),
    revoked!(head, "HEAD does not revive a revoked token",
    "Sends HEAD to the protected endpoint with a revoked token.",
    needs: [Revoked], |s, token| {
        let mut request = s.protected().bearer(token.text());
        request.method = "HEAD".into();
        request
    }),
    revoked!(padded_fully, "Full padding does not revive a revoked token",
    "Sends GET to the protected endpoint with a revoked token whose signature is padded with the `=` that base64 requires.",
    needs: [Revoked], |s, token| {
        let padding = "=".repeat((4 - token.signature.len() % 4) % 4);
        s.protected().bearer(format!("{}{padding}", token.text()))
    }),
    revoked!(in_the_other_alphabet, "The other base64 alphabet does not revive a revoked token",
        "Sends GET to the protected endpoint with a revoked token whose signature is written with `+` and `/`.",
        needs: [Revoked], |s, token| s.protected().bearer(
            crate::token::Compact { signature: token.signature.replace('-', "+").replace('_', "/"), ..token }.text())),
    revoked!(second_form_of_the_signature, "An ECDSA signature's second form does not revive a revoked token",
        "Sends GET to the protected endpoint with a revoked token whose signature's `s` was replaced by `n - s`.",
        needs: [RevokedElliptic],
        |s, token| s.protected().bearer(token.with_signature(&second_form(&token.signature_bytes())).text())),
    case! {
        again_and_again,
        title: "A revoked token stays revoked",
        clauses: [Tok5, Rev1],
        level: Must,
        sends: "Sends GET to the protected endpoint with a revoked token three times on one connection, a good one in between.",
        requirement: "The deployment must answer 401 to the revoked one each time.",
        source: sources::REVOKE,
        needs: [Revoked, Valid],
        accept: [Accept::InvalidCredentials],
        requests: 4,
        run: |s| {
            let (revoked, good) = (s.revoked()?.text(), s.valid()?.text());
            let requests = [&revoked, &good, &revoked, &revoked];
            let requests = requests.map(|token| s.protected().bearer(token)).to_vec();
            s.send_on_one_connection(requests).await?;
            for index in [0, 2] {
                let finding = s.judge(index, s.accept()).await?;
                if !finding.kept {
                    return Ok(finding);
                }
            }
            s.judge_last().await
        },
    },
];
