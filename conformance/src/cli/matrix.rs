//! `artos-conformance matrix`.

use std::io::{self, IsTerminal, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;

use super::run::signals;
use super::{Failure, ReachArgs, Status, format, say, sign, write};
use crate::matrix::document::{self, Document};
use crate::matrix::human::verdict_line;
use crate::matrix::plan::Plan;
use crate::matrix::report::MatrixReport;
use crate::matrix::run::Options;
use crate::matrix::select::CellGlob;
use crate::profile::{Matrix, Profile, Target};
use crate::report::baseline::Baseline;
use crate::report::{Format, Outcome};
use crate::run::suite::RunError;
use crate::transport::{Answer, Request, Transport, TransportOptions};

pub(super) const HELP: &str = "\
Example:
  artos-conformance matrix --profile conformance.toml --openapi openapi.json

GET and HEAD are always sent, other methods only with `allow_writes = true`. With --complete,
a skipped cell and an operation without values count as failed. Exit status as for `run`.";

#[derive(Args, Debug)]
pub(super) struct MatrixArgs {
    /// The profile: which deployment, which tokens or key, and [matrix]
    #[arg(long, value_name = "FILE")]
    profile: PathBuf,
    /// The OpenAPI document, JSON or YAML; wins over matrix.openapi
    #[arg(long, value_name = "FILE|URL")]
    openapi: Option<String>,
    /// The deployment's URL; wins over the profile's
    #[arg(long, value_name = "URL")]
    target: Option<String>,
    /// human, json, junit, markdown, html, sarif or badge
    #[arg(long, value_name = "FORMAT", default_value = "human", value_parser = format)]
    format: Format,
    /// Write the report to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Sign the report with this private JWK: a detached JWS beside it, in FILE.jws
    #[arg(long, value_name = "JWK", requires = "output")]
    sign: Option<PathBuf>,
    /// Only these cells: a glob over `operation_id/caller` and `operation_id/caller/resource`; may be given
    /// several times
    #[arg(long = "filter", value_name = "PATTERN")]
    filters: Vec<CellGlob>,
    /// Known failures: [[known]] with case (a glob as for --filter), observed and reason
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// What could not be tested counts as failed
    #[arg(long)]
    complete: bool,
    /// Print the plan and stop
    #[arg(long)]
    dry_run: bool,
    /// Send more than 2,000 requests
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    reach: ReachArgs,
}

/// More requests than this need `--yes`.
const MANY: usize = 2_000;

pub(super) async fn run(args: MatrixArgs) -> Result<Status, Failure> {
    let profile = Profile::load(&args.profile, args.target.as_deref()).map_err(Failure::usage)?;
    let baseline = match &args.baseline {
        Some(path) => Baseline::load_cells(path).map_err(Failure::usage)?,
        None => Baseline::default(),
    };
    let key = args.sign.as_deref().map(sign::key).transpose()?;
    let document = document(&args, &profile).await?;
    let plan = Plan::new(document, &profile, &profile.matrix, &args.filters)
        .map_err(|why| Failure::usage(format!("{}: {why}", args.profile.display())))?;
    let requests = plan.requests();
    if args.dry_run {
        write(args.output.as_deref(), &listed(&plan))?;
        return Ok(Status::Done);
    }
    say(&format!("artos-conformance: sends {requests} requests to {}", profile.target));
    if requests > MANY && !args.yes {
        return Err(Failure::usage(format!(
            "{requests} requests are more than {MANY}: pass --yes to send them, or choose with matrix.include and --filter"
        )));
    }
    if let Some(path) = &args.output {
        std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .map_err(|error| Failure::usage(format!("{}: cannot be written: {error}", path.display())))?;
    }
    let options = Options {
        transport: args.reach.options(),
        rate: args.reach.rate,
        concurrency: usize::from(args.reach.concurrency),
        baseline,
        stop: Some(signals()),
    };
    let total = plan.rows.len();
    let terminal = io::stderr().is_terminal();
    let report = crate::matrix::run::run(plan, profile, options, |done, operation| {
        if terminal {
            let line: String =
                format!("{done}/{total}  {}", operation.operation_id).chars().take(78).collect();
            drop(write!(io::stderr(), "\r\x1b[2K{line}"));
        }
    })
    .await;
    if terminal {
        drop(write!(io::stderr(), "\r\x1b[2K"));
    }
    let report = report.map_err(|error| match error {
        RunError::Usage(_) => Failure::usage(error),
        RunError::Untestable(_) => Failure { status: Status::Untestable, message: error.to_string() },
    })?;
    let color = args.output.is_none() && io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    write(args.output.as_deref(), &report.render(args.format, color))?;
    if let (Some(key), Some(output)) = (&key, &args.output) {
        sign::sign(key, output)?;
    }
    if args.output.is_some() {
        summarize(&report);
    }
    Ok(if report.interrupted.is_some() {
        Status::Untestable
    } else if report.has_failures(args.complete) {
        Status::Failed
    } else {
        Status::Done
    })
}

/// Reads the document that the flag or the profile names.
async fn document(args: &MatrixArgs, profile: &Profile) -> Result<Document, Failure> {
    let Matrix { openapi, prefix, .. } = &profile.matrix;
    let (source, text) = match (&args.openapi, openapi) {
        (Some(url), _) | (None, Some(url)) if url.starts_with("http://") || url.starts_with("https://") => {
            (url.clone(), fetched(url, args.reach.options()).await.map_err(|why| fault(url, &why))?)
        }
        (Some(file), _) => (file.clone(), file_text(Path::new(file))?),
        (None, Some(file)) => {
            let path = profile.path.parent().unwrap_or(Path::new("")).join(file);
            (path.display().to_string(), file_text(&path)?)
        }
        (None, None) => {
            return Err(Failure::usage(format!(
                "{}: names no OpenAPI document: write `openapi = \"openapi.json\"` under [matrix], or pass --openapi",
                args.profile.display()
            )));
        }
    };
    document::read(&text, prefix.as_deref()).map_err(|error| fault(&source, &error.to_string()))
}

fn fault(source: &str, why: &str) -> Failure {
    Failure::usage(format!("{source}: {why}"))
}

fn file_text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| fault(&path.display().to_string(), &format!("cannot be read: {error}")))
}

