//! `listen` and `admin_listen`: an IP address with a port, or a Unix socket.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::quote::quoted;

/// A listening address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// An IP address and a port; port 0 picks a free port.
    Ip(SocketAddr),
    /// A Unix socket with this path.
    Unix(PathBuf),
}

/// The prefix of the path of a Unix socket.
pub(crate) const UNIX_PREFIX: &str = "unix:";
/// The longest path of a socket address (`sun_path` without its NUL, unix(7)).
const MAX_PATH_BYTES: usize = 107;
/// By default only owner and group can connect to a Unix socket.
pub(super) const DEFAULT_SOCKET_MODE: u32 = 0o660;

impl ListenAddress {
    /// The default listening address: `127.0.0.1:8080`.
    pub const DEFAULT: Self = Self::Ip(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080));

    /// Parses `127.0.0.1:8080`, `[::1]:8080` or `unix:PATH`, where PATH is relative to `folder`. The error says how to fix it.
    pub(crate) fn read(text: &str, folder: &Path) -> Result<Self, String> {
        let Some(path) = text.strip_prefix(UNIX_PREFIX) else {
            return text.parse().map(Self::Ip).map_err(|_| {
                format!(
                    "{} is not an address; expected an IP address and a port, such as `127.0.0.1:8080`, or \
                     `unix:` and a path",
                    quoted(text)
                )
            });
        };
        if path.is_empty() || path.contains('\0') {
            return Err("expected a path after `unix:`, such as `unix:artos-auth.sock`".to_owned());
        }
        let path = folder.join(path);
        let length = path.as_os_str().as_bytes().len();
        if length > MAX_PATH_BYTES {
            return Err(format!(
                "the path of the socket must have at most {MAX_PATH_BYTES} bytes, got {length}"
            ));
        }
        Ok(Self::Unix(path))
    }

    /// The IP address and port, unless it is a Unix socket.
    #[must_use]
    pub fn ip(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// Whether two ports with these addresses would conflict. Port 0 never does.
    pub(super) fn excludes(&self, other: &Self) -> bool {
        self == other && self.ip().is_none_or(|address| address.port() != 0)
    }
}

impl Display for ListenAddress {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX_PREFIX}{}", path.display()),
        }
    }
}

/// Parses `socket_mode`: three or four octal digits, without bits other than read, write and execute.
pub(super) fn socket_mode(text: &str) -> Result<u32, String> {
    let digits = matches!(text.len(), 3 | 4) && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| digits && *mode <= 0o777);
    mode.ok_or_else(|| format!("{} is not a mode; expected octal digits, such as \"0660\"", quoted(text)))
}

/// The warning for a mode that lets every user of the machine connect.
pub(super) fn socket_mode_warning(mode: u32) -> Option<String> {
    (mode & 0o002 != 0).then(|| {
        format!(
            "`socket_mode`: with \"{mode:04o}\" every user of this machine can connect, and is trusted as a proxy; use \
             \"0660\" and a group of the proxy and this server"
        )
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::ipv4("127.0.0.1:8080", "127.0.0.1:8080")]
    #[case::ipv6("[::1]:0", "[::1]:0")]
    #[case::relative("unix:artos.sock", "unix:/etc/artos/artos.sock")]
    #[case::absolute("unix:/run/artos.sock", "unix:/run/artos.sock")]
    fn an_address_is_relative_to_its_file(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(ListenAddress::read(text, Path::new("/etc/artos")).unwrap().to_string(), expected);
    }

    #[rstest]
    #[case::no_port("127.0.0.1", "is not an address")]
    #[case::no_path("unix:", "expected a path after `unix:`")]
    #[case::a_nul("unix:a\0b", "expected a path after `unix:`")]
    #[case::a_name("localhost:8080", "is not an address")]
    fn an_invalid_address_is_refused(#[case] text: &str, #[case] problem: &str) {
        let error = ListenAddress::read(text, Path::new("")).unwrap_err();
        assert!(error.contains(problem), "{error}");
    }

    #[test]
    fn a_path_fits_into_a_socket_address() {
        let path = |length: usize| format!("unix:/{}", "x".repeat(length - 1));
        assert!(ListenAddress::read(&path(107), Path::new("")).is_ok());
        let error = ListenAddress::read(&path(108), Path::new("")).unwrap_err();
        assert!(error.contains("must have at most 107 bytes, got 108"), "{error}");
    }

    #[rstest]
    #[case("0660", Some(0o660))]
    #[case("600", Some(0o600))]
    #[case("0777", Some(0o777))]
    #[case("1777", None)]
    #[case("+660", None)]
    #[case("0680", None)]
    #[case("66", None)]
    #[case("", None)]
    #[case("0o660", None)]
    fn a_mode_is_octal(#[case] text: &str, #[case] expected: Option<u32>) {
        assert_eq!(socket_mode(text).ok(), expected);
    }
}
