//! Hands its input to the oracle `conformance_response`.
#![cfg_attr(fuzzing, no_main)]

artos_auth_fuzz::fuzz!("conformance_response");
