//! TOK-7, ORG-2: user and organization are used exactly as in the token.

use crate::case::{Accept, Case};
use crate::catalogue::sources;
use crate::token::quote;

/// A token with an incomplete identity: 403.
macro_rules! not_configured {
    ($name:ident, $title:literal, $what:literal, source: $source:expr, needs: [$($need:ident),+], |$session:ident| $token:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [Org2, Tok7],
            level: Must,
            sends: concat!("Sends GET to the protected endpoint with a correctly signed token ", $what, "."),
            requirement: "The deployment must answer 403 `User has no organization or not authorized`.",
            source: $source,
            needs: [$($need),+],
            accept: [Accept::Forbidden],
            probe: |$session| {
                let token = $token;
                $session.protected().bearer(token.text())
            },
        }
    };
}

/// A token without a user: 403, or 401 if the deployment treats such a token as invalid.
macro_rules! no_user {
    ($name:ident, $title:literal, $what:literal, |$session:ident| $mint:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [Org2, Tok7],
            level: Must,
            sends: concat!("Sends GET to the protected endpoint with a correctly signed token ", $what, "."),
            requirement: "The deployment must answer 403 `User has no organization or not authorized`, or 401.",
            source: sources::USER_ID,
            needs: [Key],
            accept: [Accept::Forbidden, Accept::InvalidCredentials],
            probe: |$session| {
                let token = $mint.sign(&$session.key()?);
                $session.protected().bearer(token.text())
            },
        }
    };
}

/// A token whose identity is of the wrong type.
macro_rules! malformed {
    ($name:ident, $title:literal, $what:literal, level: $level:ident, source: $source:expr, $claim:ident, |$value:ident| $json:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [Tok1, Tok7],
            level: $level,
            sends: concat!("Sends GET to the protected endpoint with a correctly signed token ", $what, "."),
            requirement: concat!("The deployment ", $crate::catalogue::modal!($level), " answer 401 `Invalid authentication credentials`: the claim is malformed."),
            source: $source,
            needs: [Key],
            accept: [Accept::InvalidCredentials],
            probe: |s| {
                let $value = s.organization()?;
                let token = s.mint()?.claim(&s.$claim()?, &$json).sign(&s.key()?);
                s.protected().bearer(token.text())
            },
        }
    };
}

/// An organization similar to the owner of a resource, but not equal.
macro_rules! another_organization {
    ($name:ident, $title:literal, $what:literal, |$owner:ident| $json:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [Org1, Tok7],
            level: Must,
            sends: concat!("Sends GET to the owned resource with a correctly signed token whose organization is ", $what, "."),
            requirement: "The deployment must not show the resource: the organization is not its owner.",
            source: sources::PREVENTED,
            needs: [Key, Owned],
            accept: [Accept::Forbidden, Accept::Hidden, Accept::InvalidCredentials],
            probe: |s| {
                let $owner = s.organization()?;
                let token = s.mint()?.claim(&s.organization_claim()?, &$json).sign(&s.key()?);
                s.owned()?.bearer(token.text())
            },
        }
    };
}

