//! Public keys as numbers, checked before a crypto library parses them.
//!
//! The libraries differ: some invalid keys are rejected when they are loaded, others only when a signature is verified.
//! These checks come first, so that both backends load the same keys, and a key that can never verify a token is reported
//! when it is loaded.

use curve25519_dalek::edwards::CompressedEdwardsY;

/// A point of P-256 or P-384 in uncompressed form (SEC 1 §2.3.3), or an Ed25519 public key (RFC 8032 §5.1.5).
pub(super) struct CurvePoint(Vec<u8>);

impl CurvePoint {
    /// A point of a curve whose coordinates have `length` bytes; `None` if one has another length (RFC 7518 §6.2.1.2).
    ///
    /// The crypto library checks that the point is on the curve.
    pub(super) fn of_coordinates(length: usize, x: &[u8], y: &[u8]) -> Option<Self> {
        (x.len() == length && y.len() == length).then(|| Self([&[4], x, y].concat()))
    }

    /// An Ed25519 public key; `None` if it is not the canonical encoding of a point, or if the point has a small order.
    ///
    /// With a key of small order, signatures can be forged without a private key. AWS-LC only copies the 32 bytes when it
    /// loads a key, and decodes the point when it verifies.
    pub(super) fn ed25519(bytes: &[u8]) -> Option<Self> {
        let encoded = CompressedEdwardsY::from_slice(bytes).ok()?;
        let point = encoded.decompress()?;
        (point.compress() == encoded && !point.is_small_order()).then(|| Self(bytes.to_vec()))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The modulus and public exponent of an RSA key, big-endian without leading zeros.
pub(super) struct RsaNumbers {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl RsaNumbers {
    /// The allowed sizes of a modulus in bits.
    pub(super) const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

    /// The numbers without leading zeros. RFC 7518 §6.3.1.1 forbids leading zeros, but they are common and harmless.
    pub(super) fn new(modulus: &[u8], exponent: &[u8]) -> Self {
        Self { modulus: without_leading_zeros(modulus), exponent: without_leading_zeros(exponent) }
    }

    /// The size of the modulus in bits.
    pub(super) fn modulus_bits(&self) -> usize {
        let leading = self.modulus.first().map_or(0, |byte| byte.leading_zeros());
        self.modulus.len().saturating_mul(8).saturating_sub(usize::try_from(leading).unwrap_or(0))
    }

    /// Whether the numbers can be a public key: an odd modulus, and an odd exponent from 3 to 2^33 - 1.
    ///
    /// Both libraries have the limit of 33 bits. A longer exponent would make every verification slower.
    pub(super) fn are_valid(&self) -> bool {
        let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
        let exponent = self
            .exponent
            .iter()
            .try_fold(0_u64, |number, byte| number.checked_mul(256)?.checked_add(u64::from(*byte)));
        is_odd(&self.modulus)
            && is_odd(&self.exponent)
            && exponent.is_some_and(|exponent| (3..1 << 33).contains(&exponent))
    }

    pub(super) fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    pub(super) fn exponent(&self) -> &[u8] {
        &self.exponent
    }
}

fn without_leading_zeros(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    bytes.get(start..).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::usual(&[1, 0, 1], true)]
    #[case::smallest(&[3], true)]
    #[case::largest(&[1, 0xff, 0xff, 0xff, 0xff], true)]
    #[case::leading_zeros(&[0, 0, 0, 0, 0, 0, 0, 0, 3], true)]
    #[case::one(&[1], false)]
    #[case::zero(&[0], false)]
    #[case::empty(&[], false)]
    #[case::even(&[1, 0, 0], false)]
    #[case::too_large(&[2, 0, 0, 0, 1], false)]
    #[case::beyond_64_bits(&[1, 0, 0, 0, 0, 0, 0, 0, 3], false)]
    fn exponents(#[case] exponent: &[u8], #[case] valid: bool) {
        assert_eq!(RsaNumbers::new(&[0xff; 256], exponent).are_valid(), valid);
    }

    #[test]
    fn an_even_modulus_is_not_valid() {
        let mut modulus = [0xff; 256];
        modulus[255] = 0xfe;
        assert!(!RsaNumbers::new(&modulus, &[1, 0, 1]).are_valid());
    }

    /// The encodings of <https://eprint.iacr.org/2020/1244>, table 6: canonical and not, of small order.
    #[rstest]
    #[case::identity("0100000000000000000000000000000000000000000000000000000000000000")]
    #[case::identity_with_sign("0100000000000000000000000000000000000000000000000000000000000080")]
    #[case::order_two("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")]
    #[case::order_four("0000000000000000000000000000000000000000000000000000000000000000")]
    #[case::order_eight("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")]
    #[case::y_is_p("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")]
    #[case::y_is_p_plus_1("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")]
    #[case::y_is_p_plus_3("f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")]
    #[case::no_point("0200000000000000000000000000000000000000000000000000000000000000")]
    #[case::too_short("5866666666666666666666666666666666666666666666666666666666666666".get(2..).unwrap())]
    fn ed25519_keys_that_are_not_valid(#[case] hex: &str) {
        let bytes: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        assert!(CurvePoint::ed25519(&bytes).is_none());
    }

    #[test]
    fn the_base_point_is_a_valid_ed25519_key() {
        let base = [[0x58].as_slice(), &[0x66; 31]].concat();
        assert_eq!(CurvePoint::ed25519(&base).unwrap().as_bytes(), base);
    }

    #[test]
    fn coordinates_have_the_length_of_the_curve() {
        assert!(CurvePoint::of_coordinates(32, &[1; 32], &[1; 32]).is_some());
        assert!(CurvePoint::of_coordinates(32, &[1; 31], &[1; 33]).is_none());
        assert!(CurvePoint::of_coordinates(32, &[1; 33], &[1; 31]).is_none());
        assert!(CurvePoint::of_coordinates(32, &[], &[]).is_none());
    }
}
