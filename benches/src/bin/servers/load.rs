//! The load: wrk, pinned to the last core, sending every token in turn.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::servers::{Running, Scratch};

const CONNECTIONS: u32 = 32;

/// Results of a server under load, in one round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) per_second: f64,
    pub(crate) cpu_microseconds: f64,
}

/// One server and one path, requested with every token in turn.
pub(crate) struct Load<'r> {
    server: &'r Running,
    script: PathBuf,
    length: Duration,
    rounds: Vec<Figure>,
}

impl<'r> Load<'r> {
    pub(crate) fn new(
        scratch: &Scratch,
        server: &'r Running,
        path: &str,
        tokens: &Path,
        length: Duration,
    ) -> Self {
        let name = format!("{}-{}.lua", server.address().port(), path.replace('/', "_"));
        let script = scratch.write(&name, &script(path, tokens));
        Self { server, script, length, rounds: Vec::new() }
    }

    /// Sends every token once, so that all are cached afterwards.
    pub(crate) fn warm_up(&self) {
        self.send(Duration::from_secs(1));
    }

    pub(crate) fn run(&mut self) {
        let ticks_before = self.server.cpu_ticks();
        let (requests, seconds) = self.send(self.length);
        let ticks = self.server.cpu_ticks() - ticks_before;
        self.rounds.push(Figure {
            per_second: requests / seconds,
            cpu_microseconds: ticks as f64 / ticks_per_second() * 1e6 / requests,
        });
    }

    /// The results of each round.
    pub(crate) fn rounds(self) -> Vec<Figure> {
        self.rounds
    }

    /// The number of answered requests and the seconds they took; panics unless all were answered with 200.
    fn send(&self, length: Duration) -> (f64, f64) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let output = Command::new("taskset")
            .args(["-c", &(cores - 1).to_string(), "wrk", "-t1", "-c", &CONNECTIONS.to_string()])
            .arg(format!("-d{}s", length.as_secs()))
            .arg("-s")
            .arg(&self.script)
            .arg(format!("http://{}", self.server.address()))
            .output()
            .expect("`taskset` and `wrk` are installed");
        let text = String::from_utf8_lossy(&output.stdout);
        let result = text.lines().find_map(|line| line.strip_prefix("result "));
        let numbers: Vec<f64> =
            result.unwrap_or_default().split(' ').filter_map(|number| number.parse().ok()).collect();
        let [requests, microseconds, failures] = numbers[..] else {
            panic!("wrk gave no result: {text}{}", String::from_utf8_lossy(&output.stderr));
        };
        assert!(failures == 0.0, "{failures} requests to {:?} failed: {text}", self.script);
        assert!(
            requests >= 1_000.0,
            "only {requests} requests were answered, so that not every token was sent"
        );
        (requests, microseconds / 1e6)
    }
}

/// All requests are formatted before the load begins, because wrk reaches its limit first.
fn script(path: &str, tokens: &Path) -> String {
    format!(
        r#"local requests, last = {{}}, 0
init = function()
  for token in io.lines("{tokens}") do
    requests[#requests + 1] = wrk.format("GET", "{path}", {{ Authorization = "Bearer " .. token }})
  end
end
request = function()
  last = last % #requests + 1
  return requests[last]
end
done = function(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print("result " .. summary.requests .. " " .. summary.duration .. " " .. failed)
end
"#,
        tokens = tokens.display()
    )
}

/// Sends one request on a new connection that stays open, and returns the response; panics unless it is 200 with a JSON
/// object.
pub(crate) fn answer(server: &Running, path: &str, token: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).expect("the server listens");
    let host = server.address();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the server reads");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("five seconds are a time-out");
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        let mut part = [0; 4 << 10];
        let length = stream.read(&mut part).expect("the server answers");
        assert!(length > 0, "no JSON object: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&part[..length]);
    }
    let answer = String::from_utf8(answer).expect("the answer is UTF-8");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    answer
}

/// The minimum.
pub(crate) fn least(samples: impl IntoIterator<Item = f64>) -> f64 {
    samples.into_iter().fold(f64::INFINITY, f64::min)
}

fn ticks_per_second() -> f64 {
    let output = Command::new("getconf").arg("CLK_TCK").output().expect("`getconf` is installed");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("`getconf CLK_TCK` is a number")
}
