//! What one operation of [`operations`](crate::operations) checks, and the faults of one operation.
//!
//! A fault is named `OPERATION/FAULT` and replaces a rule of that operation alone, as a developer who forgets it would.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::auth::{self, Caller, FORBIDDEN, INVALID, Service, bearer_token, lines};
use crate::faults;
use crate::routes::not_found;
use crate::settings::Settings;

/// The checks of an operation.
pub struct Rules {
    pub secured: bool,
    /// The document describes the operation as public, whatever the code does.
    pub described_as_public: bool,
    /// Whether a comment's document is compared.
    pub checks_parent: bool,
    /// Whether a comment's own organization is compared.
    pub checks_child: bool,
    /// The answer about a resource of another organization.
    pub refuse: fn(&Value) -> Response,
    pub service: Service,
}

pub fn guest() -> Caller {
    let permissions = ["documents:read", "documents:write", "documents:export"].map(Into::into);
    Caller { user: "guest".into(), organization: "org-a".into(), permissions: permissions.into() }
}

impl Rules {
    /// The rules of an operation, with its fault where one is switched on.
    pub fn of(operation: &str) -> Rules {
        let service = Service::new(Settings::from_environment());
        let fault = service.settings.fault.clone().unwrap_or_default();
        let missing = service.settings.has("missing-for-foreign");
        let mut rules = Rules {
            secured: operation != "status",
            described_as_public: operation == "status",
            checks_parent: true,
            checks_child: true,
            refuse: if missing { |_| not_found().into_response() } else { |_| FORBIDDEN.into_response() },
            service,
        };
        if let Some((name, fault)) = fault.split_once('/')
            && name == operation
        {
            rules.switch_on(fault);
        }
        rules
    }

    fn switch_on(&mut self, fault: &str) {
        let service = &mut self.service;
        match fault {
            "unauthenticated" => self.secured = false,
            "public-but-closed" => (self.secured, self.described_as_public) = (true, true),
            "token-optional" => {
                service.caller = |service, parts| match lines(parts).is_empty() {
                    true => Ok(guest()),
                    false => (service.authenticate)(service, &bearer_token(service, parts)?),
                }
            }
            "any-token" => {
                service.authenticate = |service, token| match token.split('.').count() {
                    3 => auth::authenticate(service, token),
                    _ => Ok(guest()),
                }
            }
            "owner-unchecked" => service.owns = |_, _| true,
            "owner-refused" => service.owns = |organization, owner| organization != owner,
            "parent-unchecked" => self.checks_parent = false,
            "child-unchecked" => self.checks_child = false,
            "any-permission-suffices" => service.may = |caller, _| !caller.permissions.is_empty(),
            "refusal-with-content" => {
                self.refuse = |resource| {
                    let body = json!({ "detail": { "reason": "not yours", "resource": resource } });
                    (StatusCode::FORBIDDEN, Json(body)).into_response()
                }
            }
            "refusal-as-error" => self.refuse = |_| StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            "refusal-as-unauthenticated" => self.refuse = |_| INVALID.into_response(),
            "redirect-to-login" => faults::switch_on("missing-redirects", service),
            same => faults::switch_on(same, service),
        }
    }
}
