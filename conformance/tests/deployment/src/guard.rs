//! Which requests require a token, and what they are then served.
//!
//! Contract: the public path, byte for byte up to the first `?`, requires none; everything else does. Every fault here
//! is a bypass.

use crate::fault::Fault;
use crate::judge::Judge;
use crate::message::Request;
use crate::path::{PUBLIC, Place, Rewrite, within_absolute};
use crate::variation::Variation;

/// The destination of a request, and whether it requires a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) open: bool,
    pub(crate) place: Place,
}

impl Route {
    fn open(place: Place) -> Route {
        Route { open: true, place }
    }

    fn guarded(place: Place) -> Route {
        Route { open: false, place }
    }
}

/// When a fault rewrites a path.
enum When {
    /// Before the comparison with the public path, and only for it.
    BeforePublic(Rewrite),
    /// After the guard has checked for the protected paths as they are written.
    AfterGuard(Rewrite),
    /// After the guard has checked that the path starts with the public one.
    AfterPrefix(Rewrite),
}

fn rewriting(fault: Fault) -> Option<When> {
    use When::{AfterGuard, AfterPrefix, BeforePublic};
    Some(match fault {
        Fault::PublicCaseFolded => BeforePublic(Rewrite::Case),
        Fault::PublicTrailingSlash => BeforePublic(Rewrite::Slash),
        Fault::PublicDoubledSlash => BeforePublic(Rewrite::DoubledSlash),
        Fault::PublicPercentDecoded => BeforePublic(Rewrite::Percent),
        Fault::PublicParametersCut => BeforePublic(Rewrite::Parameters),
        Fault::PublicDotsRemoved => BeforePublic(Rewrite::Dots),
        Fault::PublicFragmentCut => BeforePublic(Rewrite::Fragment),
        Fault::UnguardedCase => AfterGuard(Rewrite::Case),
        Fault::UnguardedDoubledSlash => AfterGuard(Rewrite::DoubledSlash),
        Fault::UnguardedDots => AfterGuard(Rewrite::Dots),
        Fault::UnguardedEncodedDots => AfterGuard(Rewrite::EncodedDots),
        Fault::UnguardedPercent => AfterGuard(Rewrite::Percent),
        Fault::UnguardedDoublePercent => AfterGuard(Rewrite::DoublePercent),
        Fault::UnguardedParameters => AfterGuard(Rewrite::Parameters),
        Fault::UnguardedBackslash => AfterGuard(Rewrite::Backslash),
        Fault::UnguardedFragment => AfterGuard(Rewrite::Fragment),
        Fault::UnguardedNul => AfterGuard(Rewrite::Nul),
        Fault::UnguardedSuffix => AfterGuard(Rewrite::Suffix),
        Fault::PublicPrefixBeforeDots => AfterPrefix(Rewrite::Dots),
        Fault::PublicPrefixBeforeEncodedDots => AfterPrefix(Rewrite::EncodedDots),
        Fault::PublicPrefixBeforeEncodedSlash => AfterPrefix(Rewrite::EncodedSlash),
        Fault::PublicPrefixBeforeParameters => AfterPrefix(Rewrite::Parameters),
        Fault::PublicPrefixBeforeBackslash => AfterPrefix(Rewrite::Backslash),
        _ => return None,
    })
}

/// The header field whose path a fault uses instead of the request's.
fn path_field(fault: Fault) -> Option<&'static str> {
    Some(match fault {
        Fault::ForwardedUriTrusted | Fault::ForwardedUriServed => "x-forwarded-uri",
        Fault::OriginalUriTrusted => "x-original-uri",
        Fault::OriginalUrlTrusted | Fault::OriginalUrlServed => "x-original-url",
        Fault::RewriteUrlTrusted | Fault::RewriteUrlServed => "x-rewrite-url",
        Fault::ForwardedPrefixTrusted => "x-forwarded-prefix",
        Fault::ForwardedPathTrusted => "x-forwarded-path",
        Fault::EnvoyPathTrusted => "x-envoy-original-path",
        _ => return None,
    })
}

/// The header field whose method a fault uses instead of the request's.
fn method_field(fault: Fault) -> Option<&'static str> {
    Some(match fault {
        Fault::MethodOverrideTrusted => "x-http-method-override",
        Fault::ForwardedMethodTrusted => "x-forwarded-method",
        Fault::OriginalMethodTrusted => "x-original-method",
        _ => return None,
    })
}

/// The method that a fault leaves unguarded.
fn unguarded_method(fault: Fault) -> Option<&'static str> {
    Some(match fault {
        Fault::UnguardedHead => "HEAD",
        Fault::UnguardedOptions => "OPTIONS",
        Fault::UnguardedPost => "POST",
        Fault::UnguardedPut => "PUT",
        Fault::UnguardedPatch => "PATCH",
        Fault::UnguardedDelete => "DELETE",
        Fault::UnguardedTrace => "TRACE",
        _ => return None,
    })
}

const KNOWN_METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];

