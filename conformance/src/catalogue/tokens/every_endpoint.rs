//! An invalid token is refused at each endpoint, under each spelling of the scheme and of the path.

use serde_json::json;

use crate::case::{Accept, Case};
use crate::catalogue::public_paths::spellings;
use crate::catalogue::sources;
use crate::judge::{self, Finding};
use crate::run::session::{Session, Stop, header_with};
use crate::token::{Compact, quote};
use crate::transport::{Request, RequestOutcome, TokenText};

/// An invalid token at the owned resource and at the operation that requires a permission.
macro_rules! at_each {
    ($($what:literal, needs: [$($need:ident),+], $token:expr, $owned:ident, $operation:ident;)+) => {
        &[$(
            case! {
                $owned,
                title: concat!($what, " is refused at the owned resource"),
                clauses: [Tok8, Org1],
                level: Must,
                sends: concat!("Sends GET to the owned resource with ", $what, "."),
                requirement: "The deployment must answer 401 `Invalid authentication credentials` at every endpoint.",
                source: sources::ALL_REQUIRE,
                needs: [Owned, $($need),+],
                accept: [Accept::InvalidCredentials],
                probe: |s| s.owned()?.bearer($token(s)?.text()),
            },
            case! {
                $operation,
                title: concat!($what, " is refused at the operation that needs a permission"),
                clauses: [Tok8, Perm1],
                level: Must,
                sends: concat!("Asks for the operation that needs a permission with ", $what, "."),
                requirement: "The deployment must answer 401 `Invalid authentication credentials` at every endpoint.",
                source: sources::ALL_REQUIRE,
                needs: [Permission, $($need),+],
                accept: [Accept::InvalidCredentials],
                probe: |s| s.permission()?.bearer($token(s)?.text()),
            },
        )+]
    };
}

fn unsigned(session: &Session) -> Result<Compact, Stop> {
    let token = session.valid()?;
    Ok(token.with_header(&header_with(&token, "alg", json!("none"))).with_signature(&[]))
}

fn changed(session: &Session, claim: &str, json: &str) -> Result<Compact, Stop> {
    Ok(session.mint()?.claim(claim, json).sign(&session.key()?))
}

fn not_yet_valid(session: &Session) -> Result<Compact, Stop> {
    changed(session, "nbf", &(session.now() + 150).to_string())
}

fn without_expiry(session: &Session) -> Result<Compact, Stop> {
    Ok(session.mint()?.without("exp").sign(&session.key()?))
}

fn other_issuer(session: &Session) -> Result<Compact, Stop> {
    changed(session, "iss", &quote("https://issuer.conformance.invalid"))
}

fn other_audience(session: &Session) -> Result<Compact, Stop> {
    changed(session, "aud", &quote("https://audience.conformance.invalid"))
}

fn critical(session: &Session) -> Result<Compact, Stop> {
    let mint = session.mint()?.header("crit", "[\"artos-conformance\"]").header("artos-conformance", "true");
    Ok(mint.sign(&session.key()?))
}

static AT_EACH: &[Case] = at_each! {
    "an unsigned token", needs: [Valid], unsigned, unsigned_on_owned, unsigned_on_operation;
    "an expired token", needs: [Expired], Session::expired, expired_on_owned, expired_on_operation;
    "a token of another environment", needs: [OtherEnvironment], Session::other_environment,
        other_environment_on_owned, other_environment_on_operation;
    "a revoked token", needs: [Revoked], Session::revoked, revoked_on_owned, revoked_on_operation;
    "a token that is not valid yet", needs: [Key], not_yet_valid, not_yet_valid_on_owned, not_yet_valid_on_operation;
    "a token without an expiry", needs: [Key], without_expiry, without_expiry_on_owned, without_expiry_on_operation;
    "a token of another issuer", needs: [Issuer], other_issuer, other_issuer_on_owned, other_issuer_on_operation;
    "a token of another audience", needs: [Audience], other_audience, other_audience_on_owned, other_audience_on_operation;
    "a token with an unknown critical extension", needs: [Key], critical, critical_on_owned, critical_on_operation;
};

/// An invalid token under another spelling of the scheme. A deployment that does not accept the spelling answers
/// accordingly.
macro_rules! under_scheme {
    ($name:ident, $scheme:literal, $what:literal, needs: $need:ident, $token:expr) => {
        case! {
            $name,
            title: concat!($what, " is refused under `", $scheme, "` too"),
            clauses: [Tok8, Hdr1],
            level: Must,
            sends: concat!("Sends GET to the protected endpoint with ", $what, " under the scheme `", $scheme, "`."),
            requirement: "The deployment must answer 401.",
            source: sources::SCHEME_CASE,
            needs: [$need],
            accept: [Accept::InvalidCredentials, Accept::NotAuthenticated],
            probe: |s| s.protected().authorization(TokenText::from(concat!($scheme, " ")).token($token(s)?.text())),
        }
    };
}

