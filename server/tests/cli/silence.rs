//! SEC-1, section 7: no output contains 8 consecutive characters of the presented token.

use crate::{NOW, Workshop};

/// Fails if `text` contains any 8 consecutive characters of the token.
#[track_caller]
fn assert_silent(text: &str, token: &str) {
    let token: Vec<char> = token.chars().collect();
    for window in token.windows(8) {
        let part: String = window.iter().collect();
        assert!(!text.contains(&part), "`{part}` of the token stands in:\n{text}");
    }
}

fn tokens(workshop: &Workshop) -> Vec<String> {
    let good = workshop.token(&["--permission", "a:read"]);
    let (header, rest) = good.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let mut tokens = vec![
        good.clone(),
        workshop.token(&["--claim", "exp=1"]),
        workshop.token(&["--claim", "exp=\"never\""]),
        workshop.token(&["--claim", "nbf=1800000000"]),
        workshop.token(&["--claim", "aud=\"https://other.example\""]),
        workshop.token(&["--claim", "org_id=null"]),
        workshop.token(&["--claim", "sub=null"]),
    ];
    tokens.extend([
        format!("{claims}.{header}.{signature}"),
        format!("{header}.{claims}"),
        format!("{header}.{claims}.{}", "A".repeat(43)),
        format!("{header}.{claims}.{signature}="),
        format!("{good} {good}"),
        good.repeat(40),
        format!("{}\u{e9}", good),
    ]);
    tokens
}

#[test]
fn explain_shows_no_token() {
    let workshop = Workshop::new();
    workshop.write(
        "auth.toml",
        "[policy]\nroutes = [{ path = \"/rule\", permissions = [\"b:write\"] }]\n[keys]\nfile = \"key.jwk.json\"\n",
    );
    for token in tokens(&workshop) {
        workshop.write("header", format!("Bearer {token}"));
        let header = format!("Bearer {token}");
        let in_path = format!("/reset/{token}");
        for (path, more) in [
            ("/", &[][..]),
            ("/", &["--resource-org", "org-b"]),
            ("/", &["--realm", "org-b"]),
            ("/rule", &[]),
            ("/api/v1/search/status", &["--header", &header]),
            // In the wrong place.
            (&in_path, &[]),
            ("/", &["--method", &token]),
            ("/", &["--resource-org", &token]),
            ("/", &["--realm", "org-b", "--realm", &token]),
        ] {
            let query = format!("{path}?access_token={token}");
            let fixed =
                ["explain", "--config", "auth.toml", "--now", NOW, "--header-file", "header", "--path"];
            let run = workshop.run(&[&fixed[..], &[&query], more].concat());
            assert!(run.status == 0 || run.status == 1, "{run:?}");
            assert_silent(&format!("{run:?}"), &token);
        }
    }
}

#[test]
fn explain_at_a_host_shows_no_token() {
    let workshop = Workshop::new();
    workshop.write("auth.toml", "[[realms]]\nhost = \"a\"\nany = true\n[keys]\nfile = \"key.jwk.json\"\n");
    let token = workshop.token(&[]);
    let host = format!("{token}.example");
    let run = workshop.run(&["explain", "--config", "auth.toml", "--path", "/", "--host", &host]);
    assert!(run.output.contains("at host [token]"), "{run:?}");
    assert_silent(&format!("{run:?}"), &token);
}

