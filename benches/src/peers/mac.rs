//! HMAC by other crypto libraries, with a prepared key: the share of the library in the floor.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// ring.
pub struct Ring(ring::hmac::Key);

impl Ring {
    /// A prepared key.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret))
    }

    /// Whether this is the message's MAC.
    #[must_use]
    pub fn verifies(&self, message: &[u8], mac: &[u8]) -> bool {
        ring::hmac::verify(&self.0, message, mac).is_ok()
    }
}

/// RustCrypto's hmac and sha2.
pub struct RustCrypto(Hmac<Sha256>);

impl RustCrypto {
    /// A prepared key.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("HMAC takes a key of any length"))
    }

    /// Whether this is the message's MAC.
    #[must_use]
    pub fn verifies(&self, message: &[u8], mac: &[u8]) -> bool {
        let mut hmac = self.0.clone();
        hmac.update(message);
        hmac.verify_slice(mac).is_ok()
    }
}
