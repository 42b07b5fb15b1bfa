//! Hands its input to the oracle `policy`.
#![cfg_attr(fuzzing, no_main)]

artos_auth_fuzz::fuzz!("policy");
