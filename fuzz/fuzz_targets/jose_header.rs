//! Hands its input to the oracle `jose_header`.
#![cfg_attr(fuzzing, no_main)]

artos_auth_fuzz::fuzz!("jose_header");
