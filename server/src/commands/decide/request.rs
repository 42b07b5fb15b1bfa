//! Parses one line into a request.

use std::borrow::Cow;
use std::fmt;

use artos_auth_engine::{Account, Organizations, ResourceOrg, UnixTime};
use base64_simd::STANDARD;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::calendar::LAST_SECOND;

/// A request, as a line describes it.
pub(super) struct LineRequest<'l> {
    pub(super) id: Option<&'l RawValue>,
    pub(super) method: Cow<'l, str>,
    pub(super) path: Cow<'l, str>,
    pub(super) authorization: Vec<Cow<'l, [u8]>>,
    pub(super) now: UnixTime,
    pub(super) context: LineContext,
}

/// The context of a line.
pub(super) struct LineContext {
    pub(super) realm: Option<Organizations>,
    pub(super) resource_org: ResourceOrg<'static>,
    pub(super) account: Account,
}

/// An invalid line.
pub(super) struct Refused<'l> {
    /// Its `id`, if it could be read.
    pub(super) id: Option<&'l RawValue>,
    /// The problem. Quotes nothing from the line except short member names.
    pub(super) problem: String,
}

pub(super) const TOO_LONG: &str = "the line is longer than 1 MiB";

impl<'l> LineRequest<'l> {
    pub(super) fn parse(line: &'l [u8]) -> Result<Self, Refused<'l>> {
        let anonymous = |problem: String| Refused { id: None, problem };
        let text = std::str::from_utf8(line).map_err(|_| anonymous("the line is not UTF-8".to_owned()))?;
        let Members(members) =
            serde_json::from_str(text).map_err(|error| anonymous(not_an_object(&error)))?;
        // It is unknown which of two ids is meant.
        let mut ids = members.iter().filter(|(name, _)| name == "id").map(|(_, value)| *value);
        let id = ids.next().filter(|_| ids.next().is_none());
        Self::read(id, &members).map_err(|problem| Refused { id, problem })
    }

    fn read(id: Option<&'l RawValue>, members: &[(Cow<'l, str>, &'l RawValue)]) -> Result<Self, String> {
        let names = ["id", "method", "path", "authorization", "authorization_b64", "now", "context"];
        let [_, method, path, authorization, authorization_b64, now, context] =
            unique_members(members, names, "")?;
        let authorization = match (authorization, authorization_b64) {
            (None, None) => Vec::new(),
            (Some(values), None) => {
                let values = strings(values).ok_or("`authorization` must be an array of strings")?;
                values.into_iter().map(into_bytes).collect()
            }
            (None, Some(values)) => {
                let decoded =
                    strings(values).and_then(|values| values.iter().map(|text| decode(text)).collect());
                decoded.ok_or("`authorization_b64` must be an array of strings in base64 with padding")?
            }
            (Some(_), Some(_)) => {
                return Err("both `authorization` and `authorization_b64` are present; remove one".to_owned());
            }
        };
        let path = path.ok_or("`path` is missing")?;
        let now = now.ok_or("`now` is missing")?;
        Ok(Self {
            id,
            method: method
                .map_or(Ok(Cow::Borrowed("GET")), |value| string(value).ok_or("`method` must be a string"))?,
            path: string(path).ok_or("`path` must be a string")?,
            authorization,
            now: serde_json::from_str(now.get())
                .ok()
                .filter(|now| *now <= LAST_SECOND)
                .map(UnixTime::from_seconds)
                .ok_or_else(|| format!("`now` must be an integer from 0 to {LAST_SECOND}"))?,
            context: context.map_or_else(|| Ok(LineContext::of_no_member()), LineContext::parse)?,
        })
    }
}

impl LineContext {
    /// The documented default: any realm, unowned, unknown account.
    fn of_no_member() -> Self {
        Self { realm: None, resource_org: ResourceOrg::Unowned, account: Account::Unknown }
    }