static UNDER_SCHEME: &[Case] = &[
    under_scheme!(forged_under_lower_case, "bearer", "a forged token", needs: Valid, Session::forged),
    under_scheme!(expired_under_lower_case, "bearer", "an expired token", needs: Expired, Session::expired),
    under_scheme!(forged_under_capitals, "BEARER", "a forged token", needs: Valid, Session::forged),
    under_scheme!(unsigned_under_capitals, "BEARER", "an unsigned token", needs: Valid, unsigned),
];

/// A forged token at an alternative spelling of the protected path.
macro_rules! at_spelling {
    ($name:ident, $what:literal, |$path:ident| $spelling:expr) => {
        case! {
            $name,
            title: concat!("A forged token opens nothing at the protected path with ", $what),
            clauses: [Tok8, Pub2],
            level: Must,
            sends: concat!("Sends GET to the protected path with ", $what, ", with a forged token."),
            requirement: "The deployment must not let the request through.",
            source: sources::ALL_REQUIRE,
            needs: [Valid],
            accept: [Accept::InvalidCredentials, Accept::Closed],
            probe: |s| {
                let $path = spellings::protected_path(s);
                with_forged(s, $spelling)?
            },
        }
    };
}

fn with_forged(session: &Session, target: String) -> Result<Request, Stop> {
    Ok(spellings::get(target).bearer(session.forged()?.text()))
}

static AT_SPELLING: &[Case] = &[
    at_spelling!(forged_at_other_ending, "its trailing slash added or removed", |path| {
        spellings::other_ending(path)
    }),
    at_spelling!(forged_at_encoded_letter, "a percent-encoded letter", |path| spellings::encoded_letter(
        path
    )),
    at_spelling!(forged_at_doubled_slash, "a doubled slash", |path| spellings::last_slash(path, "//")),
    at_spelling!(forged_at_dot_segment, "a dot segment", |path| spellings::last_slash(path, "/./")),
    at_spelling!(forged_at_capitals, "capitals for letters", |path| path.to_uppercase()),
];

/// A forged token at an alternative spelling of the owned path.
macro_rules! at_owned_spelling {
    ($name:ident, $what:literal, |$path:ident| $spelling:expr) => {
        case! {
            $name,
            title: concat!("A forged token opens nothing at the owned path with ", $what),
            clauses: [Tok8, Org1, Pub2],
            level: Must,
            sends: concat!("Sends GET to the owned path with ", $what, ", with a forged token of its organization."),
            requirement: "The deployment must not let the request through.",
            source: sources::ALL_REQUIRE,
            needs: [Owned, Valid],
            accept: [Accept::InvalidCredentials, Accept::Closed],
            probe: |s| {
                let owned = spellings::owned_path(s)?;
                let $path = owned.as_str();
                with_forged(s, $spelling)?
            },
        }
    };
}

static AT_OWNED_SPELLING: &[Case] = &[
    at_owned_spelling!(forged_at_owned_other_ending, "its trailing slash added or removed", |path| {
        spellings::other_ending(path)
    }),
    at_owned_spelling!(forged_at_owned_encoded_letter, "a percent-encoded letter", |path| {
        spellings::encoded_letter(path)
    }),
    at_owned_spelling!(forged_at_owned_doubled_slash, "a doubled slash", |path| {
        spellings::last_slash(path, "//")
    }),
    at_owned_spelling!(forged_at_owned_dot_segment, "a dot segment", |path| {
        spellings::last_slash(path, "/./")
    }),
    case! {
        bad_tokens_at_other_spellings,
        title: "Invalid tokens are refused at every other spelling of the protected path that returns its content",
        clauses: [Tok8, Tok3, Pub2],
        level: Must,
        sends: "Sends GET to five other spellings of the protected path with a good token, and to each that returns the endpoint's content with one invalid token after another.",
        requirement: "The deployment must answer 401 to the bad tokens, or let nothing through.",
        source: sources::ALL_REQUIRE,
        needs: [Valid],
        accept: [Accept::InvalidCredentials, Accept::Closed],
        requests: AT_SPELLINGS,
        run: |s| at_spellings(s).await,
    },
];

/// The spellings that [`at_spellings`] requests, and six invalid tokens.
const AT_SPELLINGS: u32 = 11;

/// Mints a token.
type MakeToken = fn(&Session) -> Result<Compact, Stop>;

