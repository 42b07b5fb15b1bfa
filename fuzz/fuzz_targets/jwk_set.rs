//! Hands its input to the oracle `jwk_set`.
#![cfg_attr(fuzzing, no_main)]

artos_auth_fuzz::fuzz!("jwk_set");
