//! Every format, for a report with every kind of content.

use artos_auth_conformance::report::{
    CaseReport, Evidence, Format, Measurements, Outcome, Protocol, Report, Selection, Source, StaleEntry,
    Summary, Verdict, verdict_line,
};
use artos_auth_conformance::{Clause, Level};

fn case(id: &str, clause: Clause, level: Level, outcome: Outcome) -> CaseReport {
    CaseReport {
        id: id.into(),
        title: format!("{} in a few words", id.replace('/', ", ")),
        clauses: vec![clause],
        level,
        outcome,
        expected: "401 `Invalid authentication credentials`".into(),
        observed: (outcome != Outcome::Skipped).then(|| "401 `Invalid authentication credentials`".into()),
        skipped_because: None,
        duration_ms: 12,
        wrongly_allowed: false,
        sends: "Sends what the case is about.".into(),
        requirement: "The deployment must refuse it.".into(),
        source: Source {
            document: "Artos API, Authentication: Error Responses".into(),
            text: "Token is malformed".into(),
        },
        evidence: None,
        known: None,
    }
}

fn skipped(id: &str, clause: Clause, level: Level, because: &str) -> CaseReport {
    CaseReport {
        skipped_because: Some(because.into()),
        duration_ms: 0,
        ..case(id, clause, level, Outcome::Skipped)
    }
}

/// A report with a case of every kind, and text that every format must escape.
fn violating() -> Report {
    let allowed = CaseReport {
        title: "a token whose header names `crit`".into(),
        clauses: vec![Clause::Tok8, Clause::Tok1],
        observed: Some("200, what the good token gets".into()),
        wrongly_allowed: true,
        requirement: "The deployment must refuse a token with a `crit` that it does not understand, or any at all."
            .into(),
        evidence: Some(Evidence {
            curl: Some(
                "curl --silent --include \\\n  --header \"Authorization: Bearer $TOKEN\" \\\n  'https://staging.example/api/v1/templates/'"
                    .into(),
            ),
            request_id: Some("artos-conformance-7f3a-0012".into()),
            response_head: vec!["HTTP/1.1 200 OK".into(), "content-type: application/json".into()],
            response_body: Some("{\"templates\":[\"<script>alert(1)</script>\"]}".into()),
            remarks: vec!["the same request without a token is refused".into()],
        }),
        ..case("signature/critical-extension", Clause::Tok8, Level::Must, Outcome::Failed)
    };
    let undocumented = CaseReport {
        expected: "401 `Not authenticated`".into(),
        observed: Some("500 with a body of HTML: `<h1>Oops | *sorry*</h1>\u{1b}[31m`".into()),
        evidence: Some(Evidence {
            response_head: vec!["HTTP/1.1 500 Internal Server Error".into()],
            response_body: Some("<h1>Oops | *sorry*</h1>\u{1b}[31m ``` ]]> &amp;".into()),
            ..Evidence::default()
        }),
        ..case("header/bearer-alone", Clause::Hdr3, Level::Must, Outcome::Failed)
    };
    let known = CaseReport {
        observed: Some("403 `User has no organization or not authorized`".into()),
        known: Some("accepted until the gateway is replaced, ticket 4711".into()),
        ..case("time/expired", Clause::Tok3, Level::Must, Outcome::Failed)
    };
    let warned = CaseReport {
        expected: "the field `Cache-Control` with `no-store`".into(),
        observed: Some("no `Cache-Control`".into()),
        requirement: "The deployment should say that a refusal is not to be stored.".into(),
        ..case("answers/no-store", Clause::Hdr2, Level::Should, Outcome::Warned)
    };
    let key = "the profile has no `[signing]` key; with one, the case mints its token";
    let writes = "the profile does not allow writes; `allow_writes = true` does";
    report(vec![
        allowed,
        undocumented,
        known,
        warned,
        skipped("claims/no-expiry", Clause::Tok7, Level::Must, key),
        skipped("claims/expiry-as-text", Clause::Tok7, Level::Should, key),
        skipped("methods/delete", Clause::Pub2, Level::Must, writes),
        case("public/no-token", Clause::Pub1, Level::Must, Outcome::Passed),
        case("public/bad-token", Clause::Pub1, Level::Must, Outcome::Passed),
    ])
}

