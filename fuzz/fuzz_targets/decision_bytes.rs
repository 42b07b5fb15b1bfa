//! Hands its input to the oracle `decision_bytes`.
#![cfg_attr(fuzzing, no_main)]

artos_auth_fuzz::fuzz!("decision_bytes");
