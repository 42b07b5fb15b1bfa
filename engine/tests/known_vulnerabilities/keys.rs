//! Attacks on keys, algorithms and signatures.

use artos_auth_engine::KeySet;
use artos_auth_fixtures::TokenSpec;
use artos_auth_fixtures::keys::{PublicForm, TestKey};
use artos_auth_fixtures::token::edit::{Edit, Segment};
use artos_auth_fixtures::token::text::Text;
use artos_auth_fixtures::token::{Secret, Spelling};
use rstest::rstest;
use serde_json::{Value, json};

use super::{decide, question, refusal, setup, signed_by, with_header};

/// **Class:** `alg: none`, its spellings, and unknown algorithms (CVE-2015-9235, CVE-2026-23993)
/// **Gain:** a token for any user, without a key
/// **Stop:** the supported algorithms are a closed list without `none`; an algorithm that is not in the policy is refused before the key lookup
#[test]
fn unsigned_and_unknown_algorithms() {
    for alg in ["none", "None", "NONE", "nOnE", "", "foo", "none ", "HS257", "ES512"] {
        for signature in ["AAAA", "x"] {
            let edits = vec![Edit::Replace { segment: Segment::Signature, text: Text::from(signature) }];
            let token = TokenSpec { edits, ..with_header("alg", json!(alg)) };
            assert!(["algorithm_not_allowed", "token_malformed"].contains(&&*refusal(&token)), "{alg}");
        }
        assert_eq!(refusal(&with_header("alg", json!(alg))), "algorithm_not_allowed", "{alg}");
    }
    for alg in [json!(null), json!(1), json!(["none"]), json!({})] {
        assert_eq!(refusal(&with_header("alg", alg)), "token_header_malformed");
    }
    let unsigned = Edit::Replace { segment: Segment::Signature, text: Text::from("") };
    let token = TokenSpec { edits: vec![unsigned], ..with_header("alg", json!("none")) };
    assert_eq!(refusal(&token), "token_malformed");
}

/// **Class:** a public key used as an HMAC secret (CVE-2016-5431, CVE-2016-10555, CVE-2023-48223, CVE-2026-22817, CVE-2026-34950, GHSA-ww5h-9m49-7xx4)
/// **Gain:** a token for any user, signed with public data
/// **Stop:** each key is bound to one algorithm when it is loaded, with or without `alg`; secrets and public keys are different types; PEM is not accepted
#[rstest]
fn algorithm_confusion(
    #[values("rsa", "es256")] of: &str,
    #[values(
        PublicForm::Pem,
        PublicForm::PemWithoutLineEnd,
        PublicForm::PemAfterSpace,
        PublicForm::Der,
        PublicForm::Jwk,
        PublicForm::Raw
    )]
    form: PublicForm,
    #[values(true, false)] named: bool,
    #[values(true, false)] jwk_has_alg: bool,
) {
    let mut setup = setup();
    if !jwk_has_alg {
        for key in setup.keys["keys"].as_array_mut().unwrap() {
            key.as_object_mut().unwrap().remove("alg");
        }
    }
    let secret = Some(Secret::PublicKey { of: of.to_owned(), form });
    let mut token =
        TokenSpec { key: Some(of.to_owned()), alg: Some("HS256".to_owned()), secret, ..TokenSpec::default() };
    if !named {
        token.drop_header.push("kid".to_owned());
    }
    let expected = if named { "key_unknown" } else { "signature_invalid" };
    assert_eq!(decide(&setup, &question(&token)).reason, expected);
}

/// **Class:** empty, weak and absent keys (GHSA-8wpc-h4q6-8fxv)
/// **Gain:** a token signed with a guessable secret or an empty one
/// **Stop:** secrets shorter than the hash, RSA moduli under 2,048 bits and key sets without a usable key are refused
/// **Differs:** a JWK Set is refused if none of its keys is usable, not only if it is empty
#[test]
fn weak_and_absent_keys() {
    let load = |jwks: Value| KeySet::from_jwks(jwks.to_string().as_bytes()).map(|keys| keys.len());
    assert!(load(json!({"keys": []})).is_err());
    assert!(load(json!({"keys": [{"kty": "oct", "k": ""}]})).is_err());
    for (alg, bytes) in [("HS256", 32), ("HS384", 48), ("HS512", 64)] {
        let secret = |bytes: usize| base64_simd::URL_SAFE_NO_PAD.encode_to_string(vec![b'#'; bytes]);
        assert!(
            load(json!({"keys": [{"kty": "oct", "alg": alg, "k": secret(bytes - 1)}]})).is_err(),
            "{alg}"
        );
        assert_eq!(load(json!({"keys": [{"kty": "oct", "alg": alg, "k": secret(bytes)}]})), Ok(1), "{alg}");
    }
    let mut short = TestKey::named("rsa").unwrap().published();
    let modulus = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(short["n"].as_str().unwrap()).unwrap();
    short.insert("n".to_owned(), json!(base64_simd::URL_SAFE_NO_PAD.encode_to_string(&modulus[..255])));
    assert!(load(json!({ "keys": [short] })).is_err());
    for secret in ["", "secret", "password", "changeme", "your-256-bit-secret", "key", "0"] {
        let token = TokenSpec { secret: Some(Secret::Text(secret.to_owned())), ..TokenSpec::default() };
        assert_eq!(refusal(&token), "signature_invalid", "{secret}");
    }
}

