//! What each denial means, for a person who did not write the rules.

use crate::reason::Reason;

impl Reason {
    /// What the denial means, and what to do about it: for the operator, never for the caller.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::HeaderMissing => "There is no Authorization line. Send `Authorization: Bearer TOKEN`.",
            Self::HeaderEmpty => "The Authorization line is empty. Check the variable that holds the token.",
            Self::HeaderRepeated => {
                "There is more than one Authorization line. Check whether a proxy or library adds one."
            }
            Self::SchemeNotBearer => {
                "The Authorization line does not begin with `Bearer` and a space. Send `Authorization: Bearer TOKEN`."
            }
            Self::TokenMissing => {
                "There is no token after `Bearer`. Check the variable that holds the token."
            }
            Self::TokenTooLong => {
                "The token is longer than `policy.max_token_bytes`. Raise it, or ask the issuer to put fewer claims into its tokens."
            }
            Self::TokenExtraCharacters => {
                "The token contains an invalid character: a space, a quote or a line end, often from copying."
            }
            Self::TokenMalformed => {
                "The token is not three segments of base64url. Check that it was copied completely."
            }
            Self::TokenHeaderMalformed => {
                "The token's header is not a valid JWT header. Report it to the issuer."
            }
            Self::CriticalExtension => {
                "The token requires an extension (`crit`), and none is supported. Ask the issuer for a token without `crit`."
            }
            Self::TypeNotAccepted => {
                "The token's `typ` is not in `policy.types`. It may be a token of another kind."
            }
            Self::AlgorithmNotAllowed => {
                "The token's `alg` is not in `policy.algorithms`. Add it there if your issuer signs with it."
            }
            Self::KeyUnknown => {
                "No key of the set has the token's `kid` and `alg`. The token may be from another environment, or its key was removed."
            }
            Self::SignatureInvalid => {
                "No key of the set verifies the signature. The token was changed, or is from another environment."
            }
            Self::TokenClaimsMalformed => {
                "A claim is malformed; the cause names it. `artos-auth token inspect` shows all claims."
            }
            Self::TokenExpired => "The token has expired. Get a new one.",
            Self::TokenNotYetValid => "The token is not valid yet. Check the clocks.",
            Self::IssuerNotAccepted => {
                "The token's `iss` is not in `policy.issuers`, or its key is bound to another `issuer`."
            }
            Self::AudienceNotAccepted => {
                "The token's `aud` contains none of `policy.audiences`, or the policy has none: then no `aud` is accepted. The token may be for another service."
            }
            Self::ClaimNotAccepted => {
                "A claim under `policy.required` has none of the accepted values. It may be a token of another kind."
            }
            Self::TokenBindingRequired => {
                "The token is bound to a key that its holder must prove (`cnf`), so it is not a bearer token."
            }
            Self::TokenRevoked => "The token, its user or its organization is revoked. Get a new token.",
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
            Self::AccountNotConfigured => {
                "The service says that the account is not configured. Set the account up there."
            }
            Self::NotAMember => {
                "The service says that the user is not a member of the organization. Add the user there."
            }
            Self::ResourceOfOtherOrganization => {
                "The resource belongs to another organization than the token. Use a token of the owner."
            }
            Self::ResourceUnresolved => {
                "The owner of the resource is unknown. Check that an entry of `[[resources]]` matches the path."
            }
            Self::PathAmbiguous => {
                "Servers read this path differently, so route rules cannot be applied. Remove from the path what the cause names."
            }
            Self::PermissionMissing => {
                "A route rule needs a permission that the token does not have, or no rule matches and `policy.unlisted` is `deny`; the cause says which."
            }
        }
    }
}
