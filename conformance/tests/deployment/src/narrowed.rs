//! Faults limited to one endpoint, one spelling or one place.

use crate::Behavior;
use crate::fault::Fault;
use crate::judge::Judge;
use crate::message::Request;
use crate::path::{Place, Rewrite};

/// Where a fault applies.
enum Where {
    Owned,
    Operation,
    Scheme(&'static [u8]),
}

/// The general fault of a limited one, and its limit.
fn narrowed(fault: Fault) -> Option<(Fault, Where)> {
    use Where::{Operation, Owned, Scheme};
    Some(match fault {
        Fault::SignatureIgnoredOnOwned => (Fault::SignatureIgnored, Owned),
        Fault::SignatureIgnoredOnOperation => (Fault::SignatureIgnored, Operation),
        Fault::ExpiredAcceptedOnOwned => (Fault::ExpiredAccepted, Owned),
        Fault::ExpiredAcceptedOnOperation => (Fault::ExpiredAccepted, Operation),
        Fault::NbfIgnoredOnOwned => (Fault::NbfIgnored, Owned),
        Fault::NbfIgnoredOnOperation => (Fault::NbfIgnored, Operation),
        Fault::ExpMissingAcceptedOnOwned => (Fault::ExpMissingAccepted, Owned),
        Fault::ExpMissingAcceptedOnOperation => (Fault::ExpMissingAccepted, Operation),
        Fault::IssuerIgnoredOnOwned => (Fault::IssuerIgnored, Owned),
        Fault::IssuerIgnoredOnOperation => (Fault::IssuerIgnored, Operation),
        Fault::AudienceIgnoredOnOwned => (Fault::AudienceIgnored, Owned),
        Fault::AudienceIgnoredOnOperation => (Fault::AudienceIgnored, Operation),
        Fault::RevocationIgnoredOnOwned => (Fault::RevocationIgnored, Owned),
        Fault::RevocationIgnoredOnOperation => (Fault::RevocationIgnored, Operation),
        Fault::CritIgnoredOnOwned => (Fault::CritIgnored, Owned),
        Fault::CritIgnoredOnOperation => (Fault::CritIgnored, Operation),
        Fault::SignatureIgnoredUnderLowerCase => (Fault::SignatureIgnored, Scheme(b"bearer ")),
        Fault::ExpiredAcceptedUnderLowerCase => (Fault::ExpiredAccepted, Scheme(b"bearer ")),
        Fault::SignatureIgnoredUnderCapitals => (Fault::SignatureIgnored, Scheme(b"BEARER ")),
        _ => return None,
    })
}

impl<'a> Judge<'a> {
    /// This way of judging with another fault.
    pub(crate) fn with(&self, fault: Option<Fault>) -> Judge<'a> {
        Judge { behavior: Behavior { fault, ..self.behavior }, memory: self.memory }
    }

    /// The behavior for this request, and the request as it is then interpreted.
    pub(crate) fn narrowed(&self, request: &Request) -> Option<(Judge<'a>, Request)> {
        let fault = self.behavior.fault?;
        if let Some((general, place)) = narrowed(fault) {
            let applies = match place {
                Where::Owned => matches!(Place::of(request.path()), Place::Document(_)),
                Where::Operation => Place::of(request.path()) == Place::Generate,
                Where::Scheme(scheme) => request.lines("authorization").any(|line| line.starts_with(scheme)),
            };
            return applies.then(|| (self.with(Some(general)), request.clone()));
        }
        let general = match fault {
            Fault::SignatureIgnoredAtOtherSpelling => Fault::SignatureIgnored,
            Fault::ExpiredAcceptedAtOtherSpelling => Fault::ExpiredAccepted,
            Fault::OwnerByRawPath => Fault::OwnershipIgnored,
            _ => return None,
        };
        let served = Place::of(&Rewrite::All.apply(request.path()));
        let other = request.path() != served.canonical() && !matches!(served, Place::Unknown | Place::Public);
        let target = served.canonical().to_owned();
        other.then(|| (self.with(Some(general)), Request { target, ..request.clone() }))
    }
}
