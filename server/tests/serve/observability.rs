//! The alert rules and the dashboard of `deploy/observability` use what a running server serves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use artos_auth_engine::Reason;
use serde_json::Value;

use super::keys_by_url::Issuer;
use super::process::{Process, eventually};
use super::tls::{authority, files};

/// Labels that Prometheus adds, or that a histogram has on its buckets.
const ADDED: [&str; 3] = ["job", "instance", "le"];

/// The labels of each series, with all their values, by the name of the series.
type Series = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

fn read(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/observability");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// Every rule: its name, its expression, and the texts of its annotations.
pub(super) fn alerts() -> Vec<(String, String, Vec<String>)> {
    let document: Value = serde_saphyr::from_str(&read("alerts.yml")).unwrap();
    let groups = document["groups"].as_array().unwrap();
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rules
        .map(|rule| {
            let annotations = rule["annotations"].as_object().unwrap().values().map(text).collect();
            (text(&rule["alert"]), text(&rule["expr"]), annotations)
        })
        .collect()
}

/// Every target of a panel: the panel's title, the expression and the legend.
fn targets() -> Vec<(String, String, String)> {
    let document: Value = serde_json::from_str(&read("dashboard.json")).unwrap();
    let mut targets = Vec::new();
    for panel in document["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            targets.push((text(&panel["title"]), text(&target["expr"]), text(&target["legendFormat"])));
        }
    }
    targets
}

/// What a server serves that has every kind of source: TLS, keys and revocations by URL, and one that fails.
fn served() -> (Series, BTreeSet<String>) {
    let keys = super::support::Files::keys_text(&super::support::Files::new("").key);
    let body = |body: &str| {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
    };
    let (keys, revocations) = (Issuer::start(Some(body(&keys))), Issuer::start(Some(body("{}"))));
    let files = files("", &authority("an authority"), 2099);
    let config = std::fs::read_to_string(files.path("artos-auth.toml")).unwrap();
    let config = config.split("[keys]").next().unwrap().to_owned();
    let sources = format!(
        "[[keys]]\nurl = \"http://127.0.0.1:{}/\"\n[[keys]]\nurl = \"http://127.0.0.1:1/\"\n\
         [revocations]\nurl = \"http://127.0.0.1:{}/\"\n",
        keys.port, revocations.port
    );
    files.write("artos-auth.toml", &(config + &sources));
    let process = Process::of_files(files);
    let metrics = || process.admin_get("/metrics").1;
    eventually("the sources are fetched", || {
        let text = metrics();
        text.contains("artos_auth_revocations_age_seconds ") && text.contains("result=\"ok\"} 1")
    });
    let text = metrics();
    let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let families = families.map(str::to_owned).collect();
    let mut series = Series::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, labels) = line.rsplit_once(' ').unwrap().0.split_once('{').unwrap_or((line, ""));
        let name = name.split(' ').next().unwrap();
        let its = series.entry(name.to_owned()).or_default();
        for (label, value) in matchers(labels.trim_end_matches('}')) {
            its.entry(label).or_default().insert(value);
        }
    }
    (series, families)
}

/// `a="x", b=~"y|z"` as pairs of label and value.
fn matchers(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = text;
    while let Some((label, after)) = rest.split_once('"') {
        let (value, after) = after.split_once('"').unwrap();
        let label = label.trim_matches([' ', ',', '=', '~', '!']);
        pairs.push((label.to_owned(), value.to_owned()));
        rest = after;
    }
    pairs
}

/// The series of an expression, each with its matchers.
fn selectors(expression: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found = Vec::new();
    for (at, _) in expression.match_indices("artos_auth_") {
        let rest = expression.get(at..).unwrap();
        let end = rest.find(|next: char| !next.is_ascii_alphanumeric() && next != '_').unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        let inside = rest.strip_prefix('{').map_or("", |inside| inside.split('}').next().unwrap());
        found.push((name.to_owned(), matchers(inside)));
    }
    found
}

/// The labels that `by`, `on` and `group_left` name.
fn grouped(expression: &str) -> BTreeSet<String> {
    let lists = ["by (", "on (", "group_left ("].iter().flat_map(|word| expression.split(word).skip(1));
    let labels = lists.flat_map(|rest| rest.split(')').next().unwrap().split(','));
    labels.map(|label| label.trim().to_owned()).collect()
}

/// The labels that a text shows: `{{reason}}` of a legend, `{{ $labels.reason }}` of an annotation.
fn shown(text: &str) -> BTreeSet<String> {
    let parts = text.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap().trim());
    let labels = parts.filter_map(|part| match part.strip_prefix("$labels.") {
        Some(label) => Some(label),
        None => (!part.starts_with('$')).then_some(part),
    });
    labels.map(str::to_owned).collect()
}

