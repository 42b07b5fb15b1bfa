//! `keys`: private keys in files, and what may be public of them.

use rstest::rstest;
use serde_json::Value;

use crate::Workshop;

#[rstest]
fn a_key_pair_signs_what_its_public_part_verifies(
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
fn a_secret_signs_and_verifies_and_has_no_public_part(#[values("HS256", "HS384", "HS512")] algorithm: &str) {
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
fn without_kid_a_key_is_called_by_its_thumbprint() {
    let workshop = Workshop::new();
    // RFC 8037 §A.2 and §A.3 have both the key and its thumbprint; a fresh one has its own.
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
fn a_key_file_is_its_owners_alone_and_never_overwritten() {
    use std::os::unix::fs::PermissionsExt;
    let workshop = Workshop::new();
    let generate = ["keys", "generate", "--alg", "ES256", "--out", "private.json"];
    assert_eq!(workshop.run(&generate).status, 0);
    let path = workshop.path("private.json");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&path).unwrap();
    insta::assert_snapshot!(workshop.run(&generate).refused(), @"error: private.json: there is a file of that name, and keys are never overwritten; name another or move it away");
    assert_eq!(std::fs::read(&path).unwrap(), before);

    // Not through a link either, wherever it leads.
    std::os::unix::fs::symlink("nowhere.json", workshop.path("link.json")).unwrap();
    let linked = ["keys", "generate", "--alg", "ES256", "--out", "link.json"];
    assert_eq!(workshop.run(&linked).status, 2);
    assert!(!workshop.path("nowhere.json").exists());
}

#[test]
fn what_is_no_private_key_is_refused() {
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
    error: empty.json:1: this is not JSON
    error: empty.json:1: this is not JSON
    error: public.json: `d`: it is missing: this is a public key, and signing takes the private one
    error: public.json: `d`: it is missing: this is a public key, and signing takes the private one
    error: no/such/folder.json: cannot be written: No such file or directory (os error 2)
    ");
}
