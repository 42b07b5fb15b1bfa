//! The process: files, ports, signals and threads around a [`Server`].
//!
//! Requests are answered on a runtime of their own. The main thread keeps the admin port, signals and reloads, so
//! that it is there for them even while decisions wait for the audit trail.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use artos_auth_engine::{CacheBytes, Engine, HashKey};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::admin::Admin;
use crate::audit::{AuditLog, Format, Level, Writer};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{self, Audit, Config, Limits, ListenAddress};
use crate::dev::{Accounts, Dev, Output};
use crate::files::Look;
use crate::health::{Effect, Health};
use crate::http::port::{Bound, bind};
use crate::http::tls::{Loaded, Tls};
use crate::metrics::Metrics;
use crate::quote::redact;
use crate::server::Server;
use crate::sources::status::Reporter;
use crate::sources::tls::watch_expiry;
use crate::sources::watch::Bells;
use crate::sources::{self, configuration::FirstLoad};

/// Runs the server of a configuration file until a signal ends it.
///
/// SIGTERM and SIGINT let answers in flight finish, within `limits.shutdown_seconds`, and a second one ends at
/// once; SIGHUP loads the files again.
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

/// How long what is left of the audit trail may take at the end.
const LAST_LINES: Duration = Duration::from_secs(5);

fn with_config(file: &Path, listen: Option<&ListenAddress>) -> Result<ExitCode, String> {
    let control = control_runtime()?;
    let ended = run_with_config(&control, file, listen);
    // Not waiting for a host name that is being resolved.
    control.shutdown_background();
    ended
}

fn run_with_config(
    control: &Runtime,
    file: &Path,
    listen: Option<&ListenAddress>,
) -> Result<ExitCode, String> {
    control.block_on(async {
        // Before anything else: a SIGHUP that arrives now is remembered, and does not end the process.
        let mut signals = Signals::new()?;
        let path = file.to_owned();
        let Some(read) = unless_ended(&mut signals, move || read_config(&path)).await? else {
            return Ok(ExitCode::SUCCESS);
        };
        let (config, look) = read?;
        let main = bind("listen", listen.unwrap_or(&config.listen), config.socket_mode).await?;
        let admin_bound = match &config.admin_listen {
            Some(address) => Some(bind("admin_listen", address, config.socket_mode).await?),
            None => None,
        };

        let (health, metrics) = (Health::new(), Metrics::new());
        let (trail, writer) = start_trail(control, &config.audit, &metrics)?;
        warn_of_plaintext(&config, listen, &trail);

        // From here on, clients learn that it is not ready yet: many revocations take some seconds.
        let (stop_admin, admin_stopped) = oneshot::channel::<()>();
        let admin = Admin::new(health.clone(), metrics.clone()).with_audit(trail.clone());
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
        let limits = config.limits;
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
        let Some(first) = unless_ended(&mut signals, move || FirstLoad::read(config, look)).await? else {
            return Ok(ExitCode::SUCCESS);
        };
        let reporter = Reporter { health: health.clone(), metrics: metrics.clone(), log: trail.clone() };
        let bells = Bells::default();
        let certificates = match &tls {
            None => Vec::new(),
            Some((files, tls)) => {
                if let Some(warning) = config::secret_file_warning(&files.key) {
                    trail.note(Level::Warning, &warning);
                }
                tokio::spawn(watch_expiry(tls.clone(), reporter.clone()));
                sources::tls::start(files, tls, &reporter, &bells)?
            }
        };
        let (publisher, sources) = first?.start(reporter, &bells, |engine| with_cache(engine, limits))?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let mut lines = vec![format!("listening on {}", url(scheme, &main.address))];
        lines.extend(admin_address.map(|address| format!("admin on {}", url("http", &address))));
        let server = Server::builder(Arc::clone(publisher.snapshot()))
            .limits(within_descriptors(limits, &trail))
            .trail(trail.clone())
            .metrics(metrics)
            .health(health.clone())
            .tls(tls.map(|(_, tls)| tls))
            .build();
        check_clock(&health, &trail);
        health.is_ready();
        announce(&lines.join("\n"));
        let process = Process { server, limits, health, trail, writer, signals, bells };
        let ended = process.run(main).await;
        drop((sources, certificates));
        let _ = stop_admin.send(());
        let _ = timeout(Duration::from_secs(1), admin_port).await;
        ended
    })
}

