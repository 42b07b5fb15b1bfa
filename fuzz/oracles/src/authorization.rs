//! The `Authorization` lines (HDR-1 to HDR-3, TOK-2).

use crate::differential::{pair, question};
use crate::mint;

/// Lines are separated by line ends; `%T` stands for the valid token.
pub(crate) fn run(input: &[u8]) {
    let lines = match input {
        [] => Vec::new(),
        _ => input.split(|byte| *byte == b'\n').take(4).map(with_token).collect(),
    };
    let count = lines.len();
    let verdict = pair(0).check(&question(lines));
    if count != 1 {
        assert!(!verdict.is_allow(), "{count} lines let somebody in");
    }
}

fn with_token(line: &[u8]) -> Vec<u8> {
    match line.windows(2).position(|part| part == b"%T") {
        Some(at) => [&line[..at], &mint::good("hs256"), &line[at + 2..]].concat(),
        None => line.to_vec(),
    }
}
