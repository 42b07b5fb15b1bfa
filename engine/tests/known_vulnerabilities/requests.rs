//! Attacks on the rest of a request: paths, header lines, rules, responses.

use artos_auth_fixtures::case::NOW;
use artos_auth_fixtures::decider::{Context, RouteDocument};
use artos_auth_fixtures::engine::with_engine_types;
use artos_auth_fixtures::token::edit::{Edit, Segment};
use artos_auth_fixtures::{DecideOutput, Question, TokenSpec};
use serde_json::{Value, json};

use super::{decide, policy_with_rule, question, setup, with_claim, with_header, with_line};

/// **Class:** slashes, dots and escapes that two servers interpret differently (CVE-2019-9901, CVE-2021-29492, CVE-2026-40912, CVE-2026-26205)
/// **Gain:** a protected route through a spelling that its rule does not match, or that matches a public path
/// **Stop:** public paths match byte for byte; with route rules, a path that servers interpret differently is refused, and any other path is decoded once
/// **Differs:** without route rules no path is refused as ambiguous, because there is no rule to bypass; the status is 403, not 400
#[test]
fn ambiguous_paths() {
    let mut setup = setup();
    for path in [
        "/api/v1/search/status/",
        "//api/v1/search/status",
        "/api/v1/search/%73tatus",
        "/api/v1/search/status;x",
        "/api/v1/search/x/../status",
        "/API/v1/search/status",
        "/api/v1/search/status/../../documents",
        "/api/v1/search/status%00",
    ] {
        let question =
            Question { path: path.to_owned(), authorization: vec![], ..question(&TokenSpec::default()) };
        assert_eq!(decide(&setup, &question).reason, "header_missing", "{path}");
    }
    setup.policy = policy_with_rule("/admin/{*rest}", "admin");
    for path in [
        "/open/../admin/x",
        "/open/%2e%2e/admin/x",
        "//admin/x",
        "/admin%2fx",
        "/admin%5cx",
        "/admin;/x",
        "/%61dmin/x",
        "/admin/x/..",
        "/open\\..\\admin\\x",
        "/admin%c0%afx",
        "/admin/%252e",
        "/admin%00/x",
        "/admin//x",
        "/admin/./x",
    ] {
        let question =
            Question { path: path.to_owned(), ..question(&with_claim("permissions", json!(["admin"]))) };
        assert_eq!(decide(&setup, &question).reason, "path_ambiguous", "{path}");
    }
}

/// **Class:** a path without its leading slash, a query that is interpreted as a path (CVE-2026-33186, CVE-2026-32811)
/// **Gain:** a route that no rule matches but that the upstream serves
/// **Stop:** a path that does not start with `/` is ambiguous and never public; the query is removed at the first `?` before matching, and `%3F` is not a `?`
#[test]
fn paths_without_slash_and_queries() {
    let mut setup = setup();
    for path in [
        "api/v1/search/status",
        "/x?/api/v1/search/status",
        "/api/v1/search/status%3F",
        "?/api/v1/search/status",
        "*",
    ] {
        let question =
            Question { path: path.to_owned(), authorization: vec![], ..question(&TokenSpec::default()) };
        assert_eq!(decide(&setup, &question).reason, "header_missing", "{path}");
    }
    setup.policy = policy_with_rule("/admin/{*rest}", "admin");
    for (path, reason) in [
        ("admin/x", "path_ambiguous"),
        ("/admin/x?/open", "permission_missing"),
        ("/admin/x%3F/open", "path_ambiguous"),
        ("/open?/admin/x", "authorized"),
        ("https://api.example/admin/x", "path_ambiguous"),
    ] {
        let question = Question { path: path.to_owned(), ..question(&TokenSpec::default()) };
        assert_eq!(decide(&setup, &question).reason, reason, "{path}");
    }
}

/// **Class:** several `Authorization` values, of which the first or any is used (CVE-2026-26308, CVE-2026-31838)
/// **Gain:** a proxy checks one token, and the upstream uses another
/// **Stop:** more than one line is refused, equal or not, and a token cannot contain a comma
#[test]
fn several_credentials() {
    let token = String::from_utf8(TokenSpec::default().mint().unwrap()).unwrap();
    let good = format!("Bearer {token}");
    for lines in [[&*good, "Bearer x"], ["Bearer x", &*good], [&*good, &*good], ["", &*good]] {
        let authorization = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
        let question = Question { authorization, ..question(&TokenSpec::default()) };
        assert_eq!(decide(&setup(), &question).reason, "header_repeated");
    }
    assert_eq!(with_line(format!("{good},{good}")), "token_extra_characters");
    assert_eq!(with_line(format!("{good}, Bearer x")), "token_extra_characters");
    assert_eq!(with_line(format!("Basic x, {good}")), "scheme_not_bearer");
}