fn read_config(path: &Path) -> Result<(Config, Look), String> {
    let contents =
        config::read_contents(path, config::MAX_CONFIG_BYTES).map_err(|error| error.to_string())?;
    let config = config::parse_bytes(path, contents.bytes).map_err(|error| error.to_string())?;
    Ok((config, contents.look))
}

/// Does something on a thread of its own, unless a signal ends the process before it is done. The thread is not waited for:
/// it may read a file that never ends.
async fn unless_ended<T: Send + 'static>(
    signals: &mut Signals,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<Option<T>, String> {
    let (send, done) = oneshot::channel();
    std::thread::Builder::new()
        .name("start".to_owned())
        .spawn(move || drop(send.send(work())))
        .map_err(|error| format!("cannot start a thread: {error}"))?;
    tokio::select! {
        done = done => done.map(Some).map_err(|_| "the files cannot be loaded".to_owned()),
        _ = signals.end() => Ok(None),
    }
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
    let (trail, writer) = start_trail(&control, &Audit::default(), &metrics)?;
    if let Some(warning) = config::plaintext_warning("--listen", address) {
        trail.note(Level::Warning, &warning);
        trail.note(Level::Warning, "this is a demonstration: anyone who reads its output can use its tokens");
    }
    let limits = Limits::of_tokens(dev.state().engine().policy().max_token_bytes());
    let introduction = dev.introduction(address)?;
    let state = dev.into_state();
    let state = state.with_engine(with_cache(state.engine().clone(), limits)?);
    let server = Server::builder(Arc::new(ArcSwap::from_pointee(state)))
        .resolver(Accounts)
        .limits(within_descriptors(limits, &trail))
        .trail(trail.clone())
        .metrics(metrics)
        .build();
    control.block_on(async {
        let signals = Signals::new()?;
        announce(&format!("listening on http://{address}\n\n{introduction}"));
        let bells = Bells::default();
        Process { server, limits, health, trail, writer, signals, bells }.run(bound).await
    })
}

/// The engine with a cache of the configured size. Its hash key is random, so that an attacker cannot construct tokens that
/// evict others.
pub(crate) fn with_cache(engine: Engine, limits: Limits) -> Result<Engine, String> {
    if limits.cache_bytes == 0 {
        return Ok(engine);
    }
    let mut key = [0; 8];
    // Not from the crypto library, whose first draw gathers entropy of its own for longer than all else at the start takes.
    getrandom::fill(&mut key).map_err(|_| "the system has no random bytes".to_owned())?;
    Ok(engine.with_cache(CacheBytes(limits.cache_bytes), HashKey(u64::from_le_bytes(key))))
}

/// Everything that runs, once it is put together.
struct Process {
    server: Server,
    limits: Limits,
    health: Health,
    trail: AuditLog,
    writer: Writer,
    signals: Signals,
    /// What SIGHUP rings.
    bells: Bells,
}

impl Process {
    async fn run(self, bound: Bound) -> Result<ExitCode, String> {
        let mut signals = self.signals;
        let serving = Builder::new_multi_thread()
            .enable_io()
            .enable_time()
            .thread_name("serve")
            .build()
            .map_err(|error| format!("cannot start the worker threads: {error}"))?;
        let (stop, stopped) = oneshot::channel::<()>();
        let server = self.server.clone();
        let Bound { file, port, .. } = bound;
        let port = port.detach().map_err(|error| format!("the port cannot be used: {error}"))?;
        let answering = serving.spawn(async move {
            let port = port.attach()?;
            server.serve_port(port, async { drop(stopped.await) }).await;
            Ok::<(), io::Error>(())
        });

        let watching_clock = tokio::spawn(watch_clock(self.health.clone(), self.trail.clone()));
        while let Event::HangUp = signals.next().await {
            self.trail.reopen();
            self.bells.hang_up();
        }
        self.health.is_stopping();
        self.trail.note(Level::Info, "ending: answers in flight may finish");
        // While the port is open, so that no other file can be taken for its own.
        drop(file);
        let _ = stop.send(());

        // A little more than the server gives itself: it may not get to it, where decisions wait for the trail.
        let patience = self.limits.shutdown_time + Duration::from_secs(2);
        let at_once = tokio::select! {
            _ = timeout(patience, answering) => None,
            signal = signals.end() => Some(signal),
        };
        watching_clock.abort();
        let written = at_once.is_none() && self.writer.close(LAST_LINES);
        serving.shutdown_background();
        Ok(match at_once {
            // As a shell reports a process that a signal ended.
            Some(signal) => ExitCode::from(signal),
            None if written => ExitCode::SUCCESS,
            // Lines are lost, and standard error, where that would be said, is what does not take them.
            None => ExitCode::from(2),
        })
    }
}

