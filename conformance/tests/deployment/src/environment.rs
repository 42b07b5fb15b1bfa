//! The environment of a token: its issuer and audience.

use serde_json::Value;

use crate::authority::{AUDIENCE, ISSUER};
use crate::fault::Fault;
use crate::json::Members;
use crate::judge::Judge;
use crate::reason::Reason;
use crate::variation::Variation;

impl Judge<'_> {
    /// `iss` and `aud` have valid types, whatever their values.
    pub(crate) fn environment_form(&self, claims: &Members) -> Result<(), Reason> {
        match self.claim(claims, "iss") {
            None | Some(Value::String(_)) => {}
            Some(Value::Array(_)) if self.has(Fault::IssuerArrayAccepted) => {}
            Some(_) if self.has(Fault::IssuerWrongTypesIgnored) || self.has(Fault::IssuerIgnored) => {}
            Some(_) => return Err(Reason::ClaimMember),
        }
        match self.claim(claims, "aud") {
            None | Some(Value::String(_)) => Ok(()),
            Some(Value::Array(names)) if names.iter().all(Value::is_string) => Ok(()),
            Some(Value::Array(_)) if self.has(Fault::AudienceMixedAccepted) => Ok(()),
            Some(Value::Object(_)) if self.has(Fault::AudienceObjectAccepted) => Ok(()),
            Some(_) if self.has(Fault::AudienceWrongTypesIgnored) || self.has(Fault::AudienceIgnored) => {
                Ok(())
            }
            Some(_) => Err(Reason::ClaimMember),
        }
    }

    pub(crate) fn environment(&self, claims: &Members) -> Result<(), Reason> {
        let unnamed = self.varies(Variation::EnvironmentUnnamed);
        if !unnamed && !self.has(Fault::UnnamedAudienceAccepted) && !self.issuer_fits(claims) {
            return Err(Reason::Issuer);
        }
        let audience = claims.values("aud").next_back().filter(|aud| !aud.is_null());
        let fits = match self.behavior.fault {
            Some(Fault::UnnamedAudienceAccepted) => true,
            _ if unnamed => audience.is_none(),
            _ => self.audience_fits(claims),
        };
        if fits { Ok(()) } else { Err(Reason::Audience) }
    }

    fn issuer_fits(&self, claims: &Members) -> bool {
        let raw = claims.values("iss").next_back();
        let value = self.claim(claims, "iss");
        let text = value.and_then(Value::as_str);
        text == Some(ISSUER)
            || match self.behavior.fault {
                Some(Fault::IssuerIgnored) => true,
                Some(Fault::IssuerMissingAccepted) => raw.is_none(),
                Some(Fault::IssuerNullAccepted) => raw.is_some_and(Value::is_null),
                Some(Fault::IssuerWrongTypesIgnored) => value.is_some_and(|value| !value.is_string()),
                Some(Fault::IssuerArrayAccepted) => holds(value, ISSUER),
                Some(Fault::IssuerPrefixAccepted) => text.is_some_and(|text| text.starts_with(ISSUER)),
                Some(Fault::IssuerCaseFolded) => text.is_some_and(|text| text.eq_ignore_ascii_case(ISSUER)),
                Some(Fault::IssuerSlashIgnored) => {
                    text.is_some_and(|text| text.trim_end_matches('/') == ISSUER)
                }
                _ => false,
            }
    }

    fn audience_fits(&self, claims: &Members) -> bool {
        let raw = claims.values("aud").next_back();
        let value = self.claim(claims, "aud");
        if self.has(Fault::AudienceArrayRefused) && value.is_some_and(Value::is_array) {
            return false;
        }
        let names: Vec<&str> = match value {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(name)) => vec![name],
            _ => Vec::new(),
        };
        names.contains(&AUDIENCE)
            || match self.behavior.fault {
                Some(Fault::AudienceIgnored) => true,
                Some(Fault::AudienceMissingAccepted) => raw.is_none(),
                Some(Fault::AudienceNullAccepted) => raw.is_some_and(Value::is_null),
                Some(Fault::AudienceEmptyAccepted) => {
                    value.is_some_and(|value| value == "" || value.as_array().is_some_and(Vec::is_empty))
                }
                Some(Fault::AudienceWrongTypesIgnored) => {
                    value.is_some_and(|value| !value.is_string() && !value.is_array())
                }
                Some(Fault::AudienceObjectAccepted) => {
                    value.and_then(Value::as_object).is_some_and(|object| object.contains_key(AUDIENCE))
                }
                Some(Fault::AudiencePrefixAccepted) => names.iter().any(|name| name.starts_with(AUDIENCE)),
                Some(Fault::AudienceSubstringAccepted) => names.iter().any(|name| name.contains(AUDIENCE)),
                Some(Fault::AudienceCaseFolded) => {
                    names.iter().any(|name| name.eq_ignore_ascii_case(AUDIENCE))
                }
                _ => false,
            }
    }
}

fn holds(value: Option<&Value>, name: &str) -> bool {
    value.and_then(Value::as_array).is_some_and(|names| names.iter().any(|item| item == name))
}
