//! PERM-1: an operation requires exactly its permission.

use crate::case::{Accept, Case};
use crate::catalogue::sources;
use crate::token::quote;

macro_rules! lacks {
    ($name:ident, $title:literal, $what:literal, |$needed:ident| $json:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [Perm1],
            level: Must,
            sends: concat!("Asks for the operation that needs a permission with a token whose permissions are ", $what, "."),
            requirement: "The deployment must answer 403, or 401 where the claim is malformed.",
            source: sources::PERMISSIONS,
            needs: [Key, Permission],
            accept: [Accept::Forbidden, Accept::InvalidCredentials],
            probe: |s| {
                let $needed = s.needed_permission()?;
                let token = s.mint()?.claim(&s.permissions_claim()?, &$json).sign(&s.key()?);
                s.permission()?.bearer(token.text())
            },
        }
    };
}

macro_rules! has {
    ($name:ident, $title:literal, $what:literal, |$needed:ident| $json:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [Perm1, Tok7],
            level: Should,
            sends: concat!("Asks for the operation that needs a permission with a token whose permissions are ", $what, "."),
            requirement: "The deployment should let it through.",
            source: sources::PERMISSIONS,
            needs: [Key, Permission],
            accept: [Accept::LetThrough],
            probe: |s| {
                let $needed = s.needed_permission()?;
                let token = s.mint()?.claim(&s.permissions_claim()?, &$json).sign(&s.key()?);
                s.permission()?.bearer(token.text())
            },
        }
    };
}

pub(in crate::catalogue) static CASES: &[Case] = &[
    case! {
        granted,
        title: "An operation is available with its permission",
        clauses: [Perm1],
        level: Must,
        sends: "Asks for the operation that needs a permission with a good token that has it.",
        requirement: "The deployment must let it through.",
        source: sources::PERMISSIONS,
        needs: [Valid, Permission],
        accept: [Accept::LetThrough],
        probe: |s| {
            let token = match s.profile().signing.is_some() {
                true => s.mint()?.claim(&s.permissions_claim()?, &format!("[{}]", quote(&s.needed_permission()?))).sign(&s.key()?),
                false => s.valid()?,
            };
            s.permission()?.bearer(token.text())
        },
    },
    case! {
        lacking,
        title: "An operation without its permission is 403",
        clauses: [Perm1],
        level: Must,
        sends: "Asks for the operation that needs a permission with a good token that lacks it.",
        requirement: "The deployment must answer 403 `User has no organization or not authorized`.",
        source: sources::PERMISSIONS,
        needs: [NoPermission, Permission],
        accept: [Accept::Forbidden],
        probe: |s| s.permission()?.bearer(s.no_permission()?.text()),
    },
    case! {
        claim_missing,
        title: "A token without permissions has none",
        clauses: [Perm1],
        level: Must,
        sends: "Asks for the operation that needs a permission with a token without the claim.",
        requirement: "The deployment must answer 403 `User has no organization or not authorized`.",
        source: sources::PERMISSIONS,
        needs: [Key, Permission],
        accept: [Accept::Forbidden],
        probe: |s| {
            let token = s.mint()?.without(&s.permissions_claim()?).sign(&s.key()?);
            s.permission()?.bearer(token.text())
        },
    },
    case! {
        without_token,
        title: "An operation that needs a permission needs a token first",
        clauses: [Hdr2, Perm1],
        level: Must,
        sends: "Asks for the operation that needs a permission without a token.",
        requirement: "The deployment must answer 401 `Not authenticated`.",
        source: sources::MISSING,
        needs: [Permission],
        accept: [Accept::NotAuthenticated],
        probe: |s| s.permission()?,
    },
    case! {
        with_forged_token,
        title: "A forged token has no permissions",
        clauses: [Tok8, Perm1],
        level: Must,
        sends: "Asks for the operation that needs a permission with a good token whose signature was replaced by zeros.",
        requirement: "The deployment must answer 401: authentication comes before authorization.",
        source: sources::NOT_VALID,
        needs: [Valid, Permission],
        accept: [Accept::InvalidCredentials],
        probe: |s| s.permission()?.bearer(s.forged()?.text()),
    },
    case! {
        in_a_field,
        title: "Permissions are not read from header fields",
        clauses: [Perm1],
        level: Must,
        sends: "Asks for the operation that needs a permission with a token that lacks it, and the permission in three header fields.",
        requirement: "The deployment must answer 403 `User has no organization or not authorized`.",
        source: sources::PERMISSIONS,
        needs: [NoPermission, Permission],
        accept: [Accept::Forbidden],
        probe: |s| {
            let needed = s.needed_permission()?;
            s.permission()?
                .bearer(s.no_permission()?.text())
                .field("X-Permissions", needed.clone())
                .field("X-Auth-Permissions", needed.clone())
                .field("X-Scope", needed)
        },
    },
    case! {
        in_another_claim,
        title: "Permissions are read from their own claim only",
        clauses: [Perm1, Tok7],
        level: Must,
        sends: "Asks for the operation that needs a permission with a token that lacks it and names it under five other claims, and the role `admin`.",
        requirement: "The deployment must answer 403 `User has no organization or not authorized`.",
        source: sources::PERMISSIONS,
        needs: [Key, Permission],
        accept: [Accept::Forbidden],
        probe: |s| {
            let (claim, needed) = (s.permissions_claim()?, s.needed_permission()?);
            let mut mint = s.mint()?.claim(&claim, "[]");
            for name in ["scope", "scp", "roles", "perms", "PERMISSIONS"] {
                if name != claim {
                    mint = mint.append(name, &format!("[{}]", quote(&needed)));
                }
            }
            mint = mint.append("role", "\"admin\"");
            s.permission()?.bearer(mint.sign(&s.key()?).text())
        },
    },
    lacks!(another, "Another permission is not enough", "another one", |_needed| "[\"artos:conformance\"]"),
    lacks!(
        in_another_case,
        "A permission is compared byte for byte",
        "the needed one with its case changed",
        |needed| format!(
            "[{}]",
            quote(&if needed == needed.to_uppercase() {
                needed.to_lowercase()
            } else {
                needed.to_uppercase()
            })
        )
    ),
    lacks!(
        longer,
        "A permission with a suffix is not the permission",
        "the needed one with a suffix",
        |needed| format!("[{}]", quote(&format!("{needed}:none")))
    ),
    lacks!(wildcard, "A wildcard is not a permission", "`*`", |_needed| "[\"*\"]"),
    lacks!(
        object,
        "An object is not a list of permissions",
        "an object with the needed one as a member",
        |needed| format!("{{{}:true}}", quote(&needed))
    ),
    has!(
        as_a_string,
        "Permissions may be one string",
        "a string of the needed one and another, separated by a space",
        |needed| quote(&format!("a {needed}"))
    ),
];