/// **Class:** rules that override each other: order, merging, a cached route
/// **Gain:** a rule for one route allows, or drops, another
/// **Stop:** all matching rules apply, regardless of their order, and only the list of public paths makes a path public
#[test]
fn rules_that_override_each_other() {
    let rule = |path: &str, permission: &str| RouteDocument {
        methods: None,
        path: path.to_owned(),
        permissions: vec![permission.to_owned()],
    };
    let rules = [rule("/{*rest}", "base"), rule("/admin/{x}", "admin"), rule("/admin/open", "open")];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut setup = setup();
        setup.policy.routes = order.map(|index| rules[index].clone()).to_vec();
        for (permissions, reason) in [
            (json!(["base", "admin", "open"]), "authorized"),
            (json!(["open"]), "permission_missing"),
            (json!(["admin", "open"]), "permission_missing"),
            (json!(["base", "open"]), "permission_missing"),
        ] {
            let question = Question {
                path: "/admin/open".to_owned(),
                ..question(&with_claim("permissions", permissions))
            };
            assert_eq!(decide(&setup, &question).reason, reason);
        }
    }
}

/// **Class:** the confused deputy: an organization taken from the path, a header, the query or the body
/// **Gain:** another organization's resources with the attacker's own token
/// **Stop:** the scope is the token's organization; the owner of the requested resource is only compared with it, and an unresolved owner is refused
#[test]
fn confused_deputy() {
    let token = TokenSpec::default();
    for path in [
        "/api/v1/orgs/org-b/documents",
        "/api/v1/documents?org_id=org-b",
        "/org-b",
        "/api/v1/documents#org-b",
    ] {
        let principal = decide(&setup(), &Question { path: path.to_owned(), ..question(&token) }).principal;
        assert_eq!(principal.unwrap().org_id, "org-a", "{path}");
    }
    for owner in ["org-b", "", "*", "org-a,org-b", "ORG-A"] {
        let context = Context { resource_org: Some(owner.to_owned()), ..Context::default() };
        assert_eq!(
            decide(&setup(), &Question { context, ..question(&token) }).reason,
            "resource_of_other_organization"
        );
    }
    let context =
        Context { resource_unresolved: true, resource_org: Some("org-a".to_owned()), ..Context::default() };
    assert_eq!(decide(&setup(), &Question { context, ..question(&token) }).reason, "resource_unresolved");
    let mut header = TokenSpec::default();
    header.header.insert("org_id".to_owned(), json!("org-b"));
    assert_eq!(decide(&setup(), &question(&header)).principal.unwrap().org_id, "org-a");
}

/// **Class:** responses that distinguish invalid tokens
/// **Gain:** an oracle: which key ids exist, whether a signature was almost valid, whether a user exists
/// **Stop:** one match with three arms maps the reason to the response; the reason itself goes only to the log; MACs are compared in constant time
#[test]
fn signature_oracle() {
    let flip = Edit::FlipByte { segment: Segment::Signature, at: 0 };
    let mut setup = setup();
    setup.policy.issuers = Some(vec!["i".to_owned()]);
    setup.revocations = json!({"tokens": ["revoked"]});
    let good = with_claim("iss", json!("i"));
    let claim = |name: &str, value: Value| {
        let mut token = good.clone();
        token.claims.insert(name.to_owned(), value);
        token
    };
    let tokens = [
        with_header("kid", json!("nobody")),
        with_header("alg", json!("none")),
        with_header("crit", json!([])),
        with_header("typ", json!("x")),
        TokenSpec { edits: vec![flip], ..good.clone() },
        claim("exp", json!(1)),
        claim("exp", json!("x")),
        claim("jti", json!("revoked")),
        claim("iss", json!("x")),
        claim("aud", json!("x")),
        claim("nbf", json!(NOW + 9)),
        claim("x", json!("x".repeat(9000))),
    ];
    let mut reasons: Vec<String> = Vec::new();
    for token in &tokens {
        let DecideOutput { outcome, status, detail, www_authenticate, reason, .. } =
            decide(&setup, &question(token));
        let seen = (&*outcome, status, detail.as_deref(), www_authenticate.as_deref());
        let challenge = Some("Bearer realm=\"artos\", error=\"invalid_token\"");
        assert_eq!(seen, ("deny", 401, Some("Invalid authentication credentials"), challenge), "{reason}");
        reasons.push(reason);
    }
    reasons.sort();
    reasons.dedup();
    assert_eq!(reasons.len(), tokens.len(), "each is told apart in the log: {reasons:?}");
}

/// **Class:** tokens in URLs and logs
/// **Gain:** a token from an access log, a browser's history or a referrer
/// **Stop:** only the `Authorization` field is read, and types that hold a token print a fixed redaction
#[test]
fn tokens_in_urls_and_logs() {
    let token = String::from_utf8(TokenSpec::default().mint().unwrap()).unwrap();
    let path = format!("/api/v1/templates/?access_token={token}");
    let question = Question { path, ..question(&TokenSpec::default()) };
    let shown = with_engine_types(&question, |request, _| format!("{request:?}"));
    assert!(
        !token.as_bytes().windows(8).any(|part| shown.as_bytes().windows(8).any(|seen| seen == part)),
        "{shown}"
    );
    let question = Question { authorization: vec![], ..question };
    assert_eq!(decide(&setup(), &question).reason, "header_missing");
}
