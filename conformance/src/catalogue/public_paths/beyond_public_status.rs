//! PUB-2: a path that extends the public one, and an unknown path, require authentication.

use crate::case::{Accept, Case};
use crate::catalogue::{public_paths::spellings, sources};

macro_rules! beyond {
    ($name:ident, $what:literal, |$path:ident| $spelling:expr) => {
        case! {
            $name,
            title: concat!($what, " asks for authentication"),
            clauses: [Pub2, Hdr2],
            level: Should,
            sends: concat!("Sends GET to ", $what, ", without a token."),
            requirement: "The deployment should answer 401 `Not authenticated`: every endpoint but one does.",
            source: sources::ALL_REQUIRE,
            needs: [],
            accept: [Accept::NotAuthenticated],
            shared: concat!("beyond the public path: ", $what), |s| {
                let $path = spellings::public_path(s);
                spellings::get($spelling)
            },
        }
    };
}

pub(in crate::catalogue) static CASES: &[Case] = crate::catalogue::beyond_public_paths!(beyond);
