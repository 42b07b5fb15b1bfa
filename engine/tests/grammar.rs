//! Tables for the grammar of the engine's input: lines, tokens, claims at their limits, public paths, patterns, owners.

#![cfg(test)]

use std::borrow::Cow;

use artos_auth_engine::{Ambiguity, Pattern, PatternError, ResourceOrg, ResourceSpec, Resources};
use artos_auth_fixtures::case::NOW;
use artos_auth_fixtures::decider::{PolicyDocument, PublicDocument, RouteDocument};
use artos_auth_fixtures::engine::EngineDecider;
use artos_auth_fixtures::keys::TestKey;
use artos_auth_fixtures::token::text::Text;
use artos_auth_fixtures::{Decider, Question, Setup, TokenSpec};
use rstest::rstest;
use serde_json::{Value, json};

#[rstest]
#[case::none(&[], "header_missing")]
#[case::empty(&[""], "header_empty")]
#[case::blanks(&[" \t "], "header_empty")]
#[case::blanks_as_long_as_the_scheme(&["      "], "header_empty")]
#[case::blanks_longer_than_the_scheme(&["       "], "header_empty")]
#[case::two(&["Bearer a", "Bearer a"], "header_repeated")]
#[case::two_empty(&["", ""], "header_repeated")]
#[case::basic(&["Basic a"], "scheme_not_bearer")]
#[case::one_letter_less(&["Beare"], "scheme_not_bearer")]
#[case::one_letter_more(&["Bearers a"], "scheme_not_bearer")]
#[case::tab(&["Bearer\ta"], "scheme_not_bearer")]
#[case::comma(&["Bearer,a"], "scheme_not_bearer")]
#[case::nul(&["Bearer\0"], "scheme_not_bearer")]
#[case::leading_space(&[" Bearer a"], "scheme_not_bearer")]
#[case::scheme_alone(&["Bearer"], "token_missing")]
#[case::scheme_in_any_case(&["bEARER"], "token_missing")]
#[case::one_space(&["Bearer "], "token_missing")]
#[case::spaces(&["Bearer     "], "token_missing")]
#[case::space_and_tab(&["Bearer \t"], "token_extra_characters")]
#[case::second_space(&["Bearer  a"], "token_extra_characters")]
#[case::one_space_and_text(&["Bearer a"], "token_malformed")]
fn a_line(#[case] lines: &[&str], #[case] reason: &str) {
    let authorization = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
    assert_eq!(decide(PolicyDocument::default(), &Question { authorization, ..question() }), reason);
}

#[rstest]
#[case::no_dot("abcd", "token_malformed")]
#[case::one_dot("ab.cd", "token_malformed")]
#[case::three_dots("ab.cd.ef.gh", "token_malformed")]
#[case::empty_header(".YQ.YQ", "token_malformed")]
#[case::empty_claims("YQ..YQ", "token_malformed")]
#[case::empty_signature("YQ.YQ.", "token_malformed")]
#[case::only_dots("..", "token_malformed")]
#[case::one_character("a.YQ.YQ", "token_malformed")]
#[case::five_characters("YWFhY.YQ.YQ", "token_malformed")]
#[case::stray_bits_of_two("YR.YQ.YQ", "token_malformed")]
#[case::stray_bits_of_three("YWF.YQ.YQ", "token_malformed")]
#[case::padding("YQ==.YQ.YQ", "token_extra_characters")]
#[case::plus("Y+.YQ.YQ", "token_extra_characters")]
#[case::slash("Y/.YQ.YQ", "token_extra_characters")]
#[case::tilde("Y~.YQ.YQ", "token_extra_characters")]
#[case::comma("YQ.YQ.YQ,", "token_extra_characters")]
#[case::no_json("YQ.YQ.YQ", "token_header_malformed")]
#[case::number("MQ.YQ.YQ", "token_header_malformed")]
#[case::empty_object("e30.YQ.YQ", "token_header_malformed")]
fn a_token(#[case] token: &str, #[case] reason: &str) {
    let authorization = vec![format!("Bearer {token}").into_bytes()];
    assert_eq!(decide(PolicyDocument::default(), &Question { authorization, ..question() }), reason);
}

#[rstest]
#[case::one_byte_more_allowed(1, "authorized")]
#[case::exactly_as_many(0, "authorized")]
#[case::one_byte_less_allowed(-1, "token_too_long")]
fn the_size_limit_of_a_token(#[case] more_allowed: isize, #[case] reason: &str) {
    let token = with_claim("x", json!("x".repeat(300)));
    let limit = token.mint().unwrap().len().checked_add_signed(more_allowed);
    let policy = PolicyDocument { max_token_bytes: limit, ..PolicyDocument::default() };
    assert_eq!(decide(policy, &asking(&token)), reason);
}