    fn parse(value: &RawValue) -> Result<Self, String> {
        let Members(members) =
            serde_json::from_str(value.get()).map_err(|_| "`context` must be an object".to_owned())?;
        let names = ["realm", "resource_org", "resource_unresolved", "account"];
        let [realm, resource_org, unresolved, account] = unique_members(&members, names, "context.")?;
        let realm = match realm.filter(|value| value.get() != "null") {
            None => None,
            Some(value) => {
                let organizations =
                    strings(value).ok_or("`context.realm` must be null or an array of strings")?;
                Some(organizations.into_iter().map(Cow::into_owned).collect())
            }
        };
        let owner = match resource_org.filter(|value| value.get() != "null") {
            None => ResourceOrg::Unowned,
            Some(value) => {
                let owner = string(value).ok_or("`context.resource_org` must be null or a string")?;
                ResourceOrg::Owned(Cow::Owned(owner.into_owned()))
            }
        };
        let resource_org = match unresolved.map(RawValue::get) {
            None | Some("false") => owner,
            Some("true") => ResourceOrg::Unresolved,
            Some(_) => return Err("`context.resource_unresolved` must be true or false".to_owned()),
        };
        let account = match account.map(string) {
            None => Account::Unknown,
            Some(name) => match name.as_deref() {
                Some("unknown") => Account::Unknown,
                Some("active") => Account::Active,
                Some("not_a_member") => Account::NotAMember,
                Some("not_configured") => Account::NotConfigured,
                _ => {
                    return Err(
                        "`context.account` must be `unknown`, `active`, `not_a_member` or `not_configured`"
                            .to_owned(),
                    );
                }
            },
        };
        Ok(Self { realm, resource_org, account })
    }
}

/// The members of an object in order, including duplicates, with unparsed values.
struct Members<'l>(Vec<(Cow<'l, str>, &'l RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(8);
                while let Some((BorrowedText(name), value)) = access.next_entry()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// A string, borrowed if it contains no escape.
#[derive(serde::Deserialize)]
struct BorrowedText<'l>(#[serde(borrow)] Cow<'l, str>);

/// The values of the named members; an unknown or duplicate member is an error.
fn unique_members<'l, const N: usize>(
    members: &[(Cow<'l, str>, &'l RawValue)],
    names: [&str; N],
    parent: &str,
) -> Result<[Option<&'l RawValue>; N], String> {
    let mut values = [None; N];
    for (name, value) in members {
        let Some(slot) = names.iter().position(|its| its == name).and_then(|index| values.get_mut(index))
        else {
            return Err(format!("{} is unknown", member_name(parent, name)));
        };
        if slot.replace(*value).is_some() {
            return Err(format!("{} is duplicate", member_name(parent, name)));
        }
    }
    Ok(values)
}

/// Quotes a short and plain name, which may be a misspelled member. Any other name may be a secret and is not shown.
fn member_name(parent: &str, name: &str) -> String {
    let harmless = name.len() <= 20 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    match parent {
        _ if harmless => format!("`{parent}{name}`"),
        "" => "one of its members".to_owned(),
        parent => format!("a member of `{}`", parent.trim_end_matches('.')),
    }
}

fn not_an_object(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => "the line is JSON, but not an object".to_owned(),
        _ => format!("the line is not valid JSON, from byte {} on", error.column()),
    }
}

fn string(value: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str(value.get()).ok().map(|BorrowedText(text)| text)
}

fn strings(value: &RawValue) -> Option<Vec<Cow<'_, str>>> {
    let values: Vec<BorrowedText<'_>> = serde_json::from_str(value.get()).ok()?;
    Some(values.into_iter().map(|BorrowedText(text)| text).collect())
}

fn into_bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

fn decode<'l>(text: &str) -> Option<Cow<'l, [u8]>> {
    STANDARD.decode_to_vec(text).ok().map(Cow::Owned)
}
