//! What each outcome means, and what to do about it, for a person who did not write the rules.

use artos_auth_engine::Reason;

/// What a denial means and what would help.
pub(super) fn advice(reason: Reason) -> &'static str {
    match reason {
        Reason::HeaderMissing => "There is no Authorization line. Send `Authorization: Bearer TOKEN`.",
        Reason::HeaderEmpty => {
            "The Authorization line holds nothing. Is the variable empty that holds the token?"
        }
        Reason::HeaderRepeated => {
            "There is more than one Authorization line. Does a proxy or library add its own?"
        }
        Reason::SchemeNotBearer => "The Authorization line does not begin with `Bearer` and a space.",
        Reason::TokenMissing => "Nothing follows `Bearer`. Is the variable empty that holds the token?",
        Reason::TokenTooLong => "The token is longer than `policy.max_token_bytes`, and was not looked at.",
        Reason::TokenExtraCharacters => {
            "There is a character that no token holds: a space, a quote or a line end, often from copying."
        }
        Reason::TokenMalformed => "This is not three segments of base64url. Was the token copied whole?",
        Reason::TokenHeaderMalformed => {
            "The token's header is not what a JWT has. Whoever made it has to look."
        }
        Reason::CriticalExtension => "The token demands an extension (`crit`), and none is understood here.",
        Reason::TypeNotAccepted => {
            "The token's `typ` is not in `policy.types`. Is it a token of another kind?"
        }
        Reason::AlgorithmNotAllowed => "The token's `alg` is not in `policy.algorithms`.",
        Reason::KeyUnknown => {
            "No key of the set has the token's `kid` and `alg`. Is it of another environment, or the key rotated out?"
        }
        Reason::SignatureInvalid => {
            "The signature is no key's of the set. The token was changed, or is of another environment."
        }
        Reason::TokenClaimsMalformed => {
            "A claim is not as it has to be; the cause names it. `artos-auth token inspect` shows them all."
        }
        Reason::TokenExpired => "The token has expired. Ask for a fresh one.",
        Reason::TokenNotYetValid => "The token is not valid yet. Is a clock wrong?",
        Reason::IssuerNotAccepted => {
            "The token's `iss` is not in `policy.issuers`, or its key is bound to another `issuer`."
        }
        Reason::AudienceNotAccepted => {
            "The token's `aud` names no audience of `policy.audiences`. Is it meant for another service?"
        }
        Reason::ClaimNotAccepted => {
            "A claim under `policy.required` has none of the accepted values. Is it a token of another kind?"
        }
        Reason::TokenBindingRequired => {
            "The token is bound to a key that its holder must prove (`cnf`), which a bearer token is not."
        }
        Reason::TokenRevoked => "The token, its user or its organization is revoked. Ask for a fresh one.",
        Reason::OrganizationNotInRealm => {
            "The token's organization does not authenticate at this host (`[[realms]]`)."
        }
        Reason::OrganizationNotOfIssuer => {
            "The key that signed the token is not trusted with its organization (`organizations` of its `[[keys]]`)."
        }
        Reason::UserMissing => "The token names no user. Whoever issued it has to set the account up.",
        Reason::OrganizationMissing => {
            "The token names no organization. Whoever issued it has to set the account up."
        }
        Reason::AccountNotConfigured => "The service says that the account is not configured.",
        Reason::NotAMember => "The service says that the user is no member of the organization.",
        Reason::ResourceOfOtherOrganization => {
            "What is addressed belongs to another organization than the token's."
        }
        Reason::ResourceUnresolved => {
            "Nobody could tell who owns what is addressed. Does an entry of `[[resources]]` match the path?"
        }
        Reason::PathAmbiguous => {
            "Servers read this path differently, so that no route rule can be relied on."
        }
        Reason::PermissionMissing => "A route rule needs a permission that the token does not have.",
    }
}
