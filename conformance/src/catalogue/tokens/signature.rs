//! TOK-8: the signature must verify over the received bytes.

use serde_json::json;

use crate::case::{Accept, Case};
use crate::catalogue::sources;
use crate::run::session::{claims_with, header_with};
use crate::token::base64url;

macro_rules! forged {
    ($name:ident, $title:literal, $what:literal, needs: [$($need:ident),+], |$session:ident| $token:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [Tok8],
            level: Must,
            sends: concat!("Sends GET to the protected endpoint with ", $what, "."),
            requirement: "The deployment must answer 401 `Invalid authentication credentials`.",
            source: sources::NOT_VALID,
            needs: [$($need),+],
            accept: [Accept::InvalidCredentials],
            probe: |$session| {
                let token = $token;
                $session.protected().bearer(token.text())
            },
        }
    };
}

/// The order of the group of P-256 and of P-384 (SEC 2 §2.4.2, §2.5.1), by the length of a coordinate.
pub(in crate::catalogue) fn group_order(coordinate: usize) -> &'static [u8] {
    const P256: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    const P384: [u8; 48] = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf, 0x58, 0x1a,
        0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
    ];
    if coordinate == P384.len() { &P384 } else { &P256 }
}

/// The alternative ECDSA signature, which verifies too: `s` becomes `n - s`.
pub(in crate::catalogue) fn second_form(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(signature.len() / 2);
    let mut borrow = 0;
    let mut difference: Vec<u8> = group_order(s.len())
        .iter()
        .zip(s)
        .rev()
        .map(|(&minuend, &subtrahend)| {
            let digit = i16::from(minuend) - i16::from(subtrahend) - borrow;
            borrow = i16::from(digit < 0);
            u8::try_from(digit.rem_euclid(256)).unwrap_or_default()
        })
        .collect();
    difference.reverse();
    [r, &difference].concat()
}

pub(in crate::catalogue) static CASES: &[Case] = &[
    forged!(missing, "A token without a signature is refused", "a good token with an empty third segment",
        needs: [Valid], |s| s.valid()?.with_signature(&[])),
    forged!(zeros, "A signature of zeros is refused", "a good token with zeros for its signature",
        needs: [Valid],
        |s| { let token = s.valid()?; let length = token.signature_bytes().len(); token.with_signature(&vec![0; length]) }),
    forged!(group_order_for_r_and_s, "An ECDSA signature of the group order is refused",
    "a good token with the order of the curve's group for `r` and `s`",
    needs: [EllipticKey],
    |s| {
        let token = s.mint()?.sign(&s.key()?);
        let order = group_order(token.signature_bytes().len() / 2);
        token.with_signature(&[order, order].concat())
    }),
    forged!(in_der, "An ECDSA signature in DER is not a JWS signature", "a token whose signature is in DER",
    needs: [EllipticKey],
    |s| {
        let key = s.key()?;
        let token = s.mint()?.sign(&key);
        token.with_signature(&key.sign_in_der(token.signed_part().as_bytes()))
    }),
    forged!(first_bit, "A signature with its first bit changed is refused",
    "a good token with the first bit of its signature changed",
    needs: [Valid],
    |s| {
        let token = s.valid()?;
        let mut bytes = token.signature_bytes();
        if let Some(first) = bytes.first_mut() { *first ^= 0x80; }
        token.with_signature(&bytes)
    }),
    forged!(half, "Half a signature is refused", "a good token with the first half of its signature",
    needs: [Valid], |s| {
        let token = s.valid()?;
        let bytes = token.signature_bytes();
        token.with_signature(&bytes[..bytes.len() / 2])
    }),
    forged!(zero_byte_behind, "A byte after the signature is an extra character", "a good token with a zero byte after its signature",
        needs: [Valid],
        |s| { let token = s.valid()?; token.with_signature(&[token.signature_bytes(), vec![0]].concat()) }),
    forged!(of_another_token, "Another token's signature is refused",
        "a good token with another good token's signature",
        needs: [Valid, OtherOrganization],
        |s| { let other = s.other_organization()?; crate::token::Compact { signature: other.signature, ..s.valid()? } }),
    forged!(claims_of_another_token, "Another token's claims do not match the signature",
        "another organization's claims between a good token's header and signature",
        needs: [Valid, OtherOrganization],
        |s| { let other = s.other_organization()?; crate::token::Compact { claims: other.claims, ..s.valid()? } }),
    forged!(later_expiry, "An expired token with a later `exp` is refused", "an expired token whose `exp` was moved ahead",
        needs: [Expired],
        |s| { let token = s.expired()?; token.with_claims(&claims_with(&token, "exp", json!(s.now() + 3_600))) }),
    forged!(added_claim, "A claim cannot be added", "a good token with the claim `admin` added",
        needs: [Valid],
        |s| { let token = s.valid()?; token.with_claims(&claims_with(&token, "admin", json!(true))) }),
    forged!(added_header_member, "The signature covers the header too", "a good token with a header parameter added",
        needs: [Valid],
        |s| { let token = s.valid()?; token.with_header(&header_with(&token, "artos", json!("x"))) }),
    case! {
        again_and_again,
        title: "A repeated forged token is refused each time",
        clauses: [Tok8],
        level: Must,
        sends: "Sends the same forged token to the protected endpoint four times.",
        requirement: "The deployment must answer 401 `Invalid authentication credentials` each time.",
        source: sources::NOT_VALID,
        needs: [Valid],
        accept: [Accept::InvalidCredentials],
        requests: 4,
        run: |s| {
            let token = s.valid()?.with_signature(base64url(b"forged").as_bytes());
            let request = s.protected().bearer(token.text());
            s.send_on_one_connection(vec![request; 4]).await?;
            crate::catalogue::compare::each(s).await
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alternative_of_the_alternative_signature_is_the_original() {
        let signature: Vec<u8> = (1..=64).collect();
        assert_ne!(second_form(&signature), signature);
        assert_eq!(second_form(&second_form(&signature)), signature);
    }
}
