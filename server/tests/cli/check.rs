//! `check`: prints a summary of a file, or its errors with their positions.

use crate::Workshop;

#[test]
fn the_smallest_file_is_summarized() {
    let run = Workshop::new().run(&["check", "--config", "auth.toml"]);
    assert_eq!(run.status, 0);
    insta::assert_snapshot!("check_smallest", format!("{run:?}"));
}

#[test]
fn a_full_file_is_summarized_with_its_warnings() {
    let workshop = Workshop::new();
    workshop.write(
        "keys.jwks.json",
        r#"{"keys": [
            {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "rfc-8037"},
            {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"},
            {"kty": "EC", "crv": "P-521", "kid": "not-ours"}
        ]}"#,
    );
    workshop.write(
        "revocations.json",
        r#"{"tokens": ["a", "*"], "users": [{"user": "u", "issued_before": 1}], "organizations": []}"#,
    );
    workshop.write(
        "auth.toml",
        r#"
listen = "0.0.0.0:8080"
admin_listen = "127.0.0.1:9090"

[policy]
algorithms = ["EdDSA"]
issuers = ["https://auth.example"]
audiences = ["https://api.example", "https://other.example"]
leeway_seconds = 5
types = ["JWT"]
claims = { user = "uid" }
public = [{ path = "/status" }, { path = "/health", methods = ["GET"] }]
routes = [
    { path = "/a/{id}", permissions = ["a:read"] },
    { path = "/a/{id}", methods = ["PUT", "DELETE"], permissions = ["a:write", "a:own"] },
]
unlisted = "deny"

[keys]
file = "keys.jwks.json"

[revocations]
file = "revocations.json"

[otlp]
endpoint = "http://127.0.0.1:4318/"

[[realms]]
host = "b.example"
organizations = ["org-b"]

[[realms]]
host = "a.example"
any = true

[[resources]]
path = "/orgs/{org}/{*rest}"
organization = "{org}"

[audit]
overflow = "drop"

[limits]
connections = 500
"#,
    );
    let run = workshop.run(&["check", "--config", "auth.toml"]);
    assert_eq!(run.status, 0);
    insta::assert_snapshot!("check_full", format!("{run:?}"));
}

#[test]
fn a_secret_that_others_can_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;

    let workshop = Workshop::new();
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(workshop.path("key.jwk.json"), open).unwrap();
    let warning = "warning: key.jwk.json: holds a private key or a secret, and every user of this machine has access to \
                   it (mode 0644); run `chmod o= key.jwk.json`\n";
    for arguments in [
        &["check", "--config", "auth.toml"][..],
        &["token", "mint", "--key", "key.jwk.json", "--user", "u1", "--org", "org-a"],
        &["explain", "--config", "auth.toml", "--path", "/api/v1/search/status"],
        &["decide", "--config", "auth.toml"],
    ] {
        let run = workshop.run(arguments);
        assert_eq!((run.status, run.errors.as_str()), (0, warning), "{run:?}");
    }
}

#[test]
fn a_password_that_others_can_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;

    let workshop = Workshop::new();
    workshop.write("password", "opens the broker");
    workshop.write(
        "auth.toml",
        "[keys]\nfile = \"key.jwk.json\"\n[revocations]\nredis = \"redis://127.0.0.1\"\npassword = { file = \"password\" }\n",
    );
    for (mode, warns) in [(0o644, true), (0o602, true), (0o640, false)] {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(workshop.path("password"), permissions).unwrap();
        let run = workshop.run(&["check", "--offline", "--config", "auth.toml"]);
        let warning = format!(
            "warning: password: holds a password, and every user of this machine has access to it (mode {mode:04o}); run \
             `chmod o= password`\n"
        );
        assert_eq!((run.status, run.errors.contains(&warning)), (0, warns), "{run:?}");
    }
}

#[test]
fn an_audit_file_that_cannot_be_opened_is_an_error() {
    let workshop = Workshop::new();
    let made = std::process::Command::new("mkfifo").arg(workshop.path("fifo")).status().unwrap();
    assert!(made.success());
    let check = |file: &str| {
        workshop.write(
            "auth.toml",
            format!("[keys]\nfile = \"key.jwk.json\"\n[audit]\noutput = \"file\"\nfile = \"{file}\"\n"),
        );
        workshop.run(&["check", "--config", "auth.toml"])
    };
    for (file, problem) in [
        ("fifo", "fifo cannot be opened: not a regular file"),
        ("/dev/full", "/dev/full cannot be opened: not a regular file"),
        (".", ". cannot be opened: not a regular file"),
        ("none/audit.jsonl", "none/audit.jsonl cannot be opened: No such file or directory (os error 2)"),
    ] {
        assert_eq!(check(file).refused(), format!("error: `audit.file`: {problem}\n"));
    }
    assert_eq!(check("audit.jsonl").status, 0);
    assert!(!workshop.path("audit.jsonl").exists(), "nothing is created");
}

#[test]
fn every_error_is_reported() {
    let workshop = Workshop::new();
    insta::assert_snapshot!(workshop.run(&["check", "--config", "none.toml"]).refused(), @"error: none.toml: cannot be read: No such file or directory (os error 2)");

    workshop
        .write("auth.toml", "[keys]\nfile = \"keys.json\"\n\n[revocations]\nfile = \"revocations.json\"\n");
    insta::assert_snapshot!(workshop.run(&["check", "--config", "auth.toml"]).refused(), @"
    error: keys.json: cannot be read: No such file or directory (os error 2); the file is named by `keys.file`
    error: revocations.json: cannot be read: No such file or directory (os error 2); the file is named by `revocations.file`
    ");

    workshop.write("keys.json", "{\"keys\": [\n  {\"kty\": \"oct\", \"k\": \"c2hvcnQ\"}\n]}");
    workshop.write("revocations.json", "{\n  \"token\": []\n}");
    insta::assert_snapshot!(workshop.run(&["check", "--config", "auth.toml"]).refused(), @"
    error: keys.json:2: `keys[0].k`: the secret must have at least 32 bytes for HS256, got 5
    error: revocations.json:2: unknown member; expected one of `tokens`, `signed_sha256`, `users`, `organizations`
    ");

    workshop.write("auth.toml", "[keys]\nfile = \"keys.json\"\n\n[policy]\nleeway_seconds = 300\n");
    insta::assert_snapshot!(workshop.run(&["check", "--config", "auth.toml"]).refused(), @"error: auth.toml:5: `policy.leeway_seconds`: must be between 0 and 120, got 300");
}

/// `SSL_CERT_FILE` names a FIFO that nobody writes, like a file on a dead mount.
#[test]
fn root_certificates_that_never_open_are_reported() {
    let workshop = Workshop::new();
    let made = std::process::Command::new("mkfifo").arg(workshop.path("certificates")).status().unwrap();
    assert!(made.success());
    workshop.write("auth.toml", "[keys]\nurl = \"https://127.0.0.1:1/keys\"\n");
    let mut command = workshop.command(&["check", "--config", "auth.toml"]);
    let output = command.env("SSL_CERT_FILE", workshop.path("certificates")).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    let problem =
        "the system's root certificates: cannot be read: no byte for 5 seconds; check its file system";
    assert!(errors.contains(problem), "{errors}");
}
