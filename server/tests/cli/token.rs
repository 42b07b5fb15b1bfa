//! `token`: mints tokens for tests and operators, and inspects them.

use serde_json::{Value, json};

use crate::Workshop;

const MINT: [&str; 8] = ["token", "mint", "--key", "key.jwk.json", "--user", "u1", "--org", "org-a"];

fn inspected(workshop: &Workshop, token: &str) -> Value {
    let shown = workshop.run_with(&["token", "inspect"], token.as_bytes()).done();
    assert!(shown.contains("NOT VERIFIED"), "{shown}");
    serde_json::from_str(&shown).unwrap()
}

fn minted(workshop: &Workshop, arguments: &[&str]) -> Value {
    inspected(workshop, &workshop.run(&[&MINT[..], arguments].concat()).done())
}

#[test]
fn a_token_has_the_requested_claims() {
    let workshop = Workshop::new();
    let shown = minted(&workshop, &["--permission", "a:read", "--permission", "b:write"]);
    assert_eq!(shown["header"], json!({"alg": "HS256", "typ": "JWT", "kid": "test-key-not-real"}));
    let claims = &shown["claims"];
    assert_eq!(
        (&claims["sub"], &claims["org_id"], &claims["permissions"]),
        (&json!("u1"), &json!("org-a"), &json!(["a:read", "b:write"]))
    );
    let (iat, exp) = (claims["iat"].as_u64().unwrap(), claims["exp"].as_u64().unwrap());
    assert_eq!(exp - iat, 3600);
    assert_eq!(claims["jti"].as_str().unwrap().len(), 22);
    assert_ne!(claims["jti"], minted(&workshop, &[])["claims"]["jti"]);
}

#[test]
fn an_expired_token_can_be_minted() {
    let workshop = Workshop::new();
    for (arguments, seconds) in [
        (&["--expires-in", "90s"][..], 90),
        (&["--expires-in=7d"], 604_800),
        (&["--expires-in=-1h"], -3600),
        (&["--expires-in", "-1h"], -3600),
    ] {
        let claims = &minted(&workshop, arguments)["claims"];
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), seconds);
    }
}

#[test]
fn a_claim_flag_overrides_and_null_removes() {
    let workshop = Workshop::new();
    let claims =
        ["org_id=null", "jti=null", "sub=5", "exp=1e400", "more={\"a\": [1, 1]}", "=true", "aud=\"x=y\""];
    let arguments: Vec<&str> = claims.iter().flat_map(|claim| ["--claim", *claim]).collect();
    let token = workshop.run(&[&MINT[..], &arguments[..]].concat()).done();
    let shown = workshop.run_with(&["token", "inspect"], token.as_bytes()).done();
    assert!(shown.contains("\"exp\": 1e400"), "{shown}");
    let claims: Value = serde_json::from_str(&shown.replace("1e400", "0")).unwrap();
    let claims = &claims["claims"];
    assert!(claims.get("org_id").is_none() && claims.get("jti").is_none());
    assert_eq!(claims["sub"], 5);
    assert_eq!(claims["more"], json!({"a": [1, 1]}));
    assert_eq!((&claims[""], &claims["aud"]), (&json!(true), &json!("x=y")));
}

#[test]
fn invalid_tokens_are_not_minted() {
    let workshop = Workshop::new();
    let mut messages = String::new();
    for arguments in [
        &["--claim", "iss"][..],
        &["--claim", "iss=auth.example"],
        &["--claim", "iss='a b'"],
        &["--claim", "a=1", "--claim", "a=2"],
        &["--expires-in", "1"],
        &["--expires-in", "1w"],
        &["--expires-in", "99999999d"],
        &["--expires-in=-99999d"],
    ] {
        messages += &workshop.run(&[&MINT[..], arguments].concat()).refused();
    }
    insta::assert_snapshot!(messages);
}

#[test]
fn malformed_tokens_are_not_inspected() {
    let workshop = Workshop::new();
    let five = ["eyJhbGciOiJub25lIn0"; 5].join(".");
    let mut messages = String::new();
    for input in [
        &b""[..],
        b" \n",
        b"Bearer",
        b"Bearer ",
        b"junk",
        b"a.b",
        b"....",
        five.as_bytes(),
        b"!.e30.",
        b"e30=.e30.",
        b"e30..",
        b"_w.e30.",
        b"bm90IEpTT04.e30.",
        b"e30.bm90IEpTT04.",
        b"\xff\xfe.\x00.",
        &vec![b'.'; 2 << 20],
        format!("{}.e30.", "A".repeat(100_000)).as_bytes(),
    ] {
        messages += &workshop.run_with(&["token", "inspect"], input).refused();
    }
    insta::assert_snapshot!(messages);
}

#[test]
fn a_token_without_a_signature_is_inspected() {
    let shown = inspected(&Workshop::new(), "Bearer eyJhbGciOiJub25lIn0.W10.\n");
    assert_eq!((&shown["header"]["alg"], &shown["claims"]), (&json!("none"), &json!([])));
}
