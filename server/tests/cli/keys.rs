//! `keys`: private key files and their public parts.

use rstest::rstest;
use serde_json::Value;

use crate::Workshop;

#[rstest]
fn a_key_pair_signs_tokens_that_its_public_key_verifies(
    #[values("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")]
    algorithm: &str,
) {
    let workshop = Workshop::new();
    let run = workshop.run(&["keys", "generate", "--alg", algorithm, "--out", "private.json"]);
    assert_eq!((run.status, run.output.as_str()), (0, ""), "{run:?}");
    assert_eq!(
        run.errors,
        format!("wrote a private {algorithm} key to private.json, which only its owner can read\n")
    );

    let public = workshop.run(&["keys", "public", "--in", "private.json"]).done();
    for private in ["\"d\"", "\"p\"", "\"q\"", "\"dp\"", "\"dq\"", "\"qi\"", "\"k\""] {
        assert!(!public.contains(private), "{public}");
    }
    workshop.write("public.json", &public);
    workshop.write(
        "auth.toml",
        format!("[policy]\nalgorithms = [\"{algorithm}\"]\n[keys]\nfile = \"public.json\"\n"),
    );
    let token = workshop.run(&["token", "mint", "--key", "private.json", "--user", "u", "--org", "o"]).done();
    let explain = ["explain", "--config", "auth.toml", "--path", "/", "--header-file", "-"];
    let run = workshop.run_with(&explain, format!("Bearer {token}").as_bytes());
    assert_eq!(run.status, 0, "{run:?}");
}

#[rstest]
fn a_secret_signs_and_verifies_and_has_no_public_key(#[values("HS256", "HS384", "HS512")] algorithm: &str) {
    let workshop = Workshop::new();
    let secret = workshop.run(&["keys", "generate", "--alg", algorithm, "--kid", "test-key-not-real"]).done();
    let members: Value = serde_json::from_str(&secret).unwrap();
    assert_eq!((&members["kid"], &members["alg"]), (&"test-key-not-real".into(), &algorithm.into()));
    workshop.write("secret.json", &secret);
    workshop.write(
        "auth.toml",
        format!("[policy]\nalgorithms = [\"{algorithm}\"]\n[keys]\nfile = \"secret.json\"\n"),
    );
    let token = workshop.run(&["token", "mint", "--key", "secret.json", "--user", "u", "--org", "o"]).done();
    let explain = ["explain", "--config", "auth.toml", "--path", "/", "--header-file", "-"];
    assert_eq!(workshop.run_with(&explain, format!("Bearer {token}").as_bytes()).status, 0);

    let refused = workshop.run(&["keys", "public", "--in", "secret.json"]).refused();
    assert!(!refused.contains(members["k"].as_str().unwrap()));
    insta::assert_snapshot!("keys_public_of_a_secret", refused);
}

#[test]
fn a_byte_order_mark_is_ignored() {
    let workshop = Workshop::new();
    let key = workshop.run(&["keys", "generate", "--alg", "ES256"]).done();
    workshop.write("key.json", format!("\u{feff}{key}"));
    let public = workshop.run(&["keys", "public", "--in", "key.json"]).done();
    workshop.write("public.json", format!("\u{feff}{public}"));
    workshop.write("auth.toml", "\u{feff}[keys]\nfile = \"public.json\"\n");
    let token = workshop.run(&["token", "mint", "--key", "key.json", "--user", "u", "--org", "o"]).done();
    let explain = ["explain", "--config", "auth.toml", "--path", "/", "--header-file", "-"];
    assert_eq!(workshop.run_with(&explain, format!("Bearer {token}").as_bytes()).status, 0);
    assert!(
        workshop
            .run_with(&["token", "inspect"], format!("\u{feff}{token}").as_bytes())
            .done()
            .contains("\"o\"")
    );
}

#[test]
fn the_default_kid_is_the_thumbprint() {
    let workshop = Workshop::new();
    // RFC 8037 §A.2 and §A.3 give a key and its thumbprint; a new key has its own.
    let key: Value =
        serde_json::from_str(&workshop.run(&["keys", "generate", "--alg", "EdDSA"]).done()).unwrap();
    assert_eq!(key["kid"].as_str().unwrap().len(), 43);
    let other: Value =
        serde_json::from_str(&workshop.run(&["keys", "generate", "--alg", "EdDSA"]).done()).unwrap();
    assert_ne!(key["kid"], other["kid"]);
    assert_ne!(key["d"], other["d"]);
}

#[cfg(unix)]
#[test]
fn a_key_file_is_private_and_never_overwritten() {
    use std::os::unix::fs::PermissionsExt;
    let workshop = Workshop::new();
    let generate = ["keys", "generate", "--alg", "ES256", "--out", "private.json"];
    assert_eq!(workshop.run(&generate).status, 0);
    let path = workshop.path("private.json");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&path).unwrap();
    insta::assert_snapshot!(workshop.run(&generate).refused(), @"error: private.json: the file exists, and keys are never overwritten; choose another name or move the file");
    assert_eq!(std::fs::read(&path).unwrap(), before);

    // A link is refused too, whatever its target.
    std::os::unix::fs::symlink("nowhere.json", workshop.path("link.json")).unwrap();
    let linked = ["keys", "generate", "--alg", "ES256", "--out", "link.json"];
    assert_eq!(workshop.run(&linked).status, 2);
    assert!(!workshop.path("nowhere.json").exists());
}

