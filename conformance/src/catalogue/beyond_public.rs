//! PUB-2: a path that extends the public one, and one that nobody serves, opens nothing.

use super::{sources, spellings};
use crate::case::{Accept, Case};

macro_rules! beyond {
    ($name:ident, $what:literal, |$path:ident| $spelling:expr) => {
        case! {
            $name,
            title: concat!($what, " is not public"),
            clauses: [Pub2],
            level: Must,
            sends: concat!("Sends GET to ", $what, ", without a token."),
            requirement: "The deployment must not answer 2xx.",
            source: sources::ALL_REQUIRE,
            needs: [],
            accept: [Accept::NotAuthenticated, Accept::Closed],
            shared: concat!("beyond the public path: ", $what), |s| {
                let $path = spellings::public_path(s);
                spellings::get($spelling)
            },
        }
    };
}

pub(super) static CASES: &[Case] = super::beyond_public_paths!(beyond);