fn report(cases: Vec<CaseReport>) -> Report {
    let mut report = Report {
        target: "https://staging.example".into(),
        suite_version: "0.1.0".into(),
        started_at: "2026-01-02T03:04:05Z".into(),
        duration_ms: 8_140,
        protocol: Protocol::Http11,
        level: Level::Must,
        verdict: Verdict::Conforms,
        summary: Summary::default(),
        selection: Selection { filters: Vec::new(), catalogue: cases.len(), http1_only: 0, other_key: 0 },
        requests: 61,
        measurements: Measurements {
            leeway_seconds: Some(60),
            leeway_capped: false,
            clock_offset_seconds: Some(-2),
        },
        notices: vec!["the token `other_organization` expires in 9 minutes".into()],
        interrupted: None,
        stale_baseline: vec![StaleEntry {
            case: "public/no-token".into(),
            recorded: "401 `Not authenticated`".into(),
            observed: None,
        }],
        causes: Vec::new(),
        cases,
    };
    report.sort();
    report.conclude();
    report
}

#[test]
fn human() {
    insta::assert_snapshot!(Format::Human.render(&violating(), false));
}

#[test]
fn human_with_color_has_the_same_text() {
    let mut plain = String::new();
    let mut escape = false;
    for letter in Format::Human.render(&violating(), true).chars() {
        match letter {
            '\u{1b}' => escape = true,
            'm' if escape => escape = false,
            _ if escape => {}
            other => plain.push(other),
        }
    }
    assert_eq!(plain, Format::Human.render(&violating(), false));
}

#[test]
fn junit() {
    insta::assert_snapshot!(Format::Junit.render(&violating(), false));
}

#[test]
fn sarif() {
    insta::assert_snapshot!(Format::Sarif.render(&violating(), false));
}

#[test]
fn markdown() {
    insta::assert_snapshot!(Format::Markdown.render(&violating(), false));
}

#[test]
fn html() {
    insta::assert_snapshot!(Format::Html.render(&violating(), false));
}

#[test]
fn html_needs_no_other_file_and_runs_nothing() {
    let page = Format::Html.render(&violating(), false);
    assert!(!page.contains("<script") && !page.contains("<link") && !page.contains("src="));
    assert!(page.contains("&lt;script&gt;"));
}

#[test]
fn html_allows_only_its_own_style() {
    let page = Format::Html.render(&violating(), false);
    let (_, style) = page.split_once("<style>").unwrap();
    let (style, _) = style.split_once("</style>").unwrap();
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, style.as_bytes());
    let hash = base64_simd::STANDARD.encode_to_string(hash);
    let policy = format!("content=\"default-src 'none'; style-src 'sha256-{hash}'\"");
    // The complete policy, to its closing quote: it contains no other source.
    assert!(page.contains(&policy), "{policy}");
    assert_eq!(page.matches("Content-Security-Policy").count(), 1);
    assert!(!page.contains("style="), "no hash covers the style of one element");
}

#[test]
fn no_format_lets_a_deployment_control_the_terminal() {
    for format in Format::ALL {
        let text = format.render(&violating(), false);
        assert!(!text.contains('\u{1b}'), "{format}");
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{format}");
    }
}

/// A failure with level `must`: every format names the case; JUnit counts it as a failure unless it is known.
#[test]
fn junit_counts_what_affects_the_exit_status() {
    let mut report = violating();
    report.stale_baseline.clear();
    let must = Format::Junit.render(&report, false);
    assert!(
        must.contains("<testsuites name=\"artos-conformance\" tests=\"9\" skipped=\"3\" failures=\"2\""),
        "{must}"
    );
    report.level = Level::Should;
    let should = Format::Junit.render(&report, false);
    assert!(should.contains("failures=\"3\""), "{should}");
}

