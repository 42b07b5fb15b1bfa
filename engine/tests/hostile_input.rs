//! Upper bounds on the memory and work that hostile input can cause: at most a small multiple of the cost of a valid
//! token with the same size, algorithm and number of keys.

use std::hint::black_box;
use std::time::{Duration, Instant};

use allocation_counter::{AllocationInfo, measure};
use artos_auth_engine::{
    Context, Engine, KeySet, Policy, PolicySpec, Request, Revocations, RouteSpec, UnixTime,
};
use artos_auth_fixtures::TokenSpec;
use artos_auth_fixtures::keys::TestKey;
use aws_lc_rs::hmac;
use base64_simd::URL_SAFE_NO_PAD;
use rstest::rstest;
use serde_json::{Value, json};

const SECRET: &[u8; 32] = b"test-only, never a real secret!!";
/// The maximum token size that a policy can set.
const LONGEST: usize = 65_536;
const NOW: UnixTime = UnixTime::from_seconds(1_700_000_000);

/// An engine for tokens of maximum size, with this many candidate keys.
fn engine(keys: usize) -> Engine {
    let spec = PolicySpec {
        max_token_bytes: Some(LONGEST),
        audiences: Some(vec!["a".to_owned()]),
        routes: vec![RouteSpec { methods: None, path: "/{*rest}".into(), permissions: vec!["p0".into()] }],
        ..PolicySpec::default()
    };
    engine_of(&spec, keys)
}

fn engine_of(spec: &PolicySpec, keys: usize) -> Engine {
    let secret = |at: usize| match at {
        // The last key signs.
        at if at + 1 == keys => URL_SAFE_NO_PAD.encode_to_string(SECRET),
        at => URL_SAFE_NO_PAD.encode_to_string(format!("test-only, not a real secret {at:05}")),
    };
    let keys: Vec<_> = (0..keys).map(|at| json!({"kty": "oct", "alg": "HS256", "k": secret(at)})).collect();
    let keys = KeySet::from_jwks(json!({ "keys": keys }).to_string().as_bytes()).expect("keys");
    Engine::new(Policy::new(spec).expect("a policy"), keys, Revocations::none())
}

fn signed(header: &str, claims: &str) -> Vec<u8> {
    let input =
        format!("{}.{}", URL_SAFE_NO_PAD.encode_to_string(header), URL_SAFE_NO_PAD.encode_to_string(claims));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode_to_string(signature)).into_bytes()
}

const HEADER: &str = r#"{"alg":"HS256"}"#;
const START: &str = r#"{"exp":1700003600,"sub":"u1","org_id":"org-a","aud":"a","permissions":["p0"]"#;

/// Claims close to the maximum size: the valid ones, then as many repetitions of this text as fit.
fn filled(start: &str, before: &str, unit: &str, after: &str) -> String {
    // Three bytes of claims are four characters of the token; header and signature need the rest.
    let room = LONGEST / 4 * 3 - 256 - start.len() - before.len() - after.len();
    format!("{start}{before}{}{after}}}", unit.repeat(room / unit.len()))
}