/// Fetches a document, without a token.
async fn fetched(url: &str, options: TransportOptions) -> Result<String, String> {
    let uri: http::Uri = url.parse().map_err(|error| format!("is not a URL: {error}"))?;
    let authority = uri.authority().ok_or("names no host")?;
    let target = Target::parse(&format!("{}://{authority}", uri.scheme_str().unwrap_or("http")))?;
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let transport = Transport::new(target, options).map_err(|error| error.to_string())?;
    let mut connection =
        transport.connect().await.map_err(|error| format!("cannot be read: {}", error.kind))?;
    match connection.send(&Request::new("GET", path)).await {
        Answer::Response(response) if response.body.len() >= 1 << 20 => {
            Err("is 1 MiB or larger: download it, and name the file".into())
        }
        Answer::Response(response) if response.status == 200 => {
            String::from_utf8(response.body).map_err(|_| "is not UTF-8".into())
        }
        Answer::Response(response) => Err(format!("cannot be read: the answer is {}", response.status)),
        _ => Err("cannot be read: no answer".into()),
    }
}

/// The plan, a line for each cell.
fn listed(plan: &Plan) -> String {
    let mut lines = Vec::new();
    for row in &plan.rows {
        let name = row.operation.name();
        match &row.filled {
            Ok(_) => lines.push(format!("{name}  {}", row.operation.endpoint())),
            Err(missing) => {
                lines.push(format!(
                    "{name}  {}  uncovered: needs {}",
                    row.operation.endpoint(),
                    missing.join(", ")
                ));
            }
        }
        for cell in &row.cells {
            let resource = cell.resource.as_ref().map(|resource| format!("/{}", resource.label()));
            let skip = cell.skip.as_ref().map(|why| format!("  skipped: {why}"));
            lines.push(format!(
                "  {}{}  {}{}",
                cell.caller.key(),
                resource.unwrap_or_default(),
                cell.expect,
                skip.unwrap_or_default()
            ));
        }
    }
    lines.push(format!("{} requests", plan.requests()));
    lines.join("\n") + "\n"
}

/// What a log shows of a report that went to a file.
fn summarize(report: &MatrixReport) {
    for operation in &report.operations {
        for cell in
            operation.cells.iter().filter(|cell| cell.outcome == Outcome::Failed && cell.known.is_none())
        {
            let observed = cell.observed.as_deref().unwrap_or("nothing");
            let allowed = if cell.wrongly_allowed { "wrongly allowed" } else { "failed" };
            let id = format!("{}/{}", operation.operation_id, cell.name());
            say(&format!("{allowed}: {id}: expected {}, observed {observed}", cell.expected));
        }
    }
    say(&format!("{} {}", report.target, verdict_line(report)));
}
