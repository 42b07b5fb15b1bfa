//! The matrix against a small service: no false alarms, every single-operation fault found and named.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::indexing_slicing, reason = "a missing member is null")]

mod broken;
mod generated;
mod program;
mod reports;
mod service;

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use artos_auth_conformance::matrix::document;
use artos_auth_conformance::matrix::plan::Plan;
use artos_auth_conformance::matrix::report::MatrixReport;
use artos_auth_conformance::matrix::run::{Options, run};
use artos_auth_conformance::report::{Outcome, Verdict};
use artos_auth_conformance::{Baseline, Profile, TransportOptions};
use base64_simd::URL_SAFE_NO_PAD;
use rstest::rstest;
use service::{Kind, Manner, SECRET, Service, claims, token};
use tempfile::TempDir;

const OPENAPI: &str = include_str!("openapi.json");

/// A folder with the profile, the key and the document.
fn folder(address: SocketAddr) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let key = URL_SAFE_NO_PAD.encode_to_string(SECRET);
    let jwk = format!("{{\"kty\": \"oct\", \"alg\": \"HS256\", \"k\": \"{key}\"}}");
    fs::write(folder.path().join("key.jwk.json"), jwk).unwrap();
    fs::write(folder.path().join("openapi.json"), OPENAPI).unwrap();
    let profile = format!(
        r#"
target = "http://{address}"
allow_writes = true

[endpoints]
public = {{ path = "/api/v1/status" }}

[tokens]
revoked = {{ value = "{}" }}
not_a_member = {{ value = "{}" }}

[signing]
key = "key.jwk.json"
organization = "org-a"
other_organization = "org-b"
permissions = ["documents:read", "documents:write"]

[matrix]
openapi = "openapi.json"

[matrix.parameters]
document_id = {{ own = "doc-a", other = "doc-b" }}
organization = {{ own = "org-a", other = "org-b" }}
"file.path" = {{ own = "org-a/in.docx", other = "org-b/in.docx" }}

[matrix.permissions]
"POST /api/v1/documents" = ["documents:write"]
"* /api/v1/nothing" = []

[matrix.bodies]
generate = {{ source = {{ own = "doc-a", other = "doc-b" }}, count = 1 }}
"#,
        token(&claims("conformance", "revoked")),
        token(&claims("outsider", "outsider")),
    )
    .replace(
        "\"* /api/v1/nothing\" = []\n",
        "\"GET /api/v1/documents/{document_id}\" = [\"documents:read\"]\n",
    );
    let path = folder.path().join("conformance.toml");
    fs::write(&path, profile).unwrap();
    (folder, path)
}

async fn matrix(service: Service) -> MatrixReport {
    let (_folder, path) = folder(service.start().await);
    let profile = Profile::load(&path, None).unwrap();
    let plan = Plan::new(document::read(OPENAPI, None).unwrap(), &profile, &profile.matrix, &[]).unwrap();
    run(plan, profile, options(), |_, _| {}).await.unwrap()
}

fn options() -> Options {
    Options {
        transport: TransportOptions::default(),
        rate: 100_000.0,
        concurrency: 4,
        baseline: Baseline::default(),
        stop: None,
    }
}

/// The failed cells, each with its operation.
fn failed(report: &MatrixReport) -> Vec<String> {
    report
        .operations
        .iter()
        .flat_map(|operation| {
            let cells = operation.cells.iter().filter(|cell| cell.outcome == Outcome::Failed);
            cells.map(|cell| format!("{}/{}", operation.operation_id, cell.name()))
        })
        .collect()
}

#[tokio::test]
async fn a_right_service_conforms() {
    let report = matrix(Service::default()).await;
    assert_eq!(failed(&report), [""; 0]);
    assert_eq!(report.summary.warned, 0, "{:#?}", report.operations);
    assert_eq!(report.verdict, Verdict::Conforms, "{:?}", report.summary);
    assert_eq!(report.summary.operations, 12);
    assert_eq!(report.requests, u64::try_from(report.summary.cells).unwrap() + 1);
    let page = report.operations.iter().find(|operation| operation.operation_id == "page").unwrap();
    let names: Vec<String> = page.cells.iter().map(|cell| cell.name()).collect();
    assert_eq!(names.first().unwrap(), "own/own", "the control of a GET comes first");
    for name in ["own/other", "own/other:organization", "own/other:document_id"] {
        assert!(names.iter().any(|other| other == name), "{names:?}");
    }
    for name in ["own", "own:organization", "own:document_id"] {
        assert!(names.contains(&format!("other_organization/{name}")), "{names:?}");
    }
    let last = report.operations.last().unwrap();
    assert_eq!(last.operation_id, "remove", "DELETE comes last");
    assert_eq!(last.cells.last().unwrap().name(), "own/own", "the control of a DELETE comes last");
}

