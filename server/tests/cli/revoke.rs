//! `revoke`, `revocations list` and `revocations compact` on a file.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rstest::rstest;

use crate::{NOW, Workshop};

fn workshop(revocations: &str) -> Workshop {
    let workshop = Workshop::new();
    let config = "[keys]\nfile = \"key.jwk.json\"\n[revocations]\nfile = \"revocations.json\"\n";
    workshop.write("auth.toml", config);
    workshop.write("revocations.json", revocations);
    workshop
}

impl Workshop {
    fn revoke(&self, arguments: &[&str]) -> crate::Run {
        self.run(&[&["revoke", "--config", "auth.toml"], arguments].concat())
    }

    fn list(&self) -> String {
        self.run(&["revocations", "list", "--config", "auth.toml"]).done()
    }

    fn file(&self) -> String {
        fs::read_to_string(self.path("revocations.json")).unwrap()
    }
}

#[rstest]
#[case::token(&["--token-id", "t-1"], r#"{"op":"token","id":"t-1"}"#)]
#[case::token_that_expires(&["--token-id", "t-1", "--expires", "9999999999"], r#"{"op":"token","id":"t-1","expires":9999999999}"#)]
#[case::user(&["--user", "u1", "--issued-before", "5"], r#"{"op":"user","user":"u1","issued_before":5}"#)]
#[case::user_in_organization(
    &["--user", "u1", "--org", "org-a", "--issued-before", "5"],
    r#"{"op":"user","user":"u1","org":"org-a","issued_before":5}"#
)]
#[case::organization(&["--org", "org-a", "--issued-before", "5"], r#"{"op":"organization","org":"org-a","issued_before":5}"#)]
fn revocations_are_printed_and_listed(#[case] arguments: &[&str], #[case] entry: &str) {
    let workshop = workshop("{}");
    let output = workshop.revoke(arguments).done();
    assert_eq!(output, format!("revoked {entry} in revocations.json\n"));
    assert_eq!(workshop.list(), format!("{entry}\n"));
}