#[test]
fn one_line_verdicts() {
    let passed = || case("public/no-token", Clause::Pub1, Level::Must, Outcome::Passed);
    let mut conforming = report(vec![passed()]);
    conforming.stale_baseline.clear();
    let mut partial =
        report(vec![passed(), skipped("a/b", Clause::Tok7, Level::Must, "nothing to sign with")]);
    partial.stale_baseline.clear();
    let lines = [conforming, partial, violating()].map(|report| verdict_line(&report));
    assert_eq!(
        lines,
        [
            "conforms: 1 case tested, 1 passed; 61 requests in 8.1 s",
            "partial: 1 case tested, 1 passed, 1 skipped; 61 requests in 8.1 s",
            "violates: 6 cases tested, 2 passed, 3 failed (1 wrongly allowed), 1 warning, 3 skipped, \
             1 known from the baseline, 1 stale in the baseline; 61 requests in 8.1 s",
        ]
    );
}

#[test]
fn every_format_says_that_a_run_was_interrupted() {
    let mut report = violating();
    report.interrupted = Some("the connection was refused three times in a row".into());
    for format in Format::ALL {
        assert!(format.render(&report, false).contains("refused three times in a row"), "{format}");
    }
}

/// Many cases with the same failure: one in full, the others by id, in every format that lists cases.
#[test]
fn failures_with_one_cause_are_grouped_in_every_format() {
    let alike = |number: usize| CaseReport {
        observed: Some("401 without the documented detail".into()),
        ..case(&format!("header/case-{number}"), Clause::Hdr3, Level::Must, Outcome::Failed)
    };
    let report = report((1..=7).map(alike).collect());
    assert_eq!(report.causes.len(), 1);
    assert_eq!(report.causes[0].cases.len(), 7);
    for format in Format::ALL.into_iter().filter(|format| *format != Format::Badge) {
        let text = format.render(&report, false);
        for number in 1..=7 {
            assert!(text.contains(&format!("header/case-{number}")), "{format}: {number}");
        }
        let grouped = match format {
            Format::Json => text.contains("\"causes\": ["),
            Format::Markdown | Format::Html => {
                text.contains("The same is expected and observed in 6 more cases: ")
            }
            _ => text
                .contains("7 cases: expected 401 `Invalid authentication credentials`, observed 401 without"),
        };
        assert!(grouped, "{format}: {text}");
    }
    let page = Format::Html.render(&report, false);
    assert_eq!(page.matches("<article").count(), 1);
    for number in 1..=7 {
        assert!(page.contains(&format!("id=\"header-case-{number}\"")), "a link of the table leads nowhere");
    }
}

/// On a phone nothing is wider than the screen: tables scroll separately, and long words break.
#[test]
fn the_page_fits_a_phone() {
    let page = Format::Html.render(&violating(), false);
    assert!(page.contains("name=\"viewport\" content=\"width=device-width, initial-scale=1\""));
    assert_eq!(page.matches("<table>").count(), page.matches("<div class=\"scroll\"><table>").count());
    assert!(page.contains(".scroll { overflow-x: auto; }"));
    assert!(page.contains("pre { white-space: pre-wrap; overflow-wrap: anywhere; }"));
    let (_, narrow) = page.split_once("@media (max-width: 34rem)").unwrap();
    let (narrow, _) = narrow.split_once("@media").unwrap();
    assert!(narrow.contains("article dl, dl.facts { grid-template-columns: 1fr;"), "{narrow}");
}

#[test]
fn formats_have_the_names_of_the_format_flag() {
    for format in Format::ALL {
        assert_eq!(format.to_string().parse(), Ok(format));
    }
    let error = "xml".parse::<Format>().expect_err("there is no such format");
    assert_eq!(
        error.to_string(),
        "unknown format `xml`; expected one of human, json, junit, markdown, html, sarif, badge"
    );
}