#[rstest]
#[case(Manner::NotFoundForForeign)]
#[case(Manner::ValidatesFirst)]
#[case(Manner::MethodFirst)]
#[case(Manner::MissingFirst)]
#[case(Manner::MediaTypeFirst)]
#[case(Manner::Problem)]
#[case(Manner::Gzip)]
#[case(Manner::Slow)]
#[case(Manner::RedirectsWithSlash)]
#[case(Manner::RedirectsWithHost)]
#[case(Manner::HtmlAnd401)]
#[case(Manner::Text)]
#[case(Manner::NoBodies)]
#[case(Manner::OtherIds)]
#[case(Manner::CreatedTwice)]
#[case(Manner::CloseEach)]
#[case(Manner::EmptyLists)]
#[case(Manner::ChallengeList)]
#[case(Manner::Throttles)]
#[case(Manner::LargeBodies)]
#[tokio::test]
async fn a_lawful_manner_is_no_failure(#[case] manner: Manner) {
    let report = matrix(Service { manner: Some(manner), ..Service::default() }).await;
    assert_eq!(failed(&report), [""; 0]);
    assert_eq!((report.summary.warned, report.summary.skipped), (0, 0));
    assert!(report.public.open_undocumented.is_empty() && report.public.closed_documented.is_empty());
}

/// Otherwise the memory of a run, and its report, would grow with the answers.
#[tokio::test]
async fn what_is_kept_of_an_answer_is_bounded() {
    let report = matrix(Service { manner: Some(Manner::LargeBodies), ..Service::default() }).await;
    for cell in report.operations.iter().flat_map(|operation| &operation.cells) {
        let kept = serde_json::to_string(cell).unwrap().len();
        assert!(kept < 2_048, "{} keeps {kept} bytes", cell.name());
    }
}

/// Each fault with the cells that it must show in.
#[rstest]
#[case::open(Kind::Open, &["documents", "templates", "me", "read", "file", "page", "create", "update", "generate", "settings", "remove"], "none")]
#[case::no_signature(Kind::NoSignature, &["documents", "templates", "read", "update", "remove"], "forged")]
#[case::no_expiry(Kind::NoExpiry, &["me", "read", "file", "create", "remove"], "expired")]
#[case::no_revocation(Kind::NoRevocation, &["documents", "page", "generate", "settings"], "revoked")]
#[case::no_organization(Kind::NoOrganization, &["read", "file", "page", "update", "generate", "remove"], "other_organization")]
#[case::foreign_resource(Kind::NoOrganization, &["read", "generate", "remove"], "own/other")]
#[case::no_permission(Kind::NoPermission, &["documents", "read", "create"], "no_permission")]
#[case::no_membership(Kind::NoMembership, &["documents", "read", "settings"], "not_a_member")]
#[case::through_another_parent(Kind::OnlyFirstParameter, &["page"], "own/other:document_id")]
#[case::parent_unchecked(Kind::OnlyLastParameter, &["page"], "own/other:organization")]
#[case::content(Kind::ContentInRefusal, &["read", "page", "file"], "other_organization")]
#[case::list(Kind::ListsAll, &["documents", "templates"], "own")]
#[case::closed(Kind::Closed, &["status"], "none")]
#[case::error(Kind::Error, &["status", "me", "update"], "own")]
#[case::login(Kind::Login, &["documents", "me"], "none")]
#[case::refuses_owner(Kind::RefusesOwner, &["me", "read", "create"], "own")]
#[case::other_status(Kind::OtherStatus, &["read", "file"], "other_organization")]
#[case::cut(Kind::Cut, &["me"], "forged")]
#[tokio::test]
async fn a_fault_of_one_operation_is_found_and_named(
    #[case] kind: Kind,
    #[case] operations: &[&'static str],
    #[case] cell: &str,
) {
    for operation in operations {
        let report = matrix(Service { fault: Some((operation, kind)), ..Service::default() }).await;
        let failed = failed(&report);
        let wanted = format!("{operation}/{cell}");
        assert!(failed.iter().any(|id| id.starts_with(&wanted)), "{kind:?} of {operation}: {failed:?}");
        let other = failed.iter().find(|id| id.split('/').next() != Some(operation));
        assert_eq!(other, None, "{kind:?} of {operation}: {failed:?}");
        assert_eq!(report.verdict, Verdict::Violates);
        let open: &[&str] = if kind == Kind::Open { &[operation] } else { &[] };
        assert_eq!(report.public.open_undocumented, open);
        let closed: &[&str] = if kind == Kind::Closed { &[operation] } else { &[] };
        assert_eq!(report.public.closed_documented, closed);
    }
}

#[tokio::test]
async fn three_hundred_operations_are_all_tested() {
    let paths: serde_json::Map<String, serde_json::Value> = (0..300)
        .map(|nth| {
            let id = format!("read_{nth}");
            (
                format!("/documents/{{document_id}}/pages/{nth}"),
                serde_json::json!({"get": {
                    "operationId": id,
                    "parameters": [{"name": "document_id", "in": "path", "required": true}],
                }}),
            )
        })
        .collect();
    let text = serde_json::json!({
        "openapi": "3.0.3", "paths": paths, "security": [{"token": []}], "servers": [{"url": "/api/v1"}],
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    });
    let (_folder, path) = folder(Service::default().start().await);
    let mut profile = Profile::load(&path, None).unwrap();
    profile.matrix.permissions.clear();
    profile.matrix.bodies.clear();
    let document = document::read(&text.to_string(), None).unwrap();
    let plan = Plan::new(document, &profile, &profile.matrix, &[]).unwrap();
    assert_eq!(plan.requests(), 1 + 300 * 9);
    let report = run(plan, profile, options(), |_, _| {}).await.unwrap();
    assert_eq!(report.requests, 1 + 300 * 9);
    assert_eq!((report.summary.operations, report.summary.cells), (300, 300 * 9));
    assert_eq!(report.interrupted, None);
}
