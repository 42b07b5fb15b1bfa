//! Hands its input to the oracle `path`.
#![cfg_attr(fuzzing, no_main)]

artos_auth_fuzz::fuzz!("path");
