//! ORG-1, ORG-3, ORG-4: access to resources of an organization.

use serde_json::Value;

use crate::case::{Accept, Case};
use crate::catalogue::public_paths::spellings;
use crate::catalogue::sources;
use crate::judge::{self, Finding};
use crate::profile::TokenKind;
use crate::run::session::{Session, Stop};
use crate::transport::{Request, RequestOutcome, Response};

/// A valid token of another organization: 403, or 404 without the resource.
macro_rules! foreign {
    ($name:ident, $title:literal, $sends:expr, needs: [$($need:ident),+], |$session:ident| $request:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [Org1, Org4],
            level: Must,
            sends: $sends,
            requirement: "The deployment must answer 403, or 404 without the resource.",
            source: sources::ONLY_OWN,
            needs: [$($need),+],
            accept: [Accept::Forbidden, Accept::Hidden],
            probe: |$session| $request,
        }
    };
}

/// An alternative spelling of the owned resource's path, with a valid token of another organization.
macro_rules! spelled {
    ($name:ident, $what:literal, |$path:ident| $spelling:expr) => {
        case! {
            $name,
            title: concat!("Another organization does not read the resource by its path with ", $what),
            clauses: [Org1, Org4],
            level: Must,
            sends: concat!("Sends GET to the owned resource's path with ", $what, ", with another organization's token."),
            requirement: "The deployment must not show the resource.",
            source: sources::PREVENTED,
            needs: [Owned, OtherOrganization],
            accept: [Accept::Forbidden, Accept::Hidden, Accept::NotTheResource],
            probe: |s| {
                let path = spellings::owned_path(s)?;
                let $path = path.as_str();
                spellings::get($spelling).bearer(s.other_organization()?.text())
            },
        }
    };
}

/// What a response to another organization reveals of the owner: its organization, or the id of the owned resource.
fn rows_of(response: &Response, session: &Session) -> Result<Option<&'static str>, Stop> {
    let Some(json) = response.json().filter(|_| response.is_success()) else { return Ok(None) };
    let owner = owner(session)?;
    let path = spellings::owned_path(session)?;
    let path = path.split('?').next().unwrap_or_default().trim_end_matches('/');
    let id = path.rsplit('/').next().unwrap_or_default();
    // A short string would match by coincidence.
    let is_id = |text: &str| text == path || id.len() >= 4 && text == id;
    let strings = judge::strings(&json);
    Ok(if strings.iter().any(|text| is_id(text)) {
        Some("the owned resource")
    } else if strings.contains(&owner.as_str()) {
        Some("the owner's organization")
    } else {
        None
    })
}

/// The owner is named outside the token.
macro_rules! smuggled {
    ($name:ident, $title:literal, $what:literal, |$request:ident, $owner:ident| $change:expr) => {
        foreign!($name, $title,
            concat!("Sends GET to the owned resource with another organization's token and ", $what, "."),
            needs: [Owned, OtherOrganization],
            |s| {
                let ($request, $owner) = (foreign(s)?, owner(s)?);
                $change
            })
    };
}

/// GET of the owned resource with another organization's token.
fn foreign(session: &Session) -> Result<Request, Stop> {
    Ok(session.owned()?.bearer(session.other_organization()?.text()))
}

fn owner(session: &Session) -> Result<String, Stop> {
    let owned = session.profile().endpoints.owned.as_ref();
    owned.map(|owned| owned.organization.clone()).ok_or_else(|| Stop::Skip("needs endpoints.owned".into()))
}

/// A request that would write the owned resource. Its body is what the owner reads there: a deployment that validates
/// bodies most likely accepts it, and one that wrongly performs the write changes nothing.
fn write(session: &Session, method: &str) -> Result<Request, Stop> {
    let mut request = foreign(session)?;
    request.method = method.into();
    if method == "DELETE" {
        return Ok(request);
    }
    let resource = session.known().owned.as_ref().and_then(Response::json).filter(Value::is_object);
    let body = resource.map_or_else(|| "{}".to_owned(), |resource| resource.to_string());
    Ok(request.with_body("application/json", body))
}

