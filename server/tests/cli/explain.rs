//! `explain`: output that a support engineer pastes into a ticket.

use rstest::rstest;

use crate::{NOW, Run, Workshop};

fn explain(workshop: &Workshop, header: &str, arguments: &[&str]) -> Run {
    workshop.write("header", header);
    let fixed = ["explain", "--config", "auth.toml", "--header-file", "header", "--now", NOW];
    workshop.run(&[&fixed[..], arguments].concat())
}

fn reason(run: &Run) -> &str {
    let line = run.output.lines().find(|line| line.starts_with("ALLOW") || line.starts_with("DENY"));
    line.unwrap_or_else(|| panic!("{run:?}")).split_whitespace().nth(2).unwrap()
}

#[test]
fn an_allow_is_explained_check_by_check() {
    let workshop = Workshop::new();
    let token = workshop.token(&["--permission", "a:read", "--permission", "b:read"]);
    let run = explain(&workshop, &format!("Bearer {token}\n"), &["--path", "/api/v1/templates/?page=2"]);
    assert_eq!(run.status, 0);
    insta::assert_snapshot!("explain_allow", format!("{run:?}"));
}

#[test]
fn a_public_path_is_explained() {
    let workshop = Workshop::new();
    let run =
        workshop.run(&["explain", "--config", "auth.toml", "--path", "/api/v1/search/status", "--now", NOW]);
    assert_eq!(run.status, 0);
    insta::assert_snapshot!("explain_public", format!("{run:?}"));
}

#[test]
fn an_expired_token_is_explained() {
    let workshop = Workshop::new();
    let token = workshop.token(&["--claim", "exp=1699999990"]);
    let run = explain(&workshop, &format!("Bearer {token}"), &["--path", "/", "--method", "PUT"]);
    assert_eq!(run.status, 1);
    insta::assert_snapshot!("explain_expired", format!("{run:?}"));
}

#[test]
fn an_invalid_signature_shows_no_claims() {
    let workshop = Workshop::new();
    let token =
        workshop.token(&["--permission", "shown-to-nobody"]).replace('.', ".e30.").replacen(".e30.", ".", 1);
    let (signed, _) = token.split_once(".e30.").unwrap();
    let run = explain(&workshop, &format!("Bearer {signed}.{}", "A".repeat(43)), &["--path", "/"]);
    assert_eq!(run.status, 1);
    assert!(!run.output.contains("org-a"), "{run:?}");
    insta::assert_snapshot!("explain_signature", format!("{run:?}"));
}

#[test]
fn realms_resources_and_rules_of_the_file_are_applied_and_shown() {
    let workshop = Workshop::new();
    workshop.write(
        "auth.toml",
        r#"
[policy]
routes = [{ path = "/api/v1/orgs/{org}/documents", permissions = ["documents:read"] }]

[keys]
file = "key.jwk.json"

[[realms]]
host = "a.example"
organizations = ["org-a", "org-c"]

[[realms]]
host = "b.example"
organizations = ["org-b"]

[[resources]]
path = "/api/v1/orgs/{org}/{*rest}"
organization = "{org}"
"#,
    );
    let header = format!("Bearer {}", workshop.token(&[]));
    let asked = |arguments: &[&str]| explain(&workshop, &header, arguments);
    let own = "/api/v1/orgs/org-a/documents";

    let run = asked(&["--path", own, "--host", "A.example:8080"]);
    insta::assert_snapshot!("explain_permission", format!("{run:?}"));
    let run = asked(&["--path", own, "--host", "b.example"]);
    insta::assert_snapshot!("explain_realm", format!("{run:?}"));
    let run = asked(&["--path", "/api/v1/orgs/org-a/..%2forg-b/documents", "--host", "a.example"]);
    insta::assert_snapshot!("explain_unresolved", format!("{run:?}"));

    let run = asked(&["--path", "/api/v1/orgs/org-b/documents", "--host", "a.example"]);
    assert_eq!(reason(&run), "resource_of_other_organization");
    let run = asked(&["--path", own]);
    assert_eq!(reason(&run), "organization_not_in_realm");
    insta::assert_snapshot!(run.errors, @"warning: the file has `[[realms]]`, and a request without a host is in none of them; give `--host`");

    // Flags override the file.
    let run = asked(&["--path", own, "--realm", "org-b", "--realm", "org-a", "--resource-org", "org-b"]);
    assert_eq!(reason(&run), "resource_of_other_organization");
    let run = asked(&["--path", own, "--realm", "org-b"]);
    assert_eq!((reason(&run), run.errors.as_str()), ("organization_not_in_realm", ""));
    let run = asked(&["--path", own, "--realm", "org-a", "--resource-unresolved"]);
    assert_eq!(reason(&run), "resource_unresolved");
}

