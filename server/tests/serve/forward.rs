//! Forward authentication: which requests described by a proxy are decided on, and which are refused.

use rstest::rstest;
use serde_json::json;

use super::support::{Running, body, field, status};

const X_FORWARDED: &str = "[forward]\nfields = \"x-forwarded\"";
const X_ORIGINAL: &str = "[forward]\nfields = \"x-original\"";
const X_ORIGINAL_URL: &str = "[forward]\nfields = \"x-original-url\"";

const TEMPLATES: &str =
    "X-Forwarded-Method: GET\r\nX-Forwarded-Uri: /api/v1/templates/\r\nX-Forwarded-Host: api.example\r\n";

/// Sends a check for the request that `fields` describe, with a valid token.
async fn ask(server: &Running, fields: &str) -> String {
    ask_at(server, "GET /_auth/verify", fields).await
}

async fn ask_at(server: &Running, start: &str, fields: &str) -> String {
    let token = server.files.token(json!({}));
    ask_bare(server, start, &format!("Authorization: Bearer {token}\r\n{fields}")).await
}

/// Sends a check without a token.
async fn ask_bare(server: &Running, start: &str, fields: &str) -> String {
    let request = format!("{start} HTTP/1.1\r\nHost: auth.internal\r\nConnection: close\r\n{fields}\r\n");
    server.exchange(request).await
}

/// The number of decisions with this outcome and reason.
fn decisions(server: &Running, outcome: &str, reason: &str) -> String {
    let series = format!("artos_auth_decisions_total{{outcome=\"{outcome}\",reason=\"{reason}\"}} ");
    let text = server.metrics.encode().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&series));
    line.unwrap_or_else(|| panic!("no series {series}")).to_owned()
}

#[track_caller]
fn assert_unclear(server: &Running, answer: &str) {
    assert_eq!(status(answer), 403, "{answer}");
    assert_eq!(body(answer), "");
    assert_eq!(field(answer, "Content-Length"), Some("0"));
    assert!(field(answer, "WWW-Authenticate").unwrap().contains("insufficient_scope"), "{answer}");
    assert_eq!(decisions(server, "deny", "forwarded_request_unclear"), "1");
}

#[rstest]
#[case::x_forwarded(X_FORWARDED, TEMPLATES)]
#[case::x_original(
    X_ORIGINAL,
    "X-Original-Method: GET\r\nX-Original-URI: /api/v1/templates/\r\nX-Original-Host: api.example\r\n"
)]
#[case::x_original_url(
    X_ORIGINAL_URL,
    "X-Original-Method: GET\r\nX-Original-URL: https://api.example/api/v1/templates/\r\n"
)]
#[case::scheme_in_capitals(
    X_ORIGINAL_URL,
    "X-Original-Method: GET\r\nX-Original-URL: HTTP://api.example:8080/api/v1/templates/\r\n"
)]
#[tokio::test]
async fn a_described_request_is_decided_on_with_the_token_of_the_check(
    #[case] config: &str,
    #[case] fields: &str,
) {
    let server = Running::start(config).await;
    let allowed = ask(&server, fields).await;
    assert_eq!(status(&allowed), 200, "{allowed}");
    assert_eq!((body(&allowed), field(&allowed, "Content-Length")), ("", Some("0")));
    assert_eq!(field(&allowed, "X-Auth-User-Id"), Some("u1"));
    assert_eq!(field(&allowed, "X-Auth-Org-Id"), Some("org-a"));
    assert_eq!(field(&allowed, "X-Auth-Permissions"), Some("documents:read"));
    assert_eq!(field(&allowed, "X-Auth-Token-Id"), Some("t1"));
    assert_eq!(decisions(&server, "allow", "authorized"), "1");

    let denied = ask_bare(&server, "GET /_auth/verify", fields).await;
    assert_eq!((status(&denied), body(&denied)), (401, ""), "{denied}");
    assert_eq!(field(&denied, "WWW-Authenticate"), Some("Bearer realm=\"artos\""));
    assert_eq!(field(&denied, "Cache-Control"), Some("no-store"));
    assert_eq!(decisions(&server, "deny", "header_missing"), "1");
}

