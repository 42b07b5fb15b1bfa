//! `artos-auth`.
fn main() {}
