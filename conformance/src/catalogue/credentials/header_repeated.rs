//! HDR-3: several `Authorization` lines are refused and never combined.

use crate::case::{Accept, Case};
use crate::catalogue::sources;
use crate::token::Compact;
use crate::transport::TokenText;

macro_rules! repeated {
    ($name:ident, $title:literal, $sends:literal, needs: [$($need:ident),*],
     |$session:ident| [$first:expr, $second:expr]) => {
        case! {
            $name,
            title: $title,
            clauses: [Hdr3],
            level: Should,
            sends: $sends,
            requirement: "The deployment should answer 401 `Not authenticated`: it is undefined which of them counts.",
            source: sources::ONE_FIELD_LINE,
            needs: [$($need),*],
            accept: [Accept::NotAuthenticated, Accept::InvalidCredentials],
            probe: |$session| $session.protected().authorization($first).authorization($second),
        }
    };
}

macro_rules! mixture {
    ($name:ident, $title:literal, $sends:literal, |$own:ident, $forged:ident| [$first:ident, $second:ident]) => {
        case! {
            $name,
            title: $title,
            clauses: [Hdr3, Org1],
            level: Must,
            sends: $sends,
            requirement: "The deployment must not answer with the resource: the only good token is another organization's.",
            source: sources::PREVENTED,
            needs: [Owned, Valid, OtherOrganization],
            accept: [
                Accept::NotAuthenticated,
                Accept::InvalidCredentials,
                Accept::Forbidden,
                Accept::Hidden,
            ],
            probe: |s| {
                let ($own, $forged) = (s.other_organization()?.text(), s.forged()?.text());
                s.owned()?.bearer($first).bearer($second)
            },
        }
    };
}

pub(in crate::catalogue) static CASES: &[Case] = &[
    repeated!(equal_lines, "Two equal Authorization lines are refused",
        "Sends GET to the protected endpoint with the same good token in two Authorization lines.",
        needs: [Valid], |s| [bearer(&s.valid()?), bearer(&s.valid()?)]),
    repeated!(good_then_garbage, "A second line makes a good first one invalid",
        "Sends GET to the protected endpoint with a good token in one line and `Bearer not-a-token` in the next.",
        needs: [Valid], |s| [bearer(&s.valid()?), TokenText::from("Bearer not-a-token")]),
    repeated!(garbage_then_good, "A good second line does not make a bad first one valid",
        "Sends GET to the protected endpoint with `Bearer not-a-token` in one line and a good token in the next.",
        needs: [Valid], |s| [TokenText::from("Bearer not-a-token"), bearer(&s.valid()?)]),
    mixture!(
        other_then_forged,
        "A forged line after another organization's opens nothing",
        "Sends GET to the owned resource with another organization's token, followed by its own organization's with a forged signature.",
        |own, forged| [own, forged]
    ),
    mixture!(
        forged_then_other,
        "A forged line before another organization's opens nothing",
        "Sends GET to the owned resource with its own organization's token with a forged signature, followed by another organization's.",
        |own, forged| [forged, own]
    ),
    case! {
        forged_twice,
        title: "Two forged lines open nothing",
        clauses: [Hdr3, Tok8],
        level: Must,
        sends: "Sends GET to the protected endpoint with the same forged token in two Authorization lines.",
        requirement: "The deployment must answer 401.",
        source: sources::NOT_VALID,
        needs: [Valid],
        accept: [Accept::NotAuthenticated, Accept::InvalidCredentials],
        probe: |s| {
            let token = s.forged()?.text();
            s.protected().bearer(&token).bearer(&token)
        },
    },
];

fn bearer(token: &Compact) -> TokenText {
    TokenText::from("Bearer ").token(token.text())
}