#[rstest]
#[case::zero("0", true)]
#[case::minus_zero("-0", true)]
#[case::minus_zero_with_exponent("-0.0e7", true)]
#[case::fraction("0.5", true)]
#[case::exponent("1e9", true)]
#[case::capital_exponent("1E+9", true)]
#[case::small_exponent("1e-400", true)]
#[case::latest("253402300799", true)]
#[case::latest_with_fraction("253402300799.0", true)]
#[case::past_latest("253402300800", false)]
#[case::past_latest_by_a_fraction("253402300799.0001", false)]
#[case::negative("-1", false)]
#[case::negative_fraction("-1e-9", false)]
#[case::negative_underflow("-1e-400", true)]
#[case::infinite("1e400", false)]
#[case::two_to_the_63("9223372036854775808", false)]
#[case::leading_zero("00", false)]
#[case::leading_plus("+1", false)]
#[case::no_integer(".5", false)]
#[case::no_fraction("1.", false)]
#[case::no_exponent("1e", false)]
#[case::hexadecimal("0x1", false)]
#[case::string("\"1\"", false)]
#[case::list("[1]", false)]
#[case::truth("true", false)]
fn a_date(#[case] text: &str, #[case] well_formed: bool) {
    for claim in ["exp", "nbf", "iat"] {
        let drop_claims = if claim == "nbf" { vec![] } else { vec![claim.to_owned()] };
        let more_claims = Some(Text::Plain(format!("\"{claim}\":{text}")));
        let token = TokenSpec { drop_claims, more_claims, ..TokenSpec::default() };
        let reason = decide(PolicyDocument::default(), &asking(&token));
        assert_eq!(reason != "token_claims_malformed", well_formed, "{claim}: {reason}");
    }
}

#[rstest]
#[case::empty("", true)]
#[case::of_256_bytes(&"x".repeat(256), true)]
#[case::of_257_bytes(&"x".repeat(257), false)]
#[case::of_256_bytes_in_fewer_characters(&"é".repeat(128), true)]
#[case::of_258_bytes_in_fewer_characters(&"é".repeat(129), false)]
#[case::space(" ", true)]
#[case::last_control_of_ascii("\u{1f}", false)]
#[case::delete("\u{7f}", false)]
#[case::first_of_c1("\u{80}", false)]
#[case::last_of_c1("\u{9f}", false)]
#[case::after_c1("\u{a0}", true)]
#[case::line_separator("\u{2028}", true)]
#[case::zero_width_joiner("\u{200d}", true)]
#[case::outside_the_plane("\u{10ffff}", true)]
fn an_id(#[case] id: &str, #[case] well_formed: bool) {
    for claim in ["sub", "org_id", "jti"] {
        let reason = decide(PolicyDocument::default(), &asking(&with_claim(claim, json!(id))));
        assert_eq!(reason != "token_claims_malformed", well_formed, "{claim}: {reason}");
    }
    let reason = decide(PolicyDocument::default(), &asking(&with_claim("permissions", json!([id]))));
    // An empty permission is not a permission.
    assert_eq!(reason != "token_claims_malformed", well_formed && !id.is_empty(), "{reason}");
}

#[rstest]
#[case::itself("/p", "GET", true)]
#[case::query("/p?x", "GET", true)]
#[case::head("/p", "HEAD", true)]
#[case::other_method("/p", "POST", false)]
#[case::method_in_lower_case("/p", "get", false)]
#[case::trailing_slash("/p/", "GET", false)]
#[case::escaped("/%70", "GET", false)]
#[case::doubled_slash("//p", "GET", false)]
#[case::fragment("/p#", "GET", false)]
#[case::empty("", "GET", false)]
fn public_path_matching(#[case] path: &str, #[case] method: &str, #[case] public: bool) {
    let rule = PublicDocument { path: "/p".to_owned(), methods: Some(vec!["GET".to_owned()]) };
    let policy = PolicyDocument { public: Some(vec![rule]), ..PolicyDocument::default() };
    let question =
        Question { path: path.to_owned(), method: method.to_owned(), authorization: vec![], ..question() };
    assert_eq!(decide(policy, &question) == "public_path", public);
}

