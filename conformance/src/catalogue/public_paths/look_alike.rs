//! PUB-2: only the public path itself, byte for byte, is public.

use crate::case::{Accept, Case};
use crate::catalogue::{public_paths::spellings, sources};

macro_rules! look_alike {
    ($name:ident, $what:literal, http1_only: $http1_only:literal, |$path:ident| $spelling:expr) => {
        case! {
            $name,
            title: concat!("The public path with ", $what, " is not public"),
            clauses: [Pub2],
            level: Should,
            sends: concat!("Sends GET to the public endpoint's path with ", $what, ", without a token."),
            requirement: "The deployment should not answer 2xx: public paths match byte for byte.",
            source: sources::ALL_REQUIRE,
            needs: [],
            accept: [Accept::NotAuthenticated, Accept::Closed],
            http1_only: $http1_only,
            shared: concat!("the public path with ", $what), |s| {
                let $path = spellings::public_path(s);
                spellings::get($spelling)
            },
        }
    };
}

pub(in crate::catalogue) static CASES: &[Case] = crate::catalogue::look_alike_spellings!(look_alike, []);
