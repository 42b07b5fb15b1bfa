//! Documents as frameworks generate them.

use std::path::Path;

use artos_auth_conformance::Profile;
use artos_auth_conformance::matrix::document;
use artos_auth_conformance::matrix::plan::Plan;
use rstest::rstest;

const PROFILE: &str = r#"
target = "http://127.0.0.1:9"
allow_writes = true
[tokens]
valid = { value = "e30.e30.AAAA" }
no_permission = { value = "e30.e30.AAAB" }
[matrix.parameters]
document_id = { own = "doc-a", other = "doc-b" }
path = "a b/c"
"#;

/// FastAPI describes no security for an operation without any, so the profile names the public endpoint. Every operation
/// with whether it is public, its number of cells, and the number that has to do with permissions.
#[rstest]
#[case::fastapi(include_str!("generated/fastapi.json"), "/api/v1/status", &[
    ("documents_api_v1_documents_get", false, 7, 0),
    ("read_api_v1_documents__document_id__get", false, 9, 0),
    ("file_api_v1_files_get", false, 7, 0),
    ("status_api_v1_status_get", true, 7, 0),
    ("create_api_v1_documents_post", false, 8, 1),
])]
#[case::utoipa(include_str!("generated/utoipa.json"), "/", &[
    ("read", false, 9, 0),
    ("status", true, 7, 0),
    ("create", false, 8, 1),
])]
#[case::swagger_jsdoc(include_str!("generated/swagger-jsdoc.json"), "/", &[
    ("GET /api/v1/documents/{document_id}", false, 9, 0),
    ("GET /api/v1/status", true, 7, 0),
    ("DELETE /api/v1/documents/{document_id}", false, 10, 1),
])]
fn a_generated_document_is_planned(
    #[case] text: &str,
    #[case] public: &str,
    #[case] wanted: &[(&str, bool, usize, usize)],
) {
    let mut profile = Profile::parse(PROFILE, Path::new("")).unwrap();
    profile.endpoints.public.path = public.into();
    let plan = Plan::new(document::read(text, None).unwrap(), &profile, &profile.matrix, &[]).unwrap();
    let planned: Vec<_> = plan
        .rows
        .iter()
        .map(|row| {
            assert_eq!(row.filled.as_ref().err(), None, "{}", row.operation.endpoint());
            let permissions = row.cells.iter().filter(|cell| cell.caller.key() == "no_permission").count();
            (row.operation.name(), row.public, row.cells.len(), permissions)
        })
        .collect();
    let planned: Vec<_> =
        planned.iter().map(|(name, open, cells, lacks)| (name.as_str(), *open, *cells, *lacks)).collect();
    assert_eq!(planned, wanted);
}
