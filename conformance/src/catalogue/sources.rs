//! The sentences of documents on which requirements are based.

use crate::case::Quotation;

const fn artos(document: &'static str, text: &'static str) -> Quotation {
    Quotation { document, text }
}

pub(in crate::catalogue) const ALL_REQUIRE: Quotation = artos(
    "Artos API, Authentication",
    "All endpoints require a valid Bearer token to be included in the Authorization header, except for \
     /api/v1/search/status which is publicly accessible.",
);
pub(in crate::catalogue) const PUBLIC: Quotation = artos(
    "Artos API, Authentication: Public Endpoints",
    "The /api/v1/search/status endpoint is publicly accessible and does not require authentication",
);
pub(in crate::catalogue) const INCLUDE: Quotation = artos(
    "Artos API, Authentication: Using Bearer Tokens",
    "Include the token in the Authorization header as a Bearer token for all requests",
);
pub(in crate::catalogue) const JWT: Quotation = artos(
    "Artos API, Authentication: Token Format and Claims",
    "Bearer tokens are JWT tokens containing organization and user context.",
);
pub(in crate::catalogue) const ORGANIZATION_ID: Quotation = artos(
    "Artos API, Authentication: Token Format and Claims",
    "Organization ID: Scopes all resource access to your organization",
);
pub(in crate::catalogue) const USER_ID: Quotation = artos(
    "Artos API, Authentication: Token Format and Claims",
    "User ID: Identifies the authenticated user for audit trails",
);
pub(in crate::catalogue) const PERMISSIONS: Quotation = artos(
    "Artos API, Authentication: Token Format and Claims",
    "Permissions: Controls which operations are available",
);
pub(in crate::catalogue) const EXPIRATION: Quotation =
    artos("Artos API, Authentication: Token Format and Claims", "Expiration: Token validity period");
pub(in crate::catalogue) const ONLY_OWN: Quotation = artos(
    "Artos API, Authentication: Organization Scoping",
    "Users can only access their organization’s resources",
);
pub(in crate::catalogue) const PREVENTED: Quotation =
    artos("Artos API, Authentication: Organization Scoping", "Cross-organization access is prevented");
pub(in crate::catalogue) const MISSING: Quotation =
    artos("Artos API, Authentication: Error Responses", "Missing Authorization Header (401 Unauthorized)");
pub(in crate::catalogue) const MALFORMED: Quotation = artos(
    "Artos API, Authentication: Error Responses, Invalid Token (401 Unauthorized)",
    "Token is malformed",
);
pub(in crate::catalogue) const EXPIRED: Quotation = artos(
    "Artos API, Authentication: Error Responses, Invalid Token (401 Unauthorized)",
    "Token has expired",
);
pub(in crate::catalogue) const ISSUED_FOR_OTHER: Quotation = artos(
    "Artos API, Authentication: Error Responses, Invalid Token (401 Unauthorized)",
    "Token was issued for a different organization",
);
pub(in crate::catalogue) const REVOKED: Quotation = artos(
    "Artos API, Authentication: Error Responses, Invalid Token (401 Unauthorized)",
    "Token has been revoked",
);
pub(in crate::catalogue) const WRONG_ORGANIZATION: Quotation = artos(
    "Artos API, Authentication: Error Responses, Wrong Organization (403 Forbidden)",
    "Token is for a different organization",
);
pub(in crate::catalogue) const NOT_CONFIGURED: Quotation = artos(
    "Artos API, Authentication: Error Responses, Wrong Organization (403 Forbidden)",
    "User account is not properly configured",
);
pub(in crate::catalogue) const NO_LOGGING: Quotation = artos(
    "Artos API, Authentication: Security Best Practices",
    "Don’t log tokens in debug output or error messages",
);
pub(in crate::catalogue) const REVOKE: Quotation =
    artos("Artos API, Authentication: Security Best Practices", "Revoke tokens when team members leave");
pub(in crate::catalogue) const HEADER_FORMAT: Quotation = artos(
    "Artos API, Authentication: Common Issues, Not authenticated",
    "Does it use the correct format: Authorization: Bearer TOKEN?",
);
pub(in crate::catalogue) const NOT_VALID: Quotation = artos(
    "Artos API, Authentication: Common Issues, Invalid authentication credentials",
    "The token provided is not valid.",
);
pub(in crate::catalogue) const NO_EXTRAS: Quotation = artos(
    "Artos API, Authentication: Common Issues, Invalid authentication credentials",
    "Verify the token value is correct (no extra spaces or characters)",
);
pub(in crate::catalogue) const ENVIRONMENT: Quotation = artos(
    "Artos API, Authentication: Common Issues, Invalid authentication credentials",
    "Ensure the token is for the correct environment (production vs. staging)",
);

pub(in crate::catalogue) const SCHEME_CASE: Quotation =
    artos("RFC 9110 §11.1", "It uses a case-insensitive token to identify the authentication scheme");
