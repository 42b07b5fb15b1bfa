//! `explain`: prints one decision and each of the engine's checks, for people.

mod args;
mod forwarded;
mod render;

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

use artos_auth_engine::{Context, Organizations, Request, ResourceOrg, TenantScope, UnixTime};

use crate::clock::{Clock as _, SystemClock};
use crate::commands::{Exit, Failure};
use crate::config::{self, Access, Config, host_of_authority};
use crate::http::forward;
use crate::outcome::Unavailable;
use crate::quote::redact;
use crate::text::without_byte_order_mark;
pub(crate) use args::ExplainArgs;
use render::Subject;

/// Decides the request that the flags describe, and prints the checks.
pub(crate) fn run(args: &ExplainArgs) -> Result<Exit, Failure> {
    let lines = authorization_lines(args)?;
    let loaded = config::load_with(&args.config, Access::of(args.offline))?;
    for warning in &loaded.warnings {
        eprintln!("warning: {}", redact(warning));
    }
    let now = match args.now {
        Some(now) => UnixTime::from_seconds(now),
        None => usable_now()?,
    };
    let replayed = if args.forwarded_header.is_empty() {
        None
    } else {
        match forwarded::replay(args, &loaded.config)? {
            Ok(replayed) => Some(replayed),
            Err(unclear) => {
                print(&render::render_unclear(&unclear, loaded.config.forward.is_some()))?;
                return Ok(Exit::No);
            }
        }
    };
    let (args, claimed) = match &replayed {
        Some(replayed) => (&replayed.args, replayed.claimed.clone()),
        None => (args, None),
    };
    warn_of(args, &lines, &loaded.config);

    let named: Organizations = args.realm.iter().map(String::as_str).collect();
    let context = context(args, &loaded.config, &named, claimed);
    let values: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
    let request = Request::new(&args.method, args.target(), &values);
    let explanation = loaded.engine.explain(&request, &context, now);
    let subject = Subject { args, context: &context, config: &loaded.config, now };

    let color =
        io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    print(&render::render(&subject, &explanation, color))?;
    Ok(if explanation.decision.is_allow() { Exit::Done } else { Exit::No })
}

fn print(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let written = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    written.map_err(|error| Failure::output(&error))
}

/// The time of the system's clock, if it is usable.
fn usable_now() -> Result<UnixTime, Failure> {
    let reading = SystemClock.now();
    match reading.problem() {
        None => Ok(UnixTime::from_seconds(reading.since_epoch.as_secs())),
        Some(problem) => Err(Failure::Bad(format!(
            "{problem}, or give `--now`; until then a server answers 503 `{}` to everything but public paths",
            Unavailable::ClockUnusable.code()
        ))),
    }
}

/// The context from the flags; what they do not set comes from the file, as in `serve`.
fn context<'c>(
    args: &'c ExplainArgs,
    config: &'c Config,
    named: &'c Organizations,
    claimed: Option<ResourceOrg<'c>>,
) -> Context<'c> {
    let realm = if args.realm.is_empty() {
        config.realms.of(args.host.as_deref().map(host_of_authority))
    } else {
        TenantScope::Among(named)
    };
    let resource_org = match &args.resource_org {
        _ if args.resource_unresolved => ResourceOrg::Unresolved,
        Some(owner) => ResourceOrg::Owned(owner.into()),
        None => {
            let configured = config.resources.owner_of(args.target().as_bytes());
            match claimed {
                Some(claimed) => forward::agreed_owner(claimed, configured, &config.resources),
                None => configured,
            }
        }
    };
    Context::of(resource_org).realm(realm).account(args.account.into())
}

