//! Request-targets and patterns (section 5), compared with a literal implementation of that section.

use std::ops::ControlFlow;

use artos_auth_engine::{Pattern, ResourceOrg, ResourceSpec, Resources};
use artos_auth_fixtures::decider::{PolicyDocument, PublicDocument, RouteDocument};
use artos_auth_fixtures::{Question, Setup};
use serde_json::json;

use crate::choices::Choices;
use crate::differential::{Pair, keys, question};
use crate::mint;

/// Two patterns and a request-target, each up to a zero byte.
pub(crate) fn run(input: &[u8]) {
    let mut choices = Choices::new(input);
    let texts = [choices.text(), choices.text()].map(String::from_utf8_lossy);
    let target = choices.rest();
    let patterns = texts.each_ref().map(|text| read_pattern(text));
    for (text, pattern) in texts.iter().zip(&patterns) {
        let parsed = Pattern::parse(text);
        assert_eq!(parsed.is_ok(), pattern.is_some(), "{text:?}: {parsed:?}");
        if let Ok(parsed) = parsed {
            assert_eq!(Pattern::parse(&parsed.to_string()).as_ref(), Ok(&parsed), "{text:?} printed");
        }
    }
    let path = segments(target);
    if let [Some(first), Some(second)] = &patterns {
        cover(&texts, first, second, path.as_deref());
        own(&texts, [first, second], target, path.as_deref());
    }
    if let (Some(_), Ok(target)) = (&patterns[0], std::str::from_utf8(target)) {
        decide(&texts[0], target);
    }
}

/// A parsed pattern: its segments without braces, and what each matches.
#[derive(Debug, PartialEq)]
enum Takes {
    Exactly(String),
    One(String),
    Rest(String),
}

fn read_pattern(text: &str) -> Option<Vec<Takes>> {
    if !text.starts_with('/') || text.chars().any(|c| "?\\;#%".contains(c) || c.is_control()) {
        return None;
    }
    if text == "/" {
        return Some(Vec::new());
    }
    let inner = text[1..].strip_suffix('/').unwrap_or(&text[1..]);
    let mut takes = Vec::new();
    let mut names = Vec::new();
    for segment in inner.split('/') {
        if ["", ".", ".."].contains(&segment) || matches!(takes.last(), Some(Takes::Rest(_))) {
            return None;
        }
        if !segment.contains(['{', '}']) {
            takes.push(Takes::Exactly(segment.to_owned()));
            continue;
        }
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        let (name, rest) = name.strip_prefix('*').map_or((name, false), |name| (name, true));
        if name.is_empty() || name.contains(['{', '}', '*']) || names.contains(&name) {
            return None;
        }
        names.push(name);
        takes.push(if rest { Takes::Rest(name.to_owned()) } else { Takes::One(name.to_owned()) });
    }
    Some(takes)
}

/// The segments of a target that all servers interpret the same.
fn segments(target: &[u8]) -> Option<Vec<String>> {
    let path = target.split(|byte| *byte == b'?').next()?;
    if path.iter().any(|byte| !(0x20..0x7f).contains(byte) || b"\\;#".contains(byte)) {
        return None;
    }
    let path = std::str::from_utf8(path).ok()?;
    let inner = path.strip_prefix('/')?;
    if inner.is_empty() {
        return Some(Vec::new());
    }
    inner.strip_suffix('/').unwrap_or(inner).split('/').map(decode_segment).collect()
}

fn decode_segment(segment: &str) -> Option<String> {
    if ["", ".", ".."].contains(&segment) {
        return None;
    }
    let mut decoded = Vec::new();
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let escaped = u8::try_from(digit(bytes.next())? * 16 + digit(bytes.next())?).ok()?;
        if escaped.is_ascii_alphanumeric() || b"-._~/\\;?#%".contains(&escaped) || escaped.is_ascii_control()
        {
            return None;
        }
        decoded.push(escaped);
    }
    String::from_utf8(decoded).ok()
}

/// The value of each placeholder, if the pattern matches.
fn captures<'p>(pattern: &'p [Takes], path: &[String]) -> Option<Vec<(&'p str, String)>> {
    let mut captured = Vec::new();
    let mut left = path;
    for takes in pattern {
        if let Takes::Rest(name) = takes {
            captured.push((name.as_str(), left.join("/")));
            return Some(captured);
        }
        let (first, rest) = left.split_first()?;
        match takes {
            Takes::Exactly(literal) if literal == first => {}
            Takes::One(name) => captured.push((name.as_str(), first.clone())),
            Takes::Exactly(_) | Takes::Rest(_) => return None,
        }
        left = rest;
    }
    left.is_empty().then_some(captured)
}

