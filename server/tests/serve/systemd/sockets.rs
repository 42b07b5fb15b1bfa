//! Sockets that systemd has opened.

use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{self as unix, UnixDatagram, UnixListener, UnixStream};
use std::path::Path;

use rstest::rstest;
use rustix::process::Signal;
use serde_json::json;

use super::{Passed, Service};
use crate::process::{current, eventually, exchange};
use crate::support::{Files, get, status};

fn tcp() -> (SocketAddr, OwnedFd) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (listener.local_addr().unwrap(), listener.into())
}

fn start(config: &str, sockets: Vec<OwnedFd>, names: Option<&'static str>) -> Service {
    Service::start(Files::new(config), Passed { sockets, names, ..Passed::default() })
}

fn health(address: SocketAddr) -> u16 {
    status(&exchange(address, b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
}

/// Addresses of a documentation network: nothing can listen there.
const TAKEN: &str = "listen = \"192.0.2.1:1\"\nadmin_listen = \"192.0.2.1:2\"\n";

#[rstest]
#[case::unnamed(None)]
#[case::named(Some("main"))]
#[case::with_the_name_of_its_unit(Some("artos-auth.socket"))]
fn a_passed_socket_comes_before_the_file(#[case] names: Option<&'static str>) {
    let (address, socket) = tcp();
    let service = start("listen = \"192.0.2.1:1\"\n", vec![socket], names);
    assert_eq!(service.lines(1), [format!("listening on http://{address}")]);
    let token = current(&service.files.key, json!({}));
    assert_eq!(status(&exchange(address, get("/api/v1/templates/", &token).as_bytes())), 200);
    let note =
        format!("`main` is the socket {address} that systemd passes; `listen` (192.0.2.1:1) is not used");
    eventually("the note", || service.errors().contains(&note));
    assert!(!service.errors().contains("192.0.2.1:1 is not loopback"), "{}", service.errors());
    assert!(!service.errors().contains("warning"), "{}", service.errors());
}

#[rstest]
#[case("main:admin", false)]
#[case("admin:main", true)]
#[case(":admin", false)]
fn sockets_are_distinguished_by_name(#[case] names: &'static str, #[case] admin_first: bool) {
    let ((main, main_socket), (admin, admin_socket)) = (tcp(), tcp());
    let mut sockets = vec![main_socket, admin_socket];
    if admin_first {
        sockets.reverse();
    }
    let service = start(TAKEN, sockets, Some(names));
    let expected = [format!("listening on http://{main}"), format!("admin on http://{admin}")];
    assert_eq!(service.lines(2), expected);
    assert_eq!(health(admin), 200);
    assert_eq!(status(&exchange(main, get("/api/v1/templates/", "").as_bytes())), 401);
}

#[test]
fn the_admin_port_alone_can_be_passed() {
    let (admin, socket) = tcp();
    let service = start("listen = \"127.0.0.1:0\"\n", vec![socket], Some("admin"));
    assert_eq!(service.lines(2)[1], format!("admin on http://{admin}"));
    assert_eq!(health(admin), 200);
    assert_ne!(service.address(), admin);
}

#[rstest]
#[case::of_a_group(0o660, false)]
#[case::of_everybody(0o666, true)]
fn a_unix_socket_stays_at_the_end(#[case] mode: u32, #[case] warned: bool) {
    let files = Files::new("");
    let path = files.path("passed.sock");
    let socket = UnixListener::bind(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    let service = Service::start(files, Passed { sockets: vec![socket.into()], ..Passed::default() });
    assert_eq!(service.lines(1), [format!("listening on unix:{}", path.display())]);
    drop(UnixStream::connect(&path).unwrap());
    eventually("the note", || service.errors().contains("that systemd passes"));
    let warning = "`ListenStream`: with mode 0666 every user of this machine can connect";
    assert_eq!(service.errors().contains(warning), warned, "{}", service.errors());
    service.signal(Signal::TERM);
    eventually("it has stopped", || UnixStream::connect(&path).is_err());
    assert!(path.exists(), "systemd owns the file");
}

#[test]
fn an_address_for_everybody_is_a_warning() {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let service = start("", vec![listener.into()], None);
    eventually("the warning", || {
        service.errors().contains("`ListenStream=`: 0.0.0.0:") && service.errors().contains("is not loopback")
    });
}

/// What is passed, and what the server says of it.
#[rstest]
#[case::udp(|_: &Path| UdpSocket::bind("127.0.0.1:0").unwrap().into(), "`main` is a datagram socket")]
#[case::unix_datagram(
    |folder: &Path| UnixDatagram::bind(folder.join("datagram")).unwrap().into(),
    "`main` is a datagram socket; expected `ListenStream=`"
)]
#[case::file(|folder: &Path| std::fs::File::open(folder.join("artos-auth.toml")).unwrap().into(), "`main` is neither a TCP nor a Unix stream socket")]
#[case::connection(
    |_: &Path| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        TcpStream::connect(listener.local_addr().unwrap()).unwrap().into()
    },
    "`main` is not a listening socket; set `Accept=no`"
)]
#[case::abstract_name(
    |folder: &Path| {
        let name = unix::SocketAddr::from_abstract_name(folder.as_os_str().as_encoded_bytes()).unwrap();
        UnixListener::bind_addr(&name).unwrap().into()
    },
    "`main` has no path, so that every user of this machine can connect"
)]
fn what_is_no_listening_socket_is_refused(#[case] passed: fn(&Path) -> OwnedFd, #[case] problem: &str) {
    let files = Files::new("");
    let sockets = vec![passed(files.folder.path())];
    let service = Service::start(files, Passed { sockets, ..Passed::default() });
    let (status, errors) = service.ended();
    assert_eq!(status.code(), Some(2), "{errors}");
    assert!(errors.starts_with(&format!("error: the passed socket {problem}")), "{errors}");
}

#[rstest]
#[case::unknown_name(
    1,
    Some("http"),
    "`LISTEN_FDNAMES`: unknown name `http`; expected `FileDescriptorName=main`"
)]
#[case::too_few_names(2, Some("main"), "`LISTEN_FDNAMES`: 1 names for 2 sockets")]
#[case::two_unnamed(2, None, "`LISTEN_FDNAMES`: two sockets for `main`")]
fn names_that_do_not_fit_are_refused(
    #[case] count: usize,
    #[case] names: Option<&'static str>,
    #[case] problem: &str,
) {
    let sockets = (0..count).map(|_| tcp().1).collect();
    let (status, errors) = start("", sockets, names).ended();
    assert_eq!(status.code(), Some(2), "{errors}");
    assert!(errors.starts_with(&format!("error: {problem}")), "{errors}");
}

/// Variables that a process inherited, but that name the process id of its parent, are ignored.
#[test]
fn sockets_of_another_process_are_left_alone() {
    let environment = vec![
        ("LISTEN_FDS", "5".to_owned()),
        ("LISTEN_PID", std::process::id().to_string()),
        ("LISTEN_FDNAMES", "http".to_owned()),
    ];
    let files = Files::new("listen = \"127.0.0.1:0\"\n");
    let child = std::process::Command::new(env!("CARGO_BIN_EXE_artos-auth"))
        .args(["serve", "--config", files.path("artos-auth.toml").to_str().unwrap()])
        .envs(environment)
        .stdout(std::fs::File::create(files.path("out")).unwrap())
        .stderr(std::fs::File::create(files.path("err")).unwrap())
        .spawn()
        .unwrap();
    let service = Service { child, files, notifications: None };
    assert_eq!(status(&exchange(service.address(), get("/api/v1/templates/", "").as_bytes())), 401);
}