#[rstest]
#[case::public("/api/v1/search/status?q=1", 200, "allow", "public_path")]
#[case::escape("/api/v1/search/%73tatus", 401, "deny", "header_missing")]
#[case::trailing_slash("/api/v1/search/status/", 401, "deny", "header_missing")]
#[case::fragment("/api/v1/search/status#x", 401, "deny", "header_missing")]
#[case::dot_segments("/api/v1/x/../search/status", 401, "deny", "header_missing")]
#[case::beside_the_own_folder("/_authors/1", 401, "deny", "header_missing")]
#[tokio::test]
async fn the_described_target_is_used_unchanged(
    #[case] target: &str,
    #[case] expected: u16,
    #[case] outcome: &str,
    #[case] reason: &str,
) {
    let server = Running::start(X_FORWARDED).await;
    let fields = TEMPLATES.replace("/api/v1/templates/", target);
    let answer = ask_bare(&server, "GET /_auth/verify", &fields).await;
    assert_eq!((status(&answer), body(&answer)), (expected, ""), "{answer}");
    assert_eq!(decisions(&server, outcome, reason), "1");
    if expected == 200 {
        for name in ["X-Auth-User-Id", "X-Auth-Org-Id", "X-Auth-Permissions", "X-Auth-Token-Id"] {
            assert_eq!(field(&answer, name), Some(""), "{name}");
        }
    }
}

/// The method, query and host of the check itself are ignored.
#[rstest]
#[case::get("GET /_auth/verify")]
#[case::head("HEAD /_auth/verify")]
#[case::post("POST /_auth/verify")]
#[case::options("OPTIONS /_auth/verify")]
#[case::unknown_method("PURGE /_auth/verify")]
#[case::query("GET /_auth/verify?rd=/api/v1/search/status")]
#[tokio::test]
async fn the_check_may_have_any_method_and_query(#[case] start: &str) {
    let rules = "[policy]\nroutes = [{ methods = [\"POST\"], path = \"/api/v1/templates\", permissions = [\"x\"] }]\n";
    let realms = "[[realms]]\nhost = \"api.example\"\norganizations = [\"org-a\"]\n";
    let server = Running::start(&format!("{rules}{realms}{X_FORWARDED}")).await;
    assert_eq!(status(&ask_at(&server, start, TEMPLATES).await), 200);
    let post = TEMPLATES.replace("Method: GET", "Method: POST");
    assert_eq!(status(&ask_at(&server, start, &post).await), 403);
    assert_eq!(decisions(&server, "deny", "permission_missing"), "1");
    let elsewhere = TEMPLATES.replace("api.example", "other.example");
    assert_eq!(status(&ask_at(&server, start, &elsewhere).await), 401);
    assert_eq!(decisions(&server, "deny", "organization_not_in_realm"), "1");
}

#[rstest]
#[case::no_method("X-Forwarded-Method: GET\r\n", "")]
#[case::no_uri("X-Forwarded-Uri: /api/v1/templates/\r\n", "")]
#[case::no_host("X-Forwarded-Host: api.example\r\n", "")]
#[case::method_twice("X-Forwarded-Method", "X-Forwarded-Method: GET\r\nX-Forwarded-Method")]
#[case::uri_twice("X-Forwarded-Uri", "X-Forwarded-Uri: /api/v1/templates/\r\nX-Forwarded-Uri")]
#[case::host_twice("X-Forwarded-Host", "X-Forwarded-Host: api.example\r\nX-Forwarded-Host")]
#[case::empty_method("Method: GET", "Method:")]
#[case::empty_uri("Uri: /api/v1/templates/", "Uri:")]
#[case::empty_host("Host: api.example", "Host:")]
#[case::comma_in_host("api.example", "api.example, other.example")]
#[case::comma_without_space("api.example", "api.example,other.example")]
#[case::no_host_name("api.example", "user@api.example")]
#[case::no_port("api.example", "api.example:http")]
#[case::two_methods("GET", "GET, POST")]
#[case::no_method_token("GET", "G T")]
#[case::absolute_form("/api/v1/templates/", "http://api.example/api/v1/templates/")]
#[case::asterisk("/api/v1/templates/", "*")]
#[case::no_leading_slash("/api/v1/templates/", "api/v1/templates/")]
#[case::space_in_target("/api/v1/templates/", "/api/v1/ templates/")]
#[case::two_targets("/api/v1/templates/", "/api/v1/search/status, /api/v1/templates/")]
#[case::the_check_itself("/api/v1/templates/", "/_auth/verify")]
#[case::the_check_with_a_query("/api/v1/templates/", "/_auth/verify?x")]
#[case::below_the_own_folder("/api/v1/templates/", "/_auth/x")]
#[case::the_own_folder("/api/v1/templates/", "/_auth/")]
#[case::the_own_folder_without_slash("/api/v1/templates/", "/_auth")]
#[case::alias_of_method("X-Forwarded-Method", "X_Forwarded_Method: GET\r\nX-Forwarded-Method")]
#[case::alias_of_uri("X-Forwarded-Uri", "X-Forwarded_Uri: /api/v1/search/status\r\nX-Forwarded-Uri")]
#[case::alias_of_host("X-Forwarded-Host", "x_forwarded-host: api.example\r\nX-Forwarded-Host")]
#[case::alias_alone("X-Forwarded-Uri", "X_Forwarded_Uri")]
#[case::other_family("X-Forwarded-", "X-Original-")]
#[tokio::test]
async fn an_unclear_description_is_refused(#[case] from: &str, #[case] to: &str) {
    let server = Running::start(X_FORWARDED).await;
    assert!(TEMPLATES.contains(from), "{from}");
    assert_unclear(&server, &ask(&server, &TEMPLATES.replace(from, to)).await);
}

