//! The faults: each breaks the contract in one way, and says which clause of it.

/// How bad a fault is: what a checker has to make of a deployment that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The deployment does not conform.
    Must,
    /// The deployment conforms, with a warning.
    Should,
}

macro_rules! faults {
    ($($name:ident $level:ident $clause:literal $sentence:literal)*) => {
        /// One way in which a deployment breaks the contract.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault {
            $(#[doc = concat!($clause, ": the deployment ", $sentence, ".")] $name,)*
        }

        impl Fault {
            /// Every fault, in the order of the contract's clauses.
            pub const ALL: &'static [Fault] = &[$(Fault::$name),*];

            /// The clause of the contract that it breaks.
            #[must_use]
            pub fn clause(self) -> &'static str {
                match self { $(Fault::$name => $clause,)* }
            }

            /// What the deployment does wrong: the rest of a sentence that begins with "the deployment".
            #[must_use]
            pub fn sentence(self) -> &'static str {
                match self { $(Fault::$name => $sentence,)* }
            }

            /// Whether it breaks a `must` or a `should`.
            #[must_use]
            pub fn level(self) -> Level {
                match self { $(Fault::$name => Level::$level,)* }
            }

            fn name(self) -> &'static str {
                match self { $(Fault::$name => stringify!($name),)* }
            }
        }
    };
}

impl Fault {
    /// The name in kebab-case: `AlgNoneAccepted` is `alg-none-accepted`.
    #[must_use]
    pub fn id(self) -> String {
        kebab(self.name())
    }

    /// The fault of that id.
    #[must_use]
    pub fn of_id(id: &str) -> Option<Fault> {
        Fault::ALL.iter().copied().find(|fault| fault.id() == id)
    }
}

/// `CamelCase` as `camel-case`; a run of digits stays with the word before it.
pub(crate) fn kebab(name: &str) -> String {
    let mut id = String::new();
    for (at, letter) in name.chars().enumerate() {
        if letter.is_ascii_uppercase() && at > 0 {
            id.push('-');
        }
        id.push(letter.to_ascii_lowercase());
    }
    id
}

