//! Hands its input to the oracle `conformance_profile`.
#![cfg_attr(fuzzing, no_main)]

artos_auth_fuzz::fuzz!("conformance_profile");