/// Valid tokens close to the maximum size, in the most expensive encodings.
fn good() -> Vec<(&'static str, Vec<u8>)> {
    let members: String = (0..4_000).map(|at| format!(r#","{at}":0"#)).collect();
    let permissions: Vec<String> = (1..256).map(|at| format!("p{at}{}", "\u{e9}".repeat(25))).collect();
    let permissions = json!([vec!["p0".to_owned()], permissions].concat()).to_string();
    let escaped = permissions.replace('\u{e9}', "\\u00e9");
    let identity = r#"{"exp":1700003600,"sub":"u1","org_id":"org-a","aud":"a""#;
    let claims = [
        ("one long text", filled(START, r#","pad":""#, "x", "\"")),
        ("escapes", filled(START, r#","pad":""#, "\\u00e9", "\"")),
        ("numbers", filled(START, r#","pad":["#, "1.5e3,", "0]")),
        ("nested", filled(START, r#","pad":["#, "[[[]]],", "0]")),
        ("members", format!("{START}{members}}}")),
        (
            "audiences",
            filled(identity, r#","permissions":["p0"],"aud":["a""#, r#",""#, "\"]").replacen(
                r#""aud":"a","#,
                "",
                1,
            ),
        ),
        ("permissions", format!(r#"{identity},"permissions":{permissions}}}"#)),
        ("escaped permissions", format!(r#"{identity},"permissions":{escaped}}}"#)),
    ];
    claims.into_iter().map(|(name, claims)| (name, signed(HEADER, &claims))).collect()
}

/// Tokens, signed or not, that are designed to be expensive.
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let long_header = |member: &str| {
        let room = LONGEST / 4 * 3 - 256;
        signed(&format!(r#"{{"alg":"HS256",{member}"#).replace('~', &"x".repeat(room)), &format!("{START}}}"))
    };
    let claims = [
        ("nesting as deep as there is room", filled(START, r#","pad":"#, "[", "")),
        ("objects as deep as there is room", filled(START, r#","pad":"#, r#"{"":"#, "")),
        ("members as many as there is room", filled(START, "", r#","":0"#, "")),
        ("a member twice, last", filled(START, "", r#","x":0"#, r#","exp":1"#)),
        ("an escape that breaks off", filled(START, r#","pad":""#, "\\ud83d\\ude00", "\\u")),
        ("lone surrogates", filled(START, r#","sub2":""#, "\\ud800", "\"")),
        ("digits", filled(START, r#","iat":"#, "9", "")),
        ("digits after the point", filled(START, r#","nbf":0."#, "1", "")),
        ("an exponent", filled(START, r#","nbf":1e-"#, "9", "")),
        ("too many permissions", filled(r#"{"exp":1700003600,"permissions":[""#, "", r#"a",""#, "\"]")),
        ("permissions in one text", filled(r#"{"exp":1700003600,"permissions":""#, "", "a ", "\"")),
        ("a long user", filled(r#"{"exp":1700003600,"sub":""#, "", "\\u0061", "\"")),
        ("escaped names", filled(START, "", r#","\u0065\u0078":0"#, "")),
        ("white space", filled(START, "", " ", "")),
        ("no JSON", "\u{0}".repeat(LONGEST / 2)),
    ];
    let mut tokens: Vec<(&'static str, Vec<u8>)> =
        claims.into_iter().map(|(name, claims)| (name, signed(HEADER, &claims))).collect();
    let mut forged = good().swap_remove(1).1;
    let last = forged.len() - 10;
    forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
    tokens.extend([
        ("a forged signature", forged),
        ("a long kid", long_header(r#""kid":"~"}"#)),
        ("a long alg", long_header(r#""alg2":"~"}"#)),
        ("a header of brackets", long_header(&format!(r#""x":{}"#, "[".repeat(40_000)))),
        ("dots", b".".repeat(LONGEST)),
        ("one segment", b"a".repeat(LONGEST)),
        ("no base64", b"!".repeat(LONGEST)),
        ("one byte too long", b"a".repeat(LONGEST + 1)),
        ("100,000 levels of nesting", signed(HEADER, &"[".repeat(100_000))),
        ("100,000 members", signed(HEADER, &format!("{START}{}}}", r#","":0"#.repeat(100_000)))),
        ("a header of 1 MiB", b"a.".repeat(1 << 19)),
        ("10 MiB", b"a".repeat(10 << 20)),
    ]);
    tokens
}

fn decide(engine: &Engine, path: &str, token: &[u8]) -> &'static str {
    let line = [b"Bearer ", token].concat();
    decide_lines(engine, path, &[&line])
}

fn decide_lines(engine: &Engine, path: &str, lines: &[&[u8]]) -> &'static str {
    engine.decide(&Request::new("GET", path, lines), &Context::unowned(), NOW).reason_code()
}

/// The allocations of a decision, without those of the test itself.
fn allocated(engine: &Engine, path: &str, token: &[u8]) -> AllocationInfo {
    let line = [b"Bearer ", token].concat();
    measure(|| {
        black_box(decide_lines(engine, path, &[&line]));
    })
}

#[test]
fn valid_tokens_are_allowed_and_hostile_ones_denied() {
    let engine = engine(1);
    for (name, token) in good() {
        assert!(token.len() > LONGEST / 4 && token.len() <= LONGEST, "{name}: {} bytes", token.len());
        assert_eq!(decide(&engine, "/a", &token), "authorized", "{name}");
    }
    let harmless = [
        "members as many as there is room",
        "lone surrogates",
        "escaped names",
        "white space",
        "a long alg",
        "digits after the point",
        "an exponent",
    ];
    for (name, token) in hostile() {
        let reason = decide(&engine, "/a", &token);
        // Unusual but allowed: only the cost matters here.
        assert_eq!(reason == "authorized", harmless.contains(&name), "{name}: {reason}");
    }
}

#[test]
fn no_input_allocates_more_than_a_small_multiple_of_its_size() {
    let engine = engine(1);
    for (name, token) in good().into_iter().chain(hostile()) {
        let taken = allocated(&engine, "/a", &token);
        let presented = u64::try_from(token.len().min(LONGEST)).expect("a length");
        assert!(taken.bytes_max <= 3 * presented + 4_096, "{name} holds {} bytes at once", taken.bytes_max);
        assert!(
            taken.bytes_total <= 4 * presented + 4_096,
            "{name} takes {} bytes in all",
            taken.bytes_total
        );
        assert_eq!(taken.count_current, 0, "{name} leaves something behind");
    }
}

#[test]
fn oversized_input_allocates_nothing() {
    let engine = engine_of(&PolicySpec::default(), 1);
    for (name, token) in hostile().into_iter().filter(|(_, token)| token.len() > 8_192) {
        let taken = allocated(&engine, "/a", &token);
        assert_eq!((taken.count_total, taken.bytes_total), (0, 0), "{name}");
        assert_eq!(decide(&engine, "/a", &token), "token_too_long", "{name}");
    }
}

#[test]
fn no_denial_before_the_signature_allocates_at_the_default_size() {
    let engine = engine_of(&PolicySpec::default(), 1);
    let forged = {
        let mut token = signed(HEADER, START);
        let last = token.len() - 10;
        token[last] = if token[last] == b'A' { b'B' } else { b'A' };
        token
    };
    for token in [b"a.b.c".to_vec(), b".".repeat(8_192), b"a".repeat(8_192), forged] {
        let taken = allocated(&engine, "/a", &token);
        assert_eq!(taken.count_total, 0, "{}", decide(&engine, "/a", &token));
    }
}

#[test]
fn many_lines_and_long_paths_allocate_at_most_the_path() {
    let engine = engine(1);
    let token = signed(HEADER, &format!("{START}}}"));
    let usual = allocated(&engine, "/a", &token).bytes_total;
    for path in ["/a".repeat(50_000), "/%20".repeat(50_000), "/".repeat(100_000), "%".repeat(100_000)] {
        let taken = allocated(&engine, &path, &token);
        let length = u64::try_from(path.len()).expect("a length");
        assert!(
            taken.bytes_total <= usual + 2 * length,
            "{} bytes for a path of {length}",
            taken.bytes_total
        );
    }
    let lines = vec![&b"Bearer a.b.c"[..]; 100_000];
    let taken = measure(|| {
        black_box(decide_lines(&engine, "/a", &lines));
    });
    assert_eq!(taken.count_total, 0, "lines that are only counted");
}

/// The minimum of several interleaved runs, so that other load on the machine affects all inputs.
fn least_times(engine: &Engine, tokens: &[(&'static str, Vec<u8>)]) -> Vec<Duration> {
    let lines: Vec<Vec<u8>> = tokens.iter().map(|(_, token)| [b"Bearer ", &token[..]].concat()).collect();
    let mut least = vec![Duration::MAX; tokens.len()];
    for _ in 0..RUNS {
        for (line, least) in lines.iter().zip(&mut least) {
            let started = Instant::now();
            black_box(decide_lines(engine, "/a", &[line]));
            *least = started.elapsed().min(*least);
        }
    }
    least
}

const RUNS: usize = 15;
/// Generous: a token that is refused late costs about as much as an accepted one.
const FACTOR: u32 = 3;

/// Compares the ratio of minima on one machine in one process, never absolute times.
#[test]
fn no_input_costs_more_than_a_small_multiple_of_the_most_expensive_valid_token() {
    for keys in [1, 8] {
        let engine = engine(keys);
        let good = good();
        let tokens: Vec<_> = good.iter().cloned().chain(hostile()).collect();
        let least = least_times(&engine, &tokens);
        let (good, hostile) = least.split_at(good.len());
        let costliest = good.iter().max().expect("good tokens");
        for ((name, _), cost) in tokens[good.len()..].iter().zip(hostile) {
            assert!(
                *cost <= *costliest * FACTOR,
                "{name} with {keys} keys: {cost:?}, and a good token {costliest:?}"
            );
        }
    }
}

/// The same for every other family of algorithms, where the signature dominates the cost, with the maximum number of
/// candidate keys; the last one signs.
#[rstest]
#[case::es256("es256", "es256-stranger")]
#[case::eddsa("ed25519", "ed25519-stranger")]
#[case::rs256("rsa", "rsa-stranger")]
fn no_forgery_costs_more_than_a_valid_token_of_its_algorithm(
    #[case] signer: &str,
    #[case] stranger: &str,
    #[values(1, 8)] keys: usize,
) {
    let names = std::iter::repeat_n(stranger, keys - 1).chain([signer]);
    let keys: Vec<_> = names
        .map(|name| {
            let mut key = TestKey::named(name).expect("a test key").published();
            key.remove("kid");
            key
        })
        .collect();
    let keys = KeySet::from_jwks(json!({ "keys": keys }).to_string().as_bytes()).expect("keys");
    let policy = Policy::new(&PolicySpec::default()).expect("a policy");
    let engine = Engine::new(policy, keys, Revocations::none());
    let token = |more: Value| -> Vec<u8> {
        let mut spec = json!({"key": signer, "drop_header": ["kid"]});
        spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let spec: TokenSpec = serde_json::from_value(spec).expect("a token");
        spec.mint().expect("a token")
    };
    let flip = |segment: &str, at: i64| json!({"edits": [{"do": "flip-byte", "segment": segment, "at": at}]});
    let long = "x".repeat(5_000);
    let tokens = [
        ("good", token(json!({"claims": {"pad": long}}))),
        (
            "another's",
            token(
                json!({"key": "hs256-stranger", "header": {"alg": TestKey::named(signer).expect("a test key").algorithm()}, "claims": {"pad": long}}),
            ),
        ),
        ("the first byte of its signature flipped", token(flip("signature", 0))),
        ("the last byte of its signature flipped", token(flip("signature", -1))),
        ("its claims changed", token(flip("claims", 9))),
        ("an unknown kid", token(json!({"header": {"kid": long}}))),
        ("no claims", token(json!({"claims_text": long}))),
    ];
    assert_eq!(decide(&engine, "/a", &tokens[0].1), "authorized");
    let least = least_times(&engine, &tokens);
    for ((name, token), cost) in tokens.iter().zip(&least).skip(1) {
        assert_ne!(decide(&engine, "/a", token), "authorized", "{name}");
        assert!(*cost <= least[0] * FACTOR, "{name}: {cost:?}, and a good token {:?}", least[0]);
    }
}

/// Ten thousand keys: a key is found by its `kid`, and without `kid` there are too many candidates to try.
#[test]
fn ten_thousand_keys_cost_no_more_than_one() {
    let (one, many) = (engine(1), engine(10_000));
    let token = signed(HEADER, &format!("{START}}}"));
    assert_eq!(decide(&many, "/a", &token), "key_unknown");
    assert_eq!(allocated(&many, "/a", &token).count_total, 0);
    let tokens = [("good", token)];
    let (alone, among_many) = (least_times(&one, &tokens)[0], least_times(&many, &tokens)[0]);
    assert!(among_many <= alone * FACTOR, "{among_many:?} with 10,000 keys, {alone:?} with one");
}
