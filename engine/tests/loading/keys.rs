//! Key sets: what is refused, what is ignored, and what is reported.

use artos_auth_engine::KeySet;
use artos_auth_fixtures::keys::TestKey;
use rstest::rstest;
use serde_json::{Value, json};

/// A test key with members of its JWK replaced; `null` removes a member.
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
fn a_secret_is_at_least_as_long_as_its_hash(#[case] algorithm: &str, #[case] least: usize) {
    for bytes in [least, least + 1] {
        assert_eq!(refusal(&set(&[secret(bytes, algorithm)])), None);
    }
    let short = least - 1;
    let message = format!(
        "line 1, column 10: `keys[0].k`: the secret must have at least {least} bytes for {algorithm}, got {short}"
    );
    assert_eq!(refusal(&set(&[secret(short, algorithm)])), Some(message));
}

#[rstest]
#[case::no_json("", "line 1, column 0: unexpected end of JSON")]
#[case::list("[]", "line 1, column 0: this is not a JWK Set or a JWK, which are JSON objects")]
#[case::neither("{}", "expected a JWK Set (with `keys`) or a JWK (with `kty`)")]
#[case::keys_are_no_list(r#"{"keys": {}}"#, "`keys`: expected an array of JWKs")]
#[case::no_key(r#"{"keys": []}"#, "no usable key in the set (it is empty)")]
#[case::no_key_of_ours(
    r#"{"keys": [{"kty": "EC", "crv": "P-521"}, {"kty": "new"}]}"#,
    "no usable key in the set (`keys[0]`: ignored: unsupported curve `P-521`; `keys[1]`: ignored: unsupported key type `new`)"
)]
#[case::no_type_but_on_the_second_line(
    "{\"keys\": [\n {\"use\": \"sig\"}]}",
    "no usable key in the set (`keys[0]`: ignored: `kty`: missing)"
)]
#[case::type_is_no_text(
    r#"{"kty": 1}"#,
    "no usable key in the set (ignored: `kty`: expected a string, found a number)"
)]
#[case::operations_are_no_list(
    r#"{"kty": "oct", "key_ops": "verify"}"#,
    "no usable key in the set (ignored: `key_ops`: expected an array of strings, found a string)"
)]
#[case::member_twice(
    r#"{"kty": "oct", "k": "a", "k": "b"}"#,
    "no usable key in the set (ignored: `k`: duplicate member)"
)]
#[case::key_is_no_object(
    r#"{"keys": [1]}"#,
    "no usable key in the set (`keys[0]`: ignored: a JWK must be a JSON object)"
)]
#[case::padded(
    r#"{"kty": "oct", "k": "YWFh="}"#,
    "no usable key in the set (ignored: `k`: expected base64url without padding)"
)]
#[case::member_missing(r#"{"kty": "oct"}"#, "no usable key in the set (ignored: `k`: missing)")]
#[case::pem(
    "\n-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n",
    "this is a PEM file, not a JWK Set; convert it with `artos-auth keys public --in FILE`"
)]
#[case::pem_after_attributes(
    "Bag Attributes\n    friendlyName: a\n-----BEGIN CERTIFICATE-----\nMFkw\n-----END CERTIFICATE-----\n",
    "this is a PEM file, not a JWK Set; convert it with `artos-auth keys public --in FILE`"
)]
#[case::page(
    "<!DOCTYPE html>\n<title>404</title>",
    "this is HTML or XML, not a JWK Set; check the response of the URL"
)]
#[case::discovery_document(
    r#"{"issuer": "https://auth.example", "jwks_uri": "https://auth.example/keys"}"#,
    "this is a provider's discovery document; its `jwks_uri` names the JWK Set"
)]
#[case::keys_twice(r#"{"keys": [], "keys": []}"#, "`keys`: duplicate member")]
#[case::more_than_can_be_told(
    r#"{"keys": [1, 2, 3, 4, 5]}"#,
    "no usable key in the set (`keys[0]`: ignored: a JWK must be a JSON object; `keys[1]`: ignored: a JWK must be a JSON object; `keys[2]`: ignored: a JWK must be a JSON object; and 2 more)"
)]
fn invalid_keys_are_refused(#[case] keys: &str, #[case] message: &str) {
    assert_eq!(refusal(keys).as_deref(), Some(message));
}

