//! The addresses that the process listens on: from the file, a flag or systemd.

use crate::audit::{AuditLog, Level};
use crate::config::{self, Config, ListenAddress};
use crate::http::port::{Bound, bind};
use crate::systemd::sockets::{Passed, Socket};

/// The open ports of a configuration.
pub(super) struct Ports {
    pub(super) main: Bound,
    pub(super) admin: Option<Bound>,
    /// Addresses that are used in place of the file's.
    instead: Vec<Instead>,
}

/// An address that is used in place of one of the file.
struct Instead {
    /// The key in the file.
    key: &'static str,
    /// The setting that an operator changes to use another address.
    origin: &'static str,
    address: ListenAddress,
    notes: Vec<(Level, String)>,
}

impl Ports {
    /// Opens the ports. A passed socket comes before the flag, and the flag before the file.
    pub(super) async fn open(
        config: &Config,
        listen: Option<&ListenAddress>,
        passed: Passed,
    ) -> Result<Self, String> {
        let mut instead = Vec::new();
        let main = match (passed.main, listen) {
            (Some(socket), _) => {
                let (flag, key) = (listen.map(|at| ("--listen", at)), "listen");
                let (unused, at) = flag.unwrap_or((key, &config.listen));
                instead.push(Instead::passed(key, &socket, "main", Some((unused, at))));
                socket.bound()?
            }
            (None, Some(address)) => {
                let bound = bind("listen", address, config.socket_mode).await?;
                let address = address.clone();
                instead.push(Instead { key: "listen", origin: "--listen", address, notes: Vec::new() });
                bound
            }
            (None, None) => bind("listen", &config.listen, config.socket_mode).await?,
        };
        let admin = match (passed.admin, &config.admin_listen) {
            (Some(socket), address) => {
                let unused = address.as_ref().map(|at| ("admin_listen", at));
                instead.push(Instead::passed("admin_listen", &socket, "admin", unused));
                Some(socket.bound()?)
            }
            (None, Some(address)) => Some(bind("admin_listen", address, config.socket_mode).await?),
            (None, None) => None,
        };
        Ok(Self { main, admin, instead })
    }

    /// Logs the warnings of the file, except those about addresses that are not used, and those about the others.
    pub(super) fn warn(&self, config: &Config, audit: &AuditLog) {
        let of_file = |key: &str| match key {
            "listen" => Some(&config.listen),
            _ => config.admin_listen.as_ref(),
        };
        let unused: Vec<String> = self
            .instead
            .iter()
            .filter_map(|instead| config::plaintext_warning(instead.key, of_file(instead.key)?.ip()?))
            .collect();
        let ports = config.port_warnings.iter().filter(|warning| !unused.contains(warning));
        for warning in ports.chain(&config.warnings) {
            audit.note(Level::Warning, &format!("{}: {warning}", config.path.display()));
        }
        for Instead { key, origin, address, notes } in &self.instead {
            for (level, note) in notes {
                audit.note(*level, note);
            }
            let is_plaintext = config.tls.is_none() || *key == "admin_listen";
            let plaintext = address.ip().filter(|_| is_plaintext);
            if let Some(warning) = plaintext.and_then(|address| config::plaintext_warning(origin, address)) {
                audit.note(Level::Warning, &warning);
            }
        }
    }
}

impl Instead {
    /// Of a passed socket; `unused` is the key or flag that it replaces, with its address.
    fn passed(
        key: &'static str,
        socket: &Socket,
        name: &str,
        unused: Option<(&str, &ListenAddress)>,
    ) -> Self {
        let address = socket.address.clone();
        let unused = unused.filter(|(_, unused)| **unused != address);
        let unused = unused.map(|(key, at)| format!("; `{key}` ({at}) is not used"));
        let note =
            format!("`{name}` is the socket {address} that systemd passes{}", unused.unwrap_or_default());
        let mut notes = vec![(Level::Info, note)];
        notes.extend(socket.mode_warning().map(|warning| (Level::Warning, warning)));
        Self { key, origin: "ListenStream=", address, notes }
    }
}

/// An address in the form of the first lines of output.
pub(super) fn url(scheme: &str, address: &ListenAddress) -> String {
    match address {
        ListenAddress::Ip(address) => format!("{scheme}://{address}"),
        ListenAddress::Unix(_) => address.to_string(),
    }
}
