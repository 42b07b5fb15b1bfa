//! Policies: each value at its limits and beyond.

use std::time::Duration;

use artos_auth_engine::{
    Algorithm, ClaimNamesSpec, ClaimSpec, Policy, PolicyBuilder, PolicySpec, PublicSpec, RouteSpec,
    TokenBytes, Unlisted,
};
use rstest::rstest;
use serde_json::json;

fn list(values: &[&str]) -> Option<Vec<String>> {
    Some(values.iter().map(|value| (*value).to_owned()).collect())
}

fn public(path: &str, methods: Option<Vec<String>>) -> PolicySpec {
    PolicySpec { public: Some(vec![PublicSpec { path: path.to_owned(), methods }]), ..PolicySpec::default() }
}

fn route(methods: Option<Vec<String>>, path: &str, permissions: &[&str]) -> PolicySpec {
    let permissions = list(permissions).unwrap_or_default();
    let routes = vec![RouteSpec { methods, path: path.to_owned(), permissions }];
    PolicySpec { routes, ..PolicySpec::default() }
}

fn claims(user: &str, organization: &str, permissions: &str) -> PolicySpec {
    let [user, organization, permissions] = [user, organization, permissions].map(ClaimSpec::from);
    PolicySpec { claims: ClaimNamesSpec { user, organization, permissions }, ..PolicySpec::default() }
}

fn with_leeway(leeway_seconds: u64) -> PolicySpec {
    PolicySpec { leeway_seconds: Some(leeway_seconds), ..PolicySpec::default() }
}

fn with_size(max_token_bytes: usize) -> PolicySpec {
    PolicySpec { max_token_bytes: Some(max_token_bytes), ..PolicySpec::default() }
}

fn with_realm(realm: &str) -> PolicySpec {
    PolicySpec { realm: Some(realm.to_owned()), ..PolicySpec::default() }
}

#[rstest]
#[case::longest_leeway(with_leeway(120))]
#[case::smallest_size(with_size(256))]
#[case::largest_size(with_size(65_536))]
#[case::empty_realm(with_realm(""))]
#[case::printable_realm(with_realm(" ~artos staging~"))]
#[case::public_path_that_needs_escapes(public("/a%20b;c/%C3%A9", None))]
#[case::no_public_path(PolicySpec { public: Some(vec![]), ..PolicySpec::default() })]
#[case::method_of_ones_own(route(list(&["get-all", "M-SEARCH", "GET"]), "/a", &["x"]))]
#[case::permission_of_256_bytes(route(None, "/a", &[&"x".repeat(256)]))]
#[case::claims_of_other_names(claims("uid", "tenant", "scope"))]
fn a_policy_at_its_limits(#[case] spec: PolicySpec) {
    assert_eq!(Policy::new(&spec).err(), None);
}

