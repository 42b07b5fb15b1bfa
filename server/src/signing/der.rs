//! Reads the numbers of an RSA key from PKCS #8, the only form in which the crypto library exports a new key.

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// n, e, d, p, q, dp, dq, qi of a PKCS #8 document (RFC 5208 §5, RFC 8017 §A.1.2), without leading zeros.
pub(super) fn rsa_private_key(document: &[u8]) -> Option<[&[u8]; 8]> {
    let (mut info, _) = element(SEQUENCE, document)?;
    let version;
    (version, info) = element(INTEGER, info)?;
    let _algorithm;
    (_algorithm, info) = element(SEQUENCE, info)?;
    let (key, _) = element(OCTET_STRING, info)?;
    let (mut key, _) = element(SEQUENCE, key)?;
    let inner_version;
    (inner_version, key) = element(INTEGER, key)?;
    if version != [0] || inner_version != [0] {
        return None;
    }
    let mut integers: [&[u8]; 8] = [&[]; 8];
    for integer in &mut integers {
        let number;
        (number, key) = element(INTEGER, key)?;
        let leading = number.iter().take_while(|byte| **byte == 0).count();
        *integer = number.get(leading..)?;
    }
    Some(integers)
}

/// The content of the element with this tag at the beginning of `from`, and the bytes after it.
fn element(tag: u8, from: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = from.strip_prefix(&[tag])?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*first) {
        short @ 0..0x80 => (short, rest),
        long => {
            let (bytes, rest) = rest.split_at_checked(long & 0x7f).filter(|(bytes, _)| bytes.len() <= 4)?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
    };
    rest.split_at_checked(length)
}