/// If a pattern covers another, it matches all paths that the other matches.
fn cover(texts: &[impl AsRef<str>; 2], first: &[Takes], second: &[Takes], path: Option<&[String]>) {
    let [one, other] =
        texts.each_ref().map(|text| Pattern::parse(text.as_ref()).expect("a pattern that was read before"));
    assert!(one.covers(&one) && other.covers(&other));
    if let Some(path) = path
        && one.covers(&other)
        && captures(second, path).is_some()
    {
        assert!(captures(first, path).is_some(), "{one} covers {other}, and {path:?} is only the other's");
    }
    // The shortest path of the other, with literals that occur in neither, reveals a missed covering.
    let witness: Vec<String> = second
        .iter()
        .flat_map(|takes| match takes {
            Takes::Exactly(literal) => vec![literal.clone()],
            Takes::One(_) => vec!["\u{fffd}other".to_owned()],
            Takes::Rest(_) => Vec::new(),
        })
        .collect();
    let longer: Vec<String> = match second.last() {
        Some(Takes::Rest(_)) => witness.iter().cloned().chain(["\u{fffd}more".to_owned()]).collect(),
        _ => witness.clone(),
    };
    let both = captures(first, &witness).is_some() && captures(first, &longer).is_some();
    assert_eq!(one.covers(&other), both, "whether {one} covers {other}");
}

/// The first matching entry determines the owner.
fn own(texts: &[impl AsRef<str>; 2], patterns: [&[Takes]; 2], target: &[u8], path: Option<&[String]>) {
    let owner = |pattern: &[Takes], literal: &str| match pattern.iter().find_map(|takes| match takes {
        Takes::One(name) | Takes::Rest(name) => Some(name),
        Takes::Exactly(_) => None,
    }) {
        Some(name) => format!("{{{name}}}"),
        None => literal.to_owned(),
    };
    let literals = ["first", "second"];
    let specs: Vec<ResourceSpec> = (0..2)
        .map(|at| ResourceSpec {
            path: texts[at].as_ref().to_owned(),
            organization: Some(owner(patterns[at], literals[at])),
            unowned: None,
        })
        .collect();
    // The first may cover the second; then only the first is used.
    let Ok(resources) = Resources::new(&specs).or_else(|_| Resources::new(&specs[..1])) else {
        panic!("an entry of a good pattern does not load: {specs:?}")
    };
    let found = path.map_or(ControlFlow::Continue(()), |path| {
        for at in 0..resources.len() {
            if let Some(captured) = captures(patterns[at], path) {
                let first = captured.into_iter().next();
                let owner = first.map_or(literals[at].to_owned(), |(_, taken)| taken);
                // An empty rest means no owner.
                return ControlFlow::Break(Some(owner).filter(|owner| !owner.is_empty()));
            }
        }
        ControlFlow::Continue(())
    });
    let expected = match found {
        ControlFlow::Break(Some(owner)) => ResourceOrg::Owned(owner.into()),
        ControlFlow::Break(None) | ControlFlow::Continue(()) => ResourceOrg::Unresolved,
    };
    assert_eq!(resources.owner_of(target), expected, "{specs:?}");
}

/// The complete decision with a rule, and with a public path, of that pattern equals the reference decider's.
fn decide(pattern: &str, target: &str) {
    let public = PublicDocument { path: pattern.to_owned(), methods: Some(vec!["PUT".to_owned()]) };
    let routes = vec![RouteDocument {
        methods: None,
        path: pattern.to_owned(),
        permissions: vec!["never-held".to_owned()],
    }];
    let spellable = pattern.bytes().all(|byte| byte.is_ascii_graphic());
    let public = spellable.then(|| vec![public]);
    let policy = PolicyDocument { routes, public, ..PolicyDocument::default() };
    let pair = Pair::new(Setup { more_keys: Vec::new(), policy, keys: keys(), revocations: json!({}) });
    let pair = pair.unwrap_or_else(|error| panic!("a policy of a good pattern does not load: {error}"));
    for method in ["GET", "PUT"] {
        let asked = question(vec![mint::bearer(&mint::good("hs256"))]);
        let asked = Question { method: method.to_owned(), path: target.to_owned(), ..asked };
        let verdict = pair.check(&asked);
        if method == "PUT" && spellable && target.split('?').next() == Some(pattern) {
            assert_eq!(verdict.reason, "public_path");
        }
    }
}