/// Warnings about common mistakes.
fn warn_of(args: &ExplainArgs, lines: &[Vec<u8>], config: &Config) {
    if !args.header.is_empty() {
        eprintln!(
            "warning: other users of this machine can see command lines, and shells keep them; give the token with \
             `--header-file`"
        );
    }
    if lines
        .iter()
        .any(|line| line.get(..14).is_some_and(|start| start.eq_ignore_ascii_case(b"authorization:")))
    {
        eprintln!(
            "warning: a header begins with `Authorization:`, which is the field's name; give only the value"
        );
    }
    if args.host.is_none() && args.realm.is_empty() && !config.realms.is_open() {
        eprintln!(
            "warning: the file has `[[realms]]`, and a request without a host is in none of them; give `--host`"
        );
    }
}

/// The values of the `Authorization` lines, those in files first.
fn authorization_lines(args: &ExplainArgs) -> Result<Vec<Vec<u8>>, Failure> {
    let from_input = args.header_file.iter().filter(|file| is_standard_input(file)).count();
    if from_input > 1 {
        return Err(Failure::Bad("`--header-file -`: standard input can only be read once".to_owned()));
    }
    let files = args.header_file.iter().map(|file| read_line(file));
    let arguments = args.header.iter().map(|value| Ok(value.as_encoded_bytes().to_vec()));
    files.chain(arguments).collect()
}

fn is_standard_input(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// Servers refuse longer field lines.
const MAX_LINE_BYTES: u64 = 1 << 20;

fn read_line(file: &Path) -> Result<Vec<u8>, Failure> {
    let name = if is_standard_input(file) { "standard input".into() } else { file.to_string_lossy() };
    let unreadable = |error: io::Error| Failure::Bad(format!("{name}: cannot be read: {error}"));
    let mut value = Vec::new();
    let read = |input: &mut dyn Read, value: &mut Vec<u8>| input.take(MAX_LINE_BYTES + 1).read_to_end(value);
    if is_standard_input(file) {
        read(&mut io::stdin().lock(), &mut value)
    } else {
        File::open(file).and_then(|mut file| read(&mut file, &mut value))
    }
    .map_err(unreadable)?;
    if u64::try_from(value.len()).is_ok_and(|length| length > MAX_LINE_BYTES) {
        return Err(Failure::Bad(format!("{name}: is longer than 1 MiB; expected one header line")));
    }
    let mark = value.len().saturating_sub(without_byte_order_mark(&value).len());
    value.drain(..mark);
    if value.ends_with(b"\n") {
        value.pop();
        if value.ends_with(b"\r") {
            value.pop();
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Explain {
        #[command(flatten)]
        args: ExplainArgs,
    }

    #[test]
    fn color_does_not_change_the_text() {
        let folder = tempfile::tempdir().unwrap();
        let (file, keys) = (folder.path().join("auth.toml"), folder.path().join("k"));
        std::fs::write(&file, "[keys]\nfile = \"k\"").unwrap();
        std::fs::write(keys, r#"{"kty": "oct", "k": "dGhpcyBpcyBhIHRlc3Qga2V5LCBub3QgYSByZWFsIG9uZS4"}"#)
            .unwrap();
        let config::Loaded { config, engine, .. } = config::load_all(&file).unwrap();
        for (path, verdict) in
            [("/api/v1/search/status", "\u{1b}[1;32mALLOW 200"), ("/", "\u{1b}[1;31mDENY 401")]
        {
            let Explain { args } =
                Explain::try_parse_from(["", "--config", "auth.toml", "--path", path]).unwrap();
            let (context, now) = (Context::unowned(), UnixTime::from_seconds(0));
            let explanation = engine.explain(&Request::new("GET", path, &[]), &context, now);
            let subject = Subject { args: &args, context: &context, config: &config, now };
            let (plain, colored) =
                (render::render(&subject, &explanation, false), render::render(&subject, &explanation, true));
            assert!(colored.contains(verdict), "{colored}");
            assert!(!plain.contains('\u{1b}'), "{plain}");
            let codes = ["1;32", "1;31", "2", "0"].map(|code| format!("\u{1b}[{code}m"));
            assert_eq!(codes.iter().fold(colored, |text, code| text.replace(code, "")), plain);
        }
    }
}
