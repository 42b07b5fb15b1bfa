//! Key sets: what is refused, what is passed over, and what is reported.

use artos_auth_engine::KeySet;
use artos_auth_fixtures::keys::TestKey;
use rstest::rstest;
use serde_json::{Value, json};

/// A test key with members of its JWK replaced; `null` takes one away.
fn key(name: &str, members: Value) -> Value {
    let mut key = TestKey::named(name).unwrap().published();
    for (name, value) in members.as_object().unwrap() {
        if value.is_null() {
            key.remove(name);
        } else {
            key.insert(name.clone(), value.clone());
        }
    }
    Value::Object(key)
}

fn secret(bytes: usize, algorithm: &str) -> Value {
    json!({"kty": "oct", "alg": algorithm, "k": base64_simd::URL_SAFE_NO_PAD.encode_to_string(vec![7; bytes])})
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn refusal(keys: &str) -> Option<String> {
    KeySet::from_jwks(keys.as_bytes()).err().map(|error| error.to_string())
}

#[rstest]
#[case("HS256", 32)]
#[case("HS384", 48)]
#[case("HS512", 64)]
fn a_secret_is_as_long_as_its_hash(#[case] algorithm: &str, #[case] least: usize) {
    for bytes in [least, least + 1] {
        assert_eq!(refusal(&set(&[secret(bytes, algorithm)])), None);
    }
    let short = least - 1;
    let message = format!(
        "line 1, column 10: `keys[0].k`: the secret has {short} bytes, and {algorithm} needs at least {least}"
    );
    assert_eq!(refusal(&set(&[secret(short, algorithm)])), Some(message));
}

#[rstest]
#[case::no_json("", "line 1, column 0: the JSON text ends too early")]
#[case::list("[]", "line 1, column 0: this is not a JWK Set or a JWK, which are JSON objects")]
#[case::neither("{}", "this is neither a JWK Set (`keys`) nor a JWK (`kty`)")]
#[case::keys_are_no_list(
    r#"{"keys": {}}"#,
    "line 1, column 9: this is not a JWK Set, whose `keys` is an array of JWKs and there once"
)]
#[case::no_key(r#"{"keys": []}"#, "no key of the set can verify a token (it is empty)")]
#[case::no_key_of_ours(
    r#"{"keys": [{"kty": "EC", "crv": "P-521"}, {"kty": "new"}]}"#,
    "no key of the set can verify a token (`keys[0]`: passed over: its curve `P-521` is none of ours; `keys[1]`: passed over: its type `new` is none of ours)"
)]
#[case::no_type_but_on_the_second_line(
    "{\"keys\": [\n {\"use\": \"sig\"}]}",
    "line 2, column 2: `keys[0].kty`: a JWK needs a `kty`"
)]
#[case::type_is_no_text(r#"{"kty": 1}"#, "line 1, column 1: `kty`: this has to be a string")]
#[case::operations_are_no_list(
    r#"{"kty": "oct", "key_ops": "verify"}"#,
    "line 1, column 1: `key_ops`: this has to be an array of strings"
)]
#[case::member_twice(
    r#"{"kty": "oct", "k": "a", "k": "b"}"#,
    "line 1, column 1: the member `k` is there twice"
)]
#[case::key_is_no_object(r#"{"keys": [1]}"#, "line 1, column 11: `keys[0]`: a JWK has to be a JSON object")]
#[case::padded(
    r#"{"kty": "oct", "k": "YWFh="}"#,
    "line 1, column 1: `k`: this has to be base64url without padding"
)]
#[case::member_missing(r#"{"kty": "oct"}"#, "line 1, column 1: `k`: a key of this type needs it")]
fn keys_that_are_refused(#[case] keys: &str, #[case] message: &str) {
    assert_eq!(refusal(keys).as_deref(), Some(message));
}

#[rstest]
#[case::small(128, Some("the modulus has 1024 bits, and has to have 2,048 to 8,192"))]
#[case::large(1_025, Some("the modulus has 8200 bits, and has to have 2,048 to 8,192"))]
#[case::exactly_small_enough(1_024, None)]
fn a_modulus_has_2048_to_8192_bits(#[case] bytes: usize, #[case] problem: Option<&str>) {
    let modulus = base64_simd::URL_SAFE_NO_PAD.encode_to_string(vec![0xff; bytes]);
    let refused = refusal(&set(&[key("rsa", json!({"n": modulus}))]));
    let expected = problem.map(|problem| format!("line 1, column 10: `keys[0].n`: {problem}"));
    assert_eq!(refused, expected);
}

#[test]
fn a_modulus_of_2047_bits_is_refused_however_it_is_written() {
    let mut modulus = vec![0xff; 256];
    modulus[0] = 0x7f;
    for leading_zeros in [0, 1] {
        let written = [vec![0; leading_zeros], modulus.clone()].concat();
        let text = base64_simd::URL_SAFE_NO_PAD.encode_to_string(written);
        let refused = refusal(&set(&[key("rsa", json!({"n": text}))])).unwrap();
        assert!(refused.contains("the modulus has 2047 bits"), "{refused}");
    }
}

