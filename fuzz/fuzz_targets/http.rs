//! Hands its input to the oracle `http`.
#![cfg_attr(fuzzing, no_main)]

artos_auth_fuzz::fuzz!("http");