#[rstest]
#[case::leeway(with_leeway(121), "`leeway_seconds`: must be between 0 and 120, got 121")]
#[case::small(with_size(255), "`max_token_bytes`: must be between 256 and 65536, got 255")]
#[case::large(with_size(65_537), "`max_token_bytes`: must be between 256 and 65536, got 65537")]
#[case::no_algorithm(
    PolicySpec { algorithms: list(&[]), ..PolicySpec::default() },
    "`algorithms`: an empty list accepts no token; leave it out for the default"
)]
#[case::none_as_algorithm(
    PolicySpec { algorithms: list(&["ES256", "none"]), ..PolicySpec::default() },
    "`algorithms[1]`: unknown algorithm `none`; expected one of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA"
)]
#[case::no_issuer(
    PolicySpec { issuers: list(&[]), ..PolicySpec::default() },
    "`issuers`: an empty list accepts no token; leave it out to accept any issuer"
)]
#[case::no_audience(
    PolicySpec { audiences: list(&[]), ..PolicySpec::default() },
    "`audiences`: an empty list accepts no token; leave it out to accept only tokens without `aud`"
)]
#[case::no_type(
    PolicySpec { types: list(&[]), ..PolicySpec::default() },
    "`types`: an empty list accepts no token; leave it out to accept `JWT` and `at+jwt`"
)]
#[case::quote_in_realm(
    with_realm("a\"b"),
    r#"`realm`: a realm must be printable ASCII without `"` and `\`; '"' is not allowed"#
)]
#[case::backslash_in_realm(
    with_realm("a\\b"),
    r#"`realm`: a realm must be printable ASCII without `"` and `\`; '\\' is not allowed"#
)]
#[case::control_in_realm(
    with_realm("a\n"),
    r#"`realm`: a realm must be printable ASCII without `"` and `\`; '\n' is not allowed"#
)]
#[case::letter_beyond_ascii_in_realm(
    with_realm("é"),
    r#"`realm`: a realm must be printable ASCII without `"` and `\`; 'é' is not allowed"#
)]
#[case::unnamed_claim(claims("", "org_id", "permissions"), "`claims.user`: a claim name must not be empty")]
#[case::registered_claim(
    claims("sub", "iss", "permissions"),
    "`claims.organization`: `iss` has a fixed meaning (RFC 7519 §4.1, RFC 7800 §3.1); name another claim"
)]
#[case::claim_of_two_meanings(
    claims("sub", "org", "sub"),
    "`claims.permissions`: `sub` is already used for `claims.user`; name another claim"
)]
fn an_invalid_policy_is_refused(#[case] spec: PolicySpec, #[case] message: &str) {
    assert_eq!(Policy::new(&spec).map_err(|error| error.to_string()).err().as_deref(), Some(message));
}

/// Permissions with these numbers.
fn permissions(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|number| format!("p{number}")).collect()
}

/// Rules of one path and method add up; the same permission in two of them counts once.
#[test]
fn rules_of_one_path_need_no_more_permissions_than_a_token_can_have() {
    let rule = |methods, permissions| RouteSpec { methods, path: "/a".to_owned(), permissions };
    let policy = |second| {
        let routes = vec![
            rule(None, permissions(0, 200)),
            rule(None, second),
            rule(list(&["GET"]), permissions(0, 9)),
        ];
        Policy::new(&PolicySpec { routes, ..PolicySpec::default() }).map_err(|error| error.key)
    };
    assert!(policy(permissions(100, 256)).is_ok());
    assert_eq!(policy(permissions(100, 257)).map(drop), Err("routes[1].permissions".to_owned()));
}

/// A policy as it is written in a configuration.
fn read(policy: serde_json::Value) -> Result<Policy, String> {
    let spec: PolicySpec = serde_json::from_value(policy).map_err(|error| error.to_string())?;
    Policy::new(&spec).map_err(|error| error.to_string())
}

#[rstest]
#[case::path(json!({"claims": {"permissions": ["realm_access", "roles"]}}))]
#[case::paths_through_one_object(json!({"claims": {"user": ["a", "b"], "organization": ["a", "c"]}}))]
#[case::several(json!({"claims": {"permissions": [["scp"], ["roles"]]}}))]
#[case::one_of_several(json!({"claims": {"permissions": [["scp"]]}}))]
#[case::a_registered_name_further_in(json!({"claims": {"user": ["a", "exp"]}}))]
#[case::required(json!({"required": {"a": "x", "b": true, "c": -1, "d": ["x", false, 0]}}))]
#[case::both_names_of_an_algorithm(json!({"algorithms": ["EdDSA", "Ed25519", "EdDSA"]}))]
#[case::bound_tokens(json!({"bound_tokens": "accept"}))]
#[case::deepest_path(json!({"claims": {"user": vec!["a"; 64]}}))]
#[case::public_path_that_is_nearly_the_servers_own(json!({"public": [{"path": "/_authentication"}, {"path": "/a/_auth/b"}]}))]
fn valid_claim_names(#[case] policy: serde_json::Value) {
    assert_eq!(read(policy).map(drop), Ok(()));
}

