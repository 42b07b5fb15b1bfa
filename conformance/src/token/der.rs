//! The few DER structures that forgeries need (ITU-T X.690).

/// A DER element: tag, length, content.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut encoded = vec![tag];
    let length = content.len();
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => encoded.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let significant = bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len());
            let bytes = bytes.get(significant..).unwrap_or_default();
            encoded.push(0x80 | u8::try_from(bytes.len()).unwrap_or(8));
            encoded.extend_from_slice(bytes);
        }
    }
    encoded.extend_from_slice(content);
    encoded
}

/// A DER INTEGER of an unsigned big-endian number.
pub(super) fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let significant = bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len());
    let mut content = bytes.get(significant..).unwrap_or_default().to_vec();
    if content.first().is_none_or(|&byte| byte >= 0x80) {
        content.insert(0, 0);
    }
    element(0x02, &content)
}

/// The unsigned INTEGERs of a SEQUENCE that contains only INTEGERs, without leading zeros: an RSAPublicKey's `n` and
/// `e` (RFC 8017 §A.1.1).
pub(super) fn integers(sequence: &[u8]) -> Vec<&[u8]> {
    let mut numbers = Vec::new();
    let mut rest = split(sequence).map_or(&[][..], |(content, _)| content);
    while let Some((content, after)) = split(rest) {
        numbers.push(content.strip_prefix(&[0]).unwrap_or(content));
        rest = after;
    }
    numbers
}

/// The content of the first element, and the rest.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first.checked_sub(0x80) {
        None => (usize::from(first), rest),
        Some(count) => {
            let (digits, rest) = rest.split_at_checked(usize::from(count))?;
            (digits.iter().fold(0, |length, &digit| (length << 8) | usize::from(digit)), rest)
        }
    };
    rest.split_at_checked(length)
}

/// An ECDSA signature in DER (RFC 3279 §2.2.3) from its fixed-length form.
pub(super) fn ecdsa_signature(fixed: &[u8]) -> Vec<u8> {
    let (r, s) = fixed.split_at(fixed.len() / 2);
    element(0x30, &[unsigned(r), unsigned(s)].concat())
}

/// A certificate of version 1 for `CN=artos-conformance`, valid from 2000 to 2049, under ecdsa-with-SHA256.
pub(super) fn certificate(public_key: &[u8], sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let ecdsa_with_sha256 = element(0x30, &element(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));
    let common_name = [element(0x06, &[0x55, 0x04, 0x03]), element(0x0c, b"artos-conformance")].concat();
    let name = element(0x30, &element(0x31, &element(0x30, &common_name)));
    let validity =
        element(0x30, &[element(0x17, b"000101000000Z"), element(0x17, b"491231235959Z")].concat());
    let body = [unsigned(&[1]), ecdsa_with_sha256.clone(), name.clone(), validity, name, public_key.to_vec()];
    let signed = element(0x30, &body.concat());
    let signature = [vec![0], sign(&signed)].concat();
    element(0x30, &[signed, ecdsa_with_sha256, element(0x03, &signature)].concat())
}

/// PEM (RFC 7468) with lines of 64 characters and a newline at the end.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let base64 = base64_simd::STANDARD.encode_to_string(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in base64.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_minimal_and_never_negative() {
        assert_eq!(unsigned(&[0, 0, 5]), [0x02, 1, 5]);
        assert_eq!(unsigned(&[0x80]), [0x02, 2, 0, 0x80]);
        assert_eq!(unsigned(&[]), [0x02, 1, 0]);
    }

    #[test]
    fn the_integers_of_a_sequence_are_extracted() {
        let sequence = element(0x30, &[unsigned(&[0x80; 200]), unsigned(&[1, 0, 1])].concat());
        assert_eq!(integers(&sequence), [&[0x80; 200][..], &[1, 0, 1]]);
        assert!(integers(&[0x30]).is_empty());
    }

    #[test]
    fn a_certificate_is_parsed_by_an_x509_library() {
        let key = crate::token::SigningKey::stranger(None).unwrap();
        let certificate = key.self_signed_certificate();
        let anchor = webpki_roots_reader(&certificate);
        assert!(anchor, "the certificate cannot be parsed");
    }

    fn webpki_roots_reader(certificate: &[u8]) -> bool {
        rustls::RootCertStore::empty().add(certificate.to_vec().into()).is_ok()
    }

    #[test]
    fn long_contents_get_a_long_length() {
        assert_eq!(element(0x04, &[0; 300]).get(..4), Some(&[0x04, 0x82, 1, 44][..]));
    }
}