/// Kinds of invalid token; those that the profile cannot provide are left out.
const BAD_TOKENS: [(&str, MakeToken); 9] = [
    ("an expired token", Session::expired),
    ("an unsigned token", unsigned),
    ("a token of another environment", Session::other_environment),
    ("a revoked token", Session::revoked),
    ("a token that is not valid yet", not_yet_valid),
    ("a token without an expiry", without_expiry),
    ("a token with an unknown critical extension", critical),
    ("a token of another issuer", other_issuer),
    ("a token of another audience", other_audience),
];

/// Takes the usable spellings in turn, so that every kind of token is sent, whichever spellings are usable.
async fn at_spellings(session: &mut Session) -> Result<Finding, Stop> {
    let path = spellings::protected_path(session).to_owned();
    let good = session.valid()?;
    let mut serving = Vec::new();
    let targets = [
        spellings::other_ending(&path),
        spellings::encoded_letter(&path),
        spellings::last_slash(&path, "//"),
        spellings::last_slash(&path, "/./"),
        path.to_uppercase(),
    ];
    for target in targets {
        let answer = session.send(spellings::get(target.clone()).bearer(good.text())).await?;
        let known = session.known().protected.clone();
        if let (RequestOutcome::Response(response), Some(known)) = (&answer, &known)
            && response.is_success()
            && judge::same_content(known, response)
        {
            serving.push(target);
        }
    }
    if serving.is_empty() {
        return Ok(Finding::kept("no other spelling serves"));
    }
    let tokens = BAD_TOKENS.iter().filter_map(|(what, make)| Some((*what, make(session).ok()?)));
    let tokens: Vec<(&str, Compact)> = tokens.collect();
    let rest = usize::try_from(AT_SPELLINGS).unwrap_or_default().saturating_sub(session.exchanges().len());
    for ((what, token), target) in tokens.iter().zip(serving.iter().cycle()).take(rest) {
        session.send(spellings::get(target.clone()).bearer(token.text())).await?;
        let finding = session.judge_last().await?;
        if !finding.kept {
            return Ok(finding.remark(format!("the token was {what}")));
        }
    }
    Ok(Finding::kept("each bad token was refused"))
}

/// Two defects: the check that comes first in the contract decides.
macro_rules! two_defects {
    ($name:ident, $what:literal, clauses: [$($clause:ident),+], needs: [$($need:ident),+], |$session:ident| $request:expr) => {
        case! {
            $name,
            title: concat!("Authentication comes first: ", $what),
            clauses: [$($clause),+],
            level: Must,
            sends: concat!("Sends ", $what, "."),
            requirement: "The deployment must answer 401 `Invalid authentication credentials`, not 403: authentication comes before authorization.",
            source: sources::NOT_VALID,
            needs: [$($need),+],
            accept: [Accept::InvalidCredentials],
            probe: |$session| $request,
        }
    };
}

static TWO_DEFECTS: &[Case] = &[
    two_defects!(forged_and_foreign, "another organization's token with a forged signature to the owned resource",
        clauses: [Tok8, Org1], needs: [Owned, OtherOrganization],
        |s| s.owned()?.bearer(s.other_organization()?.with_signature(&[0; 64]).text())),
    two_defects!(expired_and_foreign, "another organization's expired token to the owned resource",
    clauses: [Tok3, Org1], needs: [Key, Owned, OtherOrganization],
    |s| {
        let claim = s.organization_claim()?;
        let mint = s.expired_mint()?.claim(&claim, &quote(&s.other_organization_id()?));
        s.owned()?.bearer(mint.sign(&s.key()?).text())
    }),
    two_defects!(expired_without_organization, "an expired token without an organization to the protected endpoint",
        clauses: [Tok3, Org2], needs: [Key],
        |s| s.protected().bearer(s.expired_mint()?.without(&s.organization_claim()?).sign(&s.key()?).text())),
    two_defects!(expired_without_permission, "an expired token without the permission to the operation that needs it",
        clauses: [Tok3, Perm1], needs: [Key, Permission],
        |s| s.permission()?.bearer(s.expired_mint()?.claim(&s.permissions_claim()?, "[]").sign(&s.key()?).text())),
    two_defects!(forged_without_permission, "a forged token without the permission to the operation that needs it",
        clauses: [Tok8, Perm1], needs: [NoPermission, Permission],
        |s| s.permission()?.bearer(s.no_permission()?.with_signature(&[0; 64]).text())),
];

/// The cases of this file, by topic.
pub(in crate::catalogue) static TOPICS: [&[Case]; 5] =
    [AT_EACH, UNDER_SCHEME, AT_SPELLING, AT_OWNED_SPELLING, TWO_DEFECTS];
