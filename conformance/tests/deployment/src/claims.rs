//! Parses claims into a caller: form and time. Issuer and audience are in `environment`.

use serde_json::{Number, Value};

use crate::authority::PERMISSION;
use crate::clock;
use crate::fault::Fault;
use crate::json::Members;
use crate::judge::Judge;
use crate::message::Request;
use crate::reason::Reason;
use crate::variation::Variation;

const CLAIMS: &[&str] = &[
    "exp",
    "nbf",
    "iat",
    "iss",
    "aud",
    "jti",
    "sub",
    "org_id",
    "permissions",
    "organization",
    "scope",
    "role",
];
const LAST_SECOND: f64 = 253_402_300_799.0;
const MAX_IDENTITY_BYTES: usize = 256;
const MAX_PERMISSIONS: usize = 256;

/// The presence of a claim: the contract treats these alike, and some faults do not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Presence {
    #[default]
    Absent,
    Null,
    Empty,
    There,
}

impl Presence {
    fn of(claims: &Members, name: &str) -> Presence {
        match claims.values(name).next_back() {
            None => Presence::Absent,
            Some(Value::Null) => Presence::Null,
            Some(Value::String(text)) if text.is_empty() => Presence::Empty,
            Some(_) => Presence::There,
        }
    }
}

/// The caller according to the token.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Caller {
    pub(crate) user: Option<String>,
    pub(crate) user_claim: Presence,
    pub(crate) organization_claim: Presence,
    /// None or one; more where a fault takes them.
    pub(crate) organizations: Vec<String>,
    pub(crate) permissions: Vec<String>,
    pub(crate) token_id: Option<String>,
    /// Whether a fault gives the caller access to everything.
    pub(crate) sees_all: bool,
}

