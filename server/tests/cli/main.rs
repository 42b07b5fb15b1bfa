//! The command line as a user sees it: the built binary, its output, its errors and its exit statuses.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod check;
mod decide;
mod explain;
mod keys;
mod revoke;
mod silence;
mod token;
mod usage;

use std::fmt;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The current time of all tests.
const NOW: &str = "1700000000";

/// A shared secret whose text says that it is a test secret.
const TEST_KEY: &str = r#"{
  "kty": "oct",
  "alg": "HS256",
  "kid": "test-key-not-real",
  "k": "dGhpcyBpcyBhIHRlc3Qga2V5LCBub3QgYSByZWFsIG9uZS4"
}
"#;

/// A folder in which commands run, so that messages name files without the folder.
struct Workshop {
    folder: TempDir,
}

/// The result of a command.
struct Run {
    status: i32,
    output: String,
    errors: String,
}

impl Workshop {
    /// With an `auth.toml` that names only the test key.
    fn new() -> Self {
        let workshop = Self { folder: tempfile::tempdir().unwrap() };
        workshop.write("key.jwk.json", TEST_KEY);
        workshop.write("auth.toml", "[keys]\nfile = \"key.jwk.json\"\n");
        workshop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
        // Some files contain secrets, and a secret that other users can read causes a warning.
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_artos-auth"));
        command.current_dir(self.folder.path()).args(arguments);
        command.env_remove("COLUMNS").env_remove("NO_COLOR").env_remove("RUST_BACKTRACE");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, b"")
    }

    fn run_with(&self, arguments: &[&str], input: &[u8]) -> Run {
        let mut child = self.command(arguments).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || {
                // A command that does not read its input closes it.
                let _ = stdin.write_all(input);
            });
            child.wait_with_output().unwrap()
        });
        Run {
            status: output.status.code().unwrap(),
            output: String::from_utf8(output.stdout).unwrap(),
            errors: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// A token of user `u1` in `org-a`, valid for one hour from `NOW`; the same arguments give the same token.
    fn token(&self, arguments: &[&str]) -> String {
        let fixed = ["token", "mint", "--key", "key.jwk.json", "--user", "u1", "--org", "org-a"];
        let dates = [("iat", "1700000000"), ("exp", "1700003600"), ("jti", "\"token-1\"")];
        let mut all: Vec<String> = fixed.map(str::to_owned).to_vec();
        for (name, value) in dates {
            if !arguments.iter().any(|argument| argument.starts_with(&format!("{name}="))) {
                all.extend(["--claim".to_owned(), format!("{name}={value}")]);
            }
        }
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        self.run(&all).done().trim_end().to_owned()
    }
}

impl Run {
    /// The output of a command that writes nothing to standard error.
    fn done(self) -> String {
        assert_eq!((self.status, self.errors.as_str()), (0, ""), "{self:?}");
        self.output
    }

    /// The message of a command that was called incorrectly and does nothing else.
    fn refused(self) -> String {
        assert_eq!((self.status, self.output.as_str()), (2, ""), "{self:?}");
        self.errors
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}\n{}---\n{}", self.status, self.output, self.errors)
    }
}
