//! PUB-2: a path that resembles the public one returns at most the public content.

use crate::case::{Accept, Case};
use crate::catalogue::{public_paths::spellings, sources};

macro_rules! look_alike {
    ($name:ident, $what:literal, http1_only: $http1_only:literal, |$path:ident| $spelling:expr) => {
        case! {
            $name,
            title: concat!("Nothing but the public endpoint is shown under its path with ", $what),
            clauses: [Pub2],
            level: Must,
            sends: concat!("Sends GET to the public endpoint's path with ", $what, ", without a token."),
            requirement: "The deployment must not answer 2xx with anything but the public endpoint's own content.",
            source: sources::ALL_REQUIRE,
            needs: [],
            accept: [Accept::Closed, Accept::PublicContent],
            http1_only: $http1_only,
            shared: concat!("the public path with ", $what), |s| {
                let $path = spellings::public_path(s);
                spellings::get($spelling)
            },
        }
    };
}

pub(in crate::catalogue) static CASES: &[Case] = crate::catalogue::look_alike_spellings!(
    look_alike,
    [case! {
        absolute_form,
        title: "An absolute-form request for the public path shows only the public endpoint",
        clauses: [Pub2],
        level: Must,
        sends: "Sends GET with the public endpoint's whole URL as the request-target, without a token.",
        requirement: "The deployment must not answer 2xx with anything but the public endpoint's own content.",
        source: sources::ALL_REQUIRE,
        needs: [],
        accept: [Accept::Closed, Accept::PublicContent],
        http1_only: true,
        probe: |s| spellings::get(spellings::absolute(s, spellings::public_path(s))),
    },]
);
