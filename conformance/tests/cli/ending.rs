//! Runs that cannot finish: unwritable output, a signal, a deployment that stops responding.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use artos_auth_deployment::{AtHand, Behavior, Power};
use rstest::rstest;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::{command, program, started, status, stderr, stdout};

#[rstest]
#[case::above("http://127.0.0.1:99999")]
#[case::zero("http://127.0.0.1:0")]
#[tokio::test(flavor = "multi_thread")]
async fn a_port_out_of_range_is_status_2(#[case] target: &str) {
    let started = started(Behavior::correct(), Power::Tokens).await;
    let output = started.run(&["--target", target]).await;
    assert_eq!(status(&output), 2, "{}", stderr(&output));
    assert!(stderr(&output).contains("expected 1 to 65535"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn unwritable_output_is_detected_before_the_first_request() {
    let started = started(Behavior::correct(), Power::Tokens).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap());
    let missing = started.folder.path().join("missing/report.json").display().to_string();
    let output = started.run(&["--target", &target, "--output", &missing]).await;
    assert_eq!(status(&output), 2, "{}", stderr(&output));
    assert!(stderr(&output).contains("missing/report.json: cannot be written"), "{}", stderr(&output));
    let accepted = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(accepted.is_err(), "something was sent");
}

#[cfg(unix)]
#[rstest]
#[case("INT")]
#[case("TERM")]
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_the_run_with_a_partial_report(#[case] signal: &str) {
    let started = started(Behavior::correct(), Power::Tokens).await;
    let report = started.folder.path().join("report.json");
    let halfway = Arc::new(Notify::new());
    let url = Front::Hangs(60, Arc::clone(&halfway)).before(started.deployment.address()).await;
    let mut command = tokio::process::Command::from(command());
    command.args(["run", "--profile", &started.profile, "--target", &url, "--rate", "5000"]);
    command.args(["--timeout", "300", "--format", "json", "--output"]).arg(&report);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let process = child.id().unwrap().to_string();
    tokio::time::timeout(Duration::from_secs(60), halfway.notified()).await.unwrap();
    let sent = tokio::process::Command::new("kill").args(["-s", signal, &process]).status().await.unwrap();
    assert!(sent.success());
    let output =
        tokio::time::timeout(Duration::from_secs(20), child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(status(&output), 3, "{}", stderr(&output));
    let why = format!("interrupted by SIG{signal}");
    assert!(stderr(&output).contains(&why), "{}", stderr(&output));
    assert!(stderr(&output).contains(" must cases, because the run stopped"), "{}", stderr(&output));
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&report).unwrap()).unwrap();
    assert!(report["interrupted"].as_str().unwrap().contains(&why), "{report}");
    assert!(report["summary"]["passed"].as_u64().unwrap() > 0, "{}", report["summary"]);
    assert!(report["summary"]["skipped"].as_u64().unwrap() > 0, "{}", report["summary"]);
}

/// A server in front of a deployment that answers some requests itself.
#[derive(Clone)]
enum Front {
    /// From this connection on, every request gets this response.
    From(usize, &'static str),
    /// Every connection with another token is closed without a response.
    LosesAllBut(String),
    /// From this connection on, no request gets a response. The first one is announced.
    Hangs(usize, Arc<Notify>),
}

impl Front {
    /// The response on the connection with this number, if it does not reach the deployment.
    fn answers(&self, number: usize, head: &str) -> Option<&'static str> {
        match self {
            Self::From(first, answer) => (number >= *first).then_some(answer),
            Self::LosesAllBut(good) => {
                let token =
                    head.contains("Authorization: Bearer ") && !head.contains(&format!(" {good}\r\n"));
                token.then_some("")
            }
            Self::Hangs(..) => None,
        }
    }

    /// Its URL, in front of the deployment at this address.
    async fn before(self, behind: SocketAddr) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let count = Arc::new(AtomicUsize::new(0));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(self.clone().serve(stream, count.fetch_add(1, Ordering::Relaxed), behind));
            }
        });
        url
    }

    async fn serve(self, mut stream: TcpStream, number: usize, behind: SocketAddr) {
        if let Self::Hangs(first, reached) = &self
            && number >= *first
        {
            reached.notify_one();
            std::future::pending::<()>().await;
        }
        let mut head = vec![0; 16_384];
        let length = stream.peek(&mut head).await.unwrap_or_default();
        match self.answers(number, &String::from_utf8_lossy(&head[..length])) {
            Some(answer) => {
                drop(stream.read(&mut head).await);
                drop(stream.write_all(answer.as_bytes()).await);
            }
            None => {
                if let Ok(mut inner) = TcpStream::connect(behind).await {
                    drop(tokio::io::copy_bidirectional(&mut stream, &mut inner).await);
                }
            }
        }
    }
}

const THROTTLED: &str =
    "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const BANNED: &str = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>";

#[rstest]
#[case::throttled(Front::From(60, THROTTLED), "answers 429 or 503 in one case after another")]
#[case::banned(Front::From(60, BANNED), "it refuses every request alike")]
#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_stops_responding_is_status_3(#[case] front: Front, #[case] says: &str) {
    let started = started(Behavior::correct(), Power::Tokens).await;
    let url = front.before(started.deployment.address()).await;
    let output = started.run(&["--target", &url, "--format", "json"]).await;
    assert_eq!(status(&output), 3, "{}", stderr(&output));
    assert!(stderr(&output).contains(says), "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["summary"]["passed"].as_u64().unwrap() > 0, "{}", report["summary"]);
    assert!(report["requests"].as_u64().unwrap() <= 500, "{}", report["requests"]);
}

/// A case without a response has failed; if many have none, the network is the more likely cause.
#[tokio::test(flavor = "multi_thread")]
async fn many_lost_connections_are_status_3() {
    let started = started(Behavior::correct(), Power::Tokens).await;
    let front = Front::LosesAllBut(started.deployment.token(AtHand::Valid).to_owned());
    let url = front.before(started.deployment.address()).await;
    let output = started.run(&["--target", &url, "--filter", "{header,token-form}*"]).await;
    assert_eq!(status(&output), 3, "{}{}", stderr(&output), stdout(&output));
    let says = "`must` cases could not be tested because of 429, 503 or lost connections";
    assert!(stderr(&output).contains(says), "{}", stderr(&output));

    let few = started.run(&["--target", &url, "--filter", "signature/{missing,zeros}"]).await;
    assert_eq!(status(&few), 1, "{}{}", stderr(&few), stdout(&few));
    assert!(stdout(&few).contains("connection closed without an answer"), "{}", stdout(&few));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verdict_line_says_when_most_could_not_be_tested() {
    let started = started(Behavior::correct(), Power::Tokens).await;
    let bare = started.write("bare.toml", &format!("target = \"{}\"\n", started.deployment.url()));
    let output = program(&["run", "--profile", &bare, "--rate", "5000"]).await;
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let last = stdout(&output).trim_end().lines().last().unwrap().to_owned();
    assert!(last.contains(" partial: ") && last.contains("; NOT TESTED: "), "{last}");
    assert!(last.contains(" must cases, for lack of tokens or endpoints"), "{last}");
}