#[test]
fn a_file_without_a_private_key_is_refused() {
    let workshop = Workshop::new();
    workshop.write("empty.json", "");
    workshop.write(
        "public.json",
        r#"{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
    );
    let mut messages = String::new();
    for name in ["none.json", ".", "empty.json", "public.json"] {
        messages += &workshop.run(&["keys", "public", "--in", name]).refused();
        messages += &workshop.run(&["token", "mint", "--key", name, "--user", "u", "--org", "o"]).refused();
    }
    messages +=
        &workshop.run(&["keys", "generate", "--alg", "ES256", "--out", "no/such/folder.json"]).refused();
    insta::assert_snapshot!(messages, @"
    error: none.json: cannot be read: No such file or directory (os error 2)
    error: none.json: cannot be read: No such file or directory (os error 2)
    error: .: cannot be read: Is a directory (os error 21)
    error: .: cannot be read: Is a directory (os error 21)
    error: empty.json:1: invalid JSON
    error: empty.json:1: invalid JSON
    error: public.json: `d`: missing: this is a public key; signing needs the private key
    error: public.json: `d`: missing: this is a public key; signing needs the private key
    error: no/such/folder.json: cannot be written: No such file or directory (os error 2)
    ");
}

/// Keys made by openssl. This test checks that the key set loads and has the members of the key, not that it verifies
/// signatures made by openssl.
#[rstest]
#[case::p256(&["ecparam", "-name", "prime256v1", "-genkey", "-noout"], &[], "EC", "ES256")]
#[case::p384(&["ecparam", "-name", "secp384r1", "-genkey", "-noout"], &[], "EC", "ES384")]
#[case::ed25519(&["genpkey", "-algorithm", "ed25519"], &[], "OKP", "EdDSA")]
#[case::rsa(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], &["--alg", "RS256"], "RSA", "RS256")]
fn pem_becomes_a_jwk_set(
    #[case] generate: &[&str],
    #[case] more: &[&str],
    #[case] kty: &str,
    #[case] alg: &str,
) {
    let workshop = Workshop::new();
    openssl(&workshop, &[generate, &["-out", "private.pem"]].concat());
    openssl(&workshop, &["pkey", "-in", "private.pem", "-pubout", "-out", "public.pem"]);
    openssl(
        &workshop,
        &["req", "-new", "-x509", "-key", "private.pem", "-subj", "/CN=a", "-out", "certificate.pem"],
    );
    let mut sets = Vec::new();
    for file in ["public.pem", "certificate.pem"] {
        let run = workshop.run(&[&["keys", "public", "--in", file][..], more].concat());
        assert_eq!((run.status, run.errors.as_str()), (0, ""), "{run:?}");
        workshop.write("keys.json", &run.output);
        workshop.write("auth.toml", "[keys]\nfile = \"keys.json\"\n");
        assert_eq!(workshop.run(&["check", "--config", "auth.toml"]).status, 0);
        sets.push(run.output);
    }
    assert_eq!(sets[0], sets[1]);
    let set: serde_json::Value = serde_json::from_str(&sets[0]).unwrap();
    let key = &set["keys"][0];
    assert_eq!((key["kty"].as_str(), key["alg"].as_str()), (Some(kty), Some(alg)));
    assert_eq!(key["kid"].as_str().unwrap().len(), 43, "a thumbprint");

    let run = workshop.run(&["keys", "public", "--in", "public.pem", "--alg", "HS256"]);
    let refused = run.refused();
    assert!(refused.contains("`--alg HS256`: the key serves"), "{refused}");
    let run = workshop.run(&["keys", "public", "--in", "private.pem"]);
    let refused = run.refused();
    assert!(refused.contains("this is a private key"), "{refused}");
}

#[test]
fn a_set_has_several_keys_and_no_duplicates() {
    let workshop = Workshop::new();
    for kid in ["one", "two"] {
        let file = format!("{kid}.json");
        assert_eq!(
            workshop.run(&["keys", "generate", "--alg", "ES256", "--kid", kid, "--out", &file]).status,
            0
        );
    }
    let run = workshop.run(&["keys", "public", "--in", "one.json", "--in", "two.json"]);
    let set: serde_json::Value = serde_json::from_str(&run.output).unwrap();
    assert_eq!((&set["keys"][0]["kid"], &set["keys"][1]["kid"]), (&"one".into(), &"two".into()));
    let run = workshop.run(&["keys", "public", "--in", "one.json", "--in", "one.json"]);
    let refused = run.refused();
    assert!(refused.contains("duplicate key id"), "{refused}");
    let run = workshop.run(&["keys", "public", "--in", "one.json", "--kid", "other"]);
    let refused = run.refused();
    assert!(refused.contains("apply only to PEM"), "{refused}");
}

fn openssl(workshop: &Workshop, arguments: &[&str]) {
    let output = std::process::Command::new("openssl")
        .current_dir(workshop.path(""))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
