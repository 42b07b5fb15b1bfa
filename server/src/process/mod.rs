//! The process: files, ports, signals and threads around a [`Server`].
//!
//! Requests are answered on a separate runtime. The main thread serves the admin port and handles signals and
//! reloads, so that these work even while decisions wait for the audit log.

mod addresses;
mod descriptors;
mod running;
mod signals;

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use artos_auth_engine::{CacheBytes, Engine, HashKey};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::timeout;

use addresses::{Ports, url};
use descriptors::within_descriptors;
use running::{Process, check_clock};
use signals::{Signals, unless_ended};

use crate::admin::Admin;
use crate::audit::{AuditLog, Format, Level, Writer};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{self, Audit, Config, Limits, ListenAddress};
use crate::dev::{Accounts, Dev, Output};
use crate::files::FileVersion;
use crate::health::Health;
use crate::http::port::{Bound, bind};
use crate::http::tls::{Loaded, Tls};
use crate::metrics::Metrics;
use crate::otlp::Exporter;
use crate::quote::redact;
use crate::server::Server;
use crate::sources::status::Reporter;
use crate::sources::tls::watch_expiry;
use crate::sources::watch::Bells;
use crate::sources::{self, configuration::FirstLoad};
use crate::systemd::sockets::Passed;

/// Runs the server of a configuration file until a signal ends it.
///
/// After SIGTERM or SIGINT, answers in flight may finish within `limits.shutdown_seconds`; a second signal
/// ends the process at once. SIGHUP loads the files again.
pub(crate) fn run(config: &Path, listen: Option<&ListenAddress>) -> ExitCode {
    with_config(config, listen).unwrap_or_else(|problem| refuse(&problem))
}

/// Runs the demonstration until a signal ends it.
pub(crate) fn run_dev(output: Output<'_>, listen: Option<&ListenAddress>) -> ExitCode {
    Dev::new(output).and_then(|dev| with_dev(dev, listen)).unwrap_or_else(|problem| refuse(&problem))
}

fn refuse(problem: &str) -> ExitCode {
    eprintln!("error: {}", redact(problem));
    ExitCode::from(2)
}

fn with_config(file: &Path, listen: Option<&ListenAddress>) -> Result<ExitCode, String> {
    // Before the first thread starts, because it changes the environment.
    let passed = Passed::take()?;
    let control = control_runtime()?;
    let ended = run_with_config(&control, file, listen, passed);
    // Does not wait for a host name lookup in progress.
    control.shutdown_background();
    ended
}

fn run_with_config(
    control: &Runtime,
    file: &Path,
    listen: Option<&ListenAddress>,
    passed: Passed,
) -> Result<ExitCode, String> {
    control.block_on(async {
        // Before anything else: a SIGHUP that arrives now is remembered, and does not end the process.
        let mut signals = Signals::new()?;
        let path = file.to_owned();
        let Some(read) = unless_ended(&mut signals, move || read_config(&path)).await? else {
            return Ok(ExitCode::SUCCESS);
        };
        let (config, version) = read?;
        let ports = Ports::open(&config, listen, passed).await?;
        let (health, metrics) = (Health::new(), Metrics::new());
        let opened = {
            let (runtime, audit, metrics) = (control.handle().clone(), config.audit.clone(), metrics.clone());
            unless_ended(&mut signals, move || start_audit(&runtime, &audit, &metrics)).await?
        };
        let Some(opened) = opened else { return Ok(ExitCode::SUCCESS) };
        let (audit, writer) = opened?;
        ports.warn(&config, &audit);
        let (main, admin_bound) = (ports.main, ports.admin);

        // From here on, `/readyz` says that the server is not ready: loading many revocations takes seconds.
        let (stop_admin, admin_stopped) = oneshot::channel::<()>();
        let admin = Admin::new(health.clone(), metrics.clone()).with_audit(audit.clone());
        let admin_address = admin_bound.as_ref().map(|bound| bound.address.clone());
        let admin_port = tokio::spawn(async move {
            if let Some(Bound { file, port, .. }) = admin_bound {
                let stopped = async {
                    drop(admin_stopped.await);
                    drop(file);
                };
                admin.serve(port, stopped).await;
            }
        });
        let (limits, otlp) = (config.limits, config.otlp.clone());
        let tls = match config.tls.clone() {
            None => None,
            Some(files) => {
                let now = SystemClock.now().since_epoch.as_secs();
                let read = {
                    let files = files.clone();
                    unless_ended(&mut signals, move || Loaded::read(&files, now)).await?
                };
                let Some(loaded) = read else { return Ok(ExitCode::SUCCESS) };
                Some((files, Tls::new(loaded?)))
            }
        };
        let Some(first) = unless_ended(&mut signals, move || FirstLoad::read(config, version)).await? else {
            return Ok(ExitCode::SUCCESS);
        };
        let reporter = Reporter { health: health.clone(), metrics: metrics.clone(), log: audit.clone() };
        let bells = Bells::default();
        let certificates = match &tls {
            None => Vec::new(),
            Some((files, tls)) => {
                if let Some(warning) = config::secret_file_warning(&files.key) {
                    audit.note(Level::Warning, &warning);
                }
                tokio::spawn(watch_expiry(tls.clone(), reporter.clone()));
                sources::tls::start(files, tls, &reporter, &bells)?
            }
        };
        let (publisher, sources) = first?.start(reporter, &bells, |engine| with_cache(engine, limits))?;
        let otlp =
            otlp.map(|otlp| Exporter::start(&otlp, metrics.spans.clone(), audit.clone())).transpose()?;
        let (exporter, tracer) = otlp.unzip();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let main_url = url(scheme, &main.address);
        let mut lines = vec![format!("listening on {main_url}")];
        lines.extend(admin_address.map(|address| format!("admin on {}", url("http", &address))));
        let server = Server::builder(Arc::clone(publisher.snapshot()))
            .limits(within_descriptors(limits, &audit))
            .audit(audit.clone())
            .metrics(metrics)
            .tracer(tracer)
            .health(health.clone())
            .tls(tls.map(|(_, tls)| tls))
            .build();
        check_clock(&health, &audit);
        health.is_ready();
        announce(lines.join("\n"));
        let process =
            Process { server, url: main_url, exporter, limits, health, audit, writer, signals, bells };
        let ended = process.run(main).await;
        drop((sources, certificates));
        let _ = stop_admin.send(());
        let _ = timeout(Duration::from_secs(1), admin_port).await;
        ended
    })
}

