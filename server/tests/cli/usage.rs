//! Help, version and usage errors of the command line.

use rstest::rstest;

use crate::Workshop;

#[rstest]
#[case::artos_auth(&[])]
#[case::serve(&["serve"])]
#[case::decide(&["decide"])]
#[case::explain(&["explain"])]
#[case::check(&["check"])]
#[case::config(&["config"])]
#[case::config_schema(&["config", "schema"])]
#[case::config_example(&["config", "example"])]
#[case::keys(&["keys"])]
#[case::keys_generate(&["keys", "generate"])]
#[case::keys_public(&["keys", "public"])]
#[case::revoke(&["revoke"])]
#[case::revocations(&["revocations"])]
#[case::revocations_list(&["revocations", "list"])]
#[case::revocations_compact(&["revocations", "compact"])]
#[case::token(&["token"])]
#[case::token_mint(&["token", "mint"])]
#[case::token_inspect(&["token", "inspect"])]
fn help_teaches(#[case] command: &[&str]) {
    let help = Workshop::new().run(&[command, &["--help"]].concat()).done();
    insta::assert_snapshot!(format!("help_{}", command.join("_")), help);
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = Workshop::new().run(&["--version"]).done();
    assert_eq!(version, concat!("artos-auth ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn a_usage_error_suggests_the_fix() {
    let workshop = Workshop::new();
    let mut messages = String::new();
    for arguments in [
        &[][..],
        &["serv"],
        &["--verbose"],
        &["serve"],
        &["serve", "--dev", "--config", "auth.toml"],
        &["serve", "--config", "auth.toml", "--dev-key", "dev.json"],
        &["serve", "--dev", "--listen", "8080"],
        &["serve", "--dev", "--listen", "localhost:8080"],
        &["serve", "--config", "none.toml"],
        &["decide"],
        &["decide", "--config"],
        &["decide", "auth.toml"],
        &["decide", "--config", "auth.toml", "--now", "5"],
        &["explain", "--config", "auth.toml"],
        &["explain", "--path", "/"],
        &["explain", "--config", "auth.toml", "--path", "/", "--now", "-1"],
        &["explain", "--config", "auth.toml", "--path", "/", "--now", "253402300800"],
        &["explain", "--config", "auth.toml", "--path", "/", "--now", "today"],
        &["explain", "--config", "auth.toml", "--path", "/", "--account", "gone"],
        &["explain", "--config", "auth.toml", "--path", "/", "--host", "h", "--realm", "o"],
        &["explain", "--config", "auth.toml", "--path", "/", "--resource-org", "o", "--resource-unresolved"],
        &["explain", "--config", "auth.toml", "--path", "/", "--header-file", "none"],
        &["explain", "--config", "auth.toml", "--path", "/", "--header-file", "-", "--header-file", "-"],
        &["explain", "--config", "auth.toml", "--path", "/", "--path", "/"],
        &["check"],
        &["keys"],
        &["keys", "generate"],
        &["keys", "generate", "--alg", "none"],
        &["keys", "generate", "--alg", "es256"],
        &["keys", "generate", "--alg", "ES256", "--kid", ""],
        &["keys", "public"],
        &["token", "mint", "--user", "u", "--org", "o"],
        &["token", "mint", "--key", "key.jwk.json", "--org", "o"],
        &["token", "mint", "--key", "key.jwk.json", "--user", "u"],
        &["token", "inspect", "token.jwt"],
    ] {
        let run = workshop.run(arguments);
        messages += &format!("$ artos-auth {}\n{}\n", arguments.join(" "), run.refused());
    }
    insta::assert_snapshot!(messages);
}

#[test]
fn completions_and_manual_pages_are_written() {
    let workshop = Workshop::new();
    for shell in ["bash", "zsh", "fish"] {
        let run = workshop.run(&["completions", shell]);
        assert!(
            run.status == 0
                && run.output.contains("explain")
                && run.output.contains("example")
                && run.errors.is_empty(),
            "{shell}"
        );
    }
    std::fs::create_dir(workshop.path("pages")).unwrap();
    let run = workshop.run(&["man", "pages"]);
    assert_eq!((run.status, run.output.as_str(), run.errors.as_str()), (0, "", ""), "{run:?}");
    for page in [
        "artos-auth.1",
        "artos-auth-serve.1",
        "artos-auth-check.1",
        "artos-auth-config-schema.1",
        "artos-auth-keys-public.1",
        "artos-auth-revoke.1",
        "artos-auth-revocations-compact.1",
    ] {
        assert!(
            std::fs::read_to_string(workshop.path("pages").join(page)).unwrap().starts_with(".ie"),
            "{page}"
        );
    }
    assert!(workshop.run(&["man", "none"]).refused().contains("none: the pages cannot be written"));
}

#[test]
fn help_is_also_a_command() {
    let workshop = Workshop::new();
    let (by_command, by_flag) = (workshop.run(&["help", "check"]), workshop.run(&["check", "--help"]));
    assert_eq!((by_command.status, by_command.output), (0, by_flag.output));
}

#[test]
fn health_asks_the_admin_port() {
    use std::io::{Read, Write};

    let workshop = Workshop::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answering = std::thread::spawn(move || {
        for answer in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 503 Service Unavailable\r\n\r\n", "nonsense"] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            assert!(request[..length].starts_with(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:"));
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let statuses = [(); 3].map(|()| workshop.run(&["health", "--admin", &address]).status);
    assert_eq!(statuses, [0, 1, 1]);
    answering.join().unwrap();
    let run = workshop.run(&["health", "--admin", &address]);
    let refused = run.refused();
    assert!(refused.contains("cannot be reached"), "{refused}");
    for address in ["nowhere", "9090", "127.0.0.1", ":9090", "127.0.0.1:99999", "http://127.0.0.1:9090"] {
        let run = workshop.run(&["health", "--admin", address]);
        let refused = run.refused();
        assert!(refused.contains("is not valid; expected an address and a port, such as"), "{refused}");
    }
}
