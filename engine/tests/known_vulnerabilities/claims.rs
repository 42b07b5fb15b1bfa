//! Attacks on the claims and the encoding of a token.

use artos_auth_engine::{CacheBytes, Engine, HashKey, KeySet, Policy, PolicySpec, Revocations, UnixTime};
use artos_auth_fixtures::case::NOW;
use artos_auth_fixtures::decider::Context;
use artos_auth_fixtures::engine::{EngineDecider, verdict, with_engine_types};
use artos_auth_fixtures::keys::TestKey;
use artos_auth_fixtures::token::text::Text;
use artos_auth_fixtures::{Question, TokenSpec};
use serde_json::{Value, json};

use super::{decide, policy_with_rule, question, refusal, setup, with_claim, with_header, with_line};

/// **Class:** claims of the wrong type (CVE-2026-25537, CVE-2026-44459)
/// **Gain:** a token that never expires, or whose check is skipped because its claim cannot be read
/// **Stop:** each claim that is read has one type and one range; any other value is malformed, not absent
/// **Differs:** fractional times are accepted; the range ends with the year 9999, not at 2^53; `null` is treated as absent, which for `exp` is malformed
#[test]
fn claim_type_confusion() {
    let wrong = [
        json!("1700003600"),
        json!([]),
        json!({}),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(9_223_372_036_854_775_808_u64),
    ];
    for claim in ["exp", "nbf", "iat"] {
        for value in &wrong {
            assert_eq!(
                refusal(&with_claim(claim, value.clone())),
                "token_claims_malformed",
                "{claim} {value}"
            );
        }
        for text in ["1e400", "NaN", "Infinity", "0x7fffffff", "1_000"] {
            let more_claims = Some(Text::Plain(format!("\"{claim}\":{text}")));
            let drop_claims = if claim == "nbf" { vec![] } else { vec![claim.to_owned()] };
            let token = TokenSpec { more_claims, drop_claims, ..TokenSpec::default() };
            assert_eq!(refusal(&token), "token_claims_malformed", "{claim} {text}");
        }
    }
    for claim in ["iss", "sub", "org_id", "jti"] {
        for value in [json!(1), json!(["x"]), json!({}), json!(false)] {
            assert_eq!(refusal(&with_claim(claim, value)), "token_claims_malformed", "{claim}");
        }
    }
    assert_eq!(refusal(&with_claim("exp", json!(null))), "token_claims_malformed");
    assert_eq!(refusal(&with_claim("exp", json!(0))), "token_expired");
}

/// **Class:** checks that are skipped if their claim is missing (CVE-2026-40946, CVE-2020-26160)
/// **Gain:** a token of another audience or issuer, or one that never expires
/// **Stop:** claims that the policy requires must be present; `exp`, user and organization are always required
#[test]
fn missing_claims() {
    let mut setup = setup();
    setup.policy.issuers = Some(vec!["i".to_owned()]);
    setup.policy.audiences = Some(vec!["a".to_owned()]);
    let mut good = with_claim("iss", json!("i"));
    good.claims.insert("aud".to_owned(), json!(["a"]));
    assert_eq!(decide(&setup, &question(&good)).reason, "authorized");
    for (claim, reason) in [("iss", "issuer_not_accepted"), ("aud", "audience_not_accepted")] {
        for value in [None, Some(Value::Null)] {
            let mut token = good.clone();
            token.claims.remove(claim);
            token.claims.extend(value.map(|value| (claim.to_owned(), value)));
            assert_eq!(decide(&setup, &question(&token)).reason, reason);
        }
    }
    for (claim, reason) in
        [("exp", "token_claims_malformed"), ("sub", "user_missing"), ("org_id", "organization_missing")]
    {
        let token = TokenSpec { drop_claims: vec![claim.to_owned()], ..TokenSpec::default() };
        assert_eq!(refusal(&token), reason);
    }
}

