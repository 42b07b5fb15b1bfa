//! All cases: one folder for each topic, one file for each group. The id of a case consists of the file name and its
//! own name.
//!
//! The required responses of a deployment are defined only here.

use std::sync::LazyLock;

use crate::case::Case;

/// Defines a case. `probe` sends one request, whose response is checked by `accept`; `shared` does the same with a
/// request that several cases evaluate; `run` is a procedure of several requests, at most `requests` of them in
/// addition to the shared ones.
macro_rules! case {
    (@fields $procedure:expr, $requests:expr, [$($shared:expr),*], $http1_only:expr,
        $name:ident,
        title: $title:expr,
        clauses: [$($clause:ident),+ $(,)?],
        level: $level:ident,
        sends: $sends:expr,
        requirement: $requirement:expr,
        source: $source:expr,
        needs: [$($need:ident),* $(,)?],
        accept: [$($accept:expr),+ $(,)?],
    ) => {
        $crate::case::Case {
            group: $crate::catalogue::group(module_path!()),
            name: stringify!($name),
            title: $title,
            clauses: &[$($crate::case::clause::Clause::$clause),+],
            level: $crate::case::clause::Level::$level,
            sends: $sends,
            requirement: $requirement,
            source: $source,
            needs: &[$($crate::case::need::Need::$need),*],
            accept: &[$($accept),+],
            requests: $requests,
            shares: &[$($crate::case::Shared { name: $shared.0, requests: $shared.1 }),*],
            http1_only: $http1_only,
            run: $procedure,
        }
    };
    (
        $name:ident,
        title: $title:expr,
        clauses: [$($clause:ident),+ $(,)?],
        level: $level:ident,
        sends: $sends:expr,
        requirement: $requirement:expr,
        source: $source:expr,
        needs: [$($need:ident),* $(,)?],
        accept: [$($accept:expr),+ $(,)?],
        $(http1_only: $http1_only:literal,)?
        probe: |$session:ident| $body:expr $(,)?
    ) => {
        $crate::catalogue::case! {@fields
            $crate::case::Procedure::Probe(|$session| Ok($body)),
            1, [], [$($http1_only,)? false][0],
            $name, title: $title, clauses: [$($clause),+], level: $level, sends: $sends,
            requirement: $requirement, source: $source, needs: [$($need),*], accept: [$($accept),+],
        }
    };
    (
        $name:ident,
        title: $title:expr,
        clauses: [$($clause:ident),+ $(,)?],
        level: $level:ident,
        sends: $sends:expr,
        requirement: $requirement:expr,
        source: $source:expr,
        needs: [$($need:ident),* $(,)?],
        accept: [$($accept:expr),+ $(,)?],
        $(http1_only: $http1_only:literal,)?
        shared: $shared:expr, |$session:ident| $body:expr $(,)?
    ) => {
        $crate::catalogue::case! {@fields
            $crate::case::Procedure::Run(|session| Box::pin(async move {
                let make: fn(
                    &$crate::run::session::Session,
                ) -> Result<$crate::transport::Request, $crate::run::session::Stop> = |$session| Ok($body);
                session.send_shared($shared, make).await?;
                session.judge_last().await
            })),
            0, [($shared, 1)], [$($http1_only,)? false][0],
            $name, title: $title, clauses: [$($clause),+], level: $level, sends: $sends,
            requirement: $requirement, source: $source, needs: [$($need),*], accept: [$($accept),+],
        }
    };
    (
        $name:ident,
        title: $title:expr,
        clauses: [$($clause:ident),+ $(,)?],
        level: $level:ident,
        sends: $sends:expr,
        requirement: $requirement:expr,
        source: $source:expr,
        needs: [$($need:ident),* $(,)?],
        accept: [$($accept:expr),+ $(,)?],
        requests: $requests:expr,
        $(shares: [$($shared:expr => $times:literal),+],)?
        $(http1_only: $http1_only:literal,)?
        run: |$session:ident| $body:expr $(,)?
    ) => {
        $crate::catalogue::case! {@fields
            $crate::case::Procedure::Run(|$session| Box::pin(async move { $body })),
            $requests, [$($(($shared, $times)),+)?], [$($http1_only,)? false][0],
            $name, title: $title, clauses: [$($clause),+], level: $level, sends: $sends,
            requirement: $requirement, source: $source, needs: [$($need),*], accept: [$($accept),+],
        }
    };
}

