//! Hands its input to the oracle `cache`.
#![cfg_attr(fuzzing, no_main)]

artos_auth_fuzz::fuzz!("cache");
