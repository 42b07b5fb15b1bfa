//! `check`: summarizes a configuration file and the files that it names, or reports their errors.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use artos_auth_engine::{PolicySpec, Unlisted};

use crate::audit::problem_of_file;
use crate::clock::{Clock as _, SystemClock};
use crate::commands::{Exit, Failure};
use crate::config::{
    self, Access, AuditOutput, AuditOverflow, Config, KeyOrigin, KeySource, ReadRevocations, ReadSource,
    RevocationSource,
};
use crate::http::tls::Loaded;
use crate::quote::redact;
use crate::text::{count, visible};

/// Loads everything and prints a summary, or the errors of every file.
pub(crate) fn run(path: &Path, access: Access) -> Result<Exit, Failure> {
    let config = config::load(path)?;
    let (mut read, mut wrong) = (Vec::new(), Vec::new());
    for (index, source) in config.keys.iter().enumerate() {
        match config::read_source(&config.path, index, source, access) {
            Ok(keys) => read.push(keys),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    let source = config.revocations.as_ref();
    let revocations =
        source.map(|source| config::read_revocations_of(&config.path, source, access)).transpose();
    let revocations = revocations.unwrap_or_else(|error| {
        wrong.push(error.to_string());
        None
    });
    let revocations = revocations.flatten();
    let now = SystemClock.now().since_epoch.as_secs();
    let tls = config.tls.as_ref().map(|files| Loaded::read(files, now)).transpose();
    let tls = tls.unwrap_or_else(|problem| {
        wrong.push(problem);
        None
    });
    wrong.extend(problem_of_file(&config.audit));
    if !wrong.is_empty() {
        return Err(Failure::Bad(wrong.join("\nerror: ")));
    }
    let report = report(&config, &read, revocations.as_ref(), tls.as_ref());
    let mut warnings = [config.port_warnings.as_slice(), &config.warnings].concat();
    warnings.extend(read.iter().flat_map(|keys| keys.warnings.iter().cloned()));
    warnings.extend(revocations.iter().flat_map(|read| read.warnings.iter().cloned()));
    warnings.extend(config.tls.as_ref().and_then(|files| config::secret_file_warning(&files.key)));
    warnings.extend(source.and_then(RevocationSource::password_warning));
    let sets: Vec<_> = read.into_iter().map(|keys| keys.set).collect();
    let refused = config::warnings_of_refused_tokens(&config, &config.keys, &sets);
    warnings.extend(refused.into_iter().map(|warning| format!("{}: {warning}", config.path.display())));
    config::bind_keys(&config.path, &config.keys, sets)?;
    let mut output = io::stdout().lock();
    output
        .write_all(report.as_bytes())
        .and_then(|()| output.flush())
        .map_err(|error| Failure::output(&error))?;
    for warning in warnings {
        eprintln!("warning: {}", redact(&warning));
    }
    Ok(Exit::Done)
}

fn report(
    config: &Config,
    sets: &[ReadSource],
    revocations: Option<&ReadRevocations>,
    tls: Option<&Loaded>,
) -> String {
    let mut report = String::new();
    let mut row = |name: &str, value: String| {
        let _ = writeln!(report, "{name:16} {}", redact(&visible(&value)));
    };
    row("file", config.path.display().to_string());
    row("listen", config.listen.to_string());
    let admin = config.admin_listen.as_ref();
    row("admin_listen", admin.map_or_else(|| "none".to_owned(), ToString::to_string));
    if let (Some(files), Some(loaded)) = (&config.tls, tls) {
        row("tls", loaded.summary());
        if let Some(file) = &files.client_ca {
            row("", format!("clients must present a certificate from {}", file.display()));
        }
    }
    policy(config, &mut row);

    let mut name = "keys";
    for (source, ReadSource { set: keys, place, .. }) in config.keys.iter().zip(sets) {
        let preposition = match source.origin {
            KeyOrigin::Remote(_) => "from",
            _ => "in",
        };
        row(name, format!("{} {preposition} {place}{}", count(keys.len(), "key"), bound_to(source)));
        name = "";
        for (id, algorithm) in keys.iter() {
            let id = id.map_or_else(|| "without kid".to_owned(), |id| format!("kid {id}"));
            row("", format!("{algorithm:5}  {id}"));
        }
    }
    match (revocations, &config.revocations) {
        (Some(ReadRevocations { set, .. }), Some(source)) => {
            let (tokens, users) = (count(set.tokens(), "token"), count(set.users(), "user"));
            let organizations = count(set.organizations(), "organization");
            let preposition = if matches!(source, RevocationSource::File(_)) { "in" } else { "from" };
            row(
                "revocations",
                format!("{tokens}, {users}, {organizations} {preposition} {}", source.place()),
            );
        }
        (None, Some(source)) => row("revocations", format!("not fetched from {} (offline)", source.place())),
        (_, None) => row("revocations", "none".to_owned()),
    }
    realms_and_resources(config, &mut row);

    let output = match (config.audit.output, &config.audit.file) {
        (AuditOutput::Off, _) => "off".to_owned(),
        (AuditOutput::Stderr, _) | (AuditOutput::File, None) => "to standard error".to_owned(),
        (AuditOutput::File, Some(file)) => format!("to {}", file.display()),
    };
    let overflow = match (config.audit.output, config.audit.overflow) {
        (AuditOutput::Off, _) => "",
        (_, AuditOverflow::Block) => ", and decisions wait until it is written",
        (_, AuditOverflow::Drop) => ", and lines that do not fit are dropped and counted",
    };
    row("audit", format!("{output}{overflow}"));
    if let Some(otlp) = &config.otlp {
        row("spans", format!("to {}", otlp.url()));
    }
    let limits = &config.limits;
    row("limits", format!("header_bytes {}, header_count {}", limits.header_bytes, limits.header_count));
    let (header, idle) = (limits.header_time.as_secs(), limits.idle_time.as_secs());
    row("", format!("header_seconds {header}, idle_seconds {idle}, connections {}", limits.connections));
    let shutdown = limits.shutdown_time.as_secs();
    row("", format!("shutdown_seconds {shutdown}, cache_bytes {}", limits.cache_bytes));
    report
}

/// The issuer and organizations that a key set is bound to, if any.
fn bound_to(source: &KeySource) -> String {
    let issuer = source.issuer.as_ref().map(|issuer| format!(", for issuer {issuer}"));
    let organizations = source.organizations.as_ref();
    let organizations = organizations.map(|names| format!(", for {}", names.join(", ")));
    [issuer, organizations].into_iter().flatten().collect()
}

fn policy(config: &Config, row: &mut impl FnMut(&str, String)) {
    let (policy, spec) = (&config.policy, &config.policy_spec);
    let algorithms: Vec<&str> = policy.algorithms().map(|algorithm| algorithm.name()).collect();
    row("algorithms", algorithms.join(" "));
    row("issuers", listed(spec.issuers.as_deref(), "any"));
    row("audiences", listed(spec.audiences.as_deref(), "none: a token with `aud` is refused"));
    row("types", listed(spec.types.as_deref(), "JWT, at+jwt"));
    row("leeway", format!("{} s", policy.leeway_seconds()));
    row("longest token", format!("{} bytes", policy.max_token_bytes()));
    let PolicySpec { claims, .. } = spec;
    row(
        "claims",
        format!(
            "user {}, organization {}, permissions {}",
            claims.user, claims.organization, claims.permissions
        ),
    );
    match &spec.public {
        None => row("public", "/api/v1/search/status".to_owned()),
        Some(paths) if paths.is_empty() => row("public", "nothing".to_owned()),
        Some(paths) => {
            for (index, public) in paths.iter().enumerate() {
                row(
                    if index == 0 { "public" } else { "" },
                    with_methods(&public.path, public.methods.as_deref()),
                );
            }
        }
    }
    let unlisted = match spec.unlisted {
        Unlisted::Allow => "all other requests need no permission",
        Unlisted::Deny => "all other requests are denied",
    };
    row("routes", format!("{}; {unlisted}", count(policy.route_rules(), "rule")));
    for route in &spec.routes {
        let path = with_methods(&route.path, route.methods.as_deref());
        row("", format!("{path}  needs {}", route.permissions.join(", ")));
    }
}

fn realms_and_resources(config: &Config, row: &mut impl FnMut(&str, String)) {
    let mut name = "realms";
    if config.realms.is_open() {
        row(name, "every organization authenticates at every host".to_owned());
    }
    for (host, organizations) in config.realms.summary() {
        let host = if host == "*" { "every other host" } else { host };
        let whose =
            organizations.map_or_else(|| "any organization".to_owned(), |few| count(few, "organization"));
        row(name, format!("{host}: {whose}"));
        name = "";
    }
    let resources = match config.resources.len() {
        0 => "nothing is owned".to_owned(),
        entries => format!("{}; a path that matches none is refused", count(entries, "entry")),
    };
    row("resources", resources);
}

fn listed(values: Option<&[String]>, default: &str) -> String {
    values.map_or_else(|| default.to_owned(), |values| values.join(", "))
}

fn with_methods(path: &str, methods: Option<&[String]>) -> String {
    methods.map_or_else(|| path.to_owned(), |methods| format!("{} {path}", methods.join(" ")))
}