impl Judge<'_> {
    /// The destination of the request.
    pub(crate) fn route(&self, request: &Request) -> Route {
        let path = request.path();
        let place = Place::of(path);
        if let Some(fault) = self.behavior.fault
            && let Some(route) = self.faulty_route(fault, request, path, place)
        {
            return route;
        }
        if self.varies(Variation::PublicNormalized) && Place::of(&Rewrite::All.apply(path)) == Place::Public {
            return Route::open(Place::Public);
        }
        if self.varies(Variation::AbsoluteForm) {
            let place = Place::of(within_absolute(path));
            return Route { open: place == Place::Public, place };
        }
        Route { open: place == Place::Public, place }
    }

    fn faulty_route(&self, fault: Fault, request: &Request, path: &str, place: Place) -> Option<Route> {
        if let Some(when) = rewriting(fault) {
            return rewritten_route(&when, path, place);
        }
        if let Some(field) = path_field(fault) {
            return route_of_field(fault, &request.field(field)?, place);
        }
        if let Some(field) = method_field(fault) {
            return (request.field(field)? != request.method).then_some(Route::open(place));
        }
        if let Some(method) = unguarded_method(fault) {
            return (request.method == method).then_some(Route::open(place));
        }
        let open = match fault {
            Fault::EverythingPublic => place == Place::Collection,
            Fault::OwnedPublic => matches!(place, Place::Document(_)),
            Fault::PublicPathAnywhere => request.target.contains(PUBLIC),
            Fault::PublicPathInFragment => {
                let (before, fragment) = request.target.split_once('#')?;
                return fragment.contains(PUBLIC).then_some(Route::open(Place::of(before)));
            }
            Fault::PublicByPrefix => return path.starts_with(PUBLIC).then_some(Route::open(Place::Public)),
            Fault::PublicBySuffix => return path.ends_with(PUBLIC).then_some(Route::open(Place::Public)),
            Fault::PublicBelow => {
                let below =
                    path.strip_prefix(PUBLIC).is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'));
                return below.then_some(Route::open(Place::Public));
            }
            Fault::UnknownPathsPublic => place == Place::Unknown,
            Fault::UnguardedSlash => place != Place::Unknown && path != place.canonical(),
            Fault::UnguardedQuery => request.target.contains('?'),
            Fault::UnguardedAbsoluteForm => {
                let inner = within_absolute(path);
                return (inner != path).then_some(Route::open(Place::of(inner)));
            }
            Fault::UnguardedUnknownMethod => !KNOWN_METHODS.contains(&request.method.to_uppercase().as_str()),
            Fault::UnguardedMethodCase => {
                !KNOWN_METHODS.contains(&request.method.as_str())
                    && KNOWN_METHODS.contains(&request.method.to_uppercase().as_str())
            }
            Fault::UnguardedHttp10 => request.http10,
            Fault::UnguardedUpgrade => request.field("upgrade").is_some(),
            Fault::UnguardedRange => request.field("range").is_some(),
            Fault::UnguardedOrigin => request.field("origin").is_some(),
            Fault::ForwardedForTrusted => says(request, "x-forwarded-for", "127.0.0.1"),
            Fault::RealIpTrusted => says(request, "x-real-ip", "127.0.0.1"),
            Fault::HostTrusted => says(request, "host", "localhost"),
            Fault::IdentityFieldsTrusted => request.field("x-auth-user-id").is_some(),
            Fault::ConnectionAuthorizationTrusted => says(request, "connection", "authorization"),
            Fault::PublicNeedsToken => return (place == Place::Public).then_some(Route::guarded(place)),
            Fault::PublicRefusesOptions => {
                let options = request.method == "OPTIONS";
                return (place == Place::Public && options).then_some(Route::guarded(place));
            }
            Fault::PublicRefusesQuery => {
                let query = request.target.contains('?');
                return (place == Place::Public && query).then_some(Route::guarded(place));
            }
            Fault::PublicRefusesHead => {
                return (place == Place::Public && request.method == "HEAD").then_some(Route::guarded(place));
            }
            _ => false,
        };
        open.then_some(Route::open(place))
    }
}

fn says(request: &Request, field: &str, text: &str) -> bool {
    request.field(field).is_some_and(|value| value.to_ascii_lowercase().contains(text))
}

fn rewritten_route(when: &When, path: &str, place: Place) -> Option<Route> {
    match when {
        When::BeforePublic(rewrite) => {
            (Place::of(&rewrite.apply(path)) == Place::Public).then_some(Route::open(Place::Public))
        }
        When::AfterGuard(rewrite) => {
            let served = Place::of(&rewrite.apply(path));
            (place == Place::Unknown && !matches!(served, Place::Unknown | Place::Public))
                .then_some(Route::open(served))
        }
        When::AfterPrefix(rewrite) => {
            let served = Place::of(&rewrite.apply(path));
            (path.starts_with(PUBLIC) && served != Place::Public).then_some(Route::open(served))
        }
    }
}

fn route_of_field(fault: Fault, value: &str, place: Place) -> Option<Route> {
    let named = Place::of(within_absolute(value.split('?').next().unwrap_or_default()));
    match fault {
        Fault::OriginalUrlServed | Fault::RewriteUrlServed | Fault::ForwardedUriServed => {
            (place == Place::Public).then_some(Route::open(named))
        }
        _ => (named == Place::Public).then_some(Route::open(place)),
    }
}
