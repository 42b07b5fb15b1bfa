//! JSON libraries, each reading into a struct that borrows where possible: the minimum cost of reading claims.

use super::BorrowedClaims;

/// serde_json: the most common choice.
#[must_use]
pub fn serde_json_reads(claims: &[u8]) -> Option<BorrowedClaims<'_>> {
    serde_json::from_slice(claims).ok()
}

/// sonic-rs: reportedly the fastest into structs.
#[must_use]
pub fn sonic_rs_reads(claims: &[u8]) -> Option<BorrowedClaims<'_>> {
    sonic_rs::from_slice(claims).ok()
}

/// simd-json, which parses a mutable copy; its buffers are reused.
#[derive(Default)]
pub struct SimdJson {
    copy: Vec<u8>,
    buffers: simd_json::Buffers,
}

impl SimdJson {
    /// Reads the claims.
    pub fn reads(&mut self, claims: &[u8]) -> Option<BorrowedClaims<'_>> {
        self.copy.clear();
        self.copy.extend_from_slice(claims);
        simd_json::serde::from_slice_with_buffers(&mut self.copy, &mut self.buffers).ok()
    }
}
