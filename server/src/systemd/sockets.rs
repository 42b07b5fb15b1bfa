//! Socket activation: listening sockets that systemd has opened, and keeps open over restarts (sd_listen_fds(3)).

use std::env;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

use crate::config::ListenAddress;
use crate::http::port::{Bound, Detached};
use crate::quote::quoted;

/// Passed sockets, each in place of an address in the configuration file.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    pub(crate) main: Option<Socket>,
    pub(crate) admin: Option<Socket>,
}

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Socket {
    listener: Detached,
    pub(crate) address: ListenAddress,
}

/// What a socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Main,
    Admin,
}

/// One for each use.
const MAX_SOCKETS: usize = 2;

impl Passed {
    /// Takes the sockets that the environment names.
    ///
    /// Call it before the first thread starts: it removes the variables, so that no child process uses the sockets.
    ///
    /// # Errors
    ///
    /// One sentence about the variable or the socket, and what is expected.
    pub(crate) fn take() -> Result<Self, String> {
        let variable = |name| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let uses = uses(
            variable("LISTEN_PID").as_deref(),
            variable("LISTEN_FDS").as_deref(),
            variable("LISTEN_FDNAMES").as_deref(),
            std::process::id(),
        )?;
        let mut passed = Self::default();
        if uses.is_empty() {
            return Ok(passed);
        }
        let mut descriptors = ListenFd::from_env();
        for (index, its_use) in uses.into_iter().enumerate() {
            let socket = socket(&mut descriptors, index)
                .map_err(|problem| format!("the passed socket `{}` {problem}", its_use.name()))?;
            match its_use {
                Use::Main => passed.main = Some(socket),
                Use::Admin => passed.admin = Some(socket),
            }
        }
        Ok(passed)
    }
}

impl Use {
    const fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Admin => "admin",
        }
    }
}

