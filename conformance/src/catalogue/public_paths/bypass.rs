//! PUB-2: without a token, no spelling of any path returns protected content.

use crate::case::{Accept, Case};
use crate::catalogue::public_paths::spellings::{self, climb, get, owned_path, protected_path, public_path};
use crate::catalogue::sources;

macro_rules! bypass {
    ($name:ident, $what:literal, $(needs: $need:ident,)? $(http1_only: $http1_only:literal,)? |$session:ident| $target:expr) => {
        case! {
            $name,
            title: concat!("No token, no content: ", $what),
            clauses: [Pub2],
            level: Must,
            sends: concat!("Sends GET to ", $what, ", without a token."),
            requirement: "The deployment must not answer 2xx with anything but the public endpoint's own content.",
            source: sources::ALL_REQUIRE,
            needs: [$($need)?],
            accept: [Accept::Closed, Accept::PublicContent],
            $(http1_only: $http1_only,)?
            probe: |$session| get($target),
        }
    };
}

pub(in crate::catalogue) static CASES: &[Case] = &[
    bypass!(owned_resource, "the owned resource itself", needs: Owned, |s| owned_path(s)?),
    bypass!(
        up_from_the_public_path,
        "the protected path reached from the public one with dot segments",
        |s| climb(public_path(s), "..", protected_path(s))
    ),
    bypass!(up_with_encoded_dots, "the protected path reached from the public one with `%2e%2e`", |s| climb(
        public_path(s),
        "%2e%2e",
        protected_path(s)
    )),
    bypass!(up_with_parameters, "the protected path reached from the public one with `..;`", |s| climb(
        public_path(s),
        "..;",
        protected_path(s)
    )),
    bypass!(up_with_encoded_slashes, "the protected path reached from the public one with `..%2f`", |s| {
        climb(public_path(s), "..", protected_path(s)).replace("/..", "%2f..")
    }),
    bypass!(up_with_backslashes, "the protected path reached from the public one with `..\\`", |s| climb(
        public_path(s),
        "..",
        protected_path(s)
    )
    .replace("/..", "\\..")),
    bypass!(owned_up_from_the_public_path, "the owned path reached from the public one with dot segments",
        needs: Owned, |s| climb(public_path(s), "..", &owned_path(s)?)),
    bypass!(owned_other_ending, "the owned path with its trailing slash added or removed", needs: Owned,
        |s| spellings::other_ending(&owned_path(s)?)),
    bypass!(owned_encoded_letter, "the owned path with a percent-encoded letter", needs: Owned,
        |s| spellings::encoded_letter(&owned_path(s)?)),
    bypass!(owned_doubled_slash, "the owned path with a doubled slash", needs: Owned,
        |s| spellings::last_slash(&owned_path(s)?, "//")),
    bypass!(owned_dot_segment, "the owned path with a dot segment", needs: Owned,
        |s| spellings::last_slash(&owned_path(s)?, "/./")),
    bypass!(owned_upper_case, "the owned path in upper case", needs: Owned, |s| owned_path(s)?.to_uppercase()),
    bypass!(owned_path_parameter, "the owned path with a parameter added", needs: Owned,
        |s| format!("{};x=1", owned_path(s)?)),
    bypass!(doubled_slash, "the protected path with a doubled leading slash", |s| format!(
        "/{}",
        protected_path(s)
    )),
    bypass!(other_ending, "the protected path with its trailing slash added or removed", |s| {
        spellings::other_ending(protected_path(s))
    }),
    bypass!(upper_case, "the protected path in upper case", |s| protected_path(s).to_uppercase()),
    bypass!(encoded_letter, "the protected path with a percent-encoded letter", |s| {
        spellings::encoded_letter(protected_path(s))
    }),
    bypass!(dot_segment, "the protected path with a dot segment", |s| spellings::last_slash(
        protected_path(s),
        "/./"
    )),
    bypass!(path_parameter, "the protected path followed by a parameter", |s| format!(
        "{};x=1",
        protected_path(s)
    )),
    bypass!(public_path_in_query, "the protected path with the public one as its query", |s| format!(
        "{}?{}",
        protected_path(s),
        public_path(s)
    )),
    bypass!(
        public_path_behind_encoded_question_mark,
        "the protected path followed by `%3f` and the public one",
        |s| format!("{}%3f{}", protected_path(s), public_path(s))
    ),
    bypass!(public_path_in_fragment, "the protected path with the public one as its fragment",
        http1_only: true, |s| format!("{}#{}", protected_path(s), public_path(s))),
    bypass!(encoded_nul, "the protected path followed by `%00`", |s| format!("{}%00", protected_path(s))),
    bypass!(extension, "the protected path followed by `.json`", |s| format!(
        "{}.json",
        protected_path(s).trim_end_matches('/')
    )),
    bypass!(absolute_form, "the protected endpoint's whole URL as the request-target",
        http1_only: true, |s| spellings::absolute(s, protected_path(s))),
];
