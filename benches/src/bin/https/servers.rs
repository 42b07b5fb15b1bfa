//! The certificate of both servers, and nginx with one worker, pinned to the first core.

use std::path::Path;
use std::process::Command;

use artos_auth_benches::process::{Running, Scratch, free_address, pinned};

/// Writes a self-signed ECDSA certificate and its key.
pub(crate) fn certificate(scratch: &Scratch) {
    let mut command = Command::new("openssl");
    command
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=test-only", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout"])
        .arg(scratch.path("tls.key"))
        .arg("-out")
        .arg(scratch.path("tls.crt"));
    let output = command.output().expect("`openssl` is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// nginx with its defaults for TLS, which answers with an empty 204 and writes no log.
pub(crate) fn nginx(scratch: &Scratch) -> Running {
    let address = free_address();
    let (certificate, key) = (scratch.path("tls.crt"), scratch.path("tls.key"));
    let config = format!(
        "daemon off;\nmaster_process off;\npid {pid};\nerror_log /dev/null;\nevents {{ worker_connections 1024; }}\n\
         http {{\n  access_log off;\n  keepalive_requests 1000000000;\n\
         \x20 server {{\n    listen {address} ssl;\n    ssl_protocols TLSv1.2 TLSv1.3;\n\
         \x20   ssl_certificate {certificate};\n    ssl_certificate_key {key};\n\
         \x20   location / {{ return 204; }}\n  }}\n}}\n",
        pid = scratch.path("nginx.pid").display(),
        certificate = certificate.display(),
        key = key.display(),
    );
    let config = scratch.write("nginx.conf", &config);
    let mut nginx = pinned(Path::new("nginx"));
    nginx.arg("-c").arg(config);
    Running::listening(nginx, "https", address)
}

/// `nginx/1.22.1, OpenSSL 3.0.19`.
pub(crate) fn nginx_version() -> String {
    let output = Command::new("nginx").arg("-V").output().expect("`nginx` is installed");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let after = |name: &str| -> String {
        let rest = text.split_once(name).map_or("unknown", |(_, rest)| rest);
        rest.split_whitespace().next().unwrap_or("unknown").to_owned()
    };
    let linked =
        if text.contains("running with OpenSSL ") { "running with OpenSSL " } else { "built with OpenSSL " };
    format!("{}, OpenSSL {}", after("nginx version: "), after(linked))
}