#[rstest]
#[case("unknown", "authorized")]
#[case("active", "authorized")]
#[case("not_a_member", "not_a_member")]
#[case("not_configured", "account_not_configured")]
fn the_account_flag_sets_the_account(#[case] account: &str, #[case] expected: &str) {
    let workshop = Workshop::new();
    let header = format!("Bearer {}", workshop.token(&[]));
    let run = explain(&workshop, &header, &["--path", "/", "--account", account]);
    assert_eq!((reason(&run), run.status), (expected, i32::from(expected != "authorized")));
}

#[rstest]
#[case("", "authorized")]
#[case("\n", "authorized")]
#[case("\r\n", "authorized")]
#[case("\n\n", "token_extra_characters")]
#[case("\r", "token_extra_characters")]
#[case(" \n", "token_extra_characters")]
fn one_trailing_newline_of_a_header_is_ignored(#[case] end: &str, #[case] expected: &str) {
    let workshop = Workshop::new();
    let header = format!("Bearer {}{end}", workshop.token(&[]));
    assert_eq!(reason(&explain(&workshop, &header, &["--path", "/"])), expected);
    let fixed = ["explain", "--config", "auth.toml", "--header-file", "-", "--now", NOW, "--path", "/"];
    assert_eq!(reason(&workshop.run_with(&fixed, header.as_bytes())), expected);
    // As some editors write it.
    let marked = format!("\u{feff}{header}");
    assert_eq!(reason(&workshop.run_with(&fixed, marked.as_bytes())), expected);
}

#[test]
fn headers_add_up_and_tokens_on_the_command_line_are_warned_about() {
    let workshop = Workshop::new();
    let token = workshop.token(&[]);
    let fixed = ["explain", "--config", "auth.toml", "--now", NOW, "--path", "/"];
    let run = workshop.run(&[&fixed[..], &["--header", &format!("Bearer {token}")]].concat());
    assert_eq!(reason(&run), "authorized");
    insta::assert_snapshot!(run.errors, @"warning: other users of this machine can see command lines, and shells keep them; give the token with `--header-file`");
    let run = explain(&workshop, &format!("Bearer {token}"), &["--path", "/", "--header", ""]);
    assert_eq!(reason(&run), "header_repeated");
    let run = explain(&workshop, &format!("authorization: Bearer {token}"), &["--path", "/"]);
    assert_eq!(reason(&run), "scheme_not_bearer");
    insta::assert_snapshot!(run.errors, @"warning: a header begins with `Authorization:`, which is the field's name; give only the value");
    assert_eq!(reason(&workshop.run(&fixed)), "header_missing");
}

#[test]
fn the_default_time_is_now() {
    let workshop = Workshop::new();
    let fresh = ["token", "mint", "--key", "key.jwk.json", "--user", "u", "--org", "o"];
    let token = workshop.run(&fresh).done();
    workshop.write("header", format!("Bearer {token}"));
    let run = workshop.run(&["explain", "--config", "auth.toml", "--header-file", "header", "--path", "/"]);
    assert_eq!(reason(&run), "authorized");
}

#[test]
fn output_to_a_file_has_no_colors_and_no_control_characters() {
    let workshop = Workshop::new();
    let token = workshop.token(&["--claim", "sub=\"u\\u202e1\"", "--claim", "jti=\"\\u200b\""]);
    let run =
        explain(&workshop, &format!("Bearer {token}"), &["--path", "/\u{1b}[31m", "--method", "GET\u{7}"]);
    assert_eq!(reason(&run), "authorized");
    let odd = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{200b}' | '\u{202e}');
    assert!(!run.output.contains(odd), "{:?}", run.output);
    assert!(run.output.contains(r"u\u{202e}1"), "{run:?}");
}

const FORWARD: &str = "[forward]\nfields = \"x-forwarded\"\ntrust_resource_org = true\n";
const SENT: [&str; 8] = [
    "--forwarded-header",
    "X-Forwarded-Method: POST",
    "--forwarded-header",
    "X-Forwarded-Uri: /api/v1/templates/?q=1",
    "--forwarded-header",
    "X-Forwarded-Host: api.example:8443",
    "--forwarded-header",
    "X-Resource-Org: org-b",
];

#[test]
fn a_proxy_request_is_replayed() {
    let workshop = Workshop::new();
    let file = std::fs::read_to_string(workshop.path("auth.toml")).unwrap();
    workshop.write("auth.toml", format!("{file}\n{FORWARD}"));
    let token = workshop.token(&[]);
    let run = explain(&workshop, &format!("Bearer {token}"), &SENT);
    insta::assert_snapshot!("explain_forwarded", format!("{run:?}"));

    let unclear = explain(&workshop, &format!("Bearer {token}"), &SENT[..4]);
    insta::assert_snapshot!("explain_forwarded_unclear", format!("{unclear:?}"));
    let elsewhere = explain(&workshop, "Bearer x", &[&SENT[..], &["--path", "/elsewhere"]].concat());
    insta::assert_snapshot!("explain_forwarded_elsewhere", format!("{elsewhere:?}"));
    let token = explain(&workshop, "Bearer x", &["--forwarded-header", "Authorization: Bearer x"]);
    insta::assert_snapshot!("explain_forwarded_authorization", format!("{token:?}"));
}