#[rstest]
#[case::small(128, Some("the modulus must have at least 2048 bits, got 1024"))]
#[case::exactly_small_enough(1_024, None)]
fn a_modulus_has_at_least_2048_bits(#[case] bytes: usize, #[case] problem: Option<&str>) {
    let modulus = base64_simd::URL_SAFE_NO_PAD.encode_to_string(vec![0xff; bytes]);
    let refused = refusal(&set(&[key("rsa", json!({"n": modulus}))]));
    let expected = problem.map(|problem| format!("line 1, column 10: `keys[0].n`: {problem}"));
    assert_eq!(refused, expected);
}

#[test]
fn a_modulus_of_2047_bits_is_refused_in_any_encoding() {
    let mut modulus = vec![0xff; 256];
    modulus[0] = 0x7f;
    for leading_zeros in [0, 1] {
        let written = [vec![0; leading_zeros], modulus.clone()].concat();
        let text = base64_simd::URL_SAFE_NO_PAD.encode_to_string(written);
        let refused = refusal(&set(&[key("rsa", json!({"n": text}))])).unwrap();
        assert!(refused.ends_with("got 2047"), "{refused}");
    }
}

#[test]
fn a_point_off_the_curve_is_refused() {
    let refused = refusal(&set(&[key("es256", json!({"y": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}))]));
    assert_eq!(
        refused.as_deref(),
        Some("no usable key in the set (`keys[0]`: ignored: not a valid public key for ES256)")
    );
}

/// Some libraries load a few of these and then never verify a token with them.
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
    let why = format!("`keys[0]`: ignored: not a valid public key for {algorithm}");
    assert_eq!(refused, Some(format!("no usable key in the set ({why})")));
}

#[test]
fn two_keys_with_one_id_serve_two_algorithms() {
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
        refused.ends_with("`keys[1].kid`: duplicate `kid` `a` for HS256; give each key its own"),
        "{refused}"
    );
}

/// The report on a set that holds a valid key and this one.
fn warnings(odd: Value) -> Vec<String> {
    let keys = KeySet::from_jwks(set(&[odd, secret(64, "HS512")]).as_bytes()).unwrap();
    keys.warnings().iter().map(ToString::to_string).collect()
}

#[rstest]
#[case::encryption(key("rsa", json!({"use": "enc"})), "`use` must be `sig`, got `enc`")]
#[case::signing_alone(key("rsa", json!({"key_ops": ["sign"]})), "`key_ops` must include `verify`")]
#[case::no_operation(key("rsa", json!({"key_ops": []})), "`key_ops` must include `verify`")]
#[case::other_curve(json!({"kty": "OKP", "crv": "Ed448", "x": "AA"}), "unsupported curve `Ed448`")]
#[case::no_curve(json!({"kty": "EC"}), "`crv` is missing")]
#[case::other_type(json!({"kty": "AKP"}), "unsupported key type `AKP`")]
#[case::algorithm_of_another_type(key("rsa", json!({"alg": "ES256"})), "`alg` `ES256` is not valid for `kty` `RSA`")]
#[case::algorithm_of_nobody(key("rsa", json!({"alg": "RSA-OAEP"})), "`alg` `RSA-OAEP` is not valid for `kty` `RSA`")]
fn an_unsupported_key_is_ignored_and_reported(#[case] key: Value, #[case] why: &str) {
    assert_eq!(warnings(key), [format!("`keys[0]`: ignored: {why}")]);
}

#[rstest]
#[case::for_signatures(key("rsa", json!({"use": "sig", "key_ops": ["sign", "verify"]})))]
#[case::secret(secret(32, "HS256"))]
fn a_valid_key_is_not_reported(#[case] key: Value) {
    assert_eq!(warnings(key), [""; 0]);
}

#[rstest]
#[case("d")]
#[case("p")]
#[case("oth")]
fn private_members_are_reported(#[case] member: &str) {
    let reported = warnings(key("rsa", json!({ member: "AQ" })));
    let expected = "`keys[0]`: private members ignored; deploy the public key";
    assert_eq!(reported, [expected]);
}

#[test]
fn too_many_keys_without_an_id_are_reported() {
    let keys = |count: usize| {
        let keys: Vec<Value> = (0..count).map(|more| secret(32 + more, "HS256")).collect();
        KeySet::from_jwks(set(&keys).as_bytes()).unwrap()
    };
    assert_eq!(keys(8).warnings(), []);
    let nine = keys(9);
    assert_eq!((nine.len(), nine.is_empty()), (9, false));
    let warnings: Vec<String> = nine.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["9 keys for HS256, so its tokens without `kid` are refused; at most 8 keys are tried"]
    );
}

