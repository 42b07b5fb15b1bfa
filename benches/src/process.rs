//! Servers under load: started, pinned to the first core, measured, and ended.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A folder for configurations, keys and tokens, removed at the end.
pub struct Scratch(PathBuf);

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Scratch {
    /// An empty folder.
    #[must_use]
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("artos-auth-benches-{}", std::process::id()));
        fs::create_dir_all(&path).expect("the folder for temporary files is writable");
        Self(path)
    }

    /// The path of a file of this name.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file and returns its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("the folder for temporary files is writable");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A failed removal leaves only a few benchmark files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running server, until it is dropped.
pub struct Running {
    child: Child,
    scheme: &'static str,
    address: SocketAddr,
    /// Kept open, so that the server never writes to a closed pipe.
    _output: Option<BufReader<ChildStdout>>,
}

impl Running {
    /// A program that listens on this address as soon as it has started.
    #[must_use]
    pub fn listening(mut command: Command, scheme: &'static str, address: SocketAddr) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let running = Self { child, scheme, address, _output: None };
        wait_for(address);
        running
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL without a path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// User and system time of all its threads, in clock ticks (proc(5), `stat`).
    #[must_use]
    pub fn cpu_ticks(&self) -> u64 {
        let stat = self.proc("stat");
        // The name, in parentheses, may contain spaces; the text after it starts with field 3.
        let after_name = stat.rsplit_once(')').expect("`stat` names the process in parentheses").1;
        let field = |number: usize| -> u64 {
            let text = after_name.split_whitespace().nth(number - 3);
            text.and_then(|text| text.parse().ok()).expect("`stat` has the times as numbers")
        };
        field(14) + field(15)
    }

    /// The resident size of the process.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        let status = self.proc("status");
        let kilobytes =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        kilobytes.and_then(|text| text.trim().parse::<u64>().ok()).expect("`status` has the resident size")
            * 1024
    }

    fn proc(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).expect("the server is running")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The process may already have exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program pinned to the first core.
#[must_use]
pub fn pinned(program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(program);
    command
}

/// Starts a server that prints `listening on http://ADDR` or `https://ADDR` once it listens.
pub fn announced(command: &mut Command) -> Running {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = child.expect("`taskset` is installed");
    let mut output = BufReader::new(child.stdout.take().expect("standard output is piped"));
    let mut line = String::new();
    output.read_line(&mut line).expect("the server writes UTF-8");
    let address = line.trim().strip_prefix("listening on ").and_then(|url| url.split_once("://"));
    let address = address.and_then(|(scheme, address)| {
        let scheme = ["http", "https"].into_iter().find(|known| *known == scheme)?;
        Some((scheme, address.parse().ok()?))
    });
    let (scheme, address) = address.unwrap_or_else(|| panic!("{command:?} did not start: `{}`", line.trim()));
    Running { child, scheme, address, _output: Some(output) }
}

/// An address of loopback with a free port.
#[must_use]
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address")
}

fn wait_for(address: SocketAddr) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while std::net::TcpStream::connect(address).is_err() {
        assert!(Instant::now() < deadline, "nothing listens on {address}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