/// What is wrong with an expression and the texts beside it.
fn problems(series: &Series, expression: &str, texts: &[String]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut known: BTreeSet<String> = ADDED.iter().map(|label| (*label).to_owned()).collect();
    for (name, matchers) in selectors(expression) {
        let Some(labels) = series.get(&name) else {
            problems.push(format!("no series {name}"));
            continue;
        };
        known.extend(labels.keys().cloned());
        for (label, pattern) in matchers {
            match labels.get(&label) {
                None if ADDED.contains(&label.as_str()) => {}
                None => problems.push(format!("{name} has no label {label}")),
                // Any source can fail; here, one does.
                Some(_) if name == "artos_auth_source_failing" => {}
                Some(values) => {
                    let unknown = pattern.split('|').filter(|value| !values.contains(*value));
                    problems.extend(unknown.map(|value| format!("{name}: no {label} is {value}")));
                }
            }
        }
    }
    let grouping = grouped(expression);
    problems.extend(grouping.difference(&known).map(|label| format!("no label {label} to group by")));
    let aggregates =
        expression.contains("sum") || expression.contains("max by") || expression.contains("min(");
    let visible = if aggregates { &grouping } else { &known };
    for text in texts {
        problems.extend(shown(text).difference(visible).map(|label| format!("no label {label} to show")));
    }
    problems
}

#[test]
fn every_expression_uses_series_and_labels_that_are_served() {
    let (series, families) = served();
    let mut wrong = Vec::new();
    for (name, expression, texts) in alerts() {
        // `up` is Prometheus's own.
        assert!(
            expression.contains("artos_auth_") || expression.contains("up{job=\"artos-auth\"}"),
            "{name}"
        );
        wrong.extend(
            problems(&series, &expression, &texts).into_iter().map(|problem| format!("{name}: {problem}")),
        );
    }
    let mut shown = BTreeSet::new();
    for (title, expression, legend) in targets() {
        let found = problems(&series, &expression, &[legend]);
        wrong.extend(found.into_iter().map(|problem| format!("panel {title}: {problem}")));
        for (name, _) in selectors(&expression) {
            let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            shown.insert(histogram.unwrap_or(&name).to_owned());
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(shown, families, "each family has a panel, and nothing else has one");
    let failing = &series["artos_auth_source_failing"]["source"];
    assert_eq!(failing.iter().collect::<Vec<_>>(), ["keys[1] 127.0.0.1"]);
}

#[test]
fn every_alert_says_what_to_do_and_has_a_test() {
    let document: Value = serde_saphyr::from_str(&read("alerts.yml")).unwrap();
    let tests = read("alerts_test.yml");
    let rules = document["groups"][0]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), alerts().len());
    for rule in rules {
        let name = rule["alert"].as_str().unwrap();
        let annotations: Vec<&str> =
            rule["annotations"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(annotations, ["description", "runbook_url", "summary"], "{name}");
        assert!(matches!(rule["labels"]["severity"].as_str(), Some("critical" | "warning")), "{name}");
        assert!(tests.contains(&format!("alertname=\"{name}\"")), "alerts_test.yml does not try {name}");
    }
}

/// The rule for 401 names all reasons that are not.
#[test]
fn the_reasons_of_403_are_those_of_the_engine() {
    let rules = alerts();
    let (_, expression, _) = rules.iter().find(|(name, ..)| name == "ArtosAuthManyUnauthenticated").unwrap();
    let listed = expression.split("reason!~\"").nth(1).unwrap().split('"').next().unwrap();
    let forbidden = Reason::ALL.iter().filter(|reason| reason.answer().status() == 403);
    let forbidden: BTreeSet<&str> =
        forbidden.map(|reason| reason.code()).chain(["forwarded_request_unclear"]).collect();
    assert_eq!(listed.split('|').collect::<BTreeSet<_>>(), forbidden);
}

#[test]
fn what_an_expression_names_that_is_not_served_is_found() {
    let labels = BTreeMap::from([("reason".to_owned(), BTreeSet::from(["idle".to_owned()]))]);
    let series = Series::from([("artos_auth_closed_total".to_owned(), labels)]);
    let of = |expression: &str, text: &str| problems(&series, expression, &[text.to_owned()]).join(", ");
    assert_eq!(of("rate(artos_auth_closed_total{reason=~\"idle\"}[5m])", "{{reason}} {{ $value }}"), "");
    assert_eq!(of("artos_auth_open_total", ""), "no series artos_auth_open_total");
    assert_eq!(of("artos_auth_closed_total{why=\"idle\"}", ""), "artos_auth_closed_total has no label why");
    assert_eq!(
        of("artos_auth_closed_total{reason!~\"idle|x\"}", ""),
        "artos_auth_closed_total: no reason is x"
    );
    assert_eq!(of("sum by (why) (artos_auth_closed_total)", ""), "no label why to group by");
    assert_eq!(
        of("sum by (job) (artos_auth_closed_total)", "{{ $labels.reason }}"),
        "no label reason to show"
    );
}
