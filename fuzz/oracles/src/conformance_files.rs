//! The input files of `artos-conformance`: profile and baseline.

use std::collections::HashSet;
use std::path::Path;

use artos_auth_conformance::{Baseline, Profile, catalogue};
use toml::{Table, Value};

/// No message shows a token, and the documented errors of a profile never load.
pub(crate) fn run_profile(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let table: Option<Table> = text.parse().ok();
    if let Some(table) = &table
        && reads_a_file_of_this_machine(table)
    {
        return;
    }
    // The files available to `signing.key`: `hs256.json` and so on.
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/keys");
    let loaded = Profile::parse(text, &keys);
    let printed = match &loaded {
        Ok(profile) => format!("{profile:?}"),
        Err(error) => error.to_string(),
    };
    if let Err(error) = &loaded {
        assert!(!error.to_string().contains('\n'), "a message of more than one line: {error:?}");
    }
    let Some(table) = table else {
        assert!(loaded.is_err(), "what is no TOML loads");
        return;
    };
    for token in tokens(&table) {
        assert!(!printed.contains(&token), "a token is shown: {printed}");
    }
    let Ok(profile) = loaded else { return };
    assert!(profile.endpoints.public.path != profile.endpoints.protected.path);
    for endpoint in [&profile.endpoints.public, &profile.endpoints.protected] {
        assert!(endpoint.method == "GET" && endpoint.path.starts_with('/'), "{endpoint:?}");
    }
    let known = ["target", "allow_writes", "endpoints", "tokens", "signing"];
    assert!(table.keys().all(|key| known.contains(&key.as_str())), "an unknown key loads");
    if let Some(owned) = &profile.endpoints.owned {
        assert!(!owned.organization.is_empty());
    }
}

/// The target tests the profile, not the files of this machine: reading `/dev/zero` never ends.
fn reads_a_file_of_this_machine(table: &Table) -> bool {
    let leads_out = |name: &str| name.starts_with('/') || name.contains("..");
    let token = |token: &Value| token.get("file").and_then(Value::as_str).is_some_and(leads_out);
    let signing = table.get("signing").and_then(|signing| signing.get("key")).and_then(Value::as_str);
    signing.is_some_and(leads_out)
        || table.get("tokens").and_then(Value::as_table).is_some_and(|tokens| tokens.values().any(token))
}

/// The values of `[tokens]` that occur only there in the profile.
fn tokens(table: &Table) -> Vec<String> {
    let values = table.get("tokens").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let values: Vec<String> = values
        .filter_map(|token| Some(token.get("value")?.as_str()?.trim().to_owned()))
        .filter(|token| token.len() >= 16)
        .collect();
    let text = table.to_string();
    let once = |token: &String| text.matches(token.as_str()).count() == 1;
    values.into_iter().filter(once).collect()
}

/// A baseline loads exactly when a simple parser accepts it.
pub(crate) fn run_baseline(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let loaded = Baseline::parse(text, Path::new("baseline.toml"));
    let taken = text.parse::<Table>().ok().is_some_and(|table| takes(&table));
    assert_eq!(loaded.is_ok(), taken, "{loaded:?}");
    match loaded {
        Ok(baseline) => assert_eq!(Baseline::parse(text, Path::new("other.toml")), Ok(baseline)),
        Err(error) => {
            assert!(!error.to_string().contains('\n'), "a message of more than one line: {error:?}")
        }
    }
}

fn takes(table: &Table) -> bool {
    let entries = match table.get("known") {
        None => &Vec::new(),
        Some(Value::Array(entries)) => entries,
        Some(_) => return false,
    };
    let ids: HashSet<String> = catalogue::all().iter().map(|case| case.id()).collect();
    let mut seen = HashSet::new();
    let entry = |entry: &Value| {
        let Some(entry) = entry.as_table() else { return false };
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        let (Some(case), Some(_), Some(reason)) = (text("case"), text("observed"), text("reason")) else {
            return false;
        };
        entry.len() == 3 && ids.contains(case) && seen.insert(case.to_owned()) && !reason.trim().is_empty()
    };
    table.keys().all(|key| key == "known") && entries.iter().all(entry)
}