#[test]
fn decide_shows_no_token() {
    let workshop = Workshop::new();
    for token in tokens(&workshop) {
        let lines = [
            format!(r#"{{"path": "/", "now": {NOW}, "authorization": ["Bearer {token}"]}}"#),
            format!(r#"{{"path": "/?t={token}", "now": {NOW}, "authorization": ["Basic {token}"]}}"#),
            format!(r#"{{"path": "/", "now": {NOW}, "authorization": "Bearer {token}"}}"#),
            format!(r#"{{"path": "/", "now": {NOW}, "{token}": 1}}"#),
            format!(r#"{{"path": "/", "now": "{token}"}}"#),
            format!(r#"{{"path": "/", "now": {NOW}, "context": {{"account": "{token}"}}}}"#),
            format!(r#"{{"path": "/", "now": {NOW}, "context": {{"{token}": null}}}}"#),
            format!("Bearer {token}"),
            token.clone(),
        ];
        let run = workshop.run_with(&["decide", "--config", "auth.toml"], lines.join("\n").as_bytes());
        assert_eq!(run.output.lines().count(), lines.len(), "{run:?}");
        assert_silent(&format!("{run:?}"), &token);
    }
}

#[test]
fn errors_show_no_token() {
    let workshop = Workshop::new();
    let token = workshop.token(&[]);
    let explain = ["explain", "--config", "auth.toml", "--path", "/"];
    let with = |more: &[&str]| {
        [&explain[..], more].concat().iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()
    };
    for arguments in [
        // The quotes are missing.
        with(&["--header", "Bearer", &token]),
        with(&["--header-file", &token]),
        with(&["--header-file", &format!("Bearer {token}")]),
        with(&[&format!("--header-file=Bearer {token}")]),
        with(&["--token", &token]),
        with(&[&format!("--token={token}")]),
        with(&[&format!("--{token}")]),
        with(&["--now", &token]),
        with(&[&format!("--account={token}")]),
        vec![token.clone()],
        vec!["decide".to_owned(), token.clone()],
        vec!["decide".to_owned(), "--config".to_owned(), token.clone()],
        vec!["check".to_owned(), format!("--config={token}")],
        vec!["token".to_owned(), token.clone()],
        vec!["token".to_owned(), "inspect".to_owned(), token.clone()],
        vec!["keys".to_owned(), "generate".to_owned(), "--alg".to_owned(), token.clone()],
        vec!["keys".to_owned(), "public".to_owned(), "--in".to_owned(), token.clone()],
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        assert_silent(&workshop.run(&arguments).refused(), &token);
    }
    // Text that does not look like a token may contain one.
    assert_silent(
        &workshop.run_with(&["token", "inspect"], token.replace('.', "!").as_bytes()).refused(),
        &token,
    );
}

#[test]
fn files_that_contain_a_token_by_mistake_do_not_show_it() {
    let workshop = Workshop::new();
    let token = workshop.token(&[]);
    for text in [
        token.clone(),
        format!("keys = \"{token}\""),
        format!("listen = \"{token}\"\n[keys]\nfile = \"k\""),
        format!("[keys]\nfile = \"key.jwk.json\"\n[audit]\noutput = \"{token}\""),
        format!("[keys]\nfile = \"key.jwk.json\"\n[policy]\nunlisted = \"{token}\""),
        format!("[keys]\nfile = \"key.jwk.json\"\n[policy]\nleeway_seconds = \"{token}\""),
        format!("[keys]\nfile = [\"{token}\"]"),
        format!("[keys]\nfile = \"{token}\""),
        format!("[keys]\nfile = \"key.jwk.json\"\n[revocations]\nfile = \"{token}\""),
        format!("\"{token}\" = 1\n[keys]\nfile = \"key.jwk.json\""),
        format!("[keys]\nfile = \"key.jwk.json\"\n[[realms]]\nhost = \"Bearer {token}\"\nany = true"),
        format!("[keys]\nfile = \"key.jwk.json\"\n[policy]\nalgorithms = [\"{token}\"]"),
        format!(
            "[keys]\nfile = \"key.jwk.json\"\n[policy]\nroutes = [{{ methods = [\"{token} x\"], path = \"/x\", \
             permissions = [\"a\"] }}]"
        ),
        format!(
            "[keys]\nfile = \"key.jwk.json\"\n[[resources]]\npath = \"/x\"\norganization = \"{{{token}}}\""
        ),
        format!(
            "[keys]\nfile = \"key.jwk.json\"\n[policy]\nclaims = {{ user = \"{token}\", organization = \"{token}\" }}"
        ),
    ] {
        workshop.write("auth.toml", &text);
        assert_silent(&workshop.run(&["check", "--config", "auth.toml"]).refused(), &token);
    }
    workshop.write("auth.toml", "[keys]\nfile = \"keys.json\"\n[revocations]\nfile = \"revocations.json\"\n");
    workshop.write("keys.json", format!("{{\"kty\": \"oct\", \"k\": \"{token}\"}}"));
    for text in [token.clone(), format!("\"{token}\""), format!("{{\"tokens\": \"{token}\"}}")] {
        workshop.write("revocations.json", text);
        assert_silent(&workshop.run(&["check", "--config", "auth.toml"]).refused(), &token);
    }
}

#[test]
fn no_key_material_is_shown() {
    let workshop = Workshop::new();
    let secret = "dGhpcyBpcyBhIHRlc3Qga2V5LCBub3QgYSByZWFsIG9uZS4";
    let run = workshop.run(&["check", "--config", "auth.toml"]);
    assert_eq!(run.status, 0);
    assert_silent(&format!("{run:?}"), secret);
    workshop.write("key.jwk.json", format!("{{\"kty\": \"oct\", \"k\": \"{secret}=\"}}"));
    for arguments in [
        &["check", "--config", "auth.toml"][..],
        &["keys", "public", "--in", "key.jwk.json"],
        &["token", "mint", "--key", "key.jwk.json", "--user", "u", "--org", "o"],
    ] {
        assert_silent(&workshop.run(arguments).refused(), secret);
    }
}
