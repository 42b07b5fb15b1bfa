//! TOK-4, TOK-6: tokens of another environment, issuer, audience or realm.

use crate::case::{Accept, Case};
use crate::catalogue::sources;
use crate::profile::TokenKind;
use crate::run::session::{Session, Stop};
use crate::token::quote;

macro_rules! elsewhere {
    ($name:ident, $title:literal, $what:literal, source: $source:expr, level: $level:ident, needs: $need:ident,
     accept: $accept:ident, |$session:ident| $mint:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [Tok6],
            level: $level,
            sends: concat!("Sends GET to the protected endpoint with a correctly signed token ", $what, "."),
            requirement: concat!("The deployment ", $crate::catalogue::modal!($level), " treat such a token as documented: ", $title, "."),
            source: $source,
            needs: [$need],
            accept: [Accept::$accept],
            probe: |$session| {
                let token = $mint.sign(&$session.key()?);
                $session.protected().bearer(token.text())
            },
        }
    };
    (issuer $name:ident, $title:literal, $what:literal, |$session:ident, $issuer:ident| $json:expr) => {
        elsewhere!($name, $title, $what, source: sources::ISSUER, level: Must, needs: Issuer,
            accept: InvalidCredentials, |$session| {
                let $issuer = issuer($session)?;
                $session.mint()?.claim("iss", &$json)
            })
    };
    (audience $name:ident, $title:literal, $what:literal, |$session:ident, $audience:ident| $json:expr) => {
        elsewhere!($name, $title, $what, source: sources::AUDIENCE, level: Must, needs: Audience,
            accept: InvalidCredentials, |$session| {
                let $audience = audience($session)?;
                $session.mint()?.claim("aud", &$json)
            })
    };
}

fn issuer(session: &Session) -> Result<String, Stop> {
    let signing = session.profile().signing.as_ref();
    signing
        .and_then(|signing| signing.issuer.clone())
        .ok_or_else(|| Stop::Skip("needs signing.issuer".into()))
}

fn audience(session: &Session) -> Result<String, Stop> {
    let signing = session.profile().signing.as_ref();
    signing
        .and_then(|signing| signing.audience.clone())
        .ok_or_else(|| Stop::Skip("needs signing.audience".into()))
}

/// The same text with the case of its letters swapped.
fn other_case(text: &str) -> String {
    if text == text.to_uppercase() { text.to_lowercase() } else { text.to_uppercase() }
}

pub(in crate::catalogue) static CASES: &[Case] = &[
    case! {
        other_environment,
        title: "A token of another environment is refused",
        clauses: [Tok6],
        level: Must,
        sends: "Sends GET to the protected endpoint with another environment's token, or one signed by a key that only another environment has.",
        requirement: "The deployment must answer 401 `Invalid authentication credentials`.",
        source: sources::ENVIRONMENT,
        needs: [OtherEnvironment],
        accept: [Accept::InvalidCredentials],
        probe: |s| s.protected().bearer(s.other_environment()?.text()),
    },
    case! {
        other_realm,
        title: "A token of an organization that does not authenticate here is refused",
        clauses: [Tok4],
        level: Must,
        sends: "Sends GET to the protected endpoint with a token of an organization that does not authenticate at this host.",
        requirement: "The deployment must answer 401 `Invalid authentication credentials`.",
        source: sources::ISSUED_FOR_OTHER,
        needs: [OtherRealm],
        accept: [Accept::InvalidCredentials],
        probe: |s| s.protected().bearer(s.only_named(TokenKind::OtherRealm)?.text()),
    },
    elsewhere!(issuer other_issuer, "Another issuer's token is refused", "of another issuer",
        |s, _own| quote("https://issuer.conformance.invalid")),
    elsewhere!(issuer longer_issuer, "An issuer that begins like the right one is another", "whose issuer has a suffix",
        |s, own| quote(&format!("{own}.conformance.invalid"))),
    elsewhere!(issuer issuer_with_slash, "An issuer followed by a slash is another", "whose issuer has a slash added or removed",
        |s, own| quote(&crate::catalogue::public_paths::spellings::other_ending(&own))),
    elsewhere!(issuer issuer_in_another_case, "An issuer is compared byte for byte", "whose issuer's case was changed",
        |s, own| quote(&other_case(&own))),
    elsewhere!(issuer issuer_in_an_array, "An issuer in an array is malformed", "whose issuer stands in an array",
        |s, own| format!("[{}]", quote(&own))),
    elsewhere!(issuer null_issuer, "A null issuer counts as missing", "whose issuer is null", |s, _own| "null"),
    elsewhere!(without_issuer, "A token without an issuer is from another issuer", "without an issuer",
        source: sources::ISSUER, level: Must, needs: Issuer, accept: InvalidCredentials,
        |s| s.mint()?.without("iss")),
    elsewhere!(audience other_audience, "Another audience's token is refused", "of another audience",
        |s, _own| quote("https://audience.conformance.invalid")),
    elsewhere!(audience longer_audience, "An audience that begins like the right one is another", "whose audience has a suffix",
        |s, own| quote(&format!("{own}.conformance.invalid"))),
    elsewhere!(audience audience_in_another_case, "An audience is compared byte for byte", "whose audience's case was changed",
        |s, own| quote(&other_case(&own))),
    elsewhere!(audience audience_a_number, "A number is no audience", "whose audience is a number", |s, _own| "1"),
    elsewhere!(audience audience_an_object, "An object is no audience", "whose audience is an object",
        |s, own| format!("{{{}:true}}", quote(&own))),
    elsewhere!(audience empty_audience, "An empty audience is another", "whose audience is empty", |s, _own| quote("")),
    elsewhere!(audience null_audience, "A null audience counts as missing", "whose audience is null", |s, _own| "null"),
    elsewhere!(audiences_of_mixed_types, "An audience that is not a string is malformed",
        "whose audiences are the right one and a number",
        source: sources::AUDIENCE, level: Should, needs: Audience, accept: InvalidCredentials,
        |s| s.mint()?.claim("aud", &format!("[{},1]", quote(&audience(s)?)))),
    elsewhere!(without_audience, "A token without an audience is for another deployment", "without an audience",
        source: sources::AUDIENCE, level: Must, needs: Audience, accept: InvalidCredentials,
        |s| s.mint()?.without("aud")),
    elsewhere!(audiences_with_ours, "One of several audiences is enough", "whose audiences are another and the right one",
        source: sources::AUDIENCE, level: Should, needs: Audience, accept: Success,
        |s| s.mint()?.claim("aud", &format!("[\"https://a.conformance.invalid\",{}]", quote(&audience(s)?)))),
    elsewhere!(audience_where_none_is_named, "A token with an audience is not for every deployment",
        "with an audience, to a deployment that has none",
        source: sources::AUDIENCE, level: Should, needs: NoAudience, accept: InvalidCredentials,
        |s| s.mint()?.claim("aud", "\"https://audience.conformance.invalid\"")),
];
