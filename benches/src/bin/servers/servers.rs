//! The servers: configured as their documentation says, with one worker each, pinned to the first core.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use artos_auth_benches::tokens::{AUDIENCE, ISSUER, Public, SigningKey};
use artos_auth_benches::world;
use serde_json::json;

/// A folder for configurations, keys and tokens, removed at the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("artos-auth-benches-{}", std::process::id()));
        fs::create_dir_all(&path).expect("the folder for temporary files is writable");
        Self(path)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
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
pub(crate) struct Running {
    child: Child,
    address: SocketAddr,
    /// Kept open, so that the server never writes to a closed pipe.
    _output: Option<BufReader<ChildStdout>>,
}

impl Running {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// User and system time of all its threads, in clock ticks (proc(5), `stat`).
    pub(crate) fn cpu_ticks(&self) -> u64 {
        let stat = self.proc("stat");
        // The name, in parentheses, may contain spaces; the text after it starts with field 3.
        let after_name = stat.rsplit_once(')').expect("`stat` names the process in parentheses").1;
        let field = |number: usize| -> u64 {
            let text = after_name.split_whitespace().nth(number - 3);
            text.and_then(|text| text.parse().ok()).expect("`stat` has the times as numbers")
        };
        field(14) + field(15)
    }

    pub(crate) fn resident_bytes(&self) -> u64 {
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

/// The product, with issuer, audience and one key; `audit` says where audit lines go.
pub(crate) fn artos_auth(binary: &Path, scratch: &Scratch, key: &SigningKey, audit: &str) -> Running {
    assert!(
        binary.exists(),
        "{} is not there: build it with `cargo build --release` in the root of the repository, or name it with \
         `--artos-auth FILE`",
        binary.display()
    );
    scratch.write("keys.jwks.json", &json!({"keys": [key.jwk()]}).to_string());
    let config = format!(
        "listen = \"127.0.0.1:0\"\n[policy]\nissuers = [\"{ISSUER}\"]\naudiences = [\"{AUDIENCE}\"]\n\
         [keys]\nfile = \"keys.jwks.json\"\n[audit]\noutput = \"{audit}\"\n"
    );
    let config = scratch.write(&format!("artos-auth-{audit}.toml"), &config);
    announced(pinned(binary).arg("serve").arg("--config").arg(config))
}

/// The service that a team would write without this product.
pub(crate) fn axum(scratch: &Scratch, key: &SigningKey) -> Running {
    let jwk = scratch.write("axum.jwk.json", &key.jwk().to_string());
    let this = std::env::current_exe().expect("this program has a path");
    announced(pinned(&this).arg(crate::axum_service::COMMAND).arg(jwk))
}

/// The server that answers all input with this response.
pub(crate) fn bare(scratch: &Scratch, answer: &str) -> Running {
    let answer = scratch.write("answer", answer);
    let this = std::env::current_exe().expect("this program has a path");
    announced(pinned(&this).arg(crate::bare::COMMAND).arg(answer))
}

/// HAProxy's built-in verification: algorithm, issuer, audience, expiry, signature; the response is a fixed 200.
pub(crate) fn haproxy(scratch: &Scratch, key: &SigningKey) -> Running {
    let verification_key = match key.public() {
        Public::Secret(secret) => String::from_utf8(secret.clone()).expect("the benchmark secret is ASCII"),
        _ => {
            let path = scratch.write("haproxy.pem", &key.public_pem().expect("this is a public key"));
            path.to_str().expect("the path is UTF-8").to_owned()
        }
    };
    let address = free_address();
    let alg = key.alg().name();
    let mut config = format!(
        "global\n  nbthread 1\n  maxconn 1000\n\
         defaults\n  mode http\n  timeout client 30s\n  timeout http-request 30s\n  timeout http-keep-alive 30s\n\
         frontend api\n  bind {address}\n\
         \x20 http-request return status 200 if {{ path {} }}\n\
         \x20 http-request deny deny_status 401 unless {{ req.hdr(authorization) -m found }}\n",
        world::PUBLIC_PATH
    );
    for (name, query) in [
        ("alg", "jwt_header_query('$.alg')"),
        ("iss", "jwt_payload_query('$.iss')"),
        ("aud", "jwt_payload_query('$.aud')"),
        ("exp", "jwt_payload_query('$.exp','int')"),
    ] {
        writeln!(config, "  http-request set-var(txn.{name}) http_auth_bearer,{query}")
            .expect("a string takes it");
    }
    write!(
        config,
        "  http-request set-var(txn.now) date()\n\
         \x20 http-request deny deny_status 401 unless {{ var(txn.alg) -m str {alg} }}\n\
         \x20 http-request deny deny_status 401 unless {{ var(txn.iss) -m str {ISSUER} }}\n\
         \x20 http-request deny deny_status 401 unless {{ var(txn.aud) -m str {AUDIENCE} }}\n\
         \x20 http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}\n\
         \x20 http-request deny deny_status 401 unless {{ http_auth_bearer,jwt_verify(txn.alg,\"{verification_key}\") -m int 1 }}\n\
         \x20 http-request return status 200\n"
    )
    .expect("a string takes it");
    let config = scratch.write("haproxy.cfg", &config);
    let child = pinned(Path::new("haproxy"))
        .arg("-db")
        .arg("-f")
        .arg(config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("`taskset` and `haproxy` are installed");
    wait_for(address);
    Running { child, address, _output: None }
}

/// A program pinned to the first core.
fn pinned(program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(program);
    command
}

/// Starts a server that prints `listening on http://ADDR` once it listens.
fn announced(command: &mut Command) -> Running {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = child.expect("`taskset` is installed");
    let mut output = BufReader::new(child.stdout.take().expect("standard output is piped"));
    let mut line = String::new();
    output.read_line(&mut line).expect("the server writes UTF-8");
    let address = line.trim().strip_prefix("listening on http://").and_then(|address| address.parse().ok());
    let address = address.unwrap_or_else(|| panic!("{command:?} did not start: `{}`", line.trim()));
    Running { child, address, _output: Some(output) }
}

fn free_address() -> SocketAddr {
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