#[rstest]
#[case::no_step(json!({"claims": {"user": []}}), "`claims.user`: a claim path needs at least one name")]
#[case::too_deep(json!({"claims": {"user": vec!["a"; 65]}}), "`claims.user`: a claim path has at most 64 names, got 65")]
#[case::empty_step(json!({"claims": {"user": ["a", ""]}}), "`claims.user`: a claim name must not be empty")]
#[case::empty_list_among_several(json!({"claims": {"permissions": [["a"], []]}}), "`claims.permissions`: a claim path needs at least one name")]
#[case::mixed(json!({"claims": {"permissions": [["a"], "b"]}}), "expected only names or only arrays of names, found both")]
#[case::number(json!({"claims": {"user": 5}}), "invalid type: integer `5`, expected a claim name, an array of names, or an array of such arrays")]
#[case::several_users(json!({"claims": {"user": [["a"], ["b"]]}}), "`claims.user`: expected one claim: a name or an array of names; only `permissions` can have several")]
#[case::same_name(json!({"claims": {"user": "a", "organization": ["a"]}}), "`claims.organization`: `a` is already used for `claims.user`; name another claim")]
#[case::through_a_named_claim(json!({"claims": {"user": "a", "organization": ["a", "b"]}}), "`claims.organization`: `a.b` is inside `a`, which is already used for `claims.user`; name another claim")]
#[case::name_that_another_leads_through(json!({"claims": {"user": ["a", "b"], "organization": "a"}}), "`claims.organization`: `a` contains another claim of the policy; name another claim")]
#[case::through_its_like(json!({"claims": {"permissions": [["a"], ["a", "b"]]}}), "`claims.permissions`: `a.b` is inside `a`, which is already used for `claims.permissions`; name another claim")]
#[case::twice_among_several(json!({"claims": {"permissions": [["a"], ["a"]]}}), "`claims.permissions`: `a` is already used for `claims.permissions`; name another claim")]
#[case::through_a_registered_claim(json!({"claims": {"user": ["aud", "b"]}}), "`claims.user`: `aud.b` is inside `aud`, which has a fixed meaning (RFC 7519 §4.1, RFC 7800 §3.1); name another claim")]
#[case::confirmation(json!({"claims": {"user": "cnf"}}), "`claims.user`: `cnf` has a fixed meaning (RFC 7519 §4.1, RFC 7800 §3.1); name another claim")]
#[case::confirmation_where_it_is_not_read(json!({"bound_tokens": "accept", "claims": {"user": ["cnf", "jkt"]}}), "`claims.user`: `cnf.jkt` is inside `cnf`, which has a fixed meaning (RFC 7519 §4.1, RFC 7800 §3.1); name another claim")]
#[case::required_nothing(json!({"required": {"a": []}}), "`required.a`: an empty list accepts no token; add a value, or leave the claim out")]
#[case::required_without_name(json!({"required": {"": 1}}), "`required`: a claim name must not be empty")]
#[case::required_registered(json!({"required": {"iss": "x"}}), "`required.iss`: `iss` has a fixed meaning (RFC 7519 §4.1, RFC 7800 §3.1); name another claim")]
#[case::required_named(json!({"required": {"sub": "x"}}), "`required.sub`: `sub` is already used for `claims.user`; name another claim")]
#[case::required_led_through(json!({"claims": {"user": ["a", "b"]}, "required": {"a": "x"}}), "`required.a`: `a` contains another claim of the policy; name another claim")]
#[case::required_fraction(json!({"required": {"a": 1.5}}), "invalid type: floating point `1.5`, expected a string, a boolean, an integer, or an array of them")]
#[case::required_object(json!({"required": {"a": {}}}), "invalid type: map, expected a string, a boolean, an integer, or an array of them")]
#[case::required_null_in_a_list(json!({"required": {"a": [null]}}), "invalid type: null, expected a string, a boolean or an integer")]
#[case::required_beyond_64_bits(json!({"required": {"a": u64::MAX}}), "an integer of more than 64 bits")]
#[case::public_path_of_the_server(json!({"public": [{"path": "/_auth/verify"}]}), "`public[0].path`: `/_auth` and paths below it are reserved for the server; choose another path")]
#[case::public_path_that_is_the_servers_own(json!({"public": [{"path": "/_auth"}]}), "`public[0].path`: `/_auth` and paths below it are reserved for the server; choose another path")]
fn invalid_claim_names(#[case] policy: serde_json::Value, #[case] message: &str) {
    assert_eq!(read(policy).map(drop), Err(message.to_owned()));
}