#[rstest]
#[case::root("/")]
#[case::literals("/a/b")]
#[case::placeholder("/a/{b}/c")]
#[case::rest("/a/{*b}")]
#[case::rest_alone("/{*b}")]
#[case::decoded("/a b/é/+")]
#[case::dots_in_a_name("/a.b/...")]
fn a_pattern_is_displayed_as_it_was_read(#[case] text: &str) {
    let pattern = Pattern::parse(text).unwrap();
    assert_eq!(pattern.to_string(), text);
    assert_eq!(
        Pattern::parse(&format!("{}/", text.trim_end_matches('/'))).unwrap(),
        pattern,
        "one trailing slash"
    );
}

#[rstest]
#[case::empty("", PatternError::NoLeadingSlash)]
#[case::no_leading_slash("a", PatternError::NoLeadingSlash)]
#[case::url("https://a/b", PatternError::NoLeadingSlash)]
#[case::empty_segment("/a//b", PatternError::EmptyOrDotSegment)]
#[case::two_slashes("//", PatternError::EmptyOrDotSegment)]
#[case::two_trailing_slashes("/a//", PatternError::EmptyOrDotSegment)]
#[case::dot("/a/.", PatternError::EmptyOrDotSegment)]
#[case::dot_dot("/../a", PatternError::EmptyOrDotSegment)]
#[case::question_mark("/a?b", PatternError::Character('?'))]
#[case::backslash("/a\\b", PatternError::Character('\\'))]
#[case::semicolon("/a;b", PatternError::Character(';'))]
#[case::number_sign("/a#b", PatternError::Character('#'))]
#[case::percent("/a%20b", PatternError::Character('%'))]
#[case::tab("/a\tb", PatternError::Character('\t'))]
#[case::control_beyond_ascii("/a\u{85}", PatternError::Character('\u{85}'))]
#[case::placeholder_with_text_before("/a{b}", PatternError::Placeholder)]
#[case::placeholder_with_text_behind("/{b}a", PatternError::Placeholder)]
#[case::open_brace("/{b", PatternError::Placeholder)]
#[case::closing_brace("/b}", PatternError::Placeholder)]
#[case::braces_in_braces("/{{b}}", PatternError::Placeholder)]
#[case::two_in_a_segment("/{a}{b}", PatternError::Placeholder)]
#[case::star_behind("/{a*}", PatternError::Placeholder)]
#[case::two_stars("/{**a}", PatternError::Placeholder)]
#[case::rest_not_last("/{*a}/b", PatternError::RestNotLast)]
#[case::two_rests("/{*a}/{*b}", PatternError::RestNotLast)]
#[case::no_name("/{}", PatternError::NameEmpty)]
#[case::no_name_of_a_rest("/{*}", PatternError::NameEmpty)]
#[case::name_twice("/{a}/{a}", PatternError::NameTwice("a".into()))]
#[case::name_twice_once_a_rest("/{a}/{*a}", PatternError::NameTwice("a".into()))]
fn a_pattern_that_matches_nothing_is_refused(#[case] text: &str, #[case] error: PatternError) {
    assert_eq!(Pattern::parse(text), Err(error));
}

#[rstest]
#[case::itself("/a", "/a", true)]
#[case::trailing_slash("/a", "/a/", true)]
#[case::pattern_with_trailing_slash("/a/", "/a", true)]
#[case::case_counts("/a", "/A", false)]
#[case::longer("/a", "/a/b", false)]
#[case::shorter("/a/b", "/a", false)]
#[case::root("/", "/", true)]
#[case::root_with_query("/", "/?a", true)]
#[case::segment("/{x}", "/a", true)]
#[case::segment_is_not_empty("/{x}", "/", false)]
#[case::segment_is_one("/{x}", "/a/b", false)]
#[case::rest_of_one("/{*x}", "/a", true)]
#[case::rest_of_several("/{*x}", "/a/b/c", true)]
#[case::rest_that_is_empty("/{*x}", "/", true)]
#[case::rest_after_literal_that_is_empty("/a/{*x}", "/a", true)]
#[case::rest_after_literal_with_a_slash("/a/{*x}", "/a/", true)]
#[case::rest_after_another_literal("/a/{*x}", "/b", false)]
#[case::rest_after_a_longer_literal("/a/{*x}", "/ab", false)]
#[case::escaped("/a b", "/a%20b", true)]
#[case::escaped_in_either_case("/é", "/%c3%A9", true)]
#[case::escaped_with_a_trailing_slash("/a b", "/a%20b/", true)]
#[case::escaped_delimiter("/a/b", "/a%2Fb", false)]
#[case::escaped_braces_are_text("/{x}/b", "/%7Bx%7D/b", true)]
fn route_rule_matching(#[case] pattern: &str, #[case] path: &str, #[case] matches: bool) {
    let rule = RouteDocument { methods: None, path: pattern.to_owned(), permissions: vec!["x".to_owned()] };
    let policy = PolicyDocument { routes: vec![rule], public: Some(vec![]), ..PolicyDocument::default() };
    let reason = decide(policy, &Question { path: path.to_owned(), ..question() });
    // An ambiguous path is refused as ambiguous, which distinguishes it from a path that the rule does not match.
    let expected = match (matches, path.contains("%2F")) {
        (true, _) => "permission_missing",
        (false, true) => "path_ambiguous",
        (false, false) => "authorized",
    };
    assert_eq!(reason, expected);
}

