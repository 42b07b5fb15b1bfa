//! What each denial means, for a person who did not write the rules.

use crate::reason::Reason;

impl Reason {
    /// What the denial means, and what to do about it: for the operator, never for the caller.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::HeaderMissing => "There is no Authorization line. Send `Authorization: Bearer TOKEN`.",
            Self::HeaderEmpty => "The Authorization line is empty. Is the variable with the token empty?",
            Self::HeaderRepeated => {
                "There is more than one Authorization line. Does a proxy or library add its own?"
            }
            Self::SchemeNotBearer => "The Authorization line does not begin with `Bearer` and a space.",
            Self::TokenMissing => "Nothing follows `Bearer`. Is the variable with the token empty?",
            Self::TokenTooLong => "The token is longer than `policy.max_token_bytes` and was not read.",
            Self::TokenExtraCharacters => {
                "The token has a character that no token may have: a space, a quote or a line end, often from copying."
            }
            Self::TokenMalformed => "This is not three segments of base64url. Was the token copied whole?",
            Self::TokenHeaderMalformed => "The token's header is not a JWT's. Its issuer must correct it.",
            Self::CriticalExtension => "The token demands an extension (`crit`); none is supported.",
            Self::TypeNotAccepted => {
                "The token's `typ` is not in `policy.types`. Is it a token of another kind?"
            }
            Self::AlgorithmNotAllowed => "The token's `alg` is not in `policy.algorithms`.",
            Self::KeyUnknown => {
                "No key of the set has the token's `kid` and `alg`. Is it of another environment, or the key rotated out?"
            }
            Self::SignatureInvalid => {
                "No key of the set made the signature. The token was changed, or is of another environment."
            }
            Self::TokenClaimsMalformed => {
                "A claim is malformed; the cause names it. `artos-auth token inspect` shows them all."
            }
            Self::TokenExpired => "The token has expired. Ask for a fresh one.",
            Self::TokenNotYetValid => "The token is not valid yet. Is a clock wrong?",
            Self::IssuerNotAccepted => {
                "The token's `iss` is not in `policy.issuers`, or its key is bound to another `issuer`."
            }
            Self::AudienceNotAccepted => {
                "The token's `aud` names no audience of `policy.audiences`. Is it meant for another service?"
            }
            Self::ClaimNotAccepted => {
                "A claim under `policy.required` has none of the accepted values. Is it a token of another kind?"
            }
            Self::TokenBindingRequired => {
                "The token is bound to a key that its holder must prove (`cnf`), which a bearer token is not."
            }
            Self::TokenRevoked => "The token, its user or its organization is revoked. Ask for a fresh one.",
            Self::OrganizationNotInRealm => {
                "The token's organization does not authenticate at this host (`[[realms]]`)."
            }
            Self::OrganizationNotOfIssuer => {
                "The key that signed the token is not trusted with its organization (`organizations` of its `[[keys]]`)."
            }
            Self::UserMissing => "The token names no user. Its issuer must set the account up.",
            Self::OrganizationMissing => {
                "The token names no organization. Its issuer must set the account up."
            }
            Self::AccountNotConfigured => "The service says that the account is not configured.",
            Self::NotAMember => "The service says that the user is not a member of the organization.",
            Self::ResourceOfOtherOrganization => {
                "The resource belongs to another organization than the token's."
            }
            Self::ResourceUnresolved => {
                "The service could not tell who owns the resource. Does an entry of `[[resources]]` match the path?"
            }
            Self::PathAmbiguous => "Servers read this path differently, so no route rule can be relied on.",
            Self::PermissionMissing => "A route rule needs a permission that the token does not have.",
        }
    }
}
