//! Hands its input to the oracle `authorization`.
#![cfg_attr(fuzzing, no_main)]

artos_auth_fuzz::fuzz!("authorization");
