//! Measures how long a revocation takes: revokes a valid token and sends it to each instance until all refuse it.

mod command;
mod judgement;
mod poll;
mod report;
mod token;

use std::time::Duration;

use crate::judge::{self, Known};
use crate::profile::{Placeholder, Profile, Revocation};
use crate::revocation::poll::Instance;
use crate::revocation::token::RunToken;
use crate::run::clock::{Clock, http_date, timestamp};
use crate::run::suite::{RunError, run_id};
use crate::secret::Redactor;
use crate::transport::{Request, RequestOutcome, Transport, TransportOptions};

pub use judgement::{End, Finding, Observation, Seen, judge, summarize};
pub use report::{InstanceResult, RevocationReport, RunResult, RunSummary};

/// The timeout of the command.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// The pause after a run that revoked an organization: the next token must be issued after that instant.
const ORGANIZATION_PAUSE: Duration = Duration::from_secs(4);

/// The measurement, configured for a deployment.
#[derive(Clone, Debug)]
pub struct Probe {
    profile: Profile,
    transport: TransportOptions,
    runs: u32,
    limit: Duration,
    command_limit: Duration,
}

impl Probe {
    /// One run of at most ten seconds.
    pub fn new(profile: Profile) -> Self {
        Self {
            profile,
            transport: TransportOptions::default(),
            runs: 1,
            limit: Duration::from_secs(10),
            command_limit: COMMAND_LIMIT,
        }
    }

    /// How to connect to the instances.
    #[must_use]
    pub fn transport(mut self, options: TransportOptions) -> Self {
        self.transport = options;
        self
    }

    /// How often to revoke a token; more than once needs a key to mint tokens with.
    #[must_use]
    pub fn runs(mut self, runs: u32) -> Self {
        self.runs = runs;
        self
    }

    /// How long an instance may continue to accept the token.
    #[must_use]
    pub fn max_seconds(mut self, seconds: u64) -> Self {
        self.limit = Duration::from_secs(seconds);
        self
    }

    /// The timeout of the command; 60 seconds by default.
    #[must_use]
    pub fn command_limit(mut self, limit: Duration) -> Self {
        self.command_limit = limit;
        self
    }

    /// Revokes and measures.
    ///
    /// # Errors
    ///
    /// [`RunError::Usage`] if the profile lacks something, or the command fails; [`RunError::Untestable`] if an instance
    /// does not accept the token before it is revoked.
    pub async fn run(self) -> Result<RevocationReport, RunError> {
        let started_at = timestamp();
        let revocation = self.revocation()?;
        let mut instances = self.instances(revocation)?;
        let clock = self.clock(&mut instances).await?;
        let run_id = run_id();
        let mut runs = Vec::new();
        for number in 1..=self.runs {
            let token = RunToken::new(&self.profile, clock.now(), &run_id, number, self.lifetime())
                .map_err(RunError::Usage)?;
            let mut redactor = Redactor::default();
            redactor.add_token(token.text.expose());
            let mut request = Request::new("GET", self.profile.endpoints.protected.path.as_str())
                .bearer(token.text.expose());
            request.request_id = format!("{run_id}-{number}");
            for instance in &mut instances {
                self.require_acceptance(instance, &request, &redactor).await?;
            }
            command::run(revocation, &token, &self.profile.path, self.command_limit)
                .await
                .map_err(RunError::Usage)?;
            let observed = poll::watch(&mut instances, &request, &redactor, self.limit).await;
            let run = RunResult::new(token.id, instances.iter().map(Instance::name).zip(&observed));
            let stopped = run.instances.iter().any(|instance| matches!(instance.end, End::Silent(_)));
            runs.push(run);
            if stopped {
                break;
            }
            if number < self.runs && revocation.uses(Placeholder::Organization) {
                tokio::time::sleep(ORGANIZATION_PAUSE).await;
            }
        }
        Ok(RevocationReport::new(self.profile.target.to_string(), started_at, runs))
    }

    fn revocation(&self) -> Result<&Revocation, RunError> {
        let usage = |why: String| Err(RunError::Usage(why));
        let profile = self.profile.path.display();
        if self.runs > 1 && self.profile.signing.is_none() {
            return usage(format!(
                "--runs {} needs [signing] in {profile}: each run revokes its own token",
                self.runs
            ));
        }
        match &self.profile.revocation {
            Some(revocation) => Ok(revocation),
            None => usage(format!(
                "{profile}: has no [revocation]: write `command = [\"…\", \"{{token_id}}\"]`, which revokes a token, under it"
            )),
        }
    }

    /// How long a token must be valid: until the last request of its run.
    fn lifetime(&self) -> Duration {
        self.command_limit + self.limit + self.transport.timeout
    }

    fn instances(&self, revocation: &Revocation) -> Result<Vec<Instance>, RunError> {
        // Trying again would delay the next request by more than the interval between two.
        let options = TransportOptions { retries: 0, ..self.transport.clone() };
        let target = &self.profile.target;
        let usage = |error: crate::transport::TlsSetupError| RunError::Usage(error.to_string());
        if revocation.addresses.is_empty() {
            let transport = Transport::new(target.clone(), options).map_err(usage)?;
            let host =
                if target.host.contains(':') { format!("[{}]", target.host) } else { target.host.clone() };
            return Ok(vec![Instance::new(format!("{host}:{}", target.port), transport)]);
        }
        let instances = revocation.addresses.iter().map(|address| {
            let transport =
                Transport::to_instance(target.clone(), options.clone(), &address.host, address.port);
            Ok(Instance::new(address.text.clone(), transport.map_err(usage)?))
        });
        instances.collect()
    }

    /// The deployment's clock, from the first instance's `Date`.
    async fn clock(&self, instances: &mut [Instance]) -> Result<Clock, RunError> {
        let request = Request::new("GET", self.profile.endpoints.public.path.as_str());
        let Some(instance) = instances.first_mut() else { return Ok(Clock::default()) };
        match instance.ask(&request).await {
            RequestOutcome::Response(response) => {
                Ok(Clock::by_date(response.value("date").as_deref().and_then(http_date)).0)
            }
            answer => Err(unreachable(instance, &answer)),
        }
    }

    async fn require_acceptance(
        &self,
        instance: &mut Instance,
        request: &Request,
        redactor: &Redactor,
    ) -> Result<(), RunError> {
        let answer = instance.ask(request).await;
        match &answer {
            RequestOutcome::Response(response) if response.is_success() => Ok(()),
            RequestOutcome::Response(_) => {
                let observed = redactor.clean(&judge::describe(&answer, &Known::default()));
                Err(RunError::Untestable(format!(
                    "{}: GET {} with a token that is not revoked yet answered {observed}",
                    instance.name(),
                    self.profile.endpoints.protected.path,
                )))
            }
            answer => Err(unreachable(instance, answer)),
        }
    }
}

fn unreachable(instance: &Instance, answer: &RequestOutcome) -> RunError {
    let why = match answer {
        RequestOutcome::Unreachable(error) => error.to_string(),
        other => judge::describe(other, &Known::default()),
    };
    RunError::Untestable(format!("{}: {why}", instance.name()))
}