#[rstest]
#[case::no_slash("api", None, "`public[0].path`: a public path must begin with `/`")]
#[case::query(
    "/a?b",
    None,
    "`public[0].path`: '?' is not allowed in a public path; write it as in a request, without a query"
)]
#[case::fragment(
    "/a#b",
    None,
    "`public[0].path`: '#' is not allowed in a public path; write it as in a request, without a query"
)]
#[case::space(
    "/a b",
    None,
    "`public[0].path`: ' ' is not allowed in a public path; write it as in a request, without a query"
)]
#[case::not_ascii(
    "/é",
    None,
    "`public[0].path`: 'é' is not allowed in a public path; write it as in a request, without a query"
)]
#[case::no_method("/a", list(&[]), "`public[0].methods`: an empty list matches no method; leave it out for every method")]
fn an_invalid_public_path_is_refused(
    #[case] path: &str,
    #[case] methods: Option<Vec<String>>,
    #[case] message: &str,
) {
    let error = Policy::new(&public(path, methods)).map_err(|error| error.to_string());
    assert_eq!(error.err().as_deref(), Some(message));
}

#[rstest]
#[case::no_pattern(None, "a", list(&["x"]), "`routes[0].path`: a pattern must begin with `/`")]
#[case::no_method(list(&[]), "/a", list(&["x"]), "`routes[0].methods`: an empty list matches no method; leave it out for every method")]
#[case::empty_method(list(&["GET", ""]), "/a", list(&["x"]), "`routes[0].methods`: `` is not a valid method")]
#[case::two_methods_in_one(list(&["GET, POST"]), "/a", list(&["x"]), "`routes[0].methods`: `GET, POST` is not a valid method")]
#[case::line_end_in_a_method(list(&["A\n"]), "/a", list(&["x"]), "`routes[0].methods`: `A\\n` is not a valid method")]
#[case::method_in_lower_case(list(&["get"]), "/a", list(&["x"]), "`routes[0].methods`: unknown method `get`; expected `GET`")]
#[case::no_permission(None, "/a", list(&[]), "`routes[0].permissions`: a rule needs at least one permission; leave the rule out if none is needed")]
#[case::empty_permission(None, "/a", list(&["x", ""]), "`routes[0].permissions`: a permission must have 1 to 256 bytes and no control character; no token can contain this one")]
#[case::long_permission(None, "/a", list(&[&"x".repeat(257)]), "`routes[0].permissions`: a permission must have 1 to 256 bytes and no control character; no token can contain this one")]
#[case::more_permissions_than_a_token_can_have(
    None,
    "/a",
    Some(permissions(0, 257)),
    "`routes[0].permissions`: the rules of one path and method need more than 256 permissions, and no token can contain so many"
)]
fn an_invalid_rule_is_refused(
    #[case] methods: Option<Vec<String>>,
    #[case] path: &str,
    #[case] permissions: Option<Vec<String>>,
    #[case] message: &str,
) {
    let error = Policy::new(&PolicySpec {
        routes: vec![RouteSpec {
            methods,
            path: path.to_owned(),
            permissions: permissions.unwrap_or_default(),
        }],
        ..PolicySpec::default()
    })
    .map_err(|error| error.to_string());
    assert_eq!(error.err().as_deref(), Some(message));
}

