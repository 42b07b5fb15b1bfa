//! Hands its input to the oracle `backends`.
#![cfg_attr(fuzzing, no_main)]

artos_auth_fuzz::fuzz!("backends");
