//! TOK-3: a token is valid only until its expiry.

use super::leeway;
use crate::case::{Accept, Case};
use crate::catalogue::sources;

macro_rules! timed {
    ($name:ident, $title:literal, $what:literal, clauses: [$($clause:ident),+], level: $level:ident, source: $source:expr,
     accept: [$($accept:ident),+], |$session:ident| $mint:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [$($clause),+],
            level: $level,
            sends: concat!("Sends GET to the protected endpoint with a correctly signed token ", $what, "."),
            requirement: concat!("The deployment ", $crate::catalogue::modal!($level), " treat such a token as documented: ", $title, "."),
            source: $source,
            needs: [Key],
            accept: [$(Accept::$accept),+],
            probe: |$session| {
                let token = $mint.sign(&$session.key()?);
                $session.protected().bearer(token.text())
            },
        }
    };
}

macro_rules! no_time {
    ($name:ident, $title:literal, $what:literal, $json:literal) => {
        timed!($name, $title, $what, clauses: [Tok3, Tok1], level: Must, source: sources::NUMERIC_DATE,
            accept: [InvalidCredentials], |s| s.mint()?.claim("exp", $json))
    };
}

pub(in crate::catalogue) static CASES: &[Case] = &[
    case! {
        expired,
        title: "An expired token is refused",
        clauses: [Tok3],
        level: Must,
        sends: "Sends GET to the protected endpoint with a token that expired more than two minutes ago.",
        requirement: "The deployment must answer 401 `Invalid authentication credentials`.",
        source: sources::EXPIRED,
        needs: [Expired],
        accept: [Accept::InvalidCredentials],
        probe: |s| s.protected().bearer(s.expired()?.text()),
    },
    timed!(expired_yesterday, "A token that expired yesterday is refused", "that expired a day ago",
        clauses: [Tok3], level: Must, source: sources::EXPIRED, accept: [InvalidCredentials],
        |s| s.mint()?.claim("exp", &(s.now() - 86_400).to_string())),
    timed!(expired_in_1970, "An expiry of zero is in the past", "whose `exp` is 0",
        clauses: [Tok3], level: Must, source: sources::EXPIRED, accept: [InvalidCredentials],
        |s| s.mint()?.claim("exp", "0")),
    timed!(expired_before_1970, "A negative expiry is in the past", "whose `exp` is negative",
        clauses: [Tok3], level: Must, source: sources::EXPIRED, accept: [InvalidCredentials],
        |s| s.mint()?.claim("exp", "-1")),
    timed!(without_expiry, "A token without an expiry is refused", "without `exp`",
        clauses: [Tok3, Tok7], level: Must, source: sources::EXPIRATION, accept: [InvalidCredentials],
        |s| s.mint()?.without("exp")),
    no_time!(expiry_null, "A null expiry counts as missing", "whose `exp` is null", "null"),
    no_time!(expiry_word, "A word is not an expiry", "whose `exp` is `\"tomorrow\"`", "\"tomorrow\""),
    no_time!(expiry_true, "True is not an expiry", "whose `exp` is true", "true"),
    no_time!(expiry_array, "An array is not an expiry", "whose `exp` is an array", "[4102444800]"),
    no_time!(
        expiry_object,
        "An object is not an expiry",
        "whose `exp` is an object",
        "{\"value\":4102444800}"
    ),
    timed!(expiry_in_digits, "A string of digits is not a number", "whose `exp` is a string of digits",
        clauses: [Tok3, Tok1], level: Should, source: sources::NUMERIC_DATE, accept: [InvalidCredentials],
        |s| s.mint()?.claim("exp", &format!("\"{}\"", s.now() + 1_800))),
    timed!(expiry_beyond_9999, "An expiry after the year 9999 is malformed", "whose `exp` is in milliseconds",
        clauses: [Tok3, Tok1], level: Should, source: sources::NUMERIC_DATE, accept: [InvalidCredentials],
        |s| s.mint()?.claim("exp", &format!("{}000", s.now() + 1_800))),
    timed!(expiry_beyond_all_numbers, "An expiry too large for a number is malformed", "whose `exp` is 1e400",
        clauses: [Tok3, Tok1], level: Should, source: sources::NUMERIC_DATE, accept: [InvalidCredentials],
        |s| s.mint()?.claim("exp", "1e400")),
    timed!(expiry_with_fraction, "An expiry may have a fraction", "whose `exp` has a fraction",
        clauses: [Tok3], level: Should, source: sources::NUMERIC_DATE, accept: [Success],
        |s| s.mint()?.claim("exp", &format!("{}.25", s.now() + 1_800))),
    timed!(valid_to_the_end, "A token is good until it expires", "that expires in fifteen seconds",
        clauses: [Tok3], level: Must, source: sources::EXPIRATION, accept: [Success],
        |s| s.mint()?.claim("exp", &(s.now() + 15).to_string())),
    timed!(not_yet_valid, "A token is refused before its `nbf`", "whose `nbf` is two and a half minutes ahead",
        clauses: [Tok1], level: Must, source: sources::NOT_BEFORE, accept: [InvalidCredentials],
        |s| s.mint()?.claim("nbf", &(s.now() + 150).to_string())),
    timed!(not_yet_valid_for_days, "A token is refused days before its `nbf`", "whose `nbf` is two days ahead",
        clauses: [Tok1], level: Must, source: sources::NOT_BEFORE, accept: [InvalidCredentials],
        |s| s.mint()?.claim("exp", &(s.now() + 400_000).to_string()).claim("nbf", &(s.now() + 172_800).to_string())),
    timed!(not_before_past, "A token is accepted from its `nbf` on", "whose `nbf` is past",
        clauses: [Tok1], level: Must, source: sources::NOT_BEFORE, accept: [Success],
        |s| s.mint()?.claim("nbf", &(s.now() - 300).to_string())),
    timed!(not_before_a_word, "A word is not an `nbf`", "whose `nbf` is a word",
        clauses: [Tok1], level: Should, source: sources::NOT_BEFORE, accept: [InvalidCredentials],
        |s| s.mint()?.claim("nbf", "\"tomorrow\"")),
    timed!(issued_at_a_word, "A word is not an `iat`", "whose `iat` is a word",
        clauses: [Tok1], level: Should, source: sources::NUMERIC_DATE, accept: [InvalidCredentials],
        |s| s.mint()?.claim("iat", "\"yesterday\"")),
    case! {
        expired_after_use,
        title: "A token that was used while it was valid expires on time",
        clauses: [Tok3],
        level: Must,
        sends: "Sends GET to the protected endpoint with a token that is about to expire. After its expiry, sends it again, together with an unused token of the same expiry.",
        requirement: "The deployment must not accept a used token longer than one that it has never seen.",
        source: sources::EXPIRED,
        needs: [Key],
        accept: [Accept::InvalidCredentials],
        requests: 3,
        run: |s| leeway::after_use(s).await,
    },
    case! {
        leeway,
        title: "A leeway is at most two minutes",
        clauses: [Tok3],
        level: Must,
        sends: "Sends GET to the protected endpoint with tokens that expired between one second and five minutes ago, and so finds the leeway that is granted.",
        requirement: "The deployment must not take a token more than 120 seconds past its expiry.",
        source: sources::EXPIRED,
        needs: [Key],
        accept: [Accept::Other("a leeway of at most 120 s")],
        requests: 10,
        run: |s| leeway::bisect(s).await,
    },
    case! {
        the_second_itself,
        title: "A token is expired from the second of its expiry",
        clauses: [Tok3],
        level: Should,
        sends: "Sends GET to the protected endpoint with a token that expires in two seconds, until the deployment's Date shows that it has expired.",
        requirement: "The deployment should answer 401 from then on: at the second of its expiry, a token has expired.",
        source: sources::EXP_ON_OR_AFTER,
        needs: [Key],
        accept: [Accept::InvalidCredentials],
        requests: leeway::SECOND_ITSELF,
        run: |s| leeway::the_second_itself(s).await,
    },
];
