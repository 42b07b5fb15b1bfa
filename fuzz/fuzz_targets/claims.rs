//! Hands its input to the oracle `claims`.
#![cfg_attr(fuzzing, no_main)]

artos_auth_fuzz::fuzz!("claims");