faults! {
    // PUB-1: the public endpoint is public.
    PublicNeedsToken Must "PUB-1" "asks for a token at the public endpoint"
    PublicRefusesBadToken Must "PUB-1" "looks at the token sent to the public endpoint, and refuses a bad one"
    PublicRefusesOtherSchemes Must "PUB-1" "answers 401 to a public request with an `Authorization` field that is no Bearer token"
    PublicRefusesQuery Must "PUB-1" "matches the public path with its query, so that a query makes it protected"
    PublicRefusesHead Must "PUB-1" "makes GET of the public path public, and not HEAD"
    PublicServerErrorOnBadToken Must "PUB-1" "answers 500 to a public request with a malformed token"
    PublicRefusesTokens Must "PUB-1" "answers 401 to a public request that brings any token"
    PublicRefusesOptions Should "PUB-1" "asks for a token where OPTIONS is sent to the public endpoint"

    // PUB-2: and nothing else is.
    EverythingPublic Must "PUB-2" "has no authentication at all on the protected collection"
    OwnedPublic Must "PUB-2" "has no authentication on the owned document"
    PublicByPrefix Must "PUB-2" "serves the public endpoint at every path that begins with its path"
    PublicBySuffix Must "PUB-2" "serves the public endpoint at every path that ends with its path"
    PublicBelow Must "PUB-2" "serves the public endpoint at every path below its own"
    UnknownPathsPublic Should "PUB-2" "answers 200 to any path that it does not know, without a token"
    UnknownPathsNotFound Should "PUB-2" "answers 404, not 401, to an unknown path without a token"
    PublicPathAnywhere Must "PUB-2" "takes for public whatever has the public path somewhere in its target, query included"
    PublicPathInFragment Must "PUB-2" "takes for public whatever has the public path behind a `#`"
    PublicPrefixBeforeDots Must "PUB-2" "compares the start of the path first, and removes dot segments after"
    PublicPrefixBeforeEncodedDots Must "PUB-2" "compares the start of the path first, and decodes and removes `%2e%2e` after"
    PublicPrefixBeforeEncodedSlash Must "PUB-2" "compares the start of the path first, and decodes `%2f` and removes dot segments after"
    PublicPrefixBeforeParameters Must "PUB-2" "compares the start of the path first, and cuts `;` parameters and dot segments after"
    PublicPrefixBeforeBackslash Must "PUB-2" "compares the start of the path first, and takes `\\` for `/` after"
    PublicCaseFolded Should "PUB-2" "serves the public endpoint in any letter case"
    PublicTrailingSlash Should "PUB-2" "serves the public endpoint with a slash at its end too"
    PublicDoubledSlash Should "PUB-2" "merges doubled slashes before it compares with the public path"
    PublicPercentDecoded Should "PUB-2" "decodes escapes before it compares with the public path"
    PublicParametersCut Should "PUB-2" "cuts `;` parameters before it compares with the public path"
    PublicDotsRemoved Should "PUB-2" "removes dot segments before it compares with the public path"
    PublicFragmentCut Should "PUB-2" "cuts a fragment before it compares with the public path"
    UnguardedCase Must "PUB-2" "guards the protected paths in one letter case and serves them in any"
    UnguardedDoubledSlash Must "PUB-2" "guards paths as written and merges doubled slashes when it serves them"
    UnguardedDots Must "PUB-2" "guards paths as written and removes dot segments when it serves them"
    UnguardedEncodedDots Must "PUB-2" "guards paths as written, and decodes and removes `%2e` segments when it serves them"
    UnguardedPercent Must "PUB-2" "guards paths as written and decodes escapes when it serves them"
    UnguardedDoublePercent Must "PUB-2" "guards paths decoded once and serves them decoded twice"
    UnguardedParameters Must "PUB-2" "guards paths as written and cuts `;` parameters when it serves them"
    UnguardedBackslash Must "PUB-2" "guards paths as written and takes `\\` for `/` when it serves them"
    UnguardedFragment Must "PUB-2" "guards paths as written and cuts a fragment when it serves them"
    UnguardedNul Must "PUB-2" "guards paths as written and cuts them at an encoded NUL when it serves them"
    UnguardedSuffix Must "PUB-2" "guards paths as written and cuts `.json` when it serves them"
    UnguardedSlash Must "PUB-2" "guards paths as written and adds or drops the slash at the end when it serves them"
    UnguardedQuery Must "PUB-2" "guards targets with their query, so that a query opens the protected endpoint"
    UnguardedAbsoluteForm Must "PUB-2" "does not guard requests in absolute form"
    UnguardedHead Must "PUB-2" "does not guard HEAD"
    UnguardedOptions Must "PUB-2" "does not guard OPTIONS, and answers it like GET"
    UnguardedPost Must "PUB-2" "does not guard POST"
    UnguardedPut Must "PUB-2" "does not guard PUT"
    UnguardedPatch Must "PUB-2" "does not guard PATCH"
    UnguardedDelete Must "PUB-2" "does not guard DELETE"
    UnguardedTrace Must "PUB-2" "does not guard TRACE, and echoes or serves"
    UnguardedUnknownMethod Must "PUB-2" "guards the methods that it knows and serves any other like GET"
    UnguardedMethodCase Must "PUB-2" "guards methods in capitals and serves them in any letter case"
    UnguardedHttp10 Must "PUB-2" "does not guard HTTP/1.0"
    UnguardedUpgrade Must "PUB-2" "does not guard requests that ask for an upgrade"
    UnguardedConditional Must "PUB-2" "answers 304 to `If-None-Match` before it looks at the token"
    UnguardedRange Must "PUB-2" "serves a `Range` without looking at the token"
    UnguardedOrigin Must "PUB-2" "serves whoever sends an `Origin` without looking at the token"
    HeadServerError Should "ORG-4" "answers 500 to HEAD with a good token"
    MethodOverrideTrusted Must "PUB-2" "guards by the method in `X-HTTP-Method-Override` where it is another, and serves by the real one"
    ForwardedMethodTrusted Must "PUB-2" "guards by the method in `X-Forwarded-Method` where it is another, and serves by the real one"
    OriginalMethodTrusted Must "PUB-2" "guards by the method in `X-Original-Method` where it is another, and serves by the real one"
    ForwardedUriTrusted Must "PUB-2" "guards by the path in a client's `X-Forwarded-Uri`"
    OriginalUriTrusted Must "PUB-2" "guards by the path in a client's `X-Original-URI`"
    OriginalUrlTrusted Must "PUB-2" "guards by the path in a client's `X-Original-URL`"
    RewriteUrlTrusted Must "PUB-2" "guards by the path in a client's `X-Rewrite-URL`"
    ForwardedPrefixTrusted Must "PUB-2" "guards by the path in a client's `X-Forwarded-Prefix`"
    ForwardedPathTrusted Must "PUB-2" "guards by the path in a client's `X-Forwarded-Path`"
    EnvoyPathTrusted Must "PUB-2" "guards by the path in a client's `X-Envoy-Original-Path`"
    OriginalUrlServed Must "PUB-2" "guards the real path and serves the one in `X-Original-URL`"
    RewriteUrlServed Must "PUB-2" "guards the real path and serves the one in `X-Rewrite-URL`"
    ForwardedUriServed Must "PUB-2" "guards the real path and serves the one in `X-Forwarded-Uri`"
    ForwardedForTrusted Must "PUB-2" "lets in whoever says `X-Forwarded-For: 127.0.0.1`"
    RealIpTrusted Must "PUB-2" "lets in whoever says `X-Real-IP: 127.0.0.1`"
    HostTrusted Must "PUB-2" "lets in whoever says `Host: localhost`"
    IdentityFieldsTrusted Must "PUB-2" "takes the identity in `X-Auth-User-Id` and `X-Auth-Org-Id` without a token"
    ConnectionAuthorizationTrusted Must "PUB-2" "drops the fields that `Connection` names, and then does not miss the token"
    ConnectionOpenedByPublic Must "PUB-2" "guards no more on a connection that began with a public request"

    // HDR: the header line.
    MissingHeaderAllowed Must "HDR-2" "takes a request without a token for an anonymous caller's, and serves it"
    EmptyHeaderAllowed Must "HDR-2" "takes an empty `Authorization` field for an anonymous caller, and lets it in"
    MissingHeader403 Must "HDR-2" "answers 403 to a missing token"
    MissingHeader400 Should "HDR-2" "answers 400 to a missing token"
    MissingHeader500 Must "HDR-2" "answers 500 to a missing token"
    MissingHeaderDetail Must "HDR-2" "answers `Invalid authentication credentials` to a missing token"
    MissingHeaderOtherDetail Must "HDR-2" "answers `Unauthorized` to a missing token"
    MissingHeaderRedirects Must "HDR-2" "redirects to a login page when the token is missing"
    EmptyHeaderDetail Must "HDR-2" "answers `Invalid authentication credentials` to an empty `Authorization` field"
    AnySchemeAccepted Must "HDR-3" "takes the last word of the field for the token, whatever the scheme"
    SchemeMissingAccepted Must "HDR-3" "takes a bare token without a scheme"
    BasicSchemeAccepted Must "HDR-3" "takes a token under the scheme `Basic`"
    TokenSchemeAccepted Must "HDR-3" "takes a token under the scheme `Token`"
    JwtSchemeAccepted Must "HDR-3" "takes a token under the scheme `JWT`"
    SchemeColonAccepted Must "HDR-3" "takes `Bearer: TOKEN`"
    SchemeGluedAccepted Must "HDR-3" "takes `BearerTOKEN`, without a space"
    SchemePrefixAccepted Must "HDR-3" "takes any scheme that begins with `Bearer`"
    SchemeTwiceAccepted Must "HDR-3" "takes `Bearer Bearer TOKEN`"
    SchemeAnywhereAccepted Must "HDR-3" "looks for `Bearer ` anywhere in the field, so that `Basic x, Bearer TOKEN` passes"
    OtherSchemeDetail Must "HDR-3" "answers `Invalid authentication credentials` to another scheme"
    OtherScheme403 Must "HDR-3" "answers 403 to another scheme"
    TokenMissingDetail Must "HDR-3" "answers `Invalid authentication credentials` to `Bearer` without a token"
    TokenMissing500 Must "HDR-3" "answers 500 to `Bearer` without a token"
    FirstLineWins Should "HDR-3" "judges the first of two `Authorization` lines"
    LastLineWins Should "HDR-3" "judges the last of two `Authorization` lines"
    AnyLineWins Should "HDR-3" "takes whichever of two `Authorization` lines holds a good token"
    LinesMixed Must "HDR-3" "verifies the first of two `Authorization` lines and takes the organization of the last"
    LowercaseSchemeRefused Should "HDR-1" "refuses the scheme in any letter case but `Bearer`"
    QueryTokenAccepted Must "HDR-1" "takes `?access_token=` for a token"
    QueryTokenShortAccepted Must "HDR-1" "takes `?token=` for a token"
    FormTokenAccepted Must "HDR-1" "takes `access_token=` in a form body for a token, and answers POST like GET"
    CookieTokenAccepted Must "HDR-1" "takes the cookie `access_token` for a token"
    AccessTokenFieldAccepted Must "HDR-1" "takes `X-Access-Token` for a token"
    AuthTokenFieldAccepted Must "HDR-1" "takes `X-Auth-Token` for a token"
    ForwardedAuthorizationAccepted Must "HDR-1" "takes `X-Forwarded-Authorization` for `Authorization`"
    ProxyAuthorizationAccepted Must "HDR-1" "takes `Proxy-Authorization` for `Authorization`"
    TokenUsedUp Must "HDR-1" "takes a token twice, and then for used up"

    // TOK-2: no extra spaces or characters.
    DoubledSpaceAccepted Should "TOK-2" "takes more than one space before the token"
    TabAccepted Should "TOK-2" "takes a tab between scheme and token"
    TrailingWordIgnored Must "TOK-2" "ignores what follows the token after a space"
    TrailingCommaIgnored Must "TOK-2" "cuts the token at a comma"
    TrailingSemicolonIgnored Must "TOK-2" "cuts the token at a semicolon"
    QuotesStripped Must "TOK-2" "takes the token in quotes"
    CharactersSkipped Must "TOK-2" "skips every character outside the base64 alphabet"
    PercentDecodedToken Must "TOK-2" "decodes percent escapes in the token"
    NonAscii500 Must "TOK-2" "answers 500 to a token with a non-ASCII byte"

    // TOK-1: malformed.
    Malformed400 Should "TOK-1" "answers 400 to a malformed token"
    Malformed403 Must "TOK-1" "answers 403 to a malformed token"
    Malformed422 Should "TOK-1" "answers 422 to a malformed token"
    Malformed500 Must "TOK-1" "answers 500 to a token that does not split or decode"
    MalformedDetail Must "TOK-1" "answers `Not authenticated` to a malformed token"
    BadJson500 Must "TOK-1" "answers 500 to a token whose segments are no JSON objects"
    BadHeader500 Must "TOK-1" "answers 500 to a header member of the wrong type"
    BadClaims500 Must "TOK-1" "answers 500 to a claim of the wrong type"
    MissingClaim500 Must "TOK-1" "answers 500 to a token without a claim that it needs"
    FutureToken500 Must "TOK-1" "answers 500 to a token that is not valid yet"
    ManyDotsHang Must "TOK-1" "never answers to a token of very many segments"
    LongTokenReset Must "TOK-1" "resets the connection on a token of more than 8,000 bytes"
    LongToken500 Must "TOK-1" "answers 500 to a token of more than 8,000 bytes"
    DeepNestingReset Must "TOK-1" "resets the connection on deeply nested claims"
    FourSegmentsAccepted Must "TOK-1" "ignores a fourth segment"
    FiveSegmentsAccepted Must "TOK-1" "takes the first three of five segments"
    LeadingDotSkipped Must "TOK-1" "drops empty segments before it counts them"
    PaddingAccepted Should "TOK-1" "takes segments with `=` padding"
    StandardAlphabetAccepted Should "TOK-1" "takes segments in the standard base64 alphabet"
    TrailingBitsAccepted Should "TOK-1" "takes a signature whose last bits are not zero"
    DuplicateHeaderMembers Should "TOK-1" "takes the last of two header members of one name"
    DuplicateClaims Should "TOK-1" "takes the last of two claims of one name"
    FirstDuplicateClaim Should "TOK-1" "takes the first of two claims of one name"
    NbfIgnored Must "TOK-1" "ignores `nbf`"
    NbfLeeway300 Must "TOK-1" "grants 300 seconds of leeway on `nbf`"
    NbfWrongTypesIgnored Should "TOK-1" "ignores an `nbf` that is no number"
    IatWrongTypesIgnored Should "TOK-1" "ignores an `iat` that is no number"
    JtiWrongTypesIgnored Should "TOK-1" "ignores a `jti` that is no string"
    NbfRefused Must "TOK-1" "refuses every token with `nbf`"
    NullRefused Should "TOK-1" "takes a claim that is null for one of the wrong type"
    UnreadClaimsRefused Must "TOK-1" "refuses a token with claims that it does not know"
    EscapesRefused Should "TOK-1" "refuses claims that are written with escapes"
    LongTokenRefused Should "TOK-1" "refuses tokens of more than 4,000 bytes"
    InvalidDetailOther Must "TOK-1" "answers `Invalid token` to an invalid token"
    InvalidDetailMissing Must "TOK-1" "answers 401 without a `detail`"
    InvalidDetailObject Must "TOK-1" "answers 401 with an object as `detail`"
    InvalidEmptyBody Must "TOK-1" "answers 401 with an empty body"
    InvalidHtml Must "TOK-1" "answers 401 with a page of HTML"
    Invalid403 Must "TOK-1" "answers 403 to every invalid token"
    Invalid200 Must "TOK-1" "answers 200 with the error in the body"
    InvalidRedirects Must "TOK-1" "redirects to a login page when the token is invalid"

    // TOK-3: expired.
    ExpiredAccepted Must "TOK-3" "never looks at `exp`"
    Expired403 Must "TOK-3" "answers 403 to an expired token"
    Expired419 Must "TOK-3" "answers 419 to an expired token"
    ExpLeeway60 Should "TOK-3" "grants 60 seconds of leeway on `exp`"
    ExpLeeway300 Must "TOK-3" "grants 300 seconds of leeway on `exp`"
    ExpLeewayDay Must "TOK-3" "grants a day of leeway on `exp`"
    ExpInclusive Should "TOK-3" "takes a token in the very second of its `exp`"
    ExpMissingAccepted Must "TOK-3" "takes a token without `exp` for one that never expires"
    ExpNullAccepted Must "TOK-3" "takes a token whose `exp` is null for one that never expires"
    ExpZeroAccepted Must "TOK-3" "takes a token whose `exp` is 0 for one that never expires"
    ExpNegativeAccepted Must "TOK-3" "wraps a negative `exp` round to the far future"
    ExpDigitsAccepted Should "TOK-3" "reads an `exp` that is a string of digits"
    ExpTextAccepted Must "TOK-3" "takes a token whose `exp` is a string for one that never expires"
    ExpBoolAccepted Must "TOK-3" "takes a token whose `exp` is a boolean for one that never expires"
    ExpArrayAccepted Must "TOK-3" "takes a token whose `exp` is an array for one that never expires"
    ExpObjectAccepted Must "TOK-3" "takes a token whose `exp` is an object for one that never expires"
    ExpBeyond9999Accepted Should "TOK-3" "takes an `exp` beyond the year 9999"
    ExpOverflowAccepted Should "TOK-3" "takes a token whose `exp` is no JSON number's worth, as 1e400, for one that never expires"
    ExpFractionRefused Should "TOK-3" "refuses an `exp` with a fraction"
    ExpEarly Must "TOK-3" "takes a token for expired half a minute early"

    // TOK-4: realm.
    RealmIgnored Must "TOK-4" "lets in an organization that does not authenticate here"
    Realm403 Must "TOK-4" "answers 403 to an organization that does not authenticate here"

    // TOK-5: revoked.
    RevocationIgnored Must "TOK-5" "never looks at its revocations"
    RevocationByRawToken Must "TOK-5" "revokes by the token's bytes, so that a rewritten signature brings it back"
    RevocationForgotten Must "TOK-5" "lets a revoked token in when it comes again"
    RevocationOnGetOnly Must "TOK-5" "asks its revocations for GET only"
    Revoked403 Must "TOK-5" "answers 403 to a revoked token"

    // TOK-6: environment.
    IssuerIgnored Must "TOK-6" "never looks at `iss`"
    IssuerMissingAccepted Must "TOK-6" "looks at `iss` only where it is there"
    IssuerNullAccepted Must "TOK-6" "passes over an `iss` that is null"
    IssuerWrongTypesIgnored Must "TOK-6" "passes over an `iss` that is no string"
    IssuerArrayAccepted Must "TOK-6" "takes an array of issuers that holds its own"
    IssuerPrefixAccepted Must "TOK-6" "takes an `iss` that begins with its own"
    IssuerCaseFolded Must "TOK-6" "compares `iss` without regard to letter case"
    IssuerSlashIgnored Must "TOK-6" "ignores a slash at the end of `iss`"
    AudienceIgnored Must "TOK-6" "never looks at `aud`"
    AudienceMissingAccepted Must "TOK-6" "looks at `aud` only where it is there"
    AudienceNullAccepted Must "TOK-6" "passes over an `aud` that is null"
    AudienceEmptyAccepted Must "TOK-6" "passes over an `aud` that is empty"
    AudienceWrongTypesIgnored Must "TOK-6" "passes over an `aud` that is neither string nor array"
    AudienceMixedAccepted Should "TOK-6" "takes an `aud` array in which something is no string"
    AudienceObjectAccepted Must "TOK-6" "takes an `aud` object with its own name as a member"
    AudiencePrefixAccepted Must "TOK-6" "takes an `aud` that begins with its own"
    AudienceSubstringAccepted Must "TOK-6" "takes an `aud` that holds its own somewhere"
    AudienceCaseFolded Must "TOK-6" "compares `aud` without regard to letter case"
    AudienceArrayRefused Should "TOK-6" "refuses an `aud` that is an array"
    UnnamedAudienceAccepted Should "TOK-6" "names no audience, and takes tokens made for one"
    Environment403 Must "TOK-6" "answers 403 to a token of another environment"

    // TOK-8: signature, algorithm, key.
    SignatureIgnored Must "TOK-8" "never verifies a signature"
    SignatureEmptyAccepted Must "TOK-8" "verifies a signature only if there is one"
    SignatureMissingAccepted Must "TOK-8" "takes a token of two segments, without a signature"
    SignaturePrefixAccepted Must "TOK-8" "compares as much of a signature as is there"
    SignatureLongerAccepted Must "TOK-8" "ignores what follows the signature's last byte"
    SignatureLengthOnly Must "TOK-8" "takes any signature of the right length"
    SignatureZeroAccepted Must "TOK-8" "takes an ECDSA signature of zeros for every token"
    SignatureOrderAccepted Must "TOK-8" "takes an ECDSA signature of the group's order for every token"
    SignatureDerAccepted Must "TOK-8" "takes ECDSA signatures in DER"
    SignatureOverClaimsOnly Must "TOK-8" "does not verify the claims of a token whose signature it has seen before"
    SignatureSeenForClaims Must "TOK-8" "does not verify the signature of claims that it has seen before"
    SignatureSeenForPrefix Must "TOK-8" "remembers verified tokens by their first 200 characters"
    ForgeryAcceptedOnRepeat Must "TOK-8" "lets in a forged token at its third try"
    ForgeryAcceptedInParallel Must "TOK-8" "lets in whoever comes while it is verifying others' tokens"
    AlgNoneAccepted Must "TOK-8" "takes `alg` `none` for a signature"
    AlgNoneWithSignatureAccepted Must "TOK-8" "takes `alg` `none` where a signature of any kind follows"
    AlgNoneLowerFolded Must "TOK-8" "refuses `none`, and takes it in any other letter case"
    AlgNoneCapitalized Must "TOK-8" "takes `alg` `None` for a signature"
    AlgNoneCapitals Must "TOK-8" "takes `alg` `NONE` for a signature"
    AlgNoneMixed Must "TOK-8" "takes `alg` `nOnE` for a signature"
    AlgNoneTrimmed Must "TOK-8" "takes `alg` ` none `, with spaces, for a signature"
    AlgEmptyAccepted Must "TOK-8" "takes an empty `alg` for `none`"
    AlgUnknownAccepted Must "TOK-8" "takes an `alg` that it does not know for verified"
    AlgMissingAccepted Must "TOK-8" "takes a token without `alg` for verified"
    AlgWrongTypesAccepted Must "TOK-8" "takes a token whose `alg` is no string for verified"
    AlgCaseFolded Must "TOK-8" "reads `alg` without regard to letter case"
    AlgOfTokenUsed Must "TOK-8" "verifies under any hash that the token names for the key's family"
    PublicKeyPemAsSecret Must "TOK-8" "takes its public key's PEM for an HMAC secret"
    PublicKeyPemTrimmedAsSecret Must "TOK-8" "takes its public key's PEM, without the last line's end, for an HMAC secret"
    PublicKeyPemSpaceAsSecret Must "TOK-8" "takes its public key's PEM, behind a space, for an HMAC secret"
    PublicKeyDerAsSecret Must "TOK-8" "takes its public key's DER for an HMAC secret"
    PublicKeyJwkAsSecret Must "TOK-8" "takes its public key's JWK for an HMAC secret"
    PublicKeyRawAsSecret Must "TOK-8" "takes its public key's modulus or point for an HMAC secret"
    EmptySecretAccepted Must "TOK-8" "takes the empty HMAC secret"
    WeakSecretAccepted Must "TOK-8" "has the HMAC secret `secret`"
    EmbeddedKeyTrusted Must "TOK-8" "verifies with the `jwk` that a token brings along"
    UnknownKidAccepted Should "TOK-8" "tries every key when it has none of the token's `kid`"
    UnknownKidUnverified Must "TOK-8" "does not verify where it has no key of the token's `kid`"
    UnknownKid500 Must "TOK-8" "answers 500 to a `kid` that it does not know"
    KidPathFollowed Must "TOK-8" "reads the key from the file that `kid` names, and `/dev/null` is empty"
    KidSqlInjected Must "TOK-8" "looks the key up by an SQL statement that `kid` can rewrite"
    KidWrongTypesIgnored Should "TOK-8" "passes over a `kid` that is no string"
    KidNulCut Should "TOK-8" "cuts a `kid` at a NUL"
    KidCaseFolded Should "TOK-8" "compares `kid` without regard to letter case"
    CritIgnored Must "TOK-8" "ignores `crit`"
    CritEmptyAccepted Must "TOK-8" "takes an empty `crit`"
    CritWrongTypesIgnored Must "TOK-8" "ignores a `crit` that is no array"
    CritB64Accepted Must "TOK-8" "understands `crit` with `b64`, and claims that are signed as they are"
    UnknownAlg500 Must "TOK-8" "answers 500 to an `alg` that it does not know"
    Crit500 Must "TOK-8" "answers 500 to `crit`"
    TypeIgnored Should "TOK-8" "takes a token of any `typ`"
    TypeWrongTypesIgnored Should "TOK-8" "passes over a `typ` that is no string"
    TypeRequired Should "TOK-8" "refuses a token without `typ`"
    AccessTokenTypeRefused Should "TOK-8" "refuses the `typ` `at+jwt`"

    // ORG-1: another organization's resource.
    OwnershipIgnored Must "ORG-1" "serves any organization's document to any good token"
    OwnershipIgnoredOnHead Must "ORG-1" "compares organizations for GET and not for HEAD"
    OwnershipIgnoredOnWrites Must "ORG-1" "compares organizations for reads and not for writes"
    Foreign401 Must "ORG-1" "answers 401 to another organization's token"
    ForeignDetailOther Must "ORG-1" "answers 403 with `Forbidden`"
    Foreign404 Should "ORG-1" "answers 404 to another organization's token"
    Foreign500 Must "ORG-1" "answers 500 to another organization's token"
    OrgFieldTrusted Must "ORG-1" "takes the organization from `X-Org-Id` over the token's"
    OrganizationFieldTrusted Must "ORG-1" "takes the organization from `X-Organization-Id` over the token's"
    TenantFieldTrusted Must "ORG-1" "takes the organization from `X-Tenant-Id` over the token's"
    AuthOrgFieldTrusted Must "ORG-1" "takes the organization from `X-Auth-Org-Id` over the token's"
    OrgQueryTrusted Must "ORG-1" "takes the organization from `?org_id=` over the token's"
    OrganizationQueryTrusted Must "ORG-1" "takes the organization from `?organization=` over the token's"
    OrgCookieTrusted Must "ORG-1" "takes the organization from the cookie `org_id` over the token's"
    ForeignReadable Must "ORG-1" "serves the document to another organization after the owner has read it"
    ForeignForgery403 Must "ORG-1" "asks whose the document is before it verifies the signature, and answers 403"
    CallersMixedUp Must "ORG-1" "takes the last caller's organization where several requests are judged at once"

    // ORG-2, ORG-3: the account.
    OrgMissingAccepted Must "ORG-2" "lets in a token without an organization"
    OrgNullAccepted Must "ORG-2" "lets in a token whose organization is null"
    OrgEmptyAccepted Must "ORG-2" "lets in a token whose organization is empty"
    OrgMissingSeesAll Must "ORG-2" "takes a token without an organization for an administrator's"
    OrgMissing401 Must "ORG-2" "answers 401 to a token without an organization"
    OrgMissingDetail Must "ORG-2" "answers 403 with another detail to a token without an organization"
    OrgFromOtherClaim Must "ORG-2" "looks for the organization in `organization` where `org_id` is missing"
    OrgFromField Must "ORG-2" "takes the organization from `X-Org-Id` where the token has none"
    OtherOrgRefused Must "TOK-4" "lets in no organization but one"
    OrgWrongTypesAbsent Must "TOK-1" "takes an organization that is no string for none: 403, not 401"
    UserMissingAccepted Must "ORG-2" "lets in a token without a user"
    UserNullAccepted Must "ORG-2" "lets in a token whose user is null"
    UserEmptyAccepted Must "ORG-2" "lets in a token whose user is empty"
    UserMissing401 Should "ORG-2" "answers 401 to a token without a user"
    UserWrongTypesAccepted Should "TOK-1" "lets in a token whose user is no string"
    UserNumberAccepted Should "TOK-1" "lets in a token whose user is a number"
    UserControlAccepted Should "TOK-1" "lets in a user with control characters"
    AccountIgnored Must "ORG-2" "lets in users whose account is not configured"
    Account401 Must "ORG-2" "answers 401 to a user whose account is not configured"
    MembershipIgnored Must "ORG-3" "lets in users who are no members of the organization"
    Membership401 Must "ORG-3" "answers 401 to a user who is no member"
    Membership404 Should "ORG-3" "answers 404 to a user who is no member"

    // ORG-4: isolation.
    OrgArrayAccepted Must "ORG-4" "takes an array of organizations, and serves the documents of each"
    OrgNulCut Must "ORG-4" "cuts the organization at a NUL"
    OrgCaseFolded Must "ORG-4" "compares organizations without regard to letter case"
    OrgTrimmed Must "ORG-4" "trims white space off the organization"
    OrgInvisibleDropped Must "ORG-4" "drops invisible characters from the organization"
    OrgControlDropped Must "ORG-4" "drops control characters from the organization"
    OrgPathFollowed Must "ORG-4" "takes the organization for a path, and follows it"
    OrgOverridden Must "ORG-4" "takes the organization from the claim `organization` over `org_id`"
    OrgUnicodeFolded Must "ORG-4" "folds full-width letters of the organization to ASCII"
    OrgCommaSplit Must "ORG-4" "splits the organization at commas, and serves the documents of each"
    OrgPrefixMatched Must "ORG-4" "compares only the start of the organization"
    OrgWildcard Must "ORG-4" "takes the organization `*` for every organization"
    OrgNumberAccepted Should "TOK-1" "lets in a token whose organization is a number"
    ResponseCachedForAll Must "ORG-4" "answers from a cache keyed by the path alone, to whoever asks"
    ResponseCachedForTokens Must "ORG-4" "answers from a cache keyed by the path alone, to whoever has a good token"
    ConnectionRemembersCaller Must "ORG-4" "takes a connection's later requests without a token for the first caller's"
    ConnectionKeepsFirstCaller Must "ORG-4" "takes all requests on a connection for the first caller's, whatever token they bring"
    ConnectionAuthenticatedOnce Must "ORG-4" "does not verify tokens on a connection once a good one came"
    ConnectionRefusesAfterBad Must "TOK-8" "refuses good tokens on a connection on which a bad one came"
    CallerRemembered Must "ORG-4" "takes a request without a token for the last caller's"
    AddressRemembered Must "ORG-4" "lets in every bad token from an address that has shown a good one"

    // PERM-1: permissions.
    PermissionsIgnored Must "PERM-1" "never looks at permissions"
    PermissionMissing401 Must "PERM-1" "answers 401 where a permission is missing"
    PermissionMissing404 Should "PERM-1" "answers 404 where a permission is missing"
    PermissionMissingDetail Must "PERM-1" "answers 403 with another detail where a permission is missing"
    PermissionSubstring Must "PERM-1" "looks for the permission anywhere in the text of the claim"
    PermissionPrefix Must "PERM-1" "takes a permission that begins with the one it needs"
    PermissionFirstOnly Must "PERM-1" "looks at the first permission alone"
    PermissionNeverEnough Must "PERM-1" "refuses the operation whatever the permissions"
    PermissionCaseFolded Must "PERM-1" "compares permissions without regard to letter case"
    PermissionWildcard Must "PERM-1" "takes the permission `*` for every permission"
    PermissionResource Must "PERM-1" "takes any permission on the same kind of resource"
    PermissionsAbsentMeansAll Must "PERM-1" "takes a token without permissions for one with all"
    PermissionsFromScope Must "PERM-1" "looks for permissions in `scope` too"
    PermissionsFromRole Must "PERM-1" "takes the claim `role` `admin` for every permission"
    PermissionsFromField Must "PERM-1" "looks for permissions in `X-Permissions` too"
    PermissionsFromAuthField Must "PERM-1" "looks for permissions in `X-Auth-Permissions` too"
    PermissionsObjectAccepted Must "TOK-1" "takes an object of permissions for an array"
    PermissionsStringRefused Should "PERM-1" "refuses permissions in one string"

    // Section 6 and SEC-1: what an answer looks like, and what it must not say.
    ChallengeMissing Should "HDR-2" "answers 401 without `WWW-Authenticate`"
    ChallengeOfOtherScheme Should "HDR-2" "answers 401 with a challenge for `Basic` alone"
    ChallengeWithoutError Should "TOK-1" "answers an invalid token with a challenge that names no error"
    ChallengeErrorTooEarly Should "HDR-2" "names an error in its challenge where no token was sent"
    ForbiddenChallengeMissing Should "ORG-1" "answers 403 without `WWW-Authenticate`"
    StoreAllowed Should "HDR-2" "answers 401 without `Cache-Control: no-store`"
    ContentStoreAllowed Should "ORG-4" "answers 200 with `Cache-Control: public, max-age=60`"
    VaryMissing Should "ORG-4" "serves content without `Vary: Authorization` and without `Cache-Control`"
    MediaTypeText Should "TOK-1" "answers 401 as `text/plain`"
    MediaTypeMissing Should "TOK-1" "answers 401 without a `Content-Type`"
    DetailTellsReason Must "TOK-1" "says in `detail` what is wrong with a token"
    DetailTellsExpiry Must "TOK-3" "says `Token has expired` of an expired token"
    DetailTellsRevocation Must "TOK-5" "says `Token has been revoked` of a revoked token"
    MemberTellsReason Must "TOK-1" "says in a further member what is wrong with a token"
    FieldTellsReason Must "TOK-1" "says in a header field what is wrong with a token"
    ChallengeTellsReason Should "TOK-1" "says in the challenge what is wrong with a token"
    TokenEchoedInBody Must "SEC-1" "repeats the refused token in the body"
    TokenEchoedInField Must "SEC-1" "repeats the refused token in a header field"
    SignatureEchoed Must "SEC-1" "repeats the end of the refused token in the body"
    TokenEchoedOnSuccess Must "SEC-1" "repeats the good token in what it serves"
    TokenEchoedInCookie Must "SEC-1" "sets the token as a cookie"
    TokenEchoedInChallenge Must "SEC-1" "repeats the refused token in the challenge"
    TokenEchoedInForbidden Must "SEC-1" "repeats the token in its 403"
    TokenEchoedByTrace Must "SEC-1" "answers TRACE with the request, token and all"
    HeaderEchoed Must "SEC-1" "repeats an `Authorization` field of another scheme"
    TokenEchoedByPublic Must "SEC-1" "repeats the token at the public endpoint"
    HeadTellsContent Should "PUB-2" "puts the content's length and kind on its answer to HEAD without a token"

    // Each endpoint, spelling and moment for itself.
    SignatureIgnoredOnOwned Must "TOK-8" "does not verify signatures at the owned document"
    SignatureIgnoredOnOperation Must "TOK-8" "does not verify signatures at the operation that needs a permission"
    ExpiredAcceptedOnOwned Must "TOK-3" "does not check `exp` at the owned document"
    ExpiredAcceptedOnOperation Must "TOK-3" "does not check `exp` at the operation that needs a permission"
    NbfIgnoredOnOwned Must "TOK-1" "does not check `nbf` at the owned document"
    NbfIgnoredOnOperation Must "TOK-1" "does not check `nbf` at the operation that needs a permission"
    ExpMissingAcceptedOnOwned Must "TOK-3" "accepts a token without `exp` at the owned document"
    ExpMissingAcceptedOnOperation Must "TOK-3" "accepts a token without `exp` at the operation that needs a permission"
    IssuerIgnoredOnOwned Must "TOK-6" "does not check `iss` at the owned document"
    IssuerIgnoredOnOperation Must "TOK-6" "does not check `iss` at the operation that needs a permission"
    AudienceIgnoredOnOwned Must "TOK-6" "does not check `aud` at the owned document"
    AudienceIgnoredOnOperation Must "TOK-6" "does not check `aud` at the operation that needs a permission"
    RevocationIgnoredOnOwned Must "TOK-5" "accepts a revoked token at the owned document"
    RevocationIgnoredOnOperation Must "TOK-5" "accepts a revoked token at the operation that needs a permission"
    CritIgnoredOnOwned Must "TOK-8" "does not read `crit` at the owned document"
    CritIgnoredOnOperation Must "TOK-8" "does not read `crit` at the operation that needs a permission"
    SignatureIgnoredUnderLowerCase Must "TOK-8" "does not verify signatures under the scheme `bearer`"
    ExpiredAcceptedUnderLowerCase Must "TOK-3" "does not check `exp` under the scheme `bearer`"
    SignatureIgnoredUnderCapitals Must "TOK-8" "does not verify signatures under the scheme `BEARER`"
    SignatureIgnoredAtOtherSpelling Must "TOK-8" "does not verify signatures where the path is not in its plainest spelling"
    OwnerByRawPath Must "ORG-1" "looks the owner up by the path as received, and serves the path as a router reads it"
    ListUnfiltered Must "ORG-4" "lists the resources of every organization"
    ListNamesOtherDocuments Must "ORG-4" "lists the ids of every organization's documents"
    PreflightServesContent Must "PUB-2" "answers a CORS preflight with the content of the path"
    PlaceholderAccepted Must "HDR-3" "takes `Bearer None` for a guest"
    PlaceholderVariableAccepted Must "HDR-3" "takes `Bearer undefined` for a guest"
    BodyTokenAccepted Must "HDR-1" "takes `access_token` in a JSON body for a token"
    ZerosAcceptedUnderAnyAlgorithm Must "TOK-8" "accepts a signature of zeros, whatever the algorithm"
    AcceptedAfterUse Must "TOK-3" "accepts a token for ever that it has once accepted"
    AuthorizationFirst Must "TOK-8" "answers 403 by the claims of a token before it has verified it"
    TraversalToLookAlike Must "PUB-2" "serves the protected content behind dot segments, in a body like the public endpoint's"
    OtherDocumentsPublic Should "PUB-2" "serves its description, documentation and metrics to anyone"
    KeySetFetched Should "TOK-8" "fetches the key set that `jku` names, though it does not trust it"
}
