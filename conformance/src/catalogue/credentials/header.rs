//! HDR-1 to HDR-3 and TOK-2: the Authorization line, byte by byte.

use crate::case::{Accept, Case, Quotation};
use crate::catalogue::sources;
use crate::transport::TokenText;

/// A line without a credential that this API supports: 401 `Not authenticated`.
macro_rules! no_credential {
    ($name:ident, $title:literal, $line:literal, $(needs: $need:ident,)? $(http1_only: $http1_only:literal,)?
     |$session:ident| $value:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [Hdr3],
            level: Must,
            sends: concat!("Sends GET to the protected endpoint with `Authorization: ", $line, "`."),
            requirement: "The deployment must answer 401 `Not authenticated`.",
            source: sources::HEADER_FORMAT,
            needs: [$($need)?],
            accept: [Accept::NotAuthenticated],
            $(http1_only: $http1_only,)?
            probe: |$session| $session.protected().authorization($value),
        }
    };
}

/// A valid token with extra characters: 401 in any case; the detail depends on whether the header or the token is
/// considered malformed.
macro_rules! not_the_token {
    ($name:ident, $title:literal, $line:literal, level: $level:ident, accept: [$($accept:ident),+],
     $(http1_only: $http1_only:literal,)? |$token:ident| $value:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [Tok2, Hdr3],
            level: $level,
            sends: concat!("Sends GET to the protected endpoint with `Authorization: ", $line, "`, TOKEN a good one."),
            requirement: concat!("The deployment ", $crate::catalogue::modal!($level), " answer 401: the credential is not the token."),
            source: NO_EXTRAS,
            needs: [Valid],
            accept: [$(Accept::$accept),+],
            $(http1_only: $http1_only,)?
            probe: |s| {
                let $token = s.valid()?.text();
                s.protected().authorization($value)
            },
        }
    };
}

/// A line that is equivalent to the plain one.
macro_rules! as_good {
    ($name:ident, $title:literal, $sends:literal, source: $source:expr, $(http1_only: $http1_only:literal,)?
     |$session:ident, $token:ident| $request:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [Hdr1],
            level: Should,
            sends: $sends,
            requirement: "The deployment should accept it like `Authorization: Bearer TOKEN`.",
            source: $source,
            needs: [Valid],
            accept: [Accept::Success],
            $(http1_only: $http1_only,)?
            probe: |$session| {
                let $token = $session.valid()?.text();
                $request
            },
        }
    };
}

const NO_EXTRAS: Quotation = sources::NO_EXTRAS;

/// `Authorization: SCHEME TOKEN`.
fn credential(scheme: &str, token: &str) -> TokenText {
    TokenText::from(scheme).token(token)
}

/// Two parts of a token with something between them.
fn split(token: &str, between: &str) -> TokenText {
    let (one, other) = token.split_at(token.len() / 2);
    TokenText::from("Bearer ").token(one).plain(between).token(other)
}