pub(crate) use case;

/// The verb of a requirement.
macro_rules! modal {
    (Must) => {
        "must"
    };
    (Should) => {
        "should"
    };
}

pub(crate) use modal;

/// Paths that resemble the public one, and that a careless server may treat as public.
macro_rules! look_alike_spellings {
    ($look_alike:ident, [$($more:expr,)*]) => {
        &[
            $look_alike!(trailing_slash, "a trailing slash", http1_only: false, |path| format!("{path}/")),
            $look_alike!(doubled_leading_slash, "a doubled leading slash", http1_only: false,
                |path| format!("/{path}")),
            $look_alike!(upper_case, "capitals for letters", http1_only: false, |path| path.to_uppercase()),
            $look_alike!(encoded_letter, "a percent-encoded letter", http1_only: false,
                |path| spellings::encoded_letter(path)),
            $look_alike!(path_parameter, "a parameter after it", http1_only: false, |path| format!("{path};x")),
            $look_alike!(fragment, "a fragment after it", http1_only: true, |path| format!("{path}#x")),
            $look_alike!(dot_segment, "a dot segment", http1_only: false,
                |path| spellings::last_slash(path, "/./")),
            $look_alike!(detour, "a way up and down again", http1_only: false,
                |path| spellings::detour(path, "..")),
            $($more,)*
        ]
    };
}

pub(crate) use look_alike_spellings;

/// Paths that contain the public one, or are unrelated to it.
macro_rules! beyond_public_paths {
    ($beyond:ident) => {
        &[
            $beyond!(longer_name, "the public path with a letter added", |path| format!("{path}x")),
            $beyond!(child, "a path below the public one", |path| format!("{path}/x")),
            $beyond!(extension, "the public path with `.json` added", |path| format!("{path}.json")),
            $beyond!(shorter_name, "the public path without its last letter", |path| &path[..path.len() - 1]),
            $beyond!(prefix, "the public path below another", |path| format!("/x{path}")),
            $beyond!(unknown, "a path that is not served", |path| {
                path.split('/').take(3).collect::<Vec<_>>().join("/") + "/artos-conformance-unknown"
            }),
        ]
    };
}

pub(crate) use beyond_public_paths;

mod access;
mod answers;
mod compare;
mod credentials;
mod public_paths;
mod sources;
mod tokens;

/// The module's own name.
const fn group(path: &'static str) -> &'static str {
    let bytes = path.as_bytes();
    let mut start = bytes.len();
    while start > 0 && bytes[start - 1] != b':' {
        start -= 1;
    }
    path.split_at(start).1
}

/// The catalogue, in the order of the clauses.
pub fn all() -> &'static [Case] {
    static ALL: LazyLock<Vec<Case>> = LazyLock::new(|| {
        [
            public_paths::public::CASES,
            public_paths::look_alike::CASES,
            public_paths::look_alike_content::CASES,
            public_paths::beyond_public::CASES,
            public_paths::beyond_public_status::CASES,
            public_paths::bypass::CASES,
            public_paths::rewrite::CASES,
            public_paths::other_documents::CASES,
            public_paths::method::CASES,
            credentials::header::CASES,
            credentials::header_repeated::CASES,
            credentials::header_elsewhere::CASES,
            tokens::token_form::CASES,
            tokens::token_content::CASES,
            tokens::algorithm::CASES,
            tokens::key::CASES,
            tokens::signature::CASES,
            tokens::time::CASES,
            tokens::environment::CASES,
            tokens::revocation::CASES,
            &tokens::every_endpoint::TOPICS.concat(),
            access::identity::CASES,
            access::organization::CASES,
            access::permission::CASES,
            access::state::CASES,
            answers::uniformity::CASES,
            answers::challenge::CASES,
            answers::silence::CASES,
        ]
        .concat()
    });
    &ALL
}

/// The group whose cases check the responses of all others, and so run last.
pub(crate) const LAST: &str = "silence";

/// Maximum number of requests before the cases.
pub const PREFLIGHT_REQUESTS: u32 = 7;