#[rstest]
#[case::no_scheme("api.example/api/v1/templates/")]
#[case::other_scheme("ftp://api.example/api/v1/templates/")]
#[case::no_authority("https:///api/v1/templates/")]
#[case::no_path("https://api.example")]
#[case::query_without_path("https://api.example?q=/api/v1/templates/")]
#[case::user_info("https://user@api.example/api/v1/templates/")]
#[case::fragment("https://api.example/api/v1/templates/#x")]
#[case::comma_in_host("https://api.example,other.example/api/v1/templates/")]
#[case::backslash("https://api.example\\@other.example/api/v1/templates/")]
#[case::port("https://api.example:port/api/v1/templates/")]
#[case::path_alone("/api/v1/templates/")]
#[case::space("https://api.example/api /v1/templates/")]
#[case::own_folder("https://api.example/_auth/verify")]
#[tokio::test]
async fn an_unclear_url_is_refused(#[case] url: &str) {
    let server = Running::start(X_ORIGINAL_URL).await;
    let fields = format!("X-Original-Method: GET\r\nX-Original-URL: {url}\r\n");
    assert_unclear(&server, &ask(&server, &fields).await);
}

#[rstest]
#[case::forwarded_header("Forwarded: for=1.2.3.4;host=other.example;proto=https\r\n")]
#[case::uri_of_the_other_family("X-Original-URI: /api/v1/search/status\r\n")]
#[case::url_of_the_other_family("X-Original-URL: https://api.example/api/v1/search/status\r\n")]
#[case::prefix("X-Forwarded-Prefix: /x\r\n")]
#[tokio::test]
async fn fields_outside_the_configured_family_are_ignored(#[case] extra: &str) {
    let server = Running::start(X_FORWARDED).await;
    let answer = ask_bare(&server, "GET /_auth/verify", &format!("{TEMPLATES}{extra}")).await;
    assert_eq!(status(&answer), 401, "{answer}");
    let answer = ask_bare(&server, "GET /_auth/verify", extra).await;
    assert_unclear(&server, &answer);
}

#[rstest]
#[case::without_forward("", "GET /_auth/verify")]
#[case::untrusted("[forward]\nfields = \"x-forwarded\"\ntrusted = [\"10.0.0.0/8\"]", "GET /_auth/verify")]
#[case::nobody_trusted("[forward]\nfields = \"x-forwarded\"\ntrusted = []", "GET /_auth/verify")]
#[case::other_path_below(X_FORWARDED, "GET /_auth/other")]
#[case::trailing_slash(X_FORWARDED, "GET /_auth/verify/")]
#[case::escape(X_FORWARDED, "GET /_auth/%76erify")]
#[case::absolute_form(X_FORWARDED, "GET http://auth.internal/_auth/verify")]
#[case::default_path_is_replaced(
    "[forward]\nfields = \"x-forwarded\"\npath = \"/_auth/check\"",
    "GET /_auth/verify"
)]
#[tokio::test]
async fn other_paths_below_the_reserved_prefix_are_refused(#[case] config: &str, #[case] start: &str) {
    let server = Running::start(config).await;
    assert_unclear(&server, &ask_at(&server, start, TEMPLATES).await);
}

