//! Hands its input to the oracle `compact_jws`.
#![cfg_attr(fuzzing, no_main)]

artos_auth_fuzz::fuzz!("compact_jws");
