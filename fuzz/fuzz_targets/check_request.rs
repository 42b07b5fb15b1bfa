//! Hands its input to the oracle `check_request`.
#![cfg_attr(fuzzing, no_main)]

artos_auth_fuzz::fuzz!("check_request");