pub(in crate::catalogue) static CASES: &[Case] = &[
    case! {
        good_token,
        title: "A good token opens the protected endpoint",
        clauses: [Hdr1, Org4],
        level: Must,
        sends: "Sends GET to the protected endpoint with `Authorization: Bearer` and a good token.",
        requirement: "The deployment must answer 2xx.",
        source: sources::INCLUDE,
        needs: [Valid],
        accept: [Accept::Success],
        shared: "a good token", |s| s.protected().bearer(s.valid()?.text()),
    },
    case! {
        missing,
        title: "Access needs an Authorization field",
        clauses: [Hdr2],
        level: Must,
        sends: "Sends GET to the protected endpoint without an Authorization field.",
        requirement: "The deployment must answer 401 `Not authenticated`.",
        source: sources::MISSING,
        needs: [],
        accept: [Accept::NotAuthenticated],
        shared: "without a token", |s| s.protected(),
    },
    case! {
        empty,
        title: "An empty Authorization field counts as missing",
        clauses: [Hdr2],
        level: Must,
        sends: "Sends GET to the protected endpoint with an empty `Authorization` field.",
        requirement: "The deployment must answer 401 `Not authenticated`.",
        source: sources::MISSING,
        needs: [],
        accept: [Accept::NotAuthenticated],
        probe: |s| s.protected().authorization(""),
    },
    case! {
        only_white_space,
        title: "An Authorization field of white space counts as missing",
        clauses: [Hdr2],
        level: Must,
        sends: "Sends GET to the protected endpoint with `Authorization:`, three spaces and a tab.",
        requirement: "The deployment must answer 401 `Not authenticated`.",
        source: sources::MISSING,
        needs: [],
        accept: [Accept::NotAuthenticated],
        http1_only: true,
        probe: |s| s.protected().authorization("   \t"),
    },
    case! {
        placeholder,
        title: "A broken client's placeholder is not a token",
        clauses: [Hdr3, Tok1],
        level: Must,
        sends: "Sends GET to the protected endpoint with `Bearer` and, one after the other, ten placeholders such as `null`, `undefined` and `[object Object]`.",
        requirement: "The deployment must answer 401 to each.",
        source: sources::NOT_VALID,
        needs: [],
        accept: [Accept::InvalidCredentials, Accept::NotAuthenticated],
        requests: 10,
        run: |s| {
            for text in PLACEHOLDERS {
                s.send(s.protected().authorization(format!("Bearer {text}"))).await?;
                let finding = s.judge_last().await?;
                if !finding.kept {
                    return Ok(finding.remark(format!("the placeholder was `{text}`")));
                }
            }
            s.judge_last().await
        },
    },
    no_credential!(scheme_alone, "A scheme without a token is not a credential", "Bearer", |s| "Bearer"),
    no_credential!(basic, "A good token under Basic is not a credential", "Basic TOKEN", needs: Valid,
        |s| credential("Basic ", &s.valid()?.text())),
    no_credential!(scheme_token, "A good token under Token is not a credential", "Token TOKEN", needs: Valid,
        |s| credential("Token ", &s.valid()?.text())),
    no_credential!(scheme_jwt, "A good token under JWT is not a credential", "JWT TOKEN", needs: Valid,
        |s| credential("JWT ", &s.valid()?.text())),
    no_credential!(no_scheme, "A good token without a scheme is not a credential", "TOKEN", needs: Valid,
        |s| credential("", &s.valid()?.text())),
    no_credential!(no_space, "A good token without a space after its scheme is not a credential", "BearerTOKEN", needs: Valid,
        |s| credential("Bearer", &s.valid()?.text())),
    no_credential!(colon_behind_the_scheme, "A colon after the scheme makes another scheme", "Bearer: TOKEN",
        needs: Valid, |s| credential("Bearer: ", &s.valid()?.text())),
    no_credential!(longer_scheme, "A scheme that begins with Bearer is another scheme", "BearerToken TOKEN",
        needs: Valid, |s| credential("BearerToken ", &s.valid()?.text())),
    no_credential!(other_scheme_first, "A second scheme after the first is an extra character",
        "Basic eDp5, Bearer TOKEN", needs: Valid, |s| credential("Basic eDp5, Bearer ", &s.valid()?.text())),
    not_the_token!(trailing_word, "Nothing may follow the token", "Bearer TOKEN x",
        level: Must, accept: [InvalidCredentials], |token| credential("Bearer ", &token).plain(" x")),
    not_the_token!(scheme_twice, "A scheme is not part of a token", "Bearer Bearer TOKEN",
        level: Must, accept: [InvalidCredentials], |token| credential("Bearer Bearer ", &token)),
    not_the_token!(double_quotes, "A quoted token is not the token", "Bearer \"TOKEN\"",
        level: Must, accept: [InvalidCredentials], |token| credential("Bearer \"", &token).plain("\"")),
    not_the_token!(trailing_comma, "A comma after the token is an extra character", "Bearer TOKEN,",
        level: Must, accept: [InvalidCredentials], |token| credential("Bearer ", &token).plain(",")),
    not_the_token!(trailing_semicolon, "A semicolon after the token is an extra character", "Bearer TOKEN;",
        level: Must, accept: [InvalidCredentials], |token| credential("Bearer ", &token).plain(";")),
    not_the_token!(joined_by_comma, "Two credentials joined by a comma are refused", "Bearer TOKEN, Bearer TOKEN",
        level: Must, accept: [InvalidCredentials, NotAuthenticated],
        |token| credential("Bearer ", &token).plain(", Bearer ").token(&token)),
    not_the_token!(inner_space, "A token with a space inside is malformed", "Bearer TO KEN",
        level: Must, accept: [InvalidCredentials], |token| split(&token, " ")),
    not_the_token!(percent_encoded_dots, "Percent-encoded dots are not dots", "Bearer HEADER%2eCLAIMS%2eSIGNATURE",
        level: Must, accept: [InvalidCredentials],
        |token| TokenText::from("Bearer ").token(token.replace('.', "%2e"))),
    not_the_token!(non_ascii_behind, "A letter outside ASCII after the token is an extra character",
        "Bearer TOKENé", level: Must, accept: [InvalidCredentials],
        |token| credential("Bearer ", &token).plain("é")),
    not_the_token!(control_byte_behind, "A control byte after the token is an extra character",
        "Bearer TOKEN\\x01", level: Must, accept: [InvalidCredentials], http1_only: true,
        |token| credential("Bearer ", &token).plain("\u{1}")),
    not_the_token!(two_spaces, "Two spaces after the scheme are refused", "Bearer  TOKEN",
        level: Should, accept: [InvalidCredentials, NotAuthenticated], |token| credential("Bearer  ", &token)),
    not_the_token!(tab, "A tab is not the space between scheme and token", "Bearer\\tTOKEN",
        level: Should, accept: [NotAuthenticated, InvalidCredentials], |token| credential("Bearer\t", &token)),
    as_good!(lower_case_scheme, "`bearer` is Bearer",
        "Sends GET to the protected endpoint with `Authorization: bearer` and a good token.",
        source: sources::SCHEME_CASE, |s, token| s.protected().authorization(credential("bearer ", &token))),
    as_good!(lower_case_field_name, "`authorization` is Authorization",
        "Sends GET to the protected endpoint with a good token under `authorization`.",
        source: sources::FIELD_NAMES,
        |s, token| s.protected().field("authorization", credential("Bearer ", &token))),
    as_good!(white_space_around_the_value, "White space around the field value is not part of it",
        "Sends GET to the protected endpoint with a good token, three spaces before `Bearer` and two after the token.",
        source: sources::FIELD_WHITESPACE, http1_only: true,
        |s, token| s.protected().authorization(credential("  Bearer ", &token).plain("  "))),
];

const PLACEHOLDERS: [&str; 10] = [
    "null",
    "undefined",
    "None",
    "[object Object]",
    "NaN",
    "false",
    "$TOKEN",
    "{{token}}",
    "<token>",
    "YOUR_TOKEN_HERE",
];
