//! Compares the engine's two crypto backends: keys (section 3, point 5) and signatures (point 6).

use artos_auth_fixtures::TokenSpec;
use artos_auth_fixtures::keys::TestKey;
use serde_json::Value;

use crate::choices::Choices;
use crate::mint::base64url;

/// Every algorithm, with the test key that signs.
const ALGORITHMS: &[(&str, &str)] = &[
    ("HS256", "hs256"),
    ("HS384", "hs384"),
    ("HS512", "hs512"),
    ("RS256", "rsa"),
    ("RS384", "rsa"),
    ("RS512", "rsa"),
    ("PS256", "rsa"),
    ("PS384", "rsa"),
    ("PS512", "rsa"),
    ("ES256", "es256"),
    ("ES384", "es384"),
    ("EdDSA", "ed25519"),
];

/// The members of a JWK that hold its public numbers or its secret.
const NUMBERS: &[&str] = &["k", "n", "e", "x", "y"];

/// What an input changes: the signature, or the verification key.
#[derive(Clone, Copy)]
enum Change {
    /// The bytes of the input are the signature.
    Signature,
    /// Pairs of bytes, a position and a mask, change a valid signature.
    SignatureBits,
    /// A valid signature under another algorithm of the same key, with bytes of the input appended.
    OtherAlgorithm,
    /// The bytes of the input are a number of the key.
    Key,
    /// Pairs of bytes change a number of the key.
    KeyBits,
}

const CHANGES: &[Change] =
    &[Change::Signature, Change::SignatureBits, Change::OtherAlgorithm, Change::Key, Change::KeyBits];

/// Both backends give the same result for a token and a key set built from the input.
pub(crate) fn run(input: &[u8]) {
    let mut choices = Choices::new(input);
    let (algorithm, name) = choices.pick(ALGORITHMS);
    let change = choices.pick(CHANGES);
    let key = TestKey::named(name).unwrap_or_else(|error| panic!("{error}"));
    let mut jwk = key.published();
    jwk.insert("alg".to_owned(), algorithm.into());
    jwk.remove("kid");

    let spec = TokenSpec { key: Some(name.to_owned()), ..TokenSpec::default() };
    let token = spec.mint().unwrap_or_else(|error| panic!("{error}"));
    let claims = token.split(|byte| *byte == b'.').nth(1).unwrap_or_default();
    let header = base64url(format!(r#"{{"alg":"{algorithm}"}}"#).as_bytes());
    let signed = [header.as_bytes(), b".", claims].concat();
    let sign = |algorithm: &str| key.sign(algorithm, &signed).unwrap_or_else(|error| panic!("{error}"));

    let mut signature = sign(algorithm);
    let unchanged = signature.clone();
    match change {
        Change::Signature => signature = choices.rest().to_vec(),
        Change::SignatureBits => flip(&mut signature, &mut choices),
        Change::OtherAlgorithm => {
            let same_key: Vec<&str> =
                ALGORITHMS.iter().filter(|(_, its)| *its == name).map(|(algorithm, _)| *algorithm).collect();
            signature = sign(choices.pick(&same_key));
            signature.extend(choices.rest());
        }
        Change::Key | Change::KeyBits => {
            let members: Vec<&str> =
                NUMBERS.iter().copied().filter(|member| jwk.contains_key(*member)).collect();
            let member = choices.pick(&members);
            let number = match change {
                Change::Key => choices.rest().to_vec(),
                _ => {
                    let text = jwk.get(member).and_then(Value::as_str).unwrap_or_default();
                    let mut number = base64_simd::URL_SAFE_NO_PAD
                        .decode_to_vec(text)
                        .unwrap_or_else(|error| panic!("{error}"));
                    flip(&mut number, &mut choices);
                    number
                }
            };
            jwk.insert(member.to_owned(), base64url(&number).into());
        }
    }

    let token = [&signed, b".".as_slice(), base64url(&signature).as_bytes()].concat();
    let line = [b"Bearer ", token.as_slice()].concat();
    let jwks = Value::Object(jwk).to_string();
    let aws_lc = aws_lc(&jwks, &line);
    let rust_crypto = rust_crypto(&jwks, &line);
    assert_eq!(aws_lc, rust_crypto, "{algorithm}: {jwks} {}", String::from_utf8_lossy(&token));
    let is_unchanged = signature == unchanged && !matches!(change, Change::Key | Change::KeyBits);
    if is_unchanged {
        assert_eq!(aws_lc, Ok("authorized"), "{algorithm}: a good token");
    }
}

/// Changes bytes by pairs of a position and a mask.
fn flip(bytes: &mut [u8], choices: &mut Choices<'_>) {
    while !choices.is_empty() && !bytes.is_empty() {
        let position = usize::from(choices.two_bytes()) % bytes.len();
        bytes[position] ^= choices.byte();
    }
}

/// One function for each copy of the engine, whose types have the same names but are different types.
macro_rules! ask {
    ($name:ident, $engine:ident) => {
        /// The reason of the decision on an `Authorization` line.
        ///
        /// # Errors
        ///
        /// The error if the key set does not load.
        pub fn $name(jwks: &str, line: &[u8]) -> Result<&'static str, String> {
            use $engine::{
                Algorithm, Context, Decision, Engine, KeySet, Policy, PolicySpec, Request, Revocations,
                UnixTime,
            };
            let keys = KeySet::from_jwks(jwks.as_bytes()).map_err(|error| error.to_string())?;
            let algorithms = Algorithm::ALL.iter().map(|algorithm| algorithm.name().to_owned()).collect();
            let spec = PolicySpec { algorithms: Some(algorithms), ..PolicySpec::default() };
            let policy = Policy::new(&spec).map_err(|error| error.to_string())?;
            let engine = Engine::new(policy, keys, Revocations::none());
            let lines = [line];
            let request = Request::new("GET", artos_auth_fixtures::case::PATH, &lines);
            let now = UnixTime::from_seconds(artos_auth_fixtures::case::NOW);
            Ok(match engine.decide(&request, &Context::unowned(), now) {
                Decision::Allow(_) => "authorized",
                Decision::Deny(denial) => denial.reason().code(),
            })
        }
    };
}

ask!(aws_lc, artos_auth_engine);
ask!(rust_crypto, artos_auth_engine_rust_crypto);

/// A valid token of each algorithm, and each kind of change.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for algorithm in 0..ALGORITHMS.len() {
        for change in 0..CHANGES.len() {
            let head = [algorithm, change].map(|choice| u8::try_from(choice).unwrap_or(0));
            seeds.push(head.to_vec());
            // A changed byte; a number of four bytes.
            seeds.push([head.as_slice(), &[0, 1, 0x40, 1]].concat());
        }
    }
    seeds
}
