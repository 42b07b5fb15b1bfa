//! `artos-conformance matrix`.

use std::io::{self, IsTerminal, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;

use super::output::{ReportArgs, summarize};
use super::signals::signals;
use super::{Failure, ReachArgs, Status, say, write};
use crate::matrix::document::{self, Document};
use crate::matrix::human::verdict_line;
use crate::matrix::plan::Plan;
use crate::matrix::run::Options;
use crate::matrix::select::CellGlob;
use crate::profile::{Matrix, Profile, Target};
use crate::report::baseline::Baseline;
use crate::report::words::counted;
use crate::transport::{Request, RequestOutcome, Transport, TransportOptions};

pub(super) const HELP: &str = "\
Example:
  artos-conformance matrix --profile conformance.toml --openapi openapi.json

GET and HEAD are always sent, other methods only with `allow_writes = true`. With --complete,
a skipped cell and an operation without values count as failed. Exit status as for `run`.";

#[derive(Args, Debug)]
pub(super) struct MatrixArgs {
    #[command(flatten)]
    report: ReportArgs,
    /// The OpenAPI document, JSON or YAML; wins over matrix.openapi
    #[arg(long, value_name = "FILE|URL")]
    openapi: Option<String>,
    /// Only these cells: a glob over `operation_id/caller` and `operation_id/caller/resource`; may be given
    /// several times
    #[arg(long = "filter", value_name = "PATTERN")]
    filters: Vec<CellGlob>,
    /// Known failures: [[known]] with case (a glob as for --filter), observed and reason
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Count what could not be tested as failed
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
    let profile = args.report.load_profile()?;
    let document = document(&args, &profile).await?;
    let plan = Plan::new(document, &profile, &profile.matrix, &args.filters)
        .map_err(|why| Failure::usage(format!("{}: {why}", args.report.profile.display())))?;
    let baseline = match &args.baseline {
        Some(path) => baseline(path, &plan, args.filters.is_empty())?,
        None => Baseline::default(),
    };
    let requests = plan.requests();
    if args.dry_run {
        write(args.report.output.as_deref(), &listed(&plan))?;
        return Ok(Status::Done);
    }
    say(&format!(
        "artos-conformance: sends {} to {}",
        counted(requests, "request", "requests"),
        profile.target
    ));
    if requests > MANY && !args.yes {
        return Err(Failure::usage(format!(
            "{requests} requests are more than {MANY}: pass --yes to send them, or choose with matrix.include and --filter"
        )));
    }
    let destination = args.report.destination()?;
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
    let report = report?;
    destination.write(&report.render(args.report.format, destination.shows_color()))?;
    if args.report.output.is_some() {
        summarize(&report.cases(), false, &verdict_line(&report));
    }
    Ok(if report.interrupted.is_some() {
        Status::Untestable
    } else if report.has_failures(args.complete) {
        Status::Failed
    } else {
        Status::Done
    })
}

/// Reads the baseline. An entry that names no cell of a whole plan is a mistake; with `--filter`, its cells may have been
/// left out.
fn baseline(path: &Path, plan: &Plan, whole: bool) -> Result<Baseline, Failure> {
    Baseline::load_with(path, |text| {
        let glob: CellGlob = text.parse()?;
        match whole && !plan.names(&glob) {
            true => Err(format!("`{text}` matches no cell of the matrix; `--dry-run` shows them all")),
            false => Ok(()),
        }
    })
    .map_err(Failure::usage)
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
                "{}: missing OpenAPI document; write `openapi = \"openapi.json\"` under [matrix], or pass --openapi",
                args.report.profile.display()
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
        RequestOutcome::Response(response) if response.body.len() >= 1 << 20 => {
            Err("is 1 MiB or larger: download it, and name the file".into())
        }
        RequestOutcome::Response(response) if response.status == 200 => {
            String::from_utf8(response.body).map_err(|_| "is not UTF-8".into())
        }
        RequestOutcome::Response(response) => {
            Err(format!("cannot be read: the answer is {}", response.status))
        }
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
    lines.push(counted(plan.requests(), "request", "requests"));
    lines.join("\n") + "\n"
}
