//! Hands its input to the oracle `revocations`.
#![cfg_attr(fuzzing, no_main)]

artos_auth_fuzz::fuzz!("revocations");
