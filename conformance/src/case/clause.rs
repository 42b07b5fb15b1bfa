//! The clauses that cases test, and the level of a case.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! clauses {
    ($($variant:ident $id:literal $summary:literal,)*) => {
        /// A clause of the documented contract, with the name used in the project's documentation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Clause {
            $(
                #[doc = $summary]
                #[serde(rename = $id)]
                $variant,
            )*
        }

        impl Clause {
            /// Every clause, in the order of the contract.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The id shown in reports, such as `TOK-3`.
            pub fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// A summary of the clause in a few words.
            pub fn summary(self) -> &'static str {
                match self { $(Self::$variant => $summary,)* }
            }
        }
    };
}

clauses! {
    Pub1 "PUB-1" "the public endpoint needs no authentication, whatever the Authorization field holds",
    Pub2 "PUB-2" "every other endpoint does, and only the public path itself is public",
    Hdr1 "HDR-1" "one field line: the scheme Bearer, a space, the token",
    Hdr2 "HDR-2" "a missing or empty header is 401, Not authenticated",
    Hdr3 "HDR-3" "a malformed header is 401, Not authenticated",
    Tok1 "TOK-1" "a malformed token is 401",
    Tok2 "TOK-2" "extra spaces or characters in a token are 401",
    Tok3 "TOK-3" "an expired token is 401",
    Tok4 "TOK-4" "a token of an organization that does not authenticate here is 401",
    Tok5 "TOK-5" "a revoked token is 401",
    Tok6 "TOK-6" "a token of another environment is 401",
    Tok7 "TOK-7" "organization, user, permissions and expiration are read from the token's claims",
    Tok8 "TOK-8" "only a signature by a trusted key, under that key's algorithm, makes a token valid",
    Org1 "ORG-1" "a resource of another organization is 403",
    Org2 "ORG-2" "a user account that is not properly configured is 403",
    Org3 "ORG-3" "a user who is not a member of the organization is 403",
    Org4 "ORG-4" "resources are filtered only by the token's organization",
    Perm1 "PERM-1" "permissions control which operations are available",
    Aud1 "AUD-1" "the user id identifies who did what",
    Sec1 "SEC-1" "no token in any output",
    Sec2 "SEC-2" "tokens travel over HTTPS only",
    Rot1 "ROT-1" "keys rotate: several are live at once, chosen by kid",
    Rev1 "REV-1" "a revocation counts from the next request on",
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

/// Text that is not a clause id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownClause(String);

impl fmt::Display for UnknownClause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a clause; expected one such as `TOK-3`", self.0)
    }
}

impl std::error::Error for UnknownClause {}

impl FromStr for Clause {
    type Err = UnknownClause;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|clause| clause.id().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownClause(text.to_owned()))
    }
}

/// How binding a case is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Required by the documentation, or needed to prevent access that the token does not grant.
    Must,
    /// Recommended by RFCs and good practice, or a stricter rule whose violation gives no unauthorized access.
    Should,
}

impl Level {
    /// The word used in reports and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Should => "should",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