#[tokio::test]
async fn a_configured_check_path_is_never_decided_on_as_a_resource() {
    let server = Running::start("[forward]\nfields = \"x-forwarded\"\npath = \"/check\"").await;
    assert_eq!(status(&ask_at(&server, "GET /check?x=1", TEMPLATES).await), 200);
    let itself = TEMPLATES.replace("/api/v1/templates/", "/check");
    assert_unclear(&server, &ask_at(&server, "GET /check", &itself).await);
}

const OWNERS: &str = "[[resources]]\npath = \"/api/v1/orgs/{org}/{*rest}\"\norganization = \"{org}\"\n\
                      [[resources]]\npath = \"/{*rest}\"\nunowned = true\n";

#[rstest]
#[case::own("", "X-Resource-Org: org-a\r\n", "/x", 200, "authorized")]
#[case::unowned("", "X-Resource-Org:\r\n", "/x", 200, "authorized")]
#[case::other("", "X-Resource-Org: org-b\r\n", "/x", 403, "resource_of_other_organization")]
#[case::missing("", "", "/x", 403, "resource_unresolved")]
#[case::repeated("", "X-Resource-Org: org-a\r\nX-Resource-Org: org-a\r\n", "/x", 403, "resource_unresolved")]
#[case::alias("", "X-Resource-Org: org-a\r\nX_Resource_Org: org-a\r\n", "/x", 403, "resource_unresolved")]
#[case::agrees(OWNERS, "X-Resource-Org: org-a\r\n", "/api/v1/orgs/org-a/x", 200, "authorized")]
#[case::agrees_on_nobody(OWNERS, "X-Resource-Org:\r\n", "/x", 200, "authorized")]
#[case::disagrees(OWNERS, "X-Resource-Org: org-a\r\n", "/api/v1/orgs/org-b/x", 403, "resource_unresolved")]
#[case::claims_what_is_unowned(OWNERS, "X-Resource-Org: org-a\r\n", "/x", 403, "resource_unresolved")]
#[case::frees_what_is_owned(
    OWNERS,
    "X-Resource-Org:\r\n",
    "/api/v1/orgs/org-a/x",
    403,
    "resource_unresolved"
)]
#[tokio::test]
async fn a_trusted_owner_must_be_unique_and_agree_with_the_resources(
    #[case] resources: &str,
    #[case] claim: &str,
    #[case] target: &str,
    #[case] expected: u16,
    #[case] reason: &str,
) {
    let server = Running::start(&format!("{resources}{X_FORWARDED}\ntrust_resource_org = true")).await;
    let fields = TEMPLATES.replace("/api/v1/templates/", target);
    assert_eq!(status(&ask(&server, &format!("{fields}{claim}")).await), expected);
    assert_eq!(decisions(&server, if expected == 200 { "allow" } else { "deny" }, reason), "1");
}

#[tokio::test]
async fn an_untrusted_owner_field_is_ignored() {
    let server = Running::start(&format!("{OWNERS}{X_FORWARDED}")).await;
    let fields = TEMPLATES.replace("/api/v1/templates/", "/api/v1/orgs/org-b/x");
    assert_eq!(status(&ask(&server, &format!("{fields}X-Resource-Org: org-a\r\n")).await), 403);
    assert_eq!(decisions(&server, "deny", "resource_of_other_organization"), "1");
}

#[rstest]
#[case::method("X-Forwarded-Method")]
#[case::uri("close, X-Forwarded-Uri")]
#[case::host("x-forwarded-host")]
#[case::original_url("X-Original-URL")]
#[case::owner("X-Resource-Org")]
#[case::identity("X-Auth-User-Id")]
#[case::authorization("Authorization")]
#[tokio::test]
async fn a_connection_line_that_names_a_field_is_rejected(#[case] names: &str) {
    let server = Running::start(X_FORWARDED).await;
    let answer = ask(&server, &format!("{TEMPLATES}Connection: {names}\r\n")).await;
    assert_eq!(status(&answer), 400, "{answer}");
}

#[tokio::test]
async fn two_authorization_lines_of_the_check_are_refused() {
    let server = Running::start(X_FORWARDED).await;
    let answer = ask(&server, &format!("{TEMPLATES}Authorization: Bearer x\r\n")).await;
    assert_eq!((status(&answer), body(&answer)), (401, ""));
    assert_eq!(decisions(&server, "deny", "header_repeated"), "1");
}