#[test]
fn earlier_revocations_are_kept() {
    let workshop = workshop(
        r#"{"tokens": ["old", {"id": "older", "expires": 1}], "users": [{"user": "u", "issued_before": 1.5}]}"#,
    );
    fs::set_permissions(workshop.path("revocations.json"), fs::Permissions::from_mode(0o640)).unwrap();
    workshop.revoke(&["--token-id", "new"]).done();
    assert_eq!(
        workshop.list(),
        "{\"op\":\"token\",\"id\":\"old\"}\n{\"op\":\"token\",\"id\":\"older\",\"expires\":1}\n\
         {\"op\":\"token\",\"id\":\"new\"}\n{\"op\":\"user\",\"user\":\"u\",\"issued_before\":1.5}\n"
    );
    let mode = fs::metadata(workshop.path("revocations.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o640);
}

#[test]
fn issued_before_defaults_to_now() {
    let workshop = workshop("{}");
    let before = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    workshop.revoke(&["--user", "u1"]).done();
    let entry: serde_json::Value = serde_json::from_str(&workshop.list()).unwrap();
    let instant = entry["issued_before"].as_u64().unwrap();
    assert!((before..before + 60).contains(&instant), "{entry}");
}

#[rstest]
#[case::by_id(&[], true)]
#[case::by_what_was_signed(&["--claim", "jti=null"], false)]
fn a_revoked_token_is_refused(#[case] claims: &[&str], #[case] by_id: bool) {
    let workshop = workshop("{}");
    let token = workshop.token(claims);
    workshop.write("header.txt", format!("Bearer {token}"));
    let explain = || {
        let arguments =
            ["explain", "--config", "auth.toml", "--path", "/", "--header-file", "header.txt", "--now", NOW];
        workshop.run(&[&arguments[..], &["--resource-org", "org-a"]].concat())
    };
    assert_eq!(explain().status, 0);
    let run = workshop.run_with(&["revoke", "--config", "auth.toml", "--token-file", "-"], token.as_bytes());
    let output = run.done();
    assert!(!output.contains(&token) && output.contains("\"signed_sha256\"") != by_id, "{output}");
    let run = explain();
    assert!(run.status == 1 && run.output.contains("token_revoked"), "{run:?}");
}

#[test]
fn concurrent_writers_lose_nothing() {
    let workshop = workshop(r#"{"tokens": ["first"]}"#);
    let children: Vec<_> = (0..24)
        .map(|number| {
            let id = format!("t-{number}");
            let mut command = workshop.command(&["revoke", "--config", "auth.toml", "--token-id", &id]);
            // A concurrent compaction loses nothing either.
            let mut compact = workshop.command(&["revocations", "compact", "--config", "auth.toml"]);
            [Some(command.spawn().unwrap()), (number % 8 == 0).then(|| compact.spawn().unwrap())]
        })
        .collect();
    for child in children.into_iter().flatten().flatten() {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let listed = workshop.list();
    let mut expected: Vec<String> =
        (0..24).map(|number| format!("t-{number}")).chain(["first".to_owned()]).collect();
    let mut ids: Vec<String> = listed
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap().to_owned()
        })
        .collect();
    expected.sort();
    ids.sort();
    assert_eq!(ids, expected);
}

#[test]
fn compaction_drops_expired_entries() {
    let workshop = workshop(
        r#"{"tokens": ["kept", {"id": "gone", "expires": 5}, {"id": "later", "expires": 9999999999}],
            "signed_sha256": [{"id": "0000000000000000000000000000000000000000000000000000000000000000", "expires": 5}],
            "users": [{"user": "u", "issued_before": 5, "expires": 6}],
            "organizations": [{"org": "o", "issued_before": 5}]}"#,
    );
    let output = workshop.run(&["revocations", "compact", "--config", "auth.toml"]).done();
    assert_eq!(output, "revocations.json: 3 entries kept, 3 expired and dropped\n");
    insta::assert_snapshot!(workshop.file(), @r#"
    {
      "tokens": [
        "kept",
        {"id":"later","expires":9999999999}
      ],
      "organizations": [
        {"org":"o","issued_before":5}
      ]
    }
    "#);
}

#[test]
fn an_invalid_revocation_is_refused_and_changes_nothing() {
    let workshop = workshop("{}");
    workshop.write("empty.txt", "");
    workshop.write("token.txt", "not.a.token");
    let token = workshop.token(&[]);
    let mut messages = String::new();
    for arguments in [
        &[][..],
        &["--token-id", ""],
        &["--token-id", "a\nb"],
        &["--token-id", &token],
        &["--token-id", "t", "--user", "u"],
        &["--token-id", "t", "--org", "o"],
        &["--token-id", "t", "--token-file", "token.txt"],
        &["--token-id", "t", "--issued-before", "5"],
        &["--token-file", "token.txt", "--user", "u"],
        &["--token-file", "token.txt"],
        &["--token-file", "empty.txt"],
        &["--token-file", "none.txt"],
        &["--token-file", ""],
        &["--user", ""],
        &["--user", "u", "--org", ""],
        &["--org", ""],
        &["--org", "*"],
        &["--user", "*"],
        &["--org", "o", "--issued-before", "yesterday"],
        &["--org", "o", "--expires", "-1"],
        &["--org", "o", "--expires", "253402300800"],
    ] {
        let shown = arguments.join(" ").replace(&token, "TOKEN").replace('\n', "\\n");
        let message = workshop.revoke(arguments).refused();
        assert!(!message.contains(&token));
        messages += &format!("$ artos-auth revoke {shown}\n{message}\n");
        assert_eq!(workshop.file(), "{}");
    }
    insta::assert_snapshot!(messages);
}

#[rstest]
#[case::not_json("{")]
#[case::other_member(r#"{"token": []}"#)]
#[case::empty("")]
fn an_invalid_file_is_not_overwritten(#[case] text: &str) {
    let workshop = workshop(text);
    for arguments in
        [&["revoke", "--token-id", "t"][..], &["revocations", "compact"], &["revocations", "list"]]
    {
        let message = workshop.run(&[arguments, &["--config", "auth.toml"]].concat()).refused();
        assert!(message.contains("revocations.json"), "{message}");
        assert_eq!(workshop.file(), text);
    }
}

#[test]
fn a_source_is_required() {
    let workshop = workshop("{}");
    fs::remove_file(workshop.path("revocations.json")).unwrap();
    let message = workshop.revoke(&["--token-id", "t"]).refused();
    insta::assert_snapshot!(message, @"error: revocations.json: cannot be read: No such file or directory (os error 2); the file is named by `revocations.file`");
    workshop.write("auth.toml", "[keys]\nfile = \"key.jwk.json\"\n");
    let message = workshop.revoke(&["--token-id", "t"]).refused();
    insta::assert_snapshot!(message, @r#"error: auth.toml: no revocations are configured; add `[revocations]` with `file = "revocations.json"`"#);
}

#[test]
fn an_already_expired_entry_is_a_warning() {
    let workshop = workshop("{}");
    let run = workshop.revoke(&["--token-id", "t", "--expires", "5"]);
    assert_eq!(run.status, 0);
    insta::assert_snapshot!(run.errors, @"warning: `--expires` is in the past, so `artos-auth revocations compact` will drop the entry");
    assert!(workshop.file().contains(r#"{"id":"t","expires":5}"#));
}

#[test]
fn the_commands_of_the_page_work() {
    let page = include_str!("../../../docs/revoke.md");
    let section = page.split("## In a file").nth(1).unwrap();
    let commands = section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let workshop = workshop("{}");
    std::fs::rename(workshop.path("auth.toml"), workshop.path("artos-auth.toml")).unwrap();
    workshop.write("token.jwt", workshop.token(&["--claim", "jti=null"]));
    let binaries = std::path::Path::new(env!("CARGO_BIN_EXE_artos-auth")).parent().unwrap();
    let run = std::process::Command::new("sh")
        .args(["-ec", commands])
        .current_dir(workshop.folder.path())
        .env("PATH", format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap()))
        .output()
        .unwrap();
    assert!(run.status.success() && run.stderr.is_empty(), "{run:?}");
    let output = String::from_utf8(run.stdout).unwrap();
    assert!(output.ends_with("revocations.json: 5 entries kept, 0 expired and dropped\n"), "{output}");
}