pub(in crate::catalogue) static CASES: &[Case] = &[
    not_configured!(no_organization, "A token without an organization opens nothing", "without an organization",
        source: sources::NOT_CONFIGURED, needs: [NoOrganization], |s| s.no_organization()?),
    not_configured!(organization_null, "A null organization counts as missing", "whose organization is null",
        source: sources::NOT_CONFIGURED, needs: [Key],
        |s| s.mint()?.claim(&s.organization_claim()?, "null").sign(&s.key()?)),
    not_configured!(organization_empty, "An empty organization counts as missing", "whose organization is empty",
        source: sources::NOT_CONFIGURED, needs: [Key],
        |s| s.mint()?.claim(&s.organization_claim()?, "\"\"").sign(&s.key()?)),
    not_configured!(organization_under_another_name, "The organization is read from its own claim only",
    "whose organization stands under six other names",
    source: sources::ORGANIZATION_ID, needs: [Key],
    |s| {
        let (claim, organization) = (s.organization_claim()?, quote(&s.organization()?));
        let mut mint = s.mint()?.without(&claim);
        for name in ["org", "organization", "organization_id", "tenant", "tenant_id", "ORG_ID"] {
            if name != claim {
                mint = mint.append(name, &organization);
            }
        }
        mint.sign(&s.key()?)
    }),
    no_user!(no_user, "A token without a user is refused", "without a user", |s| s
        .mint()?
        .without(&s.user_claim()?)),
    no_user!(user_null, "A token whose user is null is refused", "whose user is null", |s| s
        .mint()?
        .claim(&s.user_claim()?, "null")),
    no_user!(user_empty, "A token with an empty user is refused", "whose user is empty", |s| s
        .mint()?
        .claim(&s.user_claim()?, "\"\"")),
    case! {
        no_user_is_403,
        title: "A token without a user is 403",
        clauses: [Org2],
        level: Should,
        sends: "Sends GET to the protected endpoint with a correctly signed token without a user.",
        requirement: "The deployment should answer 403 `User has no organization or not authorized`: the token is valid, the account is not configured.",
        source: sources::NOT_CONFIGURED,
        needs: [Key],
        accept: [Accept::Forbidden],
        shared: "a token without a user", |s| s.protected().bearer(s.mint()?.without(&s.user_claim()?).sign(&s.key()?).text()),
    },
    case! {
        no_organization_on_owned_resource,
        title: "A token without an organization opens nobody's resource",
        clauses: [Org2, Org1],
        level: Must,
        sends: "Sends GET to the owned resource with a token that names no organization.",
        requirement: "The deployment must answer 403, or 404 without the resource.",
        source: sources::NOT_CONFIGURED,
        needs: [NoOrganization, Owned],
        accept: [Accept::Forbidden, Accept::Hidden],
        probe: |s| s.owned()?.bearer(s.no_organization()?.text()),
    },
    malformed!(organization_in_an_array, "An organization in an array is malformed", "whose organization stands in an array",
        level: Must, source: sources::ORGANIZATION_ID, organization_claim, |own| format!("[{}]", quote(&own))),
    malformed!(two_organizations, "Two organizations are malformed", "of two organizations",
        level: Must, source: sources::ORGANIZATION_ID, organization_claim,
        |own| format!("[{},\"org-nobody-knows\"]", quote(&own))),
    malformed!(organization_an_object, "An organization that is an object is malformed", "whose organization is an object",
        level: Must, source: sources::ORGANIZATION_ID, organization_claim, |own| format!("{{\"id\":{}}}", quote(&own))),
    malformed!(organization_a_number, "An organization that is a number is malformed", "whose organization is a number",
        level: Should, source: sources::ORGANIZATION_ID, organization_claim, |_own| "7"),
    malformed!(user_a_number, "A number is no user", "whose user is a number",
        level: Should, source: sources::STRING_TYPES, user_claim, |_own| "7"),
    malformed!(user_an_object, "An object is no user", "whose user is an object",
        level: Should, source: sources::STRING_TYPES, user_claim, |_own| "{\"id\":\"conformance\"}"),
    malformed!(user_with_control_character, "A user with a control character is malformed", "whose user holds a NUL",
        level: Should, source: sources::STRING_TYPES, user_claim, |_own| quote("conformance\0admin")),
    another_organization!(
        array_with_the_owner,
        "An array that holds the owner is not the owner",
        "an array of another organization and the owner",
        |owner| format!("[\"org-nobody-knows\",{}]", quote(&owner))
    ),
    another_organization!(
        in_another_case,
        "An organization is compared byte for byte",
        "the owner with its case changed",
        |owner| quote(&if owner == owner.to_uppercase() {
            owner.to_lowercase()
        } else {
            owner.to_uppercase()
        })
    ),
    another_organization!(
        space_behind,
        "An organization followed by a space is another",
        "the owner and a space",
        |owner| quote(&format!("{owner} "))
    ),
    another_organization!(
        nul_behind,
        "An organization is not cut at a NUL",
        "the owner, a NUL and more",
        |owner| quote(&format!("{owner}\0x"))
    ),
    another_organization!(
        full_width,
        "Full-width letters make another organization",
        "the owner in full-width letters",
        |owner| quote(
            &owner
                .chars()
                .map(|letter| match letter {
                    '!'..='~' => char::from_u32(u32::from(letter) + 0xfee0).unwrap_or(letter),
                    other => other,
                })
                .collect::<String>()
        )
    ),
    another_organization!(
        longer,
        "An organization that begins like the owner is another",
        "the owner and a letter more",
        |owner| quote(&format!("{owner}x"))
    ),
    another_organization!(
        list_with_the_owner,
        "A list in a string is not the owner",
        "another organization, a comma and the owner",
        |owner| quote(&format!("org-nobody-knows,{owner}"))
    ),
    another_organization!(asterisk, "`*` is not an organization that matches all", "`*`", |_owner| quote(
        "*"
    )),
];