fn read_config(path: &Path) -> Result<(Config, FileVersion), String> {
    let contents =
        config::read_contents(path, config::MAX_CONFIG_BYTES).map_err(|error| error.to_string())?;
    let config = config::parse_bytes(path, contents.bytes).map_err(|error| error.to_string())?;
    Ok((config, contents.version))
}

fn with_dev(dev: Dev, listen: Option<&ListenAddress>) -> Result<ExitCode, String> {
    let control = control_runtime()?;
    let bound = control.block_on(bind("--listen", listen.unwrap_or(&ListenAddress::DEFAULT), 0o600))?;
    let Some(address) = bound.address.ip() else {
        return Err(
            "`--listen`: the demonstration needs an IP address and a port, for its `curl` lines".to_owned()
        );
    };
    let (health, metrics) = (Health::new(), Metrics::new());
    let (audit, writer) = start_audit(control.handle(), &Audit::default(), &metrics)?;
    if let Some(warning) = config::plaintext_warning("--listen", address) {
        audit.note(Level::Warning, &warning);
        audit.note(Level::Warning, "this is a demonstration: anyone who reads its output can use its tokens");
    }
    let limits = Limits::of_tokens(dev.state().engine().policy().max_token_bytes());
    let introduction = dev.introduction(address)?;
    let state = dev.into_state();
    let state = state.with_engine(with_cache(state.engine().clone(), limits)?);
    let server = Server::builder(Arc::new(ArcSwap::from_pointee(state)))
        .resolver(Accounts)
        .limits(within_descriptors(limits, &audit))
        .audit(audit.clone())
        .metrics(metrics)
        .build();
    control.block_on(async {
        let signals = Signals::new()?;
        announce(format!("listening on http://{address}\n\n{introduction}"));
        let bells = Bells::default();
        let url = format!("http://{address}");
        Process { server, url, exporter: None, limits, health, audit, writer, signals, bells }
            .run(bound)
            .await
    })
}

/// The engine with a cache of the configured size. Its hash key is random, so that an attacker cannot construct tokens that
/// evict others.
pub(crate) fn with_cache(engine: Engine, limits: Limits) -> Result<Engine, String> {
    if limits.cache_bytes == 0 {
        return Ok(engine);
    }
    let mut key = [0; 8];
    // Not the generator of the crypto library: seeding it takes longer than the rest of the start.
    getrandom::fill(&mut key).map_err(|_| "the system has no random bytes".to_owned())?;
    Ok(engine.with_cache(CacheBytes(limits.cache_bytes), HashKey(u64::from_le_bytes(key))))
}

fn control_runtime() -> Result<Runtime, String> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))
}

fn start_audit(control: &Handle, audit: &Audit, metrics: &Metrics) -> Result<(AuditLog, Writer), String> {
    {
        let _guard = control.enter();
        // With a handler, a write beyond the limit on the size of files fails, and does not end the process.
        let exceeded = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
        drop(signal(exceeded).map_err(|error| format!("signals cannot be received: {error}"))?);
    }
    let format = if io::stderr().is_terminal() { Format::Text } else { Format::Json };
    AuditLog::start(io::stderr(), format, audit, metrics.audit.clone())
}

/// Prints to standard output. Errors are ignored, because it may be closed. On a separate thread, because it may be a pipe
/// that nobody reads, and nothing waits for it.
fn announce(text: String) {
    let print = move || {
        let mut output = io::stdout().lock();
        let _ = writeln!(output, "{text}").and_then(|()| output.flush());
    };
    // Without a thread, the server would not get this far.
    let _ = std::thread::Builder::new().name("announce".to_owned()).spawn(print);
}
