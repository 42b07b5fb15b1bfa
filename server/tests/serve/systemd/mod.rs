//! What systemd sees of the server, and what the server takes from systemd. The tests stand in for systemd: with real
//! sockets, and the environment that it sets.

mod notify;
mod restart;
mod sockets;

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::process::{eventually, path_text};
use super::support::{Files, PATIENCE};

/// A server as a service; killed on drop.
struct Service {
    child: Child,
    files: Files,
    notifications: Option<UnixDatagram>,
}

/// What systemd passes to a service.
#[derive(Default)]
struct Passed {
    /// Descriptors 3 and 4.
    sockets: Vec<OwnedFd>,
    names: Option<&'static str>,
    /// Whether there is a socket for notifications.
    notified: bool,
    environment: Vec<(&'static str, String)>,
}

impl Service {
    fn start(files: Files, passed: Passed) -> Self {
        let Passed { sockets, names, notified, environment } = passed;
        // The shell has the process id of the server that it becomes. Descriptors are handed to it as its standard input
        // and output.
        let script = r#"[ -z "$LISTEN_FDS" ] || export LISTEN_PID=$$
exec 3<&0 4<&1 < /dev/null > "$OUT" 2> "$ERR"
exec "$0" serve --config "$1""#;
        let mut command = Command::new("sh");
        let config = files.path("artos-auth.toml");
        command.args(["-c", script, env!("CARGO_BIN_EXE_artos-auth"), path_text(&config)]);
        command.env("OUT", files.path("out")).env("ERR", files.path("err")).envs(environment);
        if !sockets.is_empty() {
            command.env("LISTEN_FDS", sockets.len().to_string());
        }
        if let Some(names) = names {
            command.env("LISTEN_FDNAMES", names);
        }
        let mut sockets = sockets.into_iter();
        let mut next = || sockets.next().map_or_else(Stdio::null, Stdio::from);
        command.stdin(next()).stdout(next());
        let notifications = notified.then(|| {
            let path = files.path("notify");
            let socket = UnixDatagram::bind(&path).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            command.env("NOTIFY_SOCKET", path);
            socket
        });
        Self { child: command.spawn().unwrap(), files, notifications }
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.files.path(name)).unwrap_or_default()
    }

    fn errors(&self) -> String {
        self.read("err")
    }

    /// The lines of its output, once there are this many.
    fn lines(&self, count: usize) -> Vec<String> {
        let whole_lines = || self.read("out").matches('\n').count();
        eventually(&format!("{count} lines; {}", self.errors()), || whole_lines() >= count);
        self.read("out").lines().map(str::to_owned).collect()
    }

    fn address(&self) -> SocketAddr {
        self.lines(1)[0].strip_prefix("listening on http://").expect("the first line").parse().unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Its next notification, as it was sent.
    fn notification(&self) -> String {
        let mut message = [0; 4096];
        let socket = self.notifications.as_ref().expect("it is notified");
        let length = socket.recv(&mut message).unwrap_or_else(|error| panic!("{error}: {}", self.errors()));
        String::from_utf8_lossy(&message[..length]).into_owned()
    }

    fn ended(mut self) -> (ExitStatus, String) {
        let mut status = None;
        eventually("the process ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        (status.unwrap(), self.errors())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
