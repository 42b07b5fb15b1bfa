//! Valid variations: differences between deployments that all conform.

use crate::fault::kebab;

macro_rules! variations {
    ($($name:ident $sentence:literal)*) => {
        /// One way of keeping the contract that is not the plainest.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Variation {
            $(#[doc = concat!("The deployment ", $sentence, ".")] $name,)*
        }

        impl Variation {
            /// Every variation.
            pub const ALL: &'static [Variation] = &[$(Variation::$name),*];

            /// What the deployment does: the rest of a sentence that begins with "the deployment".
            #[must_use]
            pub fn sentence(self) -> &'static str {
                match self { $(Variation::$name => $sentence,)* }
            }

            /// The name in kebab-case.
            #[must_use]
            pub fn id(self) -> String {
                kebab(match self { $(Variation::$name => stringify!($name),)* })
            }
        }
    };
}

variations! {
    ExtraMembers "has further members beside `detail`"
    Charset "writes `application/json; charset=utf-8`"
    ProblemJson "writes its refusals as `application/problem+json`"
    PrettyPrinted "writes its bodies with line breaks and indentation"
    EscapedDetail "writes its bodies with needless `\\u` escapes"
    NoChallenge "sends no challenge"
    OtherChallenge "names another realm in its challenge, and a second scheme beside it"
    NoCacheFields "says nothing on caching"
    Slow "takes a while for each answer"
    Dribbling "sends its answers in small pieces"
    Closing "closes the connection after each answer"
    Chunked "sends its bodies in chunks"
    LowercaseFields "writes its field names in lower case, and no reason phrase"
    EarlyHints "sends an interim answer before the final one"
    CanonicalSlash "redirects to the path with its slash at the end"
    LongFieldsRefused "answers 431 to a field of more than 8,000 bytes, before it looks at anything"
    IllegalBytesRefused "answers 400 to control and non-ASCII bytes in a field, before it looks at anything"
    RepeatedLinesRefused "answers 400 to a repeated `Authorization` line, before it looks at anything"
    ForeignNotFound "answers 404 to another organization's token, so as not to reveal what exists"
    UnknownNotFound "answers 404 to unknown paths, token or not"
    MethodsFirst "answers 405 to methods that an endpoint lacks, token or not"
    EmptyOptions "answers every OPTIONS with an empty 204 that lists the methods"
    PublicNormalized "normalizes the paths it gets, and serves the public endpoint under every spelling of its own path"
    AbsoluteForm "reads a target in absolute form as the path within it"
    PathRefused "answers 400 to paths that are not in their plainest spelling"
    TooManyRequests "answers 429 with `Retry-After` now and then"
    Unavailable "answers 503 with `Retry-After` now and then"
    SpacesSkipped "takes more than one space between scheme and token"
    Leeway "grants 60 seconds of leeway on times"
    TypeIgnored "takes tokens of any `typ`"
    EnvironmentUnnamed "names neither issuers nor audiences"
    UpgradeRefused403 "answers 403 with an empty body to `Upgrade`, which it does not serve"
    UpgradeRefused400 "answers 400 with an empty body to `Upgrade`, which it does not serve"
    FirewallPage403 "stands behind a firewall that answers 403 with a page to fields that rewrite a path or a method"
    FirewallPage400 "stands behind a firewall that answers 400 with a page to fields that rewrite a path or a method"
    MethodOverrideHonoured "honours the fields that override a method, and answers 405 to OPTIONS in one"
    UnknownMethodNotImplemented "answers 501 to methods that it does not know"
    OptionsListsMethods "answers OPTIONS with the methods as text, without a token"
    ApplicationShell "answers every path that is not under `/api/` with the page of an application"
    ValidationFirst "validates the body of an operation before it looks at the permission"
    Compressed "compresses its bodies, asked for or not"
    KidIgnored "has one key for each algorithm and does not read `kid`"
    UserMissingUnauthorized "answers 401 to a token without a user"
    Timestamped "writes the second into each refusal"
    Timed "says in a field how many milliseconds each answer took"
    Replicated "names one of two replicas in a field, in turn"
    ProtectedLooksLikePublic "has the same members in its protected content as in its public content"
}
