//! Hands its input to the oracle `claim_names`.
#![cfg_attr(fuzzing, no_main)]

artos_auth_fuzz::fuzz!("claim_names");