/// An unreadable key does not fail the set, and is reported.
#[rstest]
#[case::member_of_another_type(json!({"kty": "oct", "k": 5}), "`k`: expected a string, found a number")]
#[case::padded(json!({"kty": "oct", "k": "YWFh="}), "`k`: expected base64url without padding")]
#[case::missing(json!({"kty": "RSA", "e": "AQAB"}), "`n`: missing")]
#[case::id_of_another_type(key("es256", json!({"kid": 7})), "`kid`: expected a string, found a number")]
#[case::use_of_another_type(key("es256", json!({"use": ["sig"]})), "`use`: expected a string, found an array")]
#[case::operations_of_another_type(key("es256", json!({"key_ops": "verify"})), "`key_ops`: expected an array of strings, found a string")]
#[case::off_the_curve(key("es256", json!({"y": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})), "not a valid public key for ES256")]
#[case::coordinate_that_is_too_short(key("es256", json!({"x": "AAAA"})), "not a valid public key for ES256")]
#[case::too_large(json!({"kty": "RSA", "e": "AQAB", "n": base64_simd::URL_SAFE_NO_PAD.encode_to_string([0xff; 1_025])}), "`n`: the modulus must have at most 8192 bits, got 8200")]
#[case::no_object(json!(7), "a JWK must be a JSON object")]
#[case::null(json!(null), "a JWK must be a JSON object")]
fn an_unreadable_key_is_ignored_and_reported(#[case] odd: Value, #[case] why: &str) {
    assert_eq!(warnings(odd), [format!("`keys[0]`: ignored: {why}")]);
}

#[test]
fn null_is_absent_and_unread_members_may_be_anything() {
    let text = |key: &str| format!(r#"{{"x5c": 1, "x5c": "\ud800", "\ud800": [], "keys": [{key}]}}"#);
    let plain = TestKey::named("rsa").unwrap().published();
    let with = |members: &str| {
        let mut key = Value::Object(plain.clone()).to_string();
        key.truncate(key.len() - 1);
        format!("{key},{members}}}")
    };
    for members in [
        r#""use":null,"key_ops":null,"x5c":null"#,
        r#""x5c":7,"x5t":{},"x5u":["a"],"x5u":2,"other":"\ud800","k":5,"crv":[]"#,
        r#""d":null,"p":null,"q":null,"dp":null,"dq":null,"qi":null,"oth":null"#,
    ] {
        let set = KeySet::from_jwks(text(&with(members)).as_bytes()).unwrap();
        assert_eq!((set.len(), set.warnings()), (1, &[][..]), "{members}");
    }
    let private = KeySet::from_jwks(text(&with(r#""d":7"#)).as_bytes()).unwrap();
    assert_eq!(private.warnings().len(), 1, "only the presence of private members matters");
}

#[test]
fn a_byte_order_mark_is_ignored() {
    let marked = format!("\u{feff}{}", set(&[secret(32, "HS256")]));
    assert_eq!(KeySet::from_jwks(marked.as_bytes()).unwrap().len(), 1);
}

/// Errors that fail a document do so regardless of its other content.
#[test]
fn a_weak_key_is_refused_unless_it_is_ignored() {
    let weak = |members: Value| {
        let mut key = secret(8, "HS256");
        key.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        refusal(&set(&[secret(32, "HS256"), key]))
    };
    assert!(weak(json!({})).is_some());
    for ignored in
        [json!({"use": "enc"}), json!({"key_ops": []}), json!({"alg": "A128KW"}), json!({"kid": 1})]
    {
        assert_eq!(weak(ignored.clone()), None, "{ignored}");
    }
    let named = |members: Value| {
        let mut key = secret(32, "HS256");
        key.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        key
    };
    let twins = [named(json!({"kid": "a"})), named(json!({"kid": "a", "use": "enc"}))];
    assert_eq!(refusal(&set(&twins)), None, "an ignored key is not a second of its `kid`");
    let spelled = ["EdDSA", "Ed25519"].map(|alg| key("ed25519", json!({"alg": alg, "kid": "a"})));
    assert!(refusal(&set(&spelled)).unwrap().contains("duplicate `kid` `a` for EdDSA"));
}

/// Took four seconds when each key was compared with all earlier ones.
#[test]
fn many_keys_load() {
    let keys: Vec<Value> = (0..40_000)
        .map(|number| {
            let mut key = secret(32, "HS256");
            key["kid"] = format!("test-only-{number}").into();
            key
        })
        .collect();
    assert_eq!(KeySet::from_jwks(set(&keys).as_bytes()).unwrap().len(), 40_000);
}