#[rstest]
#[case::capture("/api/v1/orgs/org-b/x", ResourceOrg::Owned(Cow::Borrowed("org-b")))]
#[case::capture_decoded("/api/v1/orgs/caf%C3%A9%20x/x/y", ResourceOrg::Owned(Cow::Borrowed("café x")))]
#[case::capture_without_rest("/api/v1/orgs/org-b", ResourceOrg::Owned(Cow::Borrowed("org-b")))]
#[case::empty_rest_that_names_the_owner("/files", ResourceOrg::Unresolved)]
#[case::literal("/shared/x", ResourceOrg::Owned(Cow::Borrowed("org-shared")))]
#[case::first_match("/shared/open", ResourceOrg::Unowned)]
#[case::rest("/files/org-c/a/b", ResourceOrg::Owned(Cow::Borrowed("org-c/a/b")))]
#[case::none("/elsewhere", ResourceOrg::Unresolved)]
#[case::ambiguous("/api/v1/orgs/org-a/../org-b/x", ResourceOrg::Unresolved)]
#[case::ambiguous_escape("/api/v1/orgs/org-b%2F..%2Forg-a/x", ResourceOrg::Unresolved)]
#[case::empty_organization("/api/v1/orgs//x", ResourceOrg::Unresolved)]
#[case::query("/api/v1/orgs/org-b/x?/api/v1/orgs/org-a/x", ResourceOrg::Owned(Cow::Borrowed("org-b")))]
fn an_owner(#[case] path: &str, #[case] owner: ResourceOrg<'_>) {
    let entry = |path: &str, organization: Option<&str>| ResourceSpec {
        path: path.to_owned(),
        organization: organization.map(str::to_owned),
        unowned: organization.is_none().then_some(true),
    };
    let resources = Resources::new(&[
        entry("/api/v1/orgs/{org}/{*rest}", Some("{org}")),
        entry("/shared/open", None),
        entry("/shared/{x}", Some("org-shared")),
        entry("/files/{*org}", Some("{*org}")),
    ])
    .unwrap();
    assert_eq!(resources.owner_of(path.as_bytes()), owner);
}

/// Each has its own message, for readers of `explain`.
#[test]
fn each_ambiguity_has_its_own_message() {
    let all = [
        Ambiguity::NoLeadingSlash,
        Ambiguity::EmptySegment,
        Ambiguity::DotSegment,
        Ambiguity::Backslash,
        Ambiguity::Semicolon,
        Ambiguity::NumberSign,
        Ambiguity::ControlByte,
        Ambiguity::NonAscii,
        Ambiguity::BrokenEscape,
        Ambiguity::EscapedUnreserved,
        Ambiguity::EscapedDelimiter,
        Ambiguity::EscapedControl,
        Ambiguity::NotUtf8,
    ];
    let words: std::collections::BTreeSet<&str> =
        all.iter().map(|ambiguity| ambiguity.description()).collect();
    assert_eq!(words.len(), all.len());
}

fn with_claim(name: &str, value: Value) -> TokenSpec {
    let mut token = TokenSpec::default();
    token.claims.insert(name.to_owned(), value);
    token
}

fn question() -> Question {
    asking(&TokenSpec::default())
}

fn asking(token: &TokenSpec) -> Question {
    Question {
        method: "GET".to_owned(),
        path: "/api/v1/templates/".to_owned(),
        authorization: vec![[b"Bearer ", token.mint().unwrap().as_slice()].concat()],
        context: Default::default(),
        now: NOW,
    }
}

/// The reason of the decision under this policy.
fn decide(policy: PolicyDocument, question: &Question) -> String {
    let keys = json!({ "keys": [TestKey::named("hs256").unwrap().published()] });
    EngineDecider::new(&Setup { more_keys: Vec::new(), policy, keys, revocations: json!({}) })
        .unwrap()
        .decide(question)
        .reason
}
