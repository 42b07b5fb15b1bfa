//! Known answers, and signatures that the engine must accept.

use artos_auth_engine::KeySet;
use rstest::rstest;

use super::*;

/// RFC 8037 §A.1, §A.3 and §A.4: a published key.
#[test]
fn signs_as_rfc_8037_does() {
    let jwk = br#"{"kty": "OKP", "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let key = PrivateKey::from_jwk(jwk).unwrap();
    assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    assert_eq!(
        URL_SAFE_NO_PAD.encode_to_string(key.signer.sign(message).unwrap()),
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    );
}

/// RFC 7515 §A.1.1: likewise.
#[test]
fn signs_as_rfc_7515_does() {
    let jwk = br#"{"kty": "oct",
        "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#;
    let key = PrivateKey::from_jwk(jwk).unwrap();
    let message =
        b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQog\
        Imh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    assert_eq!(
        URL_SAFE_NO_PAD.encode_to_string(key.signer.sign(message).unwrap()),
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
}

#[test]
fn a_new_key_reads_back_and_loads() {
    for algorithm in Algorithm::ALL {
        reads_back_and_loads(*algorithm);
    }
}

fn reads_back_and_loads(algorithm: Algorithm) {
    let key = PrivateKey::generate(algorithm, None).unwrap();
    assert_eq!(key.id(), Some(&*key.thumbprint()));
    let again = PrivateKey::from_jwk(key.to_jwk().as_bytes()).unwrap();
    assert_eq!((again.algorithm(), again.id()), (algorithm, key.id()));
    assert_eq!(again.thumbprint(), key.thumbprint());

    let private = KeySet::from_jwks(key.to_jwk().as_bytes()).unwrap();
    assert_eq!(private.iter().collect::<Vec<_>>(), [(key.id(), algorithm)]);
    match key.to_public_jwk() {
        None => assert!(key.members.is_secret()),
        Some(public) => {
            assert!(public.keys().all(|name| !is_private(name)), "{:?}", public.keys());
            let set = KeySet::from_jwks(Value::from(public).to_string().as_bytes()).unwrap();
            assert_eq!(set.iter().collect::<Vec<_>>(), [(key.id(), algorithm)]);
            assert_eq!(set.warnings(), []);
        }
    }
}

#[test]
fn shows_neither_itself_nor_its_members() {
    let key = PrivateKey::generate(Algorithm::HS256, Some("shown".to_owned())).unwrap();
    assert_eq!(format!("{key:?}"), r#"PrivateKey { algorithm: HS256, id: Some("shown"), .. }"#);
}

#[rstest]
#[case::no_json("{", "line 1: invalid JSON")]
#[case::no_object(
    "[]",
    "line 1: not a JWK: expected a JSON object with `kty`, with string members and no duplicates"
)]
#[case::no_type(
    "{}",
    "line 1: not a JWK: expected a JSON object with `kty`, with string members and no duplicates"
)]
#[case::twice(
    r#"{"kty": "oct", "kty": "oct"}"#,
    "line 1: not a JWK: expected a JSON object with `kty`, with string members and no duplicates"
)]
#[case::type_unknown(r#"{"kty": "AKP"}"#, "`kty`: the type must be `oct`, `RSA`, `EC` or `OKP`")]
#[case::curve_unknown(
    r#"{"kty": "EC", "crv": "P-521"}"#,
    "`crv`: the curve must be `P-256`, `P-384` or `Ed25519`"
)]
#[case::algorithm_of_another_type(
    r#"{"kty": "oct", "alg": "RS256"}"#,
    "`alg`: not an algorithm for a key of this type; expected one of HS256, HS384, HS512"
)]
#[case::not_for_signatures(
    r#"{"kty": "oct", "use": "enc"}"#,
    "`use`: `use` must be `sig` in a key for signatures"
)]
#[case::not_for_signing(
    r#"{"kty": "oct", "key_ops": ["verify"]}"#,
    "`key_ops`: a key that signs must include `sign`"
)]
#[case::public(
    r#"{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
    "`d`: missing: this is a public key; signing needs the private key"
)]
#[case::no_secret(r#"{"kty": "oct"}"#, "`k`: missing: a private key of this type needs it")]
#[case::secret_short(
    r#"{"kty": "oct", "k": "c2hvcnQ"}"#,
    "`k`: the secret must have at least 32 bytes, got 5"
)]
#[case::no_base64(r#"{"kty": "oct", "k": "c2hvcnQ="}"#, "`k`: expected base64url without padding")]
#[case::mismatch(r#"{"kty": "OKP", "crv": "Ed25519", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", "x": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}"#, "`x` and `d` are not a valid Ed25519 key")]
#[case::many_primes(r#"{"kty": "RSA", "oth": []}"#, "`oth`: a key of more than two primes is not supported")]
#[case::empty_set(r#"{"keys": []}"#, "the set has 0 keys; put the key to use into a separate file")]
#[case::set_of_two(
    r#"{"keys": [{"kty": "oct"}, {"kty": "oct"}]}"#,
    "the set has 2 keys; put the key to use into a separate file"
)]
fn says_what_is_wrong_with_a_key(#[case] jwk: &str, #[case] expected: &str) {
    assert_eq!(PrivateKey::from_jwk(jwk.as_bytes()).unwrap_err().to_string(), expected);
}
