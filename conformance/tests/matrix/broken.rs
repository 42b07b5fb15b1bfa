//! Broken documents: each is refused with the JSON pointer of its problem.

use artos_auth_conformance::matrix::document;
use rstest::rstest;

/// A document with one GET at `/a`.
fn with(operation: &str) -> String {
    format!(r#"{{"openapi": "3.0.0", "paths": {{"/a": {{"get": {operation}}}}}}}"#)
}

#[rstest]
#[case::not_json("{", "", "is not JSON")]
#[case::not_yaml("a: [", "", "is not YAML")]
#[case::no_version(r#"{"paths": {}}"#, "", "lacks `openapi`")]
#[case::swagger(r#"{"swagger": "2.0", "paths": {}}"#, "", "convert it to OpenAPI 3.0 or 3.1")]
#[case::version(r#"{"openapi": "4.0.0"}"#, "/openapi", "unsupported version `4.0.0`")]
#[case::version_type(r#"{"openapi": 3}"#, "/openapi", "expected a string, found a number")]
#[case::no_paths(r#"{"openapi": "3.0.0"}"#, "", "lacks `paths`")]
#[case::empty(r#"{"openapi": "3.0.0", "paths": {}}"#, "/paths", "describes no operation")]
#[case::path(r#"{"openapi": "3.0.0", "paths": {"a": {}}}"#, "/paths/a", "must begin with `/`")]
#[case::servers(r#"{"openapi": "3.0.0", "servers": {}, "paths": {}}"#, "/servers", "expected an array")]
#[case::server(
    r#"{"openapi": "3.0.0", "servers": [{"url": "/{v}"}], "paths": {}}"#,
    "/servers/0/url",
    "has a variable"
)]
#[case::operation(&with("[]"), "/paths/~1a/get", "expected an object, found an array")]
#[case::id(&with(r#"{"operationId": 1}"#), "/paths/~1a/get/operationId", "expected a string")]
#[case::duplicate(
    r#"{"openapi": "3.0.0", "paths": {"/a": {"get": {"operationId": "a"}, "put": {"operationId": "a"}}}}"#,
    "/paths/~1a/put/operationId",
    "is duplicated"
)]
#[case::parameters(&with(r#"{"parameters": {}}"#), "/paths/~1a/get/parameters", "expected an array")]
#[case::parameter_name(&with(r#"{"parameters": [{"in": "query"}]}"#), "/paths/~1a/get/parameters/0", "lacks `name`")]
#[case::parameter_place(
    &with(r#"{"parameters": [{"name": "a", "in": "matrix"}]}"#),
    "/paths/~1a/get/parameters/0/in",
    "unknown place `matrix`"
)]
#[case::parameter_required(
    &with(r#"{"parameters": [{"name": "a", "in": "query", "required": "yes"}]}"#),
    "/paths/~1a/get/parameters/0/required",
    "expected true or false"
)]
#[case::dangling(
    &with(r##"{"parameters": [{"$ref": "#/components/parameters/a"}]}"##),
    "/paths/~1a/get/parameters/0/$ref",
    "names nothing in the document"
)]
#[case::remote(
    &with(r#"{"parameters": [{"$ref": "other.json"}]}"#),
    "/paths/~1a/get/parameters/0/$ref",
    "outside the document"
)]
#[case::cycle(
    r##"{"openapi": "3.0.0", "paths": {"/a": {"$ref": "#/paths/~1a"}}}"##,
    "/paths/~1a",
    "is a circular reference"
)]
#[case::undescribed(
    r#"{"openapi": "3.0.0", "paths": {"/a/{id}": {"get": {}}}}"#,
    "/paths/~1a~1{id}/get",
    "no path parameter `id`"
)]
#[case::not_in_the_path(
    &with(r#"{"parameters": [{"name": "id", "in": "path", "required": true}]}"#),
    "/paths/~1a/get",
    "the path parameter `id` is not in the path"
)]
#[case::security(&with(r#"{"security": {}}"#), "/paths/~1a/get/security", "expected an array")]
#[case::scheme(&with(r#"{"security": [{"token": []}]}"#), "/paths/~1a/get/security/0/token", "no scheme `token`")]
#[case::content(&with(r#"{"requestBody": {}}"#), "/paths/~1a/get/requestBody", "lacks `content`")]
fn a_broken_document_is_refused_with_its_pointer(
    #[case] text: &str,
    #[case] pointer: &str,
    #[case] message: &str,
) {
    let error = document::read(text, None).unwrap_err();
    assert_eq!(error.pointer, pointer, "{error}");
    assert!(error.message.contains(message), "{error}");
    assert!(!error.to_string().contains('\n'), "{error}");
}

#[test]
fn yaml_and_json_are_the_same() {
    let yaml = "\
openapi: 3.1.0
servers: [{url: 'https://a.example/v1/'}]
paths:
  /a/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: integer, default: 7}}
    get:
      operationId: read
      security: [{}]
      responses:
        200: {description: ok}
";
    let json = r#"{"openapi": "3.1.0", "servers": [{"url": "https://a.example/v1/"}], "paths": {"/a/{id}": {
        "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer", "default": 7}}],
        "get": {"operationId": "read", "security": [{}], "responses": {"200": {"description": "ok"}}}}}}"#;
    let read = document::read(yaml, None).unwrap();
    assert_eq!(read, document::read(json, None).unwrap());
    let operation = read.operations.first().unwrap();
    assert!(operation.public);
    assert_eq!(operation.path, "/v1/a/{id}");
    assert_eq!(document::read(yaml, Some("/v2")).unwrap().operations.first().unwrap().path, "/v2/a/{id}");
}
