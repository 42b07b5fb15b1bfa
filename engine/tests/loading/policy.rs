//! Policies: each value at its limits and past them.

use std::time::Duration;

use artos_auth_engine::{
    Algorithm, ClaimNamesSpec, Policy, PolicyBuilder, PolicySpec, PublicSpec, RouteSpec, TokenBytes, Unlisted,
};
use rstest::rstest;

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
    let [user, organization, permissions] = [user, organization, permissions].map(str::to_owned);
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
#[case::leeway(with_leeway(121), "`leeway_seconds`: a leeway is at most 120 seconds, not 121")]
#[case::small(with_size(255), "`max_token_bytes`: a token may have 256 to 65536 bytes at most, not 255")]
#[case::large(with_size(65_537), "`max_token_bytes`: a token may have 256 to 65536 bytes at most, not 65537")]
#[case::no_algorithm(
    PolicySpec { algorithms: list(&[]), ..PolicySpec::default() },
    "`algorithms`: an empty list accepts no token; leave it out for the default"
)]
#[case::none_as_algorithm(
    PolicySpec { algorithms: list(&["ES256", "none"]), ..PolicySpec::default() },
    "`algorithms[1]`: `none` is none of HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 EdDSA"
)]
#[case::no_issuer(
    PolicySpec { issuers: list(&[]), ..PolicySpec::default() },
    "`issuers`: an empty list accepts no token; leave it out to accept any issuer"
)]
#[case::no_audience(
    PolicySpec { audiences: list(&[]), ..PolicySpec::default() },
    "`audiences`: an empty list accepts no token; leave it out to accept tokens without `aud` alone"
)]
#[case::no_type(
    PolicySpec { types: list(&[]), ..PolicySpec::default() },
    "`types`: an empty list accepts no token; leave it out to accept `JWT` and `at+jwt`"
)]
#[case::quote_in_realm(
    with_realm("a\"b"),
    r#"`realm`: a realm is printable ASCII without `"` and `\`, so '"' cannot stand in it"#
)]
#[case::backslash_in_realm(
    with_realm("a\\b"),
    r#"`realm`: a realm is printable ASCII without `"` and `\`, so '\\' cannot stand in it"#
)]
#[case::control_in_realm(
    with_realm("a\n"),
    r#"`realm`: a realm is printable ASCII without `"` and `\`, so '\n' cannot stand in it"#
)]
#[case::letter_beyond_ascii_in_realm(
    with_realm("é"),
    r#"`realm`: a realm is printable ASCII without `"` and `\`, so 'é' cannot stand in it"#
)]
#[case::unnamed_claim(claims("", "org_id", "permissions"), "`claims.user`: a claim needs a name")]
#[case::registered_claim(
    claims("sub", "iss", "permissions"),
    "`claims.organization`: `iss` has a meaning of its own (RFC 7519 §4.1), so name another claim"
)]
#[case::claim_of_two_meanings(
    claims("sub", "org", "sub"),
    "`claims.permissions`: `sub` is claims.user already, so name another claim"
)]
fn a_policy_that_is_refused(#[case] spec: PolicySpec, #[case] message: &str) {
    assert_eq!(Policy::new(&spec).map_err(|error| error.to_string()).err().as_deref(), Some(message));
}

#[rstest]
#[case::no_slash("api", None, "`public[0].path`: a public path has to begin with `/`")]
#[case::query(
    "/a?b",
    None,
    "`public[0].path`: '?' cannot stand in a public path, which is written as requests spell it, without a query"
)]
#[case::fragment(
    "/a#b",
    None,
    "`public[0].path`: '#' cannot stand in a public path, which is written as requests spell it, without a query"
)]
#[case::space(
    "/a b",
    None,
    "`public[0].path`: ' ' cannot stand in a public path, which is written as requests spell it, without a query"
)]
#[case::not_ascii(
    "/é",
    None,
    "`public[0].path`: 'é' cannot stand in a public path, which is written as requests spell it, without a query"
)]
#[case::no_method("/a", list(&[]), "`public[0].methods`: an empty list matches no method; leave it out for every one")]
fn a_public_path_that_is_refused(
    #[case] path: &str,
    #[case] methods: Option<Vec<String>>,
    #[case] message: &str,
) {
    let error = Policy::new(&public(path, methods)).map_err(|error| error.to_string());
    assert_eq!(error.err().as_deref(), Some(message));
}

#[rstest]
#[case::no_pattern(None, "a", list(&["x"]), "`routes[0].path`: a pattern has to begin with `/`")]
#[case::no_method(list(&[]), "/a", list(&["x"]), "`routes[0].methods`: an empty list matches no method; leave it out for every one")]
#[case::empty_method(list(&["GET", ""]), "/a", list(&["x"]), "`routes[0].methods`: `` is no method")]
#[case::two_methods_in_one(list(&["GET, POST"]), "/a", list(&["x"]), "`routes[0].methods`: `GET, POST` is no method")]
#[case::line_end_in_a_method(list(&["A\n"]), "/a", list(&["x"]), "`routes[0].methods`: `A\\n` is no method")]
#[case::method_in_lower_case(list(&["get"]), "/a", list(&["x"]), "`routes[0].methods`: `get` has to be written `GET`")]
#[case::no_permission(None, "/a", list(&[]), "`routes[0].permissions`: a rule needs at least one permission; leave the rule out if none is needed")]
#[case::empty_permission(None, "/a", list(&["x", ""]), "`routes[0].permissions`: a permission has 1 to 256 bytes and no control character, so no token could hold this one")]
#[case::long_permission(None, "/a", list(&[&"x".repeat(257)]), "`routes[0].permissions`: a permission has 1 to 256 bytes and no control character, so no token could hold this one")]
fn a_rule_that_is_refused(
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
fn a_policy_tells_what_is_in_force() {
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
fn a_policy_built_in_code_is_the_policy_of_a_file() {
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
    "`max_token_bytes`: a token may have 256 to 65536 bytes at most, not 12"
)]
fn a_policy_built_in_code_is_validated(#[case] builder: PolicyBuilder, #[case] expected: &str) {
    assert_eq!(builder.build().expect_err("no policy").to_string(), expected);
}