#[test]
fn a_policy_reports_its_settings() {
    let rules =
        |count: usize| (0..count).map(|rule| route(None, &format!("/{rule}"), &["x"]).routes.remove(0));
    let public = ["/a", "/b", "/a"].map(|path| PublicSpec { path: path.to_owned(), methods: list(&["GET"]) });
    let spec = PolicySpec {
        algorithms: list(&["EdDSA", "HS256"]),
        max_token_bytes: Some(300),
        public: Some(public.into()),
        routes: rules(3).collect(),
        ..PolicySpec::default()
    };
    let policy = Policy::new(&spec).unwrap();
    let algorithms: Vec<String> = policy.algorithms().map(|algorithm| algorithm.to_string()).collect();
    assert_eq!(algorithms, ["HS256", "EdDSA"]);
    assert_eq!((policy.max_token_bytes(), policy.leeway_seconds()), (300, 0));
    assert_eq!((policy.public_paths(), policy.route_rules()), (2, 3));
    let default = Policy::new(&PolicySpec::default()).unwrap();
    assert_eq!((default.max_token_bytes(), default.public_paths(), default.route_rules()), (8192, 1, 0));
}

#[test]
fn a_policy_built_in_code_equals_the_policy_of_a_file() {
    let built = Policy::builder()
        .algorithms([Algorithm::ES256, Algorithm::EdDSA])
        .issuers(["https://auth.example"])
        .audiences(["https://api.example"])
        .leeway(Duration::from_secs(30))
        .max_token_bytes(TokenBytes(4096))
        .realm("files")
        .types(["JWT"])
        .claims(ClaimNamesSpec { organization: "tenant".into(), ..ClaimNamesSpec::default() })
        .public([PublicSpec { path: "/health".into(), methods: Some(vec!["GET".into()]) }])
        .routes([RouteSpec { methods: None, path: "/a/{id}".into(), permissions: vec!["a:read".into()] }])
        .unlisted(Unlisted::Deny)
        .build()
        .expect("a policy");
    let spec: PolicySpec = serde_json::from_value(serde_json::json!({
        "algorithms": ["ES256", "EdDSA"],
        "issuers": ["https://auth.example"],
        "audiences": ["https://api.example"],
        "leeway_seconds": 30,
        "max_token_bytes": 4096,
        "realm": "files",
        "types": ["JWT"],
        "claims": {"organization": "tenant"},
        "public": [{"path": "/health", "methods": ["GET"]}],
        "routes": [{"path": "/a/{id}", "permissions": ["a:read"]}],
        "unlisted": "deny",
    }))
    .expect("a specification");
    assert_eq!(format!("{built:?}"), format!("{:?}", Policy::new(&spec).expect("a policy")));
    let default = Policy::builder().build().expect("a policy");
    let of_no_key = Policy::new(&PolicySpec::default()).expect("a policy");
    assert_eq!(format!("{default:?}"), format!("{of_no_key:?}"));
}

#[rstest]
#[case::fraction(Policy::builder().leeway(Duration::from_millis(1500)), "`leeway_seconds`: must be whole seconds, got 1.5s")]
#[case::too_short(
    Policy::builder().max_token_bytes(TokenBytes(12)),
    "`max_token_bytes`: must be between 256 and 65536, got 12"
)]
fn a_policy_built_in_code_is_validated(#[case] builder: PolicyBuilder, #[case] expected: &str) {
    assert_eq!(builder.build().expect_err("no policy").to_string(), expected);
}

