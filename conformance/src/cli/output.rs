//! The arguments of the commands that write a report, and how they write it.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Failure, format, say, sign, write};
use crate::profile::Profile;
use crate::report::{Format, Outcome, Report};
use crate::token::SigningKey;

#[derive(Args, Debug)]
pub(super) struct ReportArgs {
    /// The profile: which deployment, which endpoints, which tokens or key
    #[arg(long, value_name = "FILE")]
    pub(super) profile: PathBuf,
    /// The deployment's URL; overrides the profile's
    #[arg(long, value_name = "URL")]
    target: Option<String>,
    /// human, json, junit, markdown, html, sarif or badge
    #[arg(long, value_name = "FORMAT", default_value = "human", value_parser = format)]
    pub(super) format: Format,
    /// Write the report to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Sign the report with this private JWK: a detached JWS beside it, in FILE.jws
    #[arg(long, value_name = "JWK", requires = "output")]
    sign: Option<PathBuf>,
}

/// The destination of a report: standard output or a file, with or without a signature.
pub(super) struct Destination<'a> {
    output: Option<&'a Path>,
    key: Option<SigningKey>,
}

impl ReportArgs {
    pub(super) fn load_profile(&self) -> Result<Profile, Failure> {
        Profile::load(&self.profile, self.target.as_deref()).map_err(Failure::usage)
    }

    /// Reads the signing key and opens the output, before the first request: a report that cannot be written or signed
    /// would otherwise be lost.
    pub(super) fn destination(&self) -> Result<Destination<'_>, Failure> {
        let key = self.sign.as_deref().map(sign::key).transpose()?;
        let output = self.output.as_deref();
        if let Some(path) = output {
            std::fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(path)
                .map_err(|error| Failure::usage(format!("{}: cannot be written: {error}", path.display())))?;
        }
        Ok(Destination { output, key })
    }
}

impl Destination<'_> {
    /// Whether the report goes to a terminal that shows colors.
    pub(super) fn shows_color(&self) -> bool {
        self.output.is_none() && io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
    }

    /// Writes the report, and its signature.
    pub(super) fn write(&self, text: &str) -> Result<(), Failure> {
        write(self.output, text)?;
        if let (Some(key), Some(output)) = (&self.key, self.output) {
            sign::sign(key, output)?;
        }
        Ok(())
    }
}

/// What a log shows of a report that went to a file: the failed cases, with warnings those too, and the verdict.
pub(super) fn summarize(report: &Report, warnings: bool, verdict: &str) {
    let shown: &[Outcome] = if warnings { &[Outcome::Failed, Outcome::Warned] } else { &[Outcome::Failed] };
    for outcome in shown {
        for case in report.with_outcome(*outcome).filter(|case| case.known.is_none()) {
            let observed = case.observed.as_deref().unwrap_or("nothing");
            let what = match (outcome, case.wrongly_allowed) {
                (Outcome::Warned, _) => "warning",
                (_, true) => "wrongly allowed",
                (_, false) => "failed",
            };
            say(&format!("{what}: {}: expected {}, observed {observed}", case.id, case.expected));
        }
    }
    say(&format!("{} {verdict}", report.target));
}