impl Judge<'_> {
    /// The caller in claims whose signature has verified.
    pub(crate) fn caller(&self, text: &[u8], request: &Request) -> Result<Caller, Reason> {
        let claims = self.read_claims(text)?;
        let mut caller = Caller {
            user: self.user(&claims)?,
            user_claim: Presence::of(&claims, "sub"),
            organization_claim: Presence::of(&claims, "org_id"),
            token_id: match self.claim(&claims, "jti") {
                Some(value) if !value.is_string() && self.has(Fault::JtiWrongTypesIgnored) => None,
                Some(value) => Some(identity(value)?),
                None => None,
            },
            permissions: self.permissions(&claims, request)?,
            ..Caller::default()
        };
        self.organizations(&claims, &mut caller)?;
        self.environment_form(&claims)?;
        self.times(&claims)?;
        self.environment(&claims)?;
        Ok(caller)
    }

    fn read_claims(&self, text: &[u8]) -> Result<Members, Reason> {
        let claims = match Members::read(text, CLAIMS) {
            None if self.has(Fault::ExpOverflowAccepted) => {
                Members::read(&without_overflow(text), CLAIMS).ok_or(Reason::NotJson)?
            }
            claims => claims.ok_or(Reason::NotJson)?,
        };
        if self.refuses_lawful_claims(text, &claims) {
            return Err(Reason::ClaimMember);
        }
        let lenient = self.has(Fault::DuplicateClaims) || self.has(Fault::FirstDuplicateClaim);
        if claims.repeated() && !lenient {
            return Err(Reason::ClaimMember);
        }
        Ok(claims)
    }

    /// Reasons for which a fault refuses valid claims.
    fn refuses_lawful_claims(&self, text: &[u8], claims: &Members) -> bool {
        let there = |name: &str| claims.values(name).next().is_some();
        match self.behavior.fault {
            Some(Fault::UnreadClaimsRefused) => claims.passed_over(),
            Some(Fault::EscapesRefused) => text.contains(&b'\\'),
            Some(Fault::NbfRefused) => there("nbf"),
            Some(Fault::NullRefused) => claims.values("nbf").any(Value::is_null),
            _ => false,
        }
    }

    /// The relevant claim; null is treated as absent.
    pub(crate) fn claim<'c>(&self, claims: &'c Members, name: &'c str) -> Option<&'c Value> {
        let mut values = claims.values(name);
        let value = if self.has(Fault::FirstDuplicateClaim) { values.next() } else { values.next_back() };
        value.filter(|value| !value.is_null())
    }

    fn times(&self, claims: &Members) -> Result<(), Reason> {
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a double for ages")]
        let now = clock::seconds() as f64;
        let exp = self.expiry(claims)?;
        let nbf = self.instant(claims, "nbf", Fault::NbfWrongTypesIgnored)?;
        self.instant(claims, "iat", Fault::IatWrongTypesIgnored)?;
        let leeway = match self.behavior.fault {
            Some(Fault::ExpLeeway60) => 60.0,
            Some(Fault::ExpLeeway300) => 300.0,
            Some(Fault::ExpLeewayDay) => 86_400.0,
            Some(Fault::ExpInclusive) => 1.0,
            Some(Fault::ExpEarly) => -30.0,
            _ if self.varies(Variation::Leeway) => 60.0,
            _ => 0.0,
        };
        if exp.is_some_and(|exp| now >= exp + leeway) {
            return Err(Reason::Expired);
        }
        let leeway = match self.behavior.fault {
            Some(Fault::NbfIgnored) => f64::INFINITY,
            Some(Fault::NbfLeeway300) => 300.0,
            _ if self.varies(Variation::Leeway) => 60.0,
            _ => 0.0,
        };
        if nbf.is_some_and(|nbf| now < nbf - leeway) { Err(Reason::NotYetValid) } else { Ok(()) }
    }

    /// When the token expires; never, if a fault says so.
    fn expiry(&self, claims: &Members) -> Result<Option<f64>, Reason> {
        if self.has(Fault::ExpiredAccepted) {
            return Ok(None);
        }
        let raw = claims.values("exp").next_back();
        let Some(value) = self.claim(claims, "exp") else {
            let never = match raw {
                None => self.has(Fault::ExpMissingAccepted),
                Some(_) => self.has(Fault::ExpNullAccepted),
            };
            return if never { Ok(None) } else { Err(Reason::ClaimMissing) };
        };
        let never = match self.behavior.fault {
            Some(Fault::ExpTextAccepted) => value.is_string(),
            Some(Fault::ExpBoolAccepted) => value.is_boolean(),
            Some(Fault::ExpArrayAccepted) => value.is_array(),
            Some(Fault::ExpObjectAccepted) => value.is_object(),
            Some(Fault::ExpZeroAccepted) => value.as_f64() == Some(0.0),
            Some(Fault::ExpNegativeAccepted) => value.as_f64().is_some_and(|exp| exp < 0.0),
            Some(Fault::ExpBeyond9999Accepted) => value.as_f64().is_some_and(|exp| exp > LAST_SECOND),
            Some(Fault::ExpOverflowAccepted) => value.as_f64() == Some(OVERFLOW_STANDS_FOR),
            _ => false,
        };
        if never {
            return Ok(None);
        }
        if self.has(Fault::ExpDigitsAccepted)
            && let Some(exp) = value.as_str().and_then(|digits| digits.parse().ok())
        {
            return Ok(Some(exp));
        }
        if self.has(Fault::ExpFractionRefused) && value.as_f64().is_some_and(|exp| exp.fract() != 0.0) {
            return Err(Reason::ClaimMember);
        }
        seconds(value).map(Some)
    }

    fn instant(&self, claims: &Members, name: &str, ignored: Fault) -> Result<Option<f64>, Reason> {
        match self.claim(claims, name) {
            Some(value) if !value.is_number() && self.has(ignored) => Ok(None),
            Some(value) => seconds(value).map(Some),
            None => Ok(None),
        }
    }

    fn user(&self, claims: &Members) -> Result<Option<String>, Reason> {
        let Some(value) = self.claim(claims, "sub") else { return Ok(None) };
        match (self.behavior.fault, value) {
            (Some(Fault::UserWrongTypesAccepted), value) if !value.is_string() => Ok(Some(value.to_string())),
            (Some(Fault::UserNumberAccepted), Value::Number(number)) => Ok(Some(number.to_string())),
            (Some(Fault::UserControlAccepted), Value::String(user)) => Ok(Some(user.clone())),
            _ => identity(value).map(Some),
        }
    }

    fn organizations(&self, claims: &Members, caller: &mut Caller) -> Result<(), Reason> {
        let mut value = self.claim(claims, "org_id");
        if value.is_none() && self.has(Fault::OrgFromOtherClaim) {
            value = self.claim(claims, "organization");
        }
        if self.has(Fault::OrgOverridden) {
            value = self.claim(claims, "organization").or(value);
        }
        caller.sees_all = value.is_none() && self.has(Fault::OrgMissingSeesAll)
            || self.has(Fault::OrgWildcard) && value.is_some_and(|value| value == "*");
        let Some(value) = value else { return Ok(()) };
        let one = |text: String| vec![text];
        caller.organizations = match (self.behavior.fault, value) {
            (Some(Fault::OrgWrongTypesAbsent), value) if !value.is_string() => return Ok(()),
            (Some(Fault::OrgNumberAccepted), Value::Number(number)) => one(number.to_string()),
            (Some(Fault::OrgArrayAccepted), Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            (Some(Fault::OrgNulCut), Value::String(name)) => {
                one(name.split('\0').next().unwrap_or_default().to_owned())
            }
            (Some(Fault::OrgTrimmed), Value::String(name)) => one(name.trim().to_owned()),
            (Some(Fault::OrgInvisibleDropped), Value::String(name)) => {
                one(name.chars().filter(|letter| !('\u{200b}'..='\u{200f}').contains(letter)).collect())
            }
            (Some(Fault::OrgControlDropped), Value::String(name)) => {
                one(name.chars().filter(|letter| !letter.is_control()).collect())
            }
            (Some(Fault::OrgPathFollowed), Value::String(name)) => {
                one(name.rsplit('/').next().unwrap_or_default().to_owned())
            }
            (Some(Fault::OrgCaseFolded), Value::String(name)) => one(name.to_lowercase()),
            (Some(Fault::OrgUnicodeFolded), Value::String(name)) => one(name.chars().map(narrow).collect()),
            (Some(Fault::OrgCommaSplit), Value::String(name)) => {
                name.split(',').map(|name| name.trim().to_owned()).collect()
            }
            _ => match identity(value)? {
                empty if empty.is_empty() => Vec::new(),
                name => one(name),
            },
        };
        Ok(())
    }

    fn permissions(&self, claims: &Members, request: &Request) -> Result<Vec<String>, Reason> {
        let mut permissions = self.claimed_permissions(claims)?;
        let field = match self.behavior.fault {
            Some(Fault::PermissionsFromField) => request.field("x-permissions"),
            Some(Fault::PermissionsFromAuthField) => request.field("x-auth-permissions"),
            Some(Fault::PermissionsFromScope) => match self.claim(claims, "scope") {
                Some(Value::Array(words)) => {
                    Some(words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "))
                }
                words => words.and_then(Value::as_str).map(str::to_owned),
            },
            Some(Fault::PermissionsFromRole) => {
                self.claim(claims, "role").filter(|role| *role == "admin").map(|_| PERMISSION.to_owned())
            }
            _ => None,
        };
        permissions.extend(field.iter().flat_map(|words| words.split([' ', ','])).map(str::to_owned));
        Ok(permissions)
    }

    fn claimed_permissions(&self, claims: &Members) -> Result<Vec<String>, Reason> {
        let words = match self.claim(claims, "permissions") {
            None if self.has(Fault::PermissionsAbsentMeansAll) => vec![PERMISSION.to_owned()],
            None => Vec::new(),
            Some(Value::String(words)) if self.has(Fault::PermissionsStringRefused) && !words.is_empty() => {
                return Err(Reason::ClaimMember);
            }
            Some(Value::String(words)) if words.is_empty() => Vec::new(),
            Some(Value::String(words)) => {
                if words.split(' ').any(str::is_empty) || words.chars().any(char::is_control) {
                    return Err(Reason::ClaimMember);
                }
                words.split(' ').map(str::to_owned).collect()
            }
            Some(Value::Array(items)) => items.iter().map(identity).collect::<Result<_, _>>()?,
            Some(Value::Object(object)) if self.has(Fault::PermissionsObjectAccepted) => {
                object.keys().cloned().collect()
            }
            Some(_) => return Err(Reason::ClaimMember),
        };
        if words.len() > MAX_PERMISSIONS { Err(Reason::ClaimMember) } else { Ok(words) }
    }
}

/// A number of seconds in the range that the contract reads.
fn seconds(value: &Value) -> Result<f64, Reason> {
    value.as_f64().filter(|seconds| (0.0..=LAST_SECOND).contains(seconds)).ok_or(Reason::ClaimMember)
}

/// A string that is a valid id.
fn identity(value: &Value) -> Result<String, Reason> {
    let text = value.as_str().ok_or(Reason::ClaimMember)?;
    let fits = text.len() <= MAX_IDENTITY_BYTES && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned()).ok_or(Reason::ClaimMember)
}

/// The ASCII character for a full-width one.
fn narrow(letter: char) -> char {
    match u32::from(letter) {
        wide @ 0xff01..=0xff5e => char::from_u32(wide - 0xfee0).unwrap_or(letter),
        _ => letter,
    }
}

/// The placeholder in the claims for a number outside the range of a double.
const OVERFLOW_STANDS_FOR: f64 = 1e300;

/// The claims with `1e300` where `exp` overflows a double.
fn without_overflow(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let Some((before, rest)) = text.split_once("\"exp\":") else { return Vec::new() };
    let end = rest.find([',', '}']).unwrap_or(rest.len());
    let overflows = rest[..end].trim().parse::<f64>().is_ok_and(f64::is_infinite);
    let number = Number::from_f64(OVERFLOW_STANDS_FOR).filter(|_| overflows);
    let number = number.map_or_else(|| rest[..end].to_owned(), |number| number.to_string());
    format!("{before}\"exp\":{number}{}", &rest[end..]).into_bytes()
}