#[rstest]
#[case::every_method(json!({"routes": [{"methods": ["*"], "path": "/a", "permissions": ["x"]}]}), &["`routes[0].methods`: `*` matches only a method named `*`; leave `methods` out for every method"])]
#[case::any_method(json!({"routes": [{"methods": ["GET", "any"], "path": "/a", "permissions": ["x"]}]}), &["`routes[0].methods`: `any` matches only a method named `any`; leave `methods` out for every method"])]
#[case::public_method_in_another_case(json!({"public": [{"path": "/a", "methods": ["query"]}]}), &["`public[0].methods`: a public path matches the method byte for byte; write `QUERY` instead of `query`"])]
#[case::rule_of_public_methods(
    json!({"public": [{"path": "/a", "methods": ["GET", "PUT"]}], "routes": [
        {"methods": ["GET", "HEAD", "PUT"], "path": "/a", "permissions": ["x"]},
        {"methods": ["GET", "POST"], "path": "/a", "permissions": ["x"]},
        {"path": "/a", "permissions": ["x"]}]}),
    &["`routes[0].path`: `/a` is public for GET, HEAD, PUT, so this rule never applies; remove one of the two"]
)]
#[case::misspelled_method(json!({"routes": [{"methods": ["GETS"], "path": "/a", "permissions": ["x"]}]}), &["`routes[0].methods`: `GETS` is not a registered HTTP method; it matches only requests with this method"])]
#[case::methods_in_one_string(json!({"routes": [{"methods": ["GET|POST"], "path": "/a", "permissions": ["x"]}]}), &["`routes[0].methods`: `GET|POST` is not a registered HTTP method; it matches only requests with this method"])]
#[case::own_method_in_two_rules(
    json!({"routes": [{"methods": ["PURGE"], "path": "/a", "permissions": ["x"]}, {"methods": ["PURGE"], "path": "/b", "permissions": ["x"]}]}),
    &["`routes[0].methods`: `PURGE` is not a registered HTTP method; it matches only requests with this method"]
)]
#[case::rest_of_another_router(json!({"routes": [{"path": "/a/{path...}", "permissions": ["x"]}]}), &["`routes[0].path`: `{path...}` matches one segment; write `{*name}` for the whole rest"])]
#[case::placeholder_in_a_public_path(json!({"public": [{"path": "/a/{id}"}]}), &["`public[0].path`: a public path is matched byte for byte and has no placeholders; list each path"])]
#[case::rule_of_the_documented_public_path(
    json!({"routes": [{"path": "/api/v1/search/status", "permissions": ["x"]}]}),
    &["`routes[0].path`: `/api/v1/search/status` is public, so this rule does not apply to it; remove one of the two"]
)]
#[case::rule_of_a_public_path(
    json!({"public": [{"path": "/a"}], "routes": [{"path": "/b", "permissions": ["x"]}, {"path": "/a", "permissions": ["x"]}]}),
    &["`routes[1].path`: `/a` is public, so this rule does not apply to it; remove one of the two"]
)]
#[case::nothing_is_listed(json!({"unlisted": "deny"}), &["`unlisted`: there are no route rules, so every request is denied except to a public path; add `routes`"])]
#[case::every_issuer(json!({"issuers": ["*"]}), &["`issuers[0]`: `*` is compared byte for byte, and `*` matches only itself; list each value, or leave `issuers` out"])]
#[case::issuers_of_a_domain(json!({"issuers": ["a", "https://*.example"]}), &["`issuers[1]`: `https://*.example` is compared byte for byte, and `*` matches only itself; list each value, or leave `issuers` out"])]
#[case::every_audience(json!({"audiences": ["*"]}), &["`audiences[0]`: `*` is compared byte for byte, and `*` matches only itself; list each value, or leave `audiences` out"])]
#[case::every_type(json!({"types": ["*"]}), &["`types[0]`: `*` is compared byte for byte, and `*` matches only itself; list each value, or leave `types` out"])]
#[case::every_value(json!({"required": {"azp": ["web", "*"]}}), &["`required.azp`: `*` matches only itself; list each accepted value, or leave the claim out"])]
#[case::usual_values(
    json!({
        "public": [{"methods": ["GET"], "path": "/a"}], "issuers": ["https://auth.example"], "unlisted": "deny",
        "routes": [{"methods": ["GET", "Propfind"], "path": "/a", "permissions": ["*"]}]
    }),
    &[]
)]
fn entries_that_are_probably_not_intended_are_reported(
    #[case] policy: serde_json::Value,
    #[case] expected: &[&str],
) {
    let spec: PolicySpec = serde_json::from_value(policy).unwrap();
    let policy = Policy::new(&spec).unwrap();
    let warnings: Vec<String> = policy.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings, expected);
}
