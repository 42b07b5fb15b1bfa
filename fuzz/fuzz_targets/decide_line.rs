//! Hands its input to the oracle `decide_line`.
#![cfg_attr(fuzzing, no_main)]

artos_auth_fuzz::fuzz!("decide_line");
