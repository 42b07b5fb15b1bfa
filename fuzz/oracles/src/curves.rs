//! Checks whether numbers are a public key on a curve, with the curve's equation.

use num_bigint::BigUint;

/// A curve `y² = x³ - 3x + b` over a prime field (FIPS 186-5, SP 800-186 section 3.2.1).
pub(crate) struct Weierstrass {
    bytes: usize,
    prime: &'static str,
    b: &'static str,
}

pub(crate) const P256: Weierstrass = Weierstrass {
    bytes: 32,
    prime: "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
    b: "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
};

pub(crate) const P384: Weierstrass = Weierstrass {
    bytes: 48,
    prime: "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
    b: "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
};

impl Weierstrass {
    /// Whether these are the coordinates of a point, each as long as the field.
    pub(crate) fn has(&self, x: &[u8], y: &[u8]) -> bool {
        let (p, b) = (hex(self.prime), hex(self.b));
        let (its_x, its_y) = (BigUint::from_bytes_be(x), BigUint::from_bytes_be(y));
        let right = its_x.pow(3) + &b + 3_u8 * (&p - &its_x % &p);
        x.len() == self.bytes
            && y.len() == self.bytes
            && its_x < p
            && its_y < p
            && its_y.pow(2) % &p == right % &p
    }
}

/// Whether this is a canonical encoding of a point of edwards25519 (RFC 8032 section 5.1.3) whose order is not small.
pub(crate) fn is_ed25519_key(encoded: &[u8]) -> bool {
    let Ok(mut bytes) = <[u8; 32]>::try_from(encoded) else { return false };
    let sign = bytes[31] >> 7;
    bytes[31] &= 0x7f;
    let field = Field((BigUint::from(1_u8) << 255) - 19_u8);
    let one = BigUint::from(1_u8);
    let d =
        field.minus(&BigUint::ZERO, &field.over(&BigUint::from(121_665_u32), &BigUint::from(121_666_u32)));
    let y = BigUint::from_bytes_le(&bytes);
    if y >= field.0 {
        return false;
    }
    let y2 = field.times(&y, &y);
    let x2 = field.over(&field.minus(&y2, &one), &(field.times(&d, &y2) + &one));
    let Some(mut x) = field.root(&x2) else { return false };
    if x == BigUint::ZERO && sign == 1 {
        return false;
    }
    if x.bit(0) != (sign == 1) {
        x = field.minus(&BigUint::ZERO, &x);
    }
    let mut point = (x, y);
    for _ in 0..3 {
        let (x, y) = &point;
        let product = field.times(&d, &field.times(&field.times(x, x), &field.times(y, y)));
        let x3 = field.over(&(2_u8 * x * y), &(&one + &product));
        let y3 = field.over(&(x * x + y * y), &field.minus(&one, &product));
        point = (x3, y3);
    }
    point != (BigUint::ZERO, one)
}

/// Numbers modulo a prime that is 5 modulo 8.
struct Field(BigUint);

impl Field {
    fn times(&self, a: &BigUint, b: &BigUint) -> BigUint {
        a * b % &self.0
    }

    fn minus(&self, a: &BigUint, b: &BigUint) -> BigUint {
        (a + &self.0 - b % &self.0) % &self.0
    }

    fn over(&self, a: &BigUint, b: &BigUint) -> BigUint {
        a * b.modpow(&(&self.0 - 2_u8), &self.0) % &self.0
    }

    fn root(&self, square: &BigUint) -> Option<BigUint> {
        let square = square % &self.0;
        let root = square.modpow(&((&self.0 + 3_u8) / 8_u8), &self.0);
        let of_minus_one = BigUint::from(2_u8).modpow(&((&self.0 - 1_u8) / 4_u8), &self.0);
        [self.times(&root, &of_minus_one), root].into_iter().find(|root| self.times(root, root) == square)
    }
}

fn hex(digits: &str) -> BigUint {
    BigUint::parse_bytes(digits.as_bytes(), 16).expect("hexadecimal digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The base points of the three curves.
    #[test]
    fn base_points_are_on_their_curves() {
        let bytes = |digits| hex(digits).to_bytes_be();
        let x = bytes("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
        let y = bytes("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
        assert!(P256.has(&x, &y) && !P256.has(&y, &x) && !P256.has(&x[1..], &y));
        let x = bytes(
            "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7",
        );
        let y = bytes(
            "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
        );
        assert!(P384.has(&x, &y) && !P384.has(&y, &x));
        let base = [[0x58].as_slice(), &[0x66; 31]].concat();
        assert!(is_ed25519_key(&base));
    }

    /// Points of small order, and encodings that are not canonical (<https://eprint.iacr.org/2020/1244>, table 6).
    #[test]
    fn points_of_small_order_are_not_keys() {
        for (first, middle, last) in
            [(1, 0, 0), (1, 0, 0x80), (0xec, 0xff, 0x7f), (0, 0, 0), (0xed, 0xff, 0x7f)]
        {
            let encoded = [&[first], [middle; 30].as_slice(), &[last]].concat();
            assert!(!is_ed25519_key(&encoded), "{encoded:x?}");
        }
        let order_eight =
            hex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a").to_bytes_be();
        assert!(!is_ed25519_key(&order_eight));
        assert!(!is_ed25519_key(&[2; 31]));
    }
}