pub(in crate::catalogue) const CHALLENGE_401: Quotation = artos(
    "RFC 9110 §15.5.2",
    "The server generating a 401 response MUST send a WWW-Authenticate header field containing at least one \
     challenge applicable to the target resource.",
);
pub(in crate::catalogue) const CHALLENGE_CODES: Quotation = artos(
    "RFC 6750 §3.1",
    "If the request lacks any authentication information […], the resource server SHOULD NOT include an error \
     code or other error information.",
);
pub(in crate::catalogue) const INVALID_TOKEN: Quotation = artos(
    "RFC 6750 §3.1",
    "invalid_token: The access token provided is expired, revoked, malformed, or invalid for other reasons.",
);
pub(in crate::catalogue) const INSUFFICIENT_SCOPE: Quotation = artos(
    "RFC 6750 §3.1",
    "insufficient_scope: The request requires higher privileges than provided by the access token.",
);
pub(in crate::catalogue) const NO_QUERY_TOKENS: Quotation = artos(
    "RFC 6750 §2.3",
    "Because of the security weaknesses associated with the URI method […], it SHOULD NOT be used unless it is \
     impossible to transport the access token in the \"Authorization\" request header field",
);
pub(in crate::catalogue) const ONE_FIELD_LINE: Quotation = artos(
    "RFC 9110 §5.3",
    "a sender MUST NOT generate multiple field lines with the same name in a message […] unless that field's \
     definition allows multiple field line values to be recombined as a comma-separated list",
);
pub(in crate::catalogue) const FIELD_WHITESPACE: Quotation =
    artos("RFC 9110 §5.5", "A field value does not include leading or trailing whitespace.");
pub(in crate::catalogue) const FIELD_NAMES: Quotation =
    artos("RFC 9110 §5.1", "Field names are case-insensitive");
pub(in crate::catalogue) const METHOD_CASE: Quotation =
    artos("RFC 9110 §9.1", "The method token is case-sensitive");
pub(in crate::catalogue) const SHARED_CACHE: Quotation = artos(
    "RFC 9111 §3.5",
    "A shared cache MUST NOT use a cached response to a request with an Authorization header field […] to \
     satisfy any subsequent request unless the response contains a Cache-Control field with a response \
     directive […] that allows it to be stored by a shared cache",
);
pub(in crate::catalogue) const JSON_TYPE: Quotation =
    artos("RFC 8259 §1", "The media type for JSON text is application/json.");
pub(in crate::catalogue) const UNPADDED: Quotation = artos(
    "RFC 7515 §2",
    "Base64 encoding using the URL- and filename-safe character set defined in Section 5 of RFC 4648, with all \
     trailing '=' characters omitted",
);
pub(in crate::catalogue) const CANONICAL_BITS: Quotation = artos(
    "RFC 4648 §3.5",
    "implementations MAY choose to reject the encoding if the pad bits have not been set to zero",
);
pub(in crate::catalogue) const CRITICAL: Quotation = artos(
    "RFC 7515 §4.1.11",
    "If any of the listed extension Header Parameters are not understood and supported by the recipient, then \
     the JWS is invalid.",
);
pub(in crate::catalogue) const THREE_SEGMENTS: Quotation = artos(
    "RFC 7515 §3.1",
    "In the JWS Compact Serialization, a JWS is represented as the concatenation: BASE64URL(UTF8(JWS Protected \
     Header)) || '.' || BASE64URL(JWS Payload) || '.' || BASE64URL(JWS Signature)",
);
pub(in crate::catalogue) const ALGORITHMS: Quotation = artos(
    "RFC 8725 §3.1",
    "Libraries MUST enable the caller to specify a supported set of algorithms and MUST NOT use any other \
     algorithms when performing cryptographic operations.",
);
pub(in crate::catalogue) const ONE_ALGORITHM: Quotation = artos(
    "RFC 8725 §3.1",
    "Each key MUST be used with exactly one algorithm, and this MUST be checked when the cryptographic \
     operation is performed.",
);
pub(in crate::catalogue) const UNTRUSTED_KEYS: Quotation = artos(
    "RFC 8725 §3.10",
    "blindly following a \"jku\" (JWK set URL) or \"x5u\" (X.509 URL) header […] could result in server-side \
     request forgery (SSRF) attacks",
);
pub(in crate::catalogue) const UNTRUSTED_CLAIMS: Quotation = artos(
    "RFC 8725 §3.10",
    "applications should ensure that this does not create SQL or Lightweight Directory Access Protocol (LDAP) \
     injection vulnerabilities by validating and/or sanitizing the received value",
);
pub(in crate::catalogue) const EXPLICIT_TYPING: Quotation = artos(
    "RFC 8725 §3.11",
    "Sometimes, one kind of JWT can be confused for another. If a particular kind of JWT is subject to such \
     confusion, that JWT can include an explicit JWT type value, and the validation rules can specify checking \
     the type.",
);
pub(in crate::catalogue) const UNIQUE_MEMBERS: Quotation =
    artos("RFC 7519 §4", "The Claim Names within a JWT Claims Set MUST be unique");
pub(in crate::catalogue) const EXP_ON_OR_AFTER: Quotation = artos(
    "RFC 7519 §4.1.4",
    "The \"exp\" (expiration time) claim identifies the expiration time on or after which the JWT MUST NOT be \
     accepted for processing.",
);
pub(in crate::catalogue) const NUMERIC_DATE: Quotation =
    artos("RFC 7519 §4.1.4", "Its value MUST be a number containing a NumericDate value.");
pub(in crate::catalogue) const NOT_BEFORE: Quotation = artos(
    "RFC 7519 §4.1.5",
    "The \"nbf\" (not before) claim identifies the time before which the JWT MUST NOT be accepted for \
     processing.",
);
pub(in crate::catalogue) const AUDIENCE: Quotation = artos(
    "RFC 7519 §4.1.3",
    "If the principal processing the claim does not identify itself with a value in the \"aud\" claim when this \
     claim is present, then the JWT MUST be rejected.",
);
pub(in crate::catalogue) const ISSUER: Quotation = artos(
    "RFC 8725 §3.8",
    "When a JWT contains an \"iss\" (issuer) claim, the application MUST validate that the cryptographic keys \
     used for the cryptographic operations in the JWT belong to the issuer.",
);
pub(in crate::catalogue) const STRING_TYPES: Quotation =
    artos("RFC 7519 §4.1.2", "The \"sub\" value is a case-sensitive string containing a StringOrURI value.");
