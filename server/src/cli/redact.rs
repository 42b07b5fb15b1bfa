//! What must not be repeated of a command line: a token that stands where it does not belong.

use std::ffi::OsString;

/// The arguments, and the values of flags, that are suspicious; the longest first, for one may hold another.
pub(super) fn suspicious(arguments: &[OsString], is_suspicious: impl Fn(&str) -> bool) -> Vec<String> {
    let texts = arguments.iter().skip(1).map(|argument| argument.to_string_lossy());
    let values = texts.map(|text| match text.split_once('=') {
        Some((flag, value)) if flag.starts_with("--") => value.to_owned(),
        _ => text.into_owned(),
    });
    let mut suspicious: Vec<String> = values.filter(|text| is_suspicious(text)).collect();
    suspicious.sort_unstable_by_key(|text| std::cmp::Reverse(text.len()));
    suspicious
}

/// Shorter than any token, longer than most words that a message about usage has to quote.
pub(super) fn is_no_word_of_ours(argument: &str) -> bool {
    let flag =
        argument.starts_with("--") && argument.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    argument.len() >= 20 && !flag
}

/// Dots between runs of base64url as long as the shortest JOSE header, or the beginning of a JSON object in
/// base64url: hardly the name of a file.
pub(super) fn looks_like_token(argument: &str) -> bool {
    const SHORTEST: usize = 20;
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let ends_long =
        |segment: &&str| segment.len() >= SHORTEST && segment.bytes().rev().take(SHORTEST).all(is_base64);
    argument.contains("eyJ") || argument.split('.').filter(ends_long).count() >= 2
}

pub(super) fn redact(message: &str, arguments: &[String]) -> String {
    arguments.iter().fold(message.to_owned(), |message, text| message.replace(text.as_str(), "(not shown)"))
}