#[test]
fn a_point_off_the_curve_is_refused() {
    let refused = refusal(&set(&[key("es256", json!({"y": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}))]));
    assert_eq!(
        refused.as_deref(),
        Some("line 1, column 10: `keys[0]`: this is no valid public key for ES256")
    );
}

/// One library would load some of these and never verify a token with them.
#[rstest]
#[case::even_modulus("rsa", json!({"n": base64_simd::URL_SAFE_NO_PAD.encode_to_string([0xfe; 256])}), "RS256")]
#[case::exponent_of_one("rsa", json!({"e": "AQ"}), "RS256")]
#[case::even_exponent("rsa", json!({"e": "AQAA"}), "RS256")]
#[case::exponent_of_34_bits("rsa", json!({"e": "AgAAAAE"}), "RS256")]
#[case::short_coordinate("es256", json!({"x": "AAAA"}), "ES256")]
#[case::short_key("ed25519", json!({"x": "AAAA"}), "EdDSA")]
#[case::no_point("ed25519", json!({"x": "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}), "EdDSA")]
#[case::small_order("ed25519", json!({"x": "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}), "EdDSA")]
fn keys_that_can_never_verify_a_token_are_refused(
    #[case] name: &str,
    #[case] members: Value,
    #[case] algorithm: &str,
) {
    let refused = refusal(&set(&[key(name, members)]));
    let expected = format!("line 1, column 10: `keys[0]`: this is no valid public key for {algorithm}");
    assert_eq!(refused, Some(expected));
}

#[test]
fn two_keys_of_one_id_serve_two_algorithms() {
    let named = |bytes: usize, algorithm: &str, id: Option<&str>| {
        let mut key = secret(bytes, algorithm);
        if let Some(id) = id {
            key["kid"] = id.into();
        }
        key
    };
    for alike in [
        [named(32, "HS256", Some("a")), named(48, "HS384", Some("a"))],
        [named(32, "HS256", Some("a")), named(33, "HS256", Some("b"))],
        [named(32, "HS256", None), named(33, "HS256", None)],
    ] {
        assert_eq!(refusal(&set(&alike)), None);
    }
    let refused = refusal(&set(&[named(32, "HS256", Some("a")), named(33, "HS256", Some("a"))])).unwrap();
    assert!(
        refused.ends_with("`keys[1].kid`: a second key with kid `a` for HS256; give each its own `kid`"),
        "{refused}"
    );
}

/// What is reported of a set that holds a good key and this one.
fn notices(odd: Value) -> Vec<String> {
    let keys = KeySet::from_jwks(set(&[odd, secret(64, "HS512")]).as_bytes()).unwrap();
    keys.notices().iter().map(ToString::to_string).collect()
}

#[rstest]
#[case::encryption(key("rsa", json!({"use": "enc"})), "its `use` is `enc`, not `sig`")]
#[case::signing_alone(key("rsa", json!({"key_ops": ["sign"]})), "its `key_ops` do not include `verify`")]
#[case::no_operation(key("rsa", json!({"key_ops": []})), "its `key_ops` do not include `verify`")]
#[case::other_curve(json!({"kty": "OKP", "crv": "Ed448", "x": "AA"}), "its curve `Ed448` is none of ours")]
#[case::no_curve(json!({"kty": "EC"}), "it has no `crv`")]
#[case::other_type(json!({"kty": "AKP"}), "its type `AKP` is none of ours")]
#[case::algorithm_of_another_type(key("rsa", json!({"alg": "ES256"})), "its `alg` `ES256` is none that a key of its type serves here")]
#[case::algorithm_of_nobody(key("rsa", json!({"alg": "RSA-OAEP"})), "its `alg` `RSA-OAEP` is none that a key of its type serves here")]
fn a_key_that_is_not_ours_is_passed_over_and_reported(#[case] key: Value, #[case] why: &str) {
    assert_eq!(notices(key), [format!("`keys[0]`: passed over: {why}")]);
}

#[rstest]
#[case::for_signatures(key("rsa", json!({"use": "sig", "key_ops": ["sign", "verify"]})))]
#[case::secret(secret(32, "HS256"))]
fn a_key_of_which_there_is_nothing_to_say(#[case] key: Value) {
    assert_eq!(notices(key), [""; 0]);
}

#[rstest]
#[case("d")]
#[case("p")]
#[case("oth")]
fn private_members_are_reported(#[case] member: &str) {
    let reported = notices(key("rsa", json!({ member: "AQ" })));
    let expected =
        "`keys[0]`: a private key: its private members are not kept; give the server the public one";
    assert_eq!(reported, [expected]);
}

#[test]
fn more_keys_than_are_tried_without_an_id_are_reported() {
    let keys = |count: usize| {
        let keys: Vec<Value> = (0..count).map(|more| secret(32 + more, "HS256")).collect();
        KeySet::from_jwks(set(&keys).as_bytes()).unwrap()
    };
    assert_eq!(keys(8).notices(), []);
    let nine = keys(9);
    assert_eq!((nine.len(), nine.is_empty()), (9, false));
    let notices: Vec<String> = nine.notices().iter().map(ToString::to_string).collect();
    assert_eq!(notices, ["9 keys serve HS256, so a token of it without `kid` matches none of them"]);
}
