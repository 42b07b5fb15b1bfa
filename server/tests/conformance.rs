//! `artos-auth serve --dev` passes the conformance checker, which shares no code with it: with the printed profile, in
//! both modes of the checker, over HTTP/1.1 and HTTP/2. Every `must` passes, and every `should` except those in the
//! baseline.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use artos_auth_conformance::report::Outcome;
use artos_auth_conformance::{Baseline, Level, Profile, Suite, TransportOptions};
use rstest::rstest;
use tempfile::TempDir;

struct Demonstration {
    server: Child,
    folder: TempDir,
}

impl Drop for Demonstration {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

impl Demonstration {
    /// Starts the server and captures the printed profile.
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Command::new(env!("CARGO_BIN_EXE_artos-auth"))
            .args(["serve", "--dev", "--listen", "127.0.0.1:0", "--dev-key"])
            .arg(folder.path().join("dev.jwk"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(server.stdout.take().unwrap()).lines().map(Result::unwrap);
        let profile: Vec<String> = lines
            .skip_while(|line| !line.ends_with("<<'PROFILE'"))
            .skip(1)
            .take_while(|line| line != "PROFILE")
            .collect();
        std::fs::write(folder.path().join("both.toml"), profile.join("\n")).unwrap();
        let tokens: Vec<String> = profile.into_iter().take_while(|line| line != "[signing]").collect();
        std::fs::write(folder.path().join("tokens.toml"), tokens.join("\n")).unwrap();
        Self { server, folder }
    }
}

#[rstest]
#[tokio::test]
async fn the_development_server_conforms(
    #[values("both.toml", "tokens.toml")] profile: &str,
    #[values(false, true)] http2: bool,
) {
    let demonstration = Demonstration::start();
    let profile = Profile::load(&demonstration.folder.path().join(profile), None).unwrap();
    let baseline =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/baselines/artos-auth-serve.toml");
    let report = Suite::new(profile)
        .transport(TransportOptions { http2, ..TransportOptions::default() })
        .level(Level::Should)
        .rate(2_000.0)
        .baseline(Baseline::load(&baseline).unwrap())
        .run()
        .await
        .unwrap();
    let complaints: Vec<_> = report
        .cases
        .iter()
        .filter(|case| matches!(case.outcome, Outcome::Failed | Outcome::Warned) && case.known.is_none())
        .map(|case| format!("{}: expected {}, observed {:?}", case.id, case.expected, case.observed))
        .collect();
    assert_eq!(complaints, Vec::<String>::new());
    assert!(!report.has_failures(), "{:?}", report.stale_baseline);
    assert!(report.summary.passed > 200, "{:?}", report.summary);
}