/// **Class:** duplicate members, deep nesting, huge values
/// **Gain:** two parsers read different organizations from one token; a stack overflow
/// **Stop:** a duplicate of a member that is read is refused, compared by unescaped name; nesting is counted without recursion; the token size is limited
/// **Differs:** members that are not read may be duplicates
#[test]
fn duplicate_members_and_deep_nesting() {
    for more in [
        "\"org_id\":\"org-b\"",
        "\"org_id\":\"org-a\"",
        "\"\\u006frg_id\":\"org-b\"",
        "\"exp\":9999999999",
        "\"sub\":null",
    ] {
        let token = TokenSpec { more_claims: Some(Text::from(more)), ..TokenSpec::default() };
        assert_eq!(refusal(&token), "token_claims_malformed", "{more}");
    }
    for more in ["\"alg\":\"HS256\"", "\"a\\u006cg\":\"none\"", "\"kid\":\"x\"", "\"typ\":\"JWT\""] {
        let token = TokenSpec { more_header: Some(Text::from(more)), ..TokenSpec::default() };
        assert_eq!(refusal(&token), "token_header_malformed", "{more}");
    }
    let mut setup = setup();
    setup.policy.max_token_bytes = Some(65_536);
    let nested = format!("\"x\":{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let token = TokenSpec { more_claims: Some(Text::Plain(nested)), ..TokenSpec::default() };
    assert_eq!(decide(&setup, &question(&token)).reason, "token_claims_malformed");
    assert_eq!(refusal(&with_claim("x", json!("x".repeat(1 << 20)))), "token_too_long");
    assert_eq!(refusal(&with_claim("sub", json!("u".repeat(257)))), "token_claims_malformed");
}

/// **Class:** ids that look alike: NUL, control characters, case, full-width letters, composed and decomposed letters
/// **Gain:** a token of one organization is accepted as another organization's
/// **Stop:** ids are compared byte for byte after JSON's escapes; control characters and lone surrogates are malformed
/// **Differs:** all control characters (Unicode Cc) are refused, not only those below U+0020
#[test]
fn lookalike_identities() {
    for id in ["org-a\0", "org-a\n", "org-a\u{7f}", "org-a\u{85}", "org\u{1b}-a"] {
        assert_eq!(refusal(&with_claim("org_id", json!(id))), "token_claims_malformed");
    }
    for id in ["org-a ", " org-a", "ORG-A", "ｏrg-a", "org\u{2010}a", "org-\u{430}", "org-a\u{200b}"] {
        let mut question = question(&with_claim("org_id", json!(id)));
        question.context.resource_org = Some("org-a".to_owned());
        assert_eq!(decide(&setup(), &question).reason, "resource_of_other_organization", "{id}");
        question.context = Context { realm: Some(vec!["org-a".to_owned()]), ..Context::default() };
        assert_eq!(decide(&setup(), &question).reason, "organization_not_in_realm", "{id}");
    }
    let more_claims = Some(Text::from("\"org_id\":\"org-a\\ud800\""));
    let token = TokenSpec { drop_claims: vec!["org_id".to_owned()], more_claims, ..TokenSpec::default() };
    assert_eq!(refusal(&token), "token_claims_malformed");
}

/// **Class:** splitting at every dot (CVE-2025-30204, CVE-2025-27144, CVE-2025-22868)
/// **Gain:** a few kilobytes of dots make the server allocate megabytes
/// **Stop:** the size is checked first, then two dots are located; a third dot allocates nothing
#[test]
fn floods_of_dots() {
    for token in [
        ".".repeat(8192),
        "a.".repeat(4096),
        "..".to_owned(),
        ".a.b".to_owned(),
        "a.b.".to_owned(),
        "a.b.c.d.e".to_owned(),
    ] {
        assert_eq!(with_line(format!("Bearer {token}")), "token_malformed");
    }
    assert_eq!(with_line(format!("Bearer {}", ".".repeat(8193))), "token_too_long");
}

/// **Class:** encrypted and compressed tokens (CVE-2024-28102, CVE-2024-28180, CVE-2024-28176, CVE-2022-36083, CVE-2026-39373, CVE-2026-27932, CVE-2026-29000)
/// **Gain:** a decompression bomb, an endless key derivation, an unsigned token inside an encrypted one
/// **Stop:** five segments are malformed, and nothing is ever decrypted, derived or inflated
/// **Differs:** `enc` and `zip` in a signed token are ignored, as are all members that the contract does not name
#[test]
fn encrypted_tokens() {
    let header = base64_simd::URL_SAFE_NO_PAD
        .encode_to_string(r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","zip":"DEF","p2c":2147483647}"#);
    assert_eq!(with_line(format!("Bearer {header}.AAAA.AAAA.AAAA.AAAA")), "token_malformed");
    assert_eq!(with_line(format!("Bearer {header}.AAAA.AAAA")), "algorithm_not_allowed");
    for alg in ["dir", "RSA-OAEP", "A128KW", "ECDH-ES"] {
        assert_eq!(refusal(&with_header("alg", json!(alg))), "algorithm_not_allowed");
    }
}

/// **Class:** regular expressions over claims (CVE-2026-35041)
/// **Gain:** a claim that makes a regular expression run for minutes or hours
/// **Stop:** there are no regular expressions: issuers, audiences, permissions and ids are compared for equality, and paths match segment by segment
#[test]
fn patterns_in_claims() {
    let mut setup = setup();
    setup.policy.issuers = Some(vec!["^(a+)+$".to_owned()]);
    let token = with_claim("iss", json!("a".repeat(200)));
    assert_eq!(decide(&setup, &question(&token)).reason, "issuer_not_accepted");
    let token = with_claim("iss", json!("^(a+)+$"));
    assert_eq!(decide(&setup, &question(&token)).reason, "authorized");
    setup.policy = policy_with_rule("/{a}/{b}/{c}/{*rest}", "x.*");
    let mut question = question(&with_claim("permissions", json!(["xyz", "x"])));
    question.path = format!("/{}", vec!["a"; 3000].join("/"));
    assert_eq!(decide(&setup, &question).reason, "permission_missing");
}

/// **Class:** cached verifications that are mixed up or outlive a revocation (CVE-2026-35039)
/// **Gain:** another caller's identity, or access after a revocation
/// **Stop:** the cache key is the whole token, and every check that depends on time, context or snapshots is repeated
#[test]
fn cache_confusion() {
    let hot =
        EngineDecider::new(&setup()).unwrap().engine().clone().with_cache(CacheBytes(1 << 20), HashKey(7));
    let decide = |engine: &Engine, question: &Question| {
        with_engine_types(question, |request, context| {
            verdict(&engine.decide(request, context, UnixTime::from_seconds(question.now)))
        })
    };
    let [ours, theirs] = ["org-a", "org-b"].map(|id| question(&with_claim("org_id", json!(id))));
    for _ in 0..200 {
        for (question, organization) in [(&ours, "org-a"), (&theirs, "org-b")] {
            assert_eq!(decide(&hot, question).principal.unwrap().org_id, organization);
        }
    }
    assert!(hot.cached_bytes() > 0, "both are remembered");
    let mut tampered = ours.clone();
    tampered.authorization[0].pop();
    assert!(!decide(&hot, &tampered).is_allow());
    assert_eq!(decide(&hot, &Question { now: NOW + 3600, ..ours.clone() }).reason, "token_expired");
    let context = Context { realm: Some(vec!["org-b".to_owned()]), ..Context::default() };
    assert_eq!(decide(&hot, &Question { context, ..ours.clone() }).reason, "organization_not_in_realm");

    let revoked = Revocations::from_json(br#"{"tokens": ["t1"]}"#).unwrap();
    assert_eq!(decide(&hot.with_revocations(revoked), &ours).reason, "token_revoked");
    let rotated = json!({ "keys": [TestKey::named("es256").unwrap().published()] }).to_string();
    let rotated = KeySet::from_jwks(rotated.as_bytes()).unwrap();
    let policy = Policy::new(&PolicySpec::default()).unwrap();
    assert_eq!(decide(&hot.with_policy_and_keys(policy, rotated), &ours).reason, "key_unknown");
    assert_eq!(decide(&hot, &ours).reason, "authorized");
}