pub(in crate::catalogue) static CASES: &[Case] = &[
    case! {
        own_resource,
        title: "An organization reads its own resource",
        clauses: [Org4],
        level: Must,
        sends: "Sends GET to the owned resource with a token of its organization.",
        requirement: "The deployment must answer 2xx.",
        source: sources::ORGANIZATION_ID,
        needs: [Owned, Valid],
        accept: [Accept::Success],
        shared: "the owner's token", |s| s.owned()?.bearer(s.valid()?.text()),
    },
    case! {
        other_organization_authenticates,
        title: "Another organization can authenticate",
        clauses: [Org4],
        level: Must,
        sends: "Sends GET to the protected endpoint with another organization's token.",
        requirement: "The deployment must answer 2xx: the token is good.",
        source: sources::INCLUDE,
        needs: [OtherOrganization],
        accept: [Accept::Success],
        probe: |s| s.protected().bearer(s.other_organization()?.text()),
    },
    case! {
        read,
        title: "Another organization does not read the resource",
        clauses: [Org1, Org4],
        level: Must,
        sends: "Sends GET to the owned resource with another organization's token.",
        requirement: "The deployment must answer 403, or 404 without the resource.",
        source: sources::ONLY_OWN,
        needs: [Owned, OtherOrganization],
        accept: [Accept::Forbidden, Accept::Hidden],
        shared: "another organization's token", |s| foreign(s)?,
    },
    case! {
        read_is_403,
        title: "Another organization's resource is 403",
        clauses: [Org1],
        level: Should,
        sends: "Sends GET to the owned resource with another organization's token.",
        requirement: "The deployment should answer 403: the documentation names 403, though it hides some resources with 404.",
        source: sources::WRONG_ORGANIZATION,
        needs: [Owned, OtherOrganization],
        accept: [Accept::Forbidden],
        shared: "another organization's token", |s| foreign(s)?,
    },
    case! {
        head,
        title: "HEAD tells another organization nothing",
        clauses: [Org1, Org4],
        level: Must,
        sends: "Sends HEAD to the owned resource with another organization's token.",
        requirement: "The deployment must answer 403 or 404.",
        source: sources::ONLY_OWN,
        needs: [Owned, OtherOrganization],
        accept: [Accept::Forbidden, Accept::Hidden, Accept::Contentless],
        probe: |s| {
            let mut request = foreign(s)?;
            request.method = "HEAD".into();
            request
        },
    },
    case! {
        options,
        title: "OPTIONS tells another organization nothing",
        clauses: [Org1, Org4],
        level: Must,
        sends: "Sends OPTIONS to the owned resource with another organization's token.",
        requirement: "The deployment must not answer 2xx with content.",
        source: sources::ONLY_OWN,
        needs: [Owned, OtherOrganization],
        accept: [Accept::Forbidden, Accept::Closed, Accept::Contentless],
        probe: |s| {
            let mut request = foreign(s)?;
            request.method = "OPTIONS".into();
            request
        },
    },
    case! {
        cors_preflight,
        title: "A CORS preflight shows nothing of the owned resource",
        clauses: [Org1, Pub2],
        level: Must,
        sends: "Sends OPTIONS to the owned resource as browsers ask before a cross-origin GET, without a token.",
        requirement: "The deployment must not answer with the content of the resource.",
        source: sources::ALL_REQUIRE,
        needs: [Owned],
        accept: [Accept::Closed, Accept::Contentless],
        probe: |s| crate::catalogue::public_paths::method::preflight(s.owned()?),
    },
    case! {
        list_shows_no_other_rows,
        title: "A list shows nothing of another organization",
        clauses: [Org4, Org1],
        level: Must,
        sends: "Sends GET to the protected endpoint with another organization's token, and looks for the owned resource in the answer.",
        requirement: "The deployment must not show the owned resource, its id or its organization.",
        source: sources::ONLY_OWN,
        needs: [Owned, OtherOrganization],
        accept: [Accept::Other("an answer without anything of the owner's")],
        requests: 1,
        run: |s| {
            let answer = s.send(s.protected().bearer(s.other_organization()?.text())).await?;
            let observed = judge::describe(&answer, s.known());
            let RequestOutcome::Response(response) = answer else { return Ok(Finding::broken(observed).at(0)) };
            Ok(match rows_of(&response, s)? {
                None => Finding::kept(observed).at(0),
                Some(what) => Finding::broken(format!("{} with {what}", response.status)).at(0).allowed(),
            })
        },
    },
    spelled!(trailing_slash, "its trailing slash added or removed", |path| spellings::other_ending(path)),
    spelled!(encoded_letter, "a percent-encoded letter", |path| spellings::encoded_letter(path)),
    spelled!(doubled_slash, "a doubled slash", |path| spellings::last_slash(path, "//")),
    spelled!(dot_segment, "a dot segment", |path| spellings::last_slash(path, "/./")),
    spelled!(detour, "a way up and down again", |path| spellings::detour(path, "..")),
    spelled!(capitals, "capitals for letters", |path| path.to_uppercase()),
    spelled!(path_parameter, "a parameter added", |path| format!("{path};x=1")),
    spelled!(query_added, "a query", |path| format!("{path}?artos=1")),
    foreign!(conditional, "A condition tells another organization nothing",
        "Sends GET to the owned resource with another organization's token and `If-None-Match: *`.",
        needs: [Owned, OtherOrganization], |s| foreign(s)?.field("If-None-Match", "*")),
    foreign!(put, "Another organization does not overwrite the resource",
        "Sends PUT with the resource's own content to the owned resource, with another organization's token.",
        needs: [Owned, OtherOrganization, Writes], |s| write(s, "PUT")?),
    foreign!(patch, "Another organization does not change the resource",
        "Sends PATCH with the resource's own content to the owned resource, with another organization's token.",
        needs: [Owned, OtherOrganization, Writes], |s| write(s, "PATCH")?),
    foreign!(delete, "Another organization does not delete the resource",
        "Sends DELETE to the owned resource with another organization's token.",
        needs: [Owned, OtherOrganization, Writes], |s| write(s, "DELETE")?),
    smuggled!(
        owner_in_x_org_id,
        "The organization is not read from `X-Org-Id`",
        "the owner in `X-Org-Id`",
        |request, owner| request.field("X-Org-Id", owner)
    ),
    smuggled!(
        owner_in_x_organization_id,
        "The organization is not read from `X-Organization-Id`",
        "the owner in `X-Organization-Id`",
        |request, owner| request.field("X-Organization-Id", owner)
    ),
    smuggled!(
        owner_in_x_tenant_id,
        "The organization is not read from `X-Tenant-Id`",
        "the owner in `X-Tenant-Id`",
        |request, owner| request.field("X-Tenant-Id", owner)
    ),
    smuggled!(
        owner_in_x_auth_org_id,
        "The organization is not read from `X-Auth-Org-Id`",
        "the owner in `X-Auth-Org-Id`",
        |request, owner| request.field("X-Auth-Org-Id", owner)
    ),
    smuggled!(
        owner_in_query,
        "The organization is not read from the query",
        "the owner in the query",
        |request, owner| {
            let mut request = request;
            request.target =
                request.target.plain(format!("?org_id={owner}&organization={owner}&tenant={owner}"));
            request
        }
    ),
    smuggled!(
        owner_in_cookie,
        "The organization is not read from a cookie",
        "the owner in a cookie",
        |request, owner| request.field("Cookie", format!("org_id={owner}; organization={owner}"))
    ),
    case! {
        owner_beside_other_claim,
        title: "A second claim does not change the organization",
        clauses: [Org1, Tok7],
        level: Must,
        sends: "Sends GET to the owned resource with another organization's token that also names the owner, under six other names.",
        requirement: "The deployment must answer 403, or 404 without the resource.",
        source: sources::PREVENTED,
        needs: [Key, Owned, OtherOrganization],
        accept: [Accept::Forbidden, Accept::Hidden],
        probe: |s| {
            let (claim, owner) = (s.organization_claim()?, crate::token::quote(&owner(s)?));
            let mut mint = s.mint()?.claim(&claim, "\"org-nobody-knows\"");
            if let Ok(other) = s.other_organization_id() {
                mint = mint.claim(&claim, &crate::token::quote(&other));
            }
            for name in ["org", "organization", "organization_id", "tenant", "tenant_id", "ORG_ID"] {
                if name != claim {
                    mint = mint.append(name, &owner);
                }
            }
            s.owned()?.bearer(mint.sign(&s.key()?).text())
        },
    },
    case! {
        identity_in_fields_without_token,
        title: "An identity in header fields is not a token",
        clauses: [Org4, Hdr2],
        level: Must,
        sends: "Sends GET to the owned resource with the owner in `X-Auth-Org-Id`, `X-Auth-User-Id` and `X-Forwarded-User`, without a token.",
        requirement: "The deployment must answer 401 `Not authenticated`.",
        source: sources::ALL_REQUIRE,
        needs: [Owned],
        accept: [Accept::NotAuthenticated],
        probe: |s| {
            let owner = owner(s)?;
            s.owned()?
                .field("X-Auth-Org-Id", owner)
                .field("X-Auth-User-Id", "conformance")
                .field("X-Forwarded-User", "conformance")
        },
    },
    case! {
        other_identity_fields_without_token,
        title: "An identity in other header fields is not a token either",
        clauses: [Org4, Hdr2],
        level: Must,
        sends: "Sends GET to the owned resource with the owner in `X-Org-Id`, `X-User-Id`, `X_Auth_Org_Id` and `X_Auth_User_Id`, without a token.",
        requirement: "The deployment must answer 401 `Not authenticated`.",
        source: sources::ALL_REQUIRE,
        needs: [Owned],
        accept: [Accept::NotAuthenticated],
        probe: |s| {
            let owner = owner(s)?;
            s.owned()?
                .field("X-Org-Id", owner.clone())
                .field("X-User-Id", "conformance")
                .field("X_Auth_Org_Id", owner)
                .field("X_Auth_User_Id", "conformance")
        },
    },
    case! {
        field_instead_of_claim,
        title: "A field does not stand in for a missing organization",
        clauses: [Org2, Org4],
        level: Must,
        sends: "Sends GET to the protected endpoint with a token that names no organization, and one in `X-Org-Id` and `X-Auth-Org-Id`.",
        requirement: "The deployment must answer 403 `User has no organization or not authorized`.",
        source: sources::NOT_CONFIGURED,
        needs: [NoOrganization, Owned],
        accept: [Accept::Forbidden],
        probe: |s| {
            let owner = owner(s)?;
            s.protected()
                .bearer(s.no_organization()?.text())
                .field("X-Org-Id", owner.clone())
                .field("X-Auth-Org-Id", owner)
        },
    },
    case! {
        forged_token_of_the_owner,
        title: "A forged token of the owner is 401, not 403",
        clauses: [Tok8, Org1],
        level: Must,
        sends: "Sends GET to the owned resource with a token of its organization whose signature was replaced by zeros.",
        requirement: "The deployment must answer 401: authentication comes before authorization.",
        source: sources::NOT_VALID,
        needs: [Owned, Valid],
        accept: [Accept::InvalidCredentials],
        probe: |s| s.owned()?.bearer(s.forged()?.text()),
    },
    case! {
        no_token_on_owned_resource,
        title: "An owned resource without a token is 401, not 403",
        clauses: [Hdr2, Org1],
        level: Must,
        sends: "Sends GET to the owned resource without a token.",
        requirement: "The deployment must answer 401 `Not authenticated`.",
        source: sources::MISSING,
        needs: [Owned],
        accept: [Accept::NotAuthenticated],
        probe: |s| s.owned()?,
    },
    case! {
        not_a_member,
        title: "A user who is not a member of the organization gets 403",
        clauses: [Org3],
        level: Must,
        sends: "Sends GET to the protected endpoint with a token of a user who is not a member of the organization.",
        requirement: "The deployment must answer 403 `User has no organization or not authorized`.",
        source: sources::ONLY_OWN,
        needs: [NotAMember],
        accept: [Accept::Forbidden],
        probe: |s| s.protected().bearer(s.only_named(TokenKind::NotAMember)?.text()),
    },
    case! {
        account_not_configured,
        title: "A user whose account is not configured gets 403",
        clauses: [Org2],
        level: Must,
        sends: "Sends GET to the protected endpoint with a token of a user whose account is not configured.",
        requirement: "The deployment must answer 403 `User has no organization or not authorized`.",
        source: sources::NOT_CONFIGURED,
        needs: [NotConfigured],
        accept: [Accept::Forbidden],
        probe: |s| s.protected().bearer(s.only_named(TokenKind::NotConfigured)?.text()),
    },
];