/// How often the system clock is checked.
const CLOCK_INTERVAL: Duration = Duration::from_secs(1);

/// Tells the operator when the clock cannot be right, and when it is again. Each request looks for itself.
async fn watch_clock(health: Health, trail: AuditLog) {
    loop {
        check_clock(&health, &trail);
        tokio::time::sleep(CLOCK_INTERVAL).await;
    }
}

fn check_clock(health: &Health, trail: &AuditLog) {
    let reading = SystemClock.now();
    match reading.problem() {
        Some(problem) if health.failed("clock", reading.since_epoch, Effect::Unready, &problem) => {
            trail.note(Level::Error, &problem);
        }
        Some(_) => {}
        None if health.works("clock") => trail.note(Level::Info, "the system clock is usable again"),
        None => {}
    }
}

/// What a signal asks for.
enum Event {
    HangUp,
    End,
}

struct Signals {
    hang_up: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Self, String> {
        let of = |kind| signal(kind).map_err(|error| format!("signals cannot be received: {error}"));
        Ok(Self {
            hang_up: of(SignalKind::hangup())?,
            interrupt: of(SignalKind::interrupt())?,
            terminate: of(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Event {
        tokio::select! {
            _ = self.hang_up.recv() => Event::HangUp,
            _ = self.interrupt.recv() => Event::End,
            _ = self.terminate.recv() => Event::End,
        }
    }

    /// The exit status of the next signal that ends the process.
    async fn end(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
        }
    }
}

fn control_runtime() -> Result<Runtime, String> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))
}

/// An address as the first lines of output have it.
fn url(scheme: &str, address: &ListenAddress) -> String {
    match address {
        ListenAddress::Ip(address) => format!("{scheme}://{address}"),
        ListenAddress::Unix(_) => address.to_string(),
    }
}

fn start_trail(control: &Runtime, audit: &Audit, metrics: &Metrics) -> Result<(AuditLog, Writer), String> {
    {
        let _guard = control.enter();
        // With a handler, a write beyond the limit on the size of files fails, and does not end the process.
        let exceeded = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
        drop(signal(exceeded).map_err(|error| format!("signals cannot be received: {error}"))?);
    }
    let format = if io::stderr().is_terminal() { Format::Text } else { Format::Json };
    AuditLog::start(io::stderr(), format, audit, metrics.audit.clone())
}

/// The warnings of the file, and of the flag that wins over it.
fn warn_of_plaintext(config: &Config, listen: Option<&ListenAddress>, trail: &AuditLog) {
    let overridden = listen.and(config.listen.ip());
    let overridden = overridden.and_then(|address| config::plaintext_warning("listen", address));
    for warning in config.warnings.iter().filter(|warning| Some(*warning) != overridden.as_ref()) {
        trail.note(Level::Warning, &format!("{}: {warning}", config.path.display()));
    }
    let plaintext = listen.and_then(ListenAddress::ip).filter(|_| config.tls.is_none());
    if let Some(warning) = plaintext.and_then(|listen| config::plaintext_warning("--listen", listen)) {
        trail.note(Level::Warning, &warning);
    }
}

/// Prints to standard output. Errors are ignored, because it may be closed.
fn announce(text: &str) {
    let mut output = io::stdout().lock();
    let _ = writeln!(output, "{text}").and_then(|()| output.flush());
}

/// Takes as many descriptors as the system gives, and as many connections as fit into them.
fn within_descriptors(limits: Limits, trail: &AuditLog) -> Limits {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    /// Files, ports, threads' own and a few admin connections.
    const RESERVED: u64 = 128;

    let wanted = u64::try_from(limits.connections).unwrap_or(u64::MAX).saturating_add(RESERVED);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let current = match current {
        Some(current) if current < raised => {
            match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }) {
                Ok(()) => Some(raised),
                Err(_) => Some(current),
            }
        }
        current => current,
    };
    let fit = current.map_or(wanted, |current| current.min(wanted)).saturating_sub(RESERVED).max(1);
    let connections = usize::try_from(fit).unwrap_or(usize::MAX).min(limits.connections);
    if connections < limits.connections {
        let message = format!(
            "`limits.connections`: the system's limit on open files leaves room for {connections} of {}; raise it \
             (`LimitNOFILE=`, `ulimit -n`)",
            limits.connections
        );
        trail.note(Level::Warning, &message);
    }
    Limits { connections, ..limits }
}
