//! (g) jsonwebtoken's crypto provider is the process's own: whoever comes first installs it, and where nobody did, or two
//! features are on, whatever needs it panics. A test of its own process shows that the engine never asks for it.

#![cfg(test)]

use artos_auth_fixtures::engine::EngineDecider;
use artos_auth_fixtures::{Decider, case};
use jsonwebtoken::crypto::{CryptoProvider, KeyUtils};

static HOSTILE: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| panic!("the engine signs nothing"),
    verifier_factory: |_, _| panic!("the engine verifies by its own verifiers"),
    key_utils: KeyUtils::new_unimplemented(),
};

#[test]
fn g_the_engine_never_asks_the_provider_of_the_process() {
    HOSTILE.install_default().unwrap();
    for case in case::load().unwrap() {
        let engine = EngineDecider::new(&case.setup).unwrap();
        assert_eq!(engine.decide(&case.question), case.expected, "{}", case.id);
    }
}
