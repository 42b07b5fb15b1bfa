//! An in-process server that takes its state, time and context from the requested case.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use artos_auth_engine::{Account, Context, Organizations, ResourceOrg, Resources, TenantScope};
use artos_auth_fixtures::case::Case;
use artos_auth_fixtures::decider::Account as CaseAccount;
use artos_auth_fixtures::engine::EngineDecider;
use artos_auth_server::config::{Audit, Limits, Realms};
use artos_auth_server::{
    AuditLog, ContextResolver, Format, QueueNumbers, RequestView, Server, Snapshot, Writer,
};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Far longer than a response takes: a test that hangs fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The contexts of all cases, by the field that names the case.
struct Contexts(Vec<(Option<Organizations>, ResourceOrg<'static>, Account)>);

impl ContextResolver for Contexts {
    fn resolve<'s>(&'s self, request: &RequestView<'_>, _: &'s Snapshot) -> Context<'s> {
        let index: usize = request.headers["x-case"].to_str().unwrap().parse().unwrap();
        let (realm, resource_org, account) = &self.0[index];
        Context::of(resource_org.clone())
            .realm(realm.as_ref().map_or(TenantScope::Any, TenantScope::Among))
            .account(*account)
    }
}

impl Contexts {
    fn of(cases: &[Case]) -> Self {
        let context = |case: &Case| {
            let context = &case.question.context;
            let resource_org = match (context.resource_unresolved, &context.resource_org) {
                (true, _) => ResourceOrg::Unresolved,
                (false, Some(organization)) => ResourceOrg::Owned(Cow::Owned(organization.clone())),
                (false, None) => ResourceOrg::Unowned,
            };
            let account = match context.account {
                CaseAccount::Unknown => Account::Unknown,
                CaseAccount::Active => Account::Active,
                CaseAccount::NotAMember => Account::NotAMember,
                CaseAccount::NotConfigured => Account::NotConfigured,
            };
            (
                context.realm.as_ref().map(|realm| realm.iter().map(String::as_str).collect()),
                resource_org,
                account,
            )
        };
        Self(cases.iter().map(context).collect())
    }
}

/// A server with the state and time of the requested case.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    state: Arc<ArcSwap<Snapshot>>,
    now: Arc<AtomicU64>,
    audit: Sink,
    writer: Writer,
}

impl Running {
    pub(crate) async fn start(cases: &[Case]) -> Self {
        let state = Arc::new(ArcSwap::from_pointee(state_of(&cases[0])));
        let now = Arc::new(AtomicU64::new(cases[0].question.now));
        let audit = Sink::default();
        let (log, writer) =
            AuditLog::start(audit.clone(), Format::Json, &Audit::default(), QueueNumbers::default()).unwrap();
        let clock = Arc::clone(&now);
        let server = Server::builder(Arc::clone(&state))
            .clock(move || Duration::from_secs(clock.load(Ordering::SeqCst)))
            .resolver(Contexts::of(cases))
            .limits(Limits::of_tokens(65_536))
            .audit(log)
            .build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { server.serve(listener, std::future::pending()).await });
        Self { address, state, now, audit, writer }
    }

    pub(crate) fn ask_under(&self, case: &Case) {
        self.state.store(Arc::new(state_of(case)));
        self.now.store(case.question.now, Ordering::SeqCst);
    }

    /// Sends the bytes on a new connection and returns everything received.
    pub(crate) async fn exchange(&self, request: &[u8]) -> String {
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(request).await.unwrap();
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            String::from_utf8_lossy(&answer).into_owned()
        };
        tokio::time::timeout(PATIENCE, exchange).await.expect("an answer")
    }

    /// The lines of the audit log.
    pub(crate) async fn stop(self) -> Vec<Value> {
        assert!(self.writer.close(PATIENCE), "everything was written");
        let bytes = self.audit.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn state_of(case: &Case) -> Snapshot {
    let engine = EngineDecider::new(&case.setup).unwrap().engine().clone();
    Snapshot::new(engine, Realms::default(), Resources::default())
}

/// Receives the audit log.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
