//! The reason for a denial, and the answer that follows from it.

use std::fmt;

/// The public answer to a denied request. There are only three, so that a caller cannot tell why a token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// 401: no credentials of the documented form were presented.
    NotAuthenticated,
    /// 401: a token was presented but is not acceptable.
    InvalidCredentials,
    /// 403: the token is valid, but its holder has no access to the resource.
    NotAuthorized,
}

impl Answer {
    /// All three answers.
    pub const ALL: &'static [Self] = &[Self::NotAuthenticated, Self::InvalidCredentials, Self::NotAuthorized];

    /// The status code: 401 or 403.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::NotAuthenticated | Self::InvalidCredentials => 401,
            Self::NotAuthorized => 403,
        }
    }

    /// The `detail` of the JSON body.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        match self {
            Self::NotAuthenticated => "Not authenticated",
            Self::InvalidCredentials => "Invalid authentication credentials",
            Self::NotAuthorized => "User has no organization or not authorized",
        }
    }

    /// The `error` parameter of the challenge (RFC 6750 §3.1); `None` if no token was presented.
    #[must_use]
    pub const fn challenge_error(self) -> Option<&'static str> {
        match self {
            Self::NotAuthenticated => None,
            Self::InvalidCredentials => Some("invalid_token"),
            Self::NotAuthorized => Some("insufficient_scope"),
        }
    }
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal, $clause:literal, $answer:ident;)+) => {
        /// Why a request was denied: for the operator's log only, never for the caller.
        ///
        /// Exhaustive on purpose: a new reason must break every match on reasons.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Reason {
            /// Every reason, in the order of the checks that give them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Code, clause and answer of each reason, defined only here.
            const fn row(self) -> (&'static str, &'static str, Answer) {
                match self {
                    $(Self::$variant => ($code, $clause, Answer::$answer),)+
                }
            }
        }
    };
}

reasons! {
    /// No `Authorization` field line.
    HeaderMissing = "header_missing", "HDR-2", NotAuthenticated;
    /// One `Authorization` line with only spaces and tabs.
    HeaderEmpty = "header_empty", "HDR-2", NotAuthenticated;
    /// More than one `Authorization` line, equal or not.
    HeaderRepeated = "header_repeated", "HDR-3", NotAuthenticated;
    /// A scheme other than `Bearer`.
    SchemeNotBearer = "scheme_not_bearer", "HDR-3", NotAuthenticated;
    /// `Bearer` without a token.
    TokenMissing = "token_missing", "HDR-3", NotAuthenticated;
    /// A token longer than the policy allows.
    TokenTooLong = "token_too_long", "TOK-1", InvalidCredentials;
    /// A byte in the token that a compact JWS cannot contain.
    TokenExtraCharacters = "token_extra_characters", "TOK-2", InvalidCredentials;
    /// Not three non-empty segments of canonical base64url.
    TokenMalformed = "token_malformed", "TOK-1", InvalidCredentials;
    /// A JOSE header that is not a JSON object, or a header parameter that is missing, duplicate or of the wrong type.
    TokenHeaderMalformed = "token_header_malformed", "TOK-1", InvalidCredentials;
    /// A `crit` header parameter (RFC 7515 §4.1.11): no extension is supported.
    CriticalExtension = "critical_extension", "TOK-8", InvalidCredentials;
    /// A `typ` that the policy does not name.
    TypeNotAccepted = "type_not_accepted", "TOK-8", InvalidCredentials;
    /// An `alg` that the policy does not name, including `none` in any spelling.
    AlgorithmNotAllowed = "algorithm_not_allowed", "TOK-8", InvalidCredentials;
    /// No key of the set has the token's `kid` and `alg`.
    KeyUnknown = "key_unknown", "TOK-8", InvalidCredentials;
    /// The signature does not verify.
    SignatureInvalid = "signature_invalid", "TOK-8", InvalidCredentials;
    /// Claims that are not a JSON object, or a claim that is missing, duplicate, of the wrong type or out of range.
    TokenClaimsMalformed = "token_claims_malformed", "TOK-1", InvalidCredentials;
    /// A `cnf` claim: the token is bound to a key that its holder must prove (RFC 7800), and so is not a bearer token.
    TokenBindingRequired = "token_binding_required", "TOK-8", InvalidCredentials;
    /// `now` is not before `exp` plus the leeway.
    TokenExpired = "token_expired", "TOK-3", InvalidCredentials;
    /// `now` is before `nbf` minus the leeway.
    TokenNotYetValid = "token_not_yet_valid", "TOK-1", InvalidCredentials;
    /// An `iss` that the policy does not name or that is not the issuer of the key, or a missing `iss`.
    IssuerNotAccepted = "issuer_not_accepted", "TOK-6", InvalidCredentials;
    /// An `aud` without any of the policy's audiences, a missing `aud`, or an `aud` although the policy has no audiences.
    AudienceNotAccepted = "audience_not_accepted", "TOK-6", InvalidCredentials;
    /// A claim that the policy requires has none of the accepted values.
    ClaimNotAccepted = "claim_not_accepted", "TOK-6", InvalidCredentials;
    /// The token, its user or its organization is revoked.
    TokenRevoked = "token_revoked", "TOK-5", InvalidCredentials;
    /// The token's organization does not authenticate here.
    OrganizationNotInRealm = "organization_not_in_realm", "TOK-4", InvalidCredentials;
    /// The token's organization is not one that the verifying key is bound to.
    OrganizationNotOfIssuer = "organization_not_of_issuer", "TOK-4", InvalidCredentials;
    /// No user id in the token.
    UserMissing = "user_missing", "ORG-2", NotAuthorized;
    /// No organization in the token.
    OrganizationMissing = "organization_missing", "ORG-2", NotAuthorized;
    /// The service says that the account is not configured.
    AccountNotConfigured = "account_not_configured", "ORG-2", NotAuthorized;
    /// The service says that the user is not a member of the organization.
    NotAMember = "not_a_member", "ORG-3", NotAuthorized;
    /// The resource belongs to another organization.
    ResourceOfOtherOrganization = "resource_of_other_organization", "ORG-1", NotAuthorized;
    /// The owner of the resource is unknown.
    ResourceUnresolved = "resource_unresolved", "ORG-1", NotAuthorized;
    /// A path that servers read differently, with a policy that has route rules.
    PathAmbiguous = "path_ambiguous", "PERM-1", NotAuthorized;
    /// The token lacks a permission that a route rule needs, or no rule matches and `unlisted` is `deny`.
    PermissionMissing = "permission_missing", "PERM-1", NotAuthorized;
}

impl Reason {
    /// The stable snake_case code, as in logs and in the output of `decide`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.row().0
    }

    /// The clause of the contract, such as `TOK-3`.
    #[must_use]
    pub const fn clause(self) -> &'static str {
        self.row().1
    }

    /// The public answer, which determines status, detail and challenge, so that they always agree.
    #[must_use]
    pub const fn answer(self) -> Answer {
        self.row().2
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
