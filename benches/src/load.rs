//! The load: wrk, pinned to the last core, sending every token in turn.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{Running, Scratch};

const CONNECTIONS: u32 = 32;

/// Results of a server under load, in one round.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// How many were answered in a second.
    pub per_second: f64,
    /// The processor time of the server for each.
    pub cpu_microseconds: f64,
}

impl Figure {
    /// The figure of a load, which returns the number of answers and the seconds that they took.
    pub fn of(server: &Running, load: impl FnOnce() -> (f64, f64)) -> Self {
        let ticks_before = server.cpu_ticks();
        let (answers, seconds) = load();
        let ticks = server.cpu_ticks() - ticks_before;
        Self {
            per_second: answers / seconds,
            cpu_microseconds: ticks as f64 / ticks_per_second() * 1e6 / answers,
        }
    }
}

/// One server and one path, requested with every token in turn.
pub struct Load<'r> {
    server: &'r Running,
    script: PathBuf,
    length: Duration,
    rounds: Vec<Figure>,
}

impl<'r> Load<'r> {
    /// The load of a server; `tokens` is a file with one token on each line.
    #[must_use]
    pub fn new(scratch: &Scratch, server: &'r Running, path: &str, tokens: &Path, length: Duration) -> Self {
        let name = format!("{}-{}.lua", server.address().port(), path.replace('/', "_"));
        let script = scratch.write(&name, &script(path, tokens));
        Self { server, script, length, rounds: Vec::new() }
    }

    /// Sends every token once, so that all are cached afterwards.
    pub fn warm_up(&self) {
        self.send(Duration::from_secs(1));
    }

    /// One round.
    pub fn run(&mut self) {
        let figure = Figure::of(self.server, || self.send(self.length));
        self.rounds.push(figure);
    }

    /// The results of each round.
    #[must_use]
    pub fn rounds(self) -> Vec<Figure> {
        self.rounds
    }

    /// The number of answered requests and the seconds they took; panics unless all were answered with a success.
    fn send(&self, length: Duration) -> (f64, f64) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let output = Command::new("taskset")
            .args(["-c", &(cores - 1).to_string(), "wrk", "-t1", "-c", &CONNECTIONS.to_string()])
            .arg(format!("-d{}s", length.as_secs()))
            .arg("-s")
            .arg(&self.script)
            .arg(self.server.url())
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

/// Clock ticks of processor time in a second.
#[must_use]
pub fn ticks_per_second() -> f64 {
    let output = Command::new("getconf").arg("CLK_TCK").output().expect("`getconf` is installed");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("`getconf CLK_TCK` is a number")
}

/// The minimum.
pub fn least(samples: impl IntoIterator<Item = f64>) -> f64 {
    samples.into_iter().fold(f64::INFINITY, f64::min)
}

/// The median.
#[must_use]
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
