//! The page that `explain` prints: the request, the answer, the caller and every check.

use std::fmt::Write as _;

use artos_auth_engine::{
    Check, Context, Decision, Explanation, ResourceOrg, StepResult, TenantScope, UnixTime,
};

use super::ExplainArgs;
use crate::calendar::rfc3339;
use crate::config::Config;
use crate::http::forward::Unclear;
use crate::outcome::Outcome;
use crate::quote::{path_segments, redact};
use crate::text::{count, visible};

/// The request.
pub(super) struct Subject<'s> {
    pub(super) args: &'s ExplainArgs,
    pub(super) context: &'s Context<'s>,
    pub(super) config: &'s Config,
    pub(super) now: UnixTime,
}

/// Green, red and faint, if the output is a terminal.
struct Paint(bool);

impl Paint {
    fn allow(&self, text: &str) -> String {
        self.with("1;32", text)
    }

    fn deny(&self, text: &str) -> String {
        self.with("1;31", text)
    }

    fn faint(&self, text: &str) -> String {
        self.with("2", text)
    }

    fn with(&self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// The whole page. It shows nothing of the token except verified claims, wherever the token was given.
pub(super) fn render(subject: &Subject<'_>, explanation: &Explanation<'_>, color: bool) -> String {
    let paint = Paint(color);
    let mut page = String::new();
    request(&mut page, subject);
    answer(&mut page, &explanation.decision, &paint);
    checks(&mut page, explanation, &paint);
    page
}

/// The page for unclear forwarded fields, which are refused without a decision. The token was not read.
pub(super) fn render_unclear(unclear: &Unclear, has_forward: bool) -> String {
    let outcome = Outcome::ForwardedRequestUnclear(unclear.clone());
    let fix = match unclear {
        Unclear::NotServed if !has_forward => {
            "The file has no `[forward]`, so fields of a proxy are not read."
        }
        Unclear::NotServed => "The proxy must send its subrequest to `path` of `[forward]`.",
        Unclear::UntrustedPeer => "Name the address of the proxy in `trusted` of `[forward]`.",
        _ => {
            "Compare what the proxy sends with `fields` of `[forward]`: each field of the family once, and no other spelling."
        }
    };
    let verdict = format!("{} {}", outcome.name().to_uppercase(), outcome.status());
    format!("{verdict}  {} ({})\n{unclear}. {fix}\n", outcome.reason_code(), outcome.clause())
}

fn request(page: &mut String, subject: &Subject<'_>) {
    let Subject { args, context, config, now } = subject;
    // A query may contain secrets, such as a token.
    let (path, query) = match args.target().split_once('?') {
        Some((path, _)) => (path, " (its query is not shown)"),
        None => (args.target(), ""),
    };
    let path = path_segments(path.as_bytes());
    let path = shown(&String::from_utf8_lossy(&path));
    row(page, "request", &format!("{} {path}{query}", shown(&args.method)));
    row(page, "at", &format!("{now} ({})", rfc3339(now.seconds())));
    let realm = match context.realm {
        TenantScope::Any if args.realm.is_empty() && config.realms.is_open() => "any organization".to_owned(),
        TenantScope::Any => format!("any organization, at {}", shown_host(args)),
        TenantScope::Among(_) if !args.realm.is_empty() => {
            format!("only {}", shown(&args.realm.join(", ")))
        }
        TenantScope::Among(few) if few.is_empty() => format!("no organization, at {}", shown_host(args)),
        TenantScope::Among(few) => {
            format!("{} of the file, at {}", count(few.len(), "organization"), shown_host(args))
        }
    };
    row(page, "realm", &realm);
    let owner = match &context.resource_org {
        ResourceOrg::Unowned => "unowned".to_owned(),
        ResourceOrg::Owned(owner) => format!("of organization {}", shown(owner)),
        ResourceOrg::Unresolved => "unresolved".to_owned(),
    };
    row(page, "resource", &owner);
    let account = clap::ValueEnum::to_possible_value(&args.account);
    row(page, "account", account.as_ref().map_or("unknown", |value| value.get_name()));
    page.push('\n');
}

fn answer(page: &mut String, decision: &Decision<'_>, paint: &Paint) {
    let verdict = format!("{} {}", decision.outcome().to_uppercase(), decision.status());
    let verdict = if decision.is_allow() { paint.allow(&verdict) } else { paint.deny(&verdict) };
    let _ = writeln!(page, "{verdict}  {} ({})", decision.reason_code(), decision.clause());
    match decision.denial() {
        Some(denial) => {
            let _ = writeln!(page, "{}\n", denial.reason().advice());
            if let Some(cause) = denial.cause() {
                row(page, "cause", &visible(&cause.to_string()));
            }
            row(page, "the caller", &format!("sees {{\"detail\":\"{}\"}}", denial.detail()));
            row(page, "", &format!("and WWW-Authenticate: {}", denial.www_authenticate()));
        }
        None => page.push('\n'),
    }
    let audit = decision.audit();
    let known = [("user", audit.user_id), ("organization", audit.org_id), ("token id", audit.token_id)];
    for (name, value) in known {
        if let Some(value) = value {
            row(page, name, &visible(value));
        }
    }
    if let Some(principal) = decision.principal() {
        let permissions: Vec<&str> = principal.permissions().collect();
        let permissions =
            if permissions.is_empty() { "none".to_owned() } else { visible(&permissions.join(", ")) };
        row(page, "permissions", &permissions);
    }
    page.push('\n');
}

fn checks(page: &mut String, explanation: &Explanation<'_>, paint: &Paint) {
    let decision = &explanation.decision;
    let width = explanation.steps.iter().map(|step| step.check.title().len()).max().unwrap_or(0);
    for step in &explanation.steps {
        // Padded before it is colored, because escape sequences have no width.
        let title = format!("{:width$}", step.check.title());
        let (mark, verdict, clause) = match step.result {
            StepResult::Passed => ("✓", format!("{:11}", step.result.name()), step.check.clauses().join(" ")),
            StepResult::Decided => {
                let (mark, text) =
                    (if decision.is_allow() { "✓" } else { "✗" }, format!("{:11}", step.result.name()));
                let text = if decision.is_allow() { paint.allow(&text) } else { paint.deny(&text) };
                (mark, text, decision.clause().to_owned())
            }
            StepResult::NotReached => {
                let clauses = step.check.clauses().join(" ");
                let line = format!("· {title}  {:11}  {clauses}", step.result.name());
                let _ = writeln!(page, "{}", paint.faint(&line));
                continue;
            }
        };
        let note = match (&step.note, step.check, step.result) {
            (Some(note), _, _) => shown(note),
            (None, Check::PublicPath, StepResult::Passed) => {
                "the path is not public, so a token is needed".to_owned()
            }
            (None, _, _) => String::new(),
        };
        let line = format!("{mark} {title}  {verdict}  {clause:17}  {note}");
        let _ = writeln!(page, "{}", line.trim_end());
    }
}

fn row(page: &mut String, name: &str, value: &str) {
    let _ = writeln!(page, "{name:12}  {value}");
}

/// Text of an argument: a token or key in the wrong place is not repeated.
fn shown(text: &str) -> String {
    visible(&redact(text))
}

fn shown_host(args: &ExplainArgs) -> String {
    args.host.as_deref().map_or_else(|| "no host".to_owned(), |host| format!("host {}", shown(host)))
}