/// **Class:** psychic signatures and malformed signatures (CVE-2022-21449)
/// **Gain:** one signature that is valid for every token
/// **Stop:** in an ECDSA signature, `r` and `s` each have exactly the length of the curve, and the crypto library refuses 0 and values greater than or equal to the order
#[test]
fn psychic_signatures() {
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let (zero, one) = ("00".repeat(32), format!("{}01", "00".repeat(31)));
    for hex in [
        format!("{zero}{zero}"),
        format!("{ORDER}{one}"),
        format!("{one}{ORDER}"),
        format!("{ORDER}{ORDER}"),
        format!("{zero}{one}"),
        format!("{one}{zero}"),
        "00".to_owned(),
        "30060201000201 00".replace(' ', ""),
    ] {
        let edits = vec![Edit::SetBytes { segment: Segment::Signature, hex }];
        assert_eq!(refusal(&TokenSpec { edits, ..signed_by("es256") }), "signature_invalid");
    }
    for edit in [
        Edit::EcdsaDer,
        Edit::CutBytes { segment: Segment::Signature, count: 1 },
        Edit::AppendBytes { segment: Segment::Signature, hex: "00".to_owned() },
    ] {
        assert_eq!(refusal(&TokenSpec { edits: vec![edit], ..signed_by("es256") }), "signature_invalid");
    }
}

/// **Class:** alternative encodings of a revoked token: base64 with padding or non-zero trailing bits, the alternative ECDSA signature
/// **Gain:** a revoked token works again
/// **Stop:** a token has one encoding because only canonical base64url is accepted; a revocation names the `jti` or the hash of the signing input, which does not depend on the signature
/// **Differs:** revocation uses `jti` alone, not issuer and `jti`; as the contract specifies, the alternative ECDSA signature verifies
#[test]
fn signature_malleability_and_revocation() {
    let mut setup = setup();
    let token = signed_by("es256");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &token.signing_input().unwrap());
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    setup.revocations = json!({ "signed_sha256": [hex] });
    let second = TokenSpec { edits: vec![Edit::SecondForm], ..token.clone() };
    assert_eq!(refusal(&token), "authorized");
    assert_eq!(refusal(&second), "authorized");
    assert_eq!(decide(&setup, &question(&token)).reason, "token_revoked");
    assert_eq!(decide(&setup, &question(&second)).reason, "token_revoked");
    for spelling in [Spelling::Padded, Spelling::StrayBits] {
        let edits = vec![Edit::Respell { segment: Segment::Signature, spelling }];
        let respelt = TokenSpec { edits, ..token.clone() };
        assert!(
            ["token_extra_characters", "token_malformed"]
                .contains(&&*decide(&setup, &question(&respelt)).reason)
        );
    }
}

/// **Class:** keys from the token: `jwk`, `jku`, `x5u`, `x5c` (CVE-2018-0114)
/// **Gain:** a token for anybody, signed with the attacker's own key
/// **Stop:** these header parameters are not read, and the engine cannot fetch anything: a lint restricts what it may call
#[test]
fn keys_from_the_token() {
    let stranger = Value::Object(TestKey::named("es256-stranger").unwrap().published());
    for (member, value) in [
        ("jwk", stranger),
        ("jku", json!("http://127.0.0.1:9/jwks.json")),
        ("x5u", json!("http://127.0.0.1:9/cert")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
    ] {
        let mut token = signed_by("es256-stranger");
        token.header.insert(member.to_owned(), value);
        assert_eq!(refusal(&token), "key_unknown", "{member}");
        token.drop_header.push("kid".to_owned());
        assert_eq!(refusal(&token), "signature_invalid", "{member}");
    }
}

/// **Class:** injection through `kid`: paths, SQL, commands
/// **Gain:** the attacker chooses the key: an empty file, the result of a query
/// **Stop:** `kid` is an opaque string that is looked up byte for byte in an in-memory map
/// **Differs:** `kid` has no separate limit of 64 bytes: the token size bounds it, and it is only compared
#[test]
fn key_id_injection() {
    for kid in [
        "../../../../dev/null",
        "/dev/null",
        "x' UNION SELECT 'secret' --",
        "|whoami",
        "$(id)",
        "hs256\0",
        "test-only-not-a-real-key-hs256\0",
        "test-only-not-a-real-key-hs256 ",
        "https://evil.example/jwks.json",
        "0",
        "",
        &"k".repeat(4096),
    ] {
        let token = TokenSpec { secret: Some(Secret::Text(String::new())), ..with_header("kid", json!(kid)) };
        assert_eq!(refusal(&token), "key_unknown");
    }
    for kid in [json!(["test-only-not-a-real-key-hs256"]), json!({}), json!(0), json!(null)] {
        assert_eq!(refusal(&with_header("kid", kid)), "token_header_malformed");
    }
}

/// **Class:** critical extensions that are ignored (CVE-2025-59420, CVE-2026-32597)
/// **Gain:** a token whose issuer requires a check, such as proof of possession, is accepted without it
/// **Stop:** no extension is supported, so any `crit` is refused, whatever its value
#[test]
fn critical_extensions() {
    for crit in [
        json!(["exp"]),
        json!(["b64"]),
        json!(["cnf"]),
        json!([]),
        json!(null),
        json!("exp"),
        json!(1),
        json!({}),
    ] {
        let mut token = with_header("crit", crit);
        token.header.insert("b64".to_owned(), json!(false));
        assert_eq!(refusal(&token), "critical_extension");
    }
}
