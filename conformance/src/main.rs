//! `artos-conformance`.
fn main() {}