/// Reads the variables: the uses of descriptors 3, 4 and so on.
fn uses(
    pid: Option<&str>,
    count: Option<&str>,
    names: Option<&str>,
    own_pid: u32,
) -> Result<Vec<Use>, String> {
    // Without a process id, or with another one, the variables are inherited and meant for another process.
    let (Some(pid), Some(count)) = (pid, count) else { return Ok(Vec::new()) };
    let of_number = |name: &str, text: &str| format!("`{name}`: {} is not a number", quoted(text));
    if pid.parse::<u32>().map_err(|_| of_number("LISTEN_PID", pid))? != own_pid {
        return Ok(Vec::new());
    }
    let count: usize = count.parse().map_err(|_| of_number("LISTEN_FDS", count))?;
    if count > MAX_SOCKETS {
        return Err(format!(
            "`LISTEN_FDS`: {count} sockets are passed; expected one named `main` and at most one named `admin`"
        ));
    }
    if count == 0 {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = match names {
        None => vec![""; count],
        Some(names) => names.split(':').collect(),
    };
    if names.len() != count {
        return Err(format!("`LISTEN_FDNAMES`: {} names for {count} sockets", names.len()));
    }
    let mut uses = Vec::new();
    for name in names {
        let its_use = match name {
            "main" => Use::Main,
            "admin" => Use::Admin,
            name if is_no_name(name) => Use::Main,
            name => {
                return Err(format!(
                    "`LISTEN_FDNAMES`: unknown name {}; expected `FileDescriptorName=main` or `admin` in the socket \
                     unit",
                    quoted(name)
                ));
            }
        };
        if uses.contains(&its_use) {
            return Err(format!(
                "`LISTEN_FDNAMES`: two sockets for `{}`; expected one, with `FileDescriptorName=main` or `admin` in its \
                 socket unit",
                its_use.name()
            ));
        }
        uses.push(its_use);
    }
    Ok(uses)
}

/// Whether the socket unit gives no name: systemd then passes the unit's, and other programs nothing or `unknown`.
fn is_no_name(name: &str) -> bool {
    matches!(name, "" | "unknown") || name.ends_with(".socket")
}

/// The listening socket with this index, or what the descriptor is instead.
fn socket(descriptors: &mut ListenFd, index: usize) -> Result<Socket, String> {
    if let Ok(Some(listener)) = descriptors.take_unix_listener(index) {
        listener.set_nonblocking(true).map_err(|error| unusable(&error))?;
        let address = listener.local_addr().map_err(|error| unusable(&error))?;
        let Some(path) = address.as_pathname().map(Path::to_owned) else {
            return Err("has no path, so that every user of this machine can connect; expected \
                        `ListenStream=` with an absolute path"
                .to_owned());
        };
        return listening(listener.into(), ListenAddress::Unix(path), Detached::Unix);
    }
    if let Ok(Some(listener)) = descriptors.take_tcp_listener(index) {
        listener.set_nonblocking(true).map_err(|error| unusable(&error))?;
        let address = listener.local_addr().map_err(|error| unusable(&error))?;
        return listening(listener.into(), ListenAddress::Ip(address), Detached::Tcp);
    }
    let is_datagram = descriptors.take_udp_socket(index).is_ok_and(|socket| socket.is_some())
        || descriptors.take_unix_datagram(index).is_ok_and(|socket| socket.is_some());
    let kind = if is_datagram { "a datagram socket" } else { "neither a TCP nor a Unix stream socket" };
    Err(format!("is {kind}; expected `ListenStream=` with an address and a port or an absolute path"))
}

fn listening(
    socket: OwnedFd,
    address: ListenAddress,
    detached: impl FnOnce(OwnedFd) -> Detached,
) -> Result<Socket, String> {
    if !socket_acceptconn(socket.as_fd()).map_err(|error| unusable(&error.into()))? {
        return Err("is not a listening socket; set `Accept=no` in its socket unit".to_owned());
    }
    Ok(Socket { listener: detached(socket), address })
}

fn unusable(error: &io::Error) -> String {
    format!("cannot be used: {error}")
}

impl Socket {
    /// The port, in the current runtime. systemd owns the file of a Unix socket.
    ///
    /// # Errors
    ///
    /// The runtime cannot take it.
    pub(crate) fn bound(self) -> Result<Bound, String> {
        let Self { listener, address } = self;
        let port = listener
            .attach()
            .map_err(|error| format!("the passed socket {address} cannot be used: {error}"))?;
        Ok(Bound { file: None, port, address })
    }

    /// A warning about a Unix socket to which every user of the machine can connect: systemd's default.
    pub(crate) fn mode_warning(&self) -> Option<String> {
        let ListenAddress::Unix(path) = &self.address else { return None };
        let mode = std::fs::symlink_metadata(path).ok()?.permissions().mode();
        (mode & 0o002 != 0).then(|| {
            format!(
                "`ListenStream`: with mode {:04o} every user of this machine can connect to {}, and is trusted as a \
                 proxy; set `SocketMode=0660`, `SocketUser=` and `SocketGroup=`",
                mode & 0o777,
                self.address
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const OWN: u32 = 7;

    #[rstest]
    #[case::nothing(None, None, None, &[])]
    #[case::no_process(None, Some("1"), None, &[])]
    #[case::of_another_process(Some("8"), Some("1"), Some("nonsense"), &[])]
    #[case::none(Some("7"), Some("0"), None, &[])]
    #[case::none_with_no_names(Some("7"), Some("0"), Some(""), &[])]
    #[case::without_names(Some("7"), Some("1"), None, &[Use::Main])]
    #[case::an_empty_name(Some("7"), Some("1"), Some(""), &[Use::Main])]
    #[case::no_name(Some("7"), Some("1"), Some("unknown"), &[Use::Main])]
    #[case::the_name_of_its_unit(Some("7"), Some("1"), Some("artos-auth.socket"), &[Use::Main])]
    #[case::main(Some("7"), Some("1"), Some("main"), &[Use::Main])]
    #[case::admin(Some("7"), Some("1"), Some("admin"), &[Use::Admin])]
    #[case::both(Some("7"), Some("2"), Some("main:admin"), &[Use::Main, Use::Admin])]
    #[case::in_another_order(Some("7"), Some("2"), Some("admin:main"), &[Use::Admin, Use::Main])]
    #[case::one_unnamed(Some("7"), Some("2"), Some("admin:"), &[Use::Admin, Use::Main])]
    fn a_name_says_what_a_socket_is_for(
        #[case] pid: Option<&str>,
        #[case] count: Option<&str>,
        #[case] names: Option<&str>,
        #[case] expected: &[Use],
    ) {
        assert_eq!(uses(pid, count, names, OWN).unwrap(), expected);
    }

    #[rstest]
    #[case::no_process("self", "1", None, "`LISTEN_PID`: `self` is not a number")]
    #[case::no_count("7", "-1", None, "`LISTEN_FDS`: `-1` is not a number")]
    #[case::too_many("7", "3", None, "`LISTEN_FDS`: 3 sockets are passed; expected one named `main`")]
    #[case::far_too_many("7", "4000000000", None, "`LISTEN_FDS`: 4000000000 sockets are passed")]
    #[case::too_few_names("7", "2", Some("main"), "`LISTEN_FDNAMES`: 1 names for 2 sockets")]
    #[case::too_many_names("7", "1", Some("main:admin"), "`LISTEN_FDNAMES`: 2 names for 1 sockets")]
    #[case::another_name("7", "1", Some("http"), "`LISTEN_FDNAMES`: unknown name `http`; expected")]
    #[case::another_case("7", "1", Some("Main"), "`LISTEN_FDNAMES`: unknown name `Main`")]
    #[case::the_same_twice("7", "2", Some("admin:admin"), "two sockets for `admin`")]
    #[case::two_unnamed("7", "2", None, "two sockets for `main`")]
    fn ambiguous_names_are_refused(
        #[case] pid: &str,
        #[case] count: &str,
        #[case] names: Option<&str>,
        #[case] problem: &str,
    ) {
        let error = uses(Some(pid), Some(count), names, OWN).unwrap_err();
        assert!(error.contains(problem), "{error}");
    }
}
