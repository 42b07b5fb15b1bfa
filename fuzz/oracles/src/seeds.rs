//! Initial inputs of every target, derived from the cases in `fixtures/cases`.

use std::collections::BTreeSet;

use artos_auth_conformance::catalogue;
use artos_auth_fixtures::keys::TestKey;
use artos_auth_fixtures::{Case, case};
use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::{backends, check_request, mint};

/// An input, and the target that it is for.
pub type Seed = (&'static str, Vec<u8>);

/// Every seed, without duplicates.
///
/// # Errors
///
/// Names the fixture that cannot be read.
pub fn all() -> Result<BTreeSet<Seed>, String> {
    let cases = case::load()?;
    let mut seeds: BTreeSet<Seed> = cases.iter().flat_map(of_case).collect();
    seeds.extend(of_paths(&cases));
    seeds.extend(of_choices());
    seeds.extend(of_claim_names());
    seeds.extend(of_keys()?);
    seeds.extend(of_conformance());
    seeds.extend(HTTP.iter().map(|request| ("http", [b"\0", request.as_bytes()].concat())));
    seeds.extend(CONFIGURATIONS.iter().map(|text| ("policy", text.as_bytes().to_vec())));
    seeds.extend(backends::seeds().into_iter().map(|seed| ("backends", seed)));
    seeds.extend(check_request::seeds().into_iter().map(|seed| ("check_request", seed)));
    seeds.insert(("http", http2()));
    Ok(seeds)
}

fn of_case(case: &Case) -> Vec<Seed> {
    let question = &case.question;
    let good = mint::good("hs256");
    // The valid token makes up most of many seeds; a placeholder leaves more to mutate.
    let short = |line: &Vec<u8>| match line.windows(good.len()).position(|part| part == good) {
        Some(at) => [&line[..at], b"%T", &line[at + good.len()..]].concat(),
        None => line.clone(),
    };
    let lines: Vec<Vec<u8>> = question.authorization.iter().map(short).collect();
    let context = serde_json::to_string(&question.context).unwrap_or_default();
    let head = format!("{}\n{}\n{context}\n{}", question.method, question.path, question.now).into_bytes();
    let bytes = [[vec![0], head].concat()].into_iter().chain(lines.clone()).collect::<Vec<_>>();
    let mut seeds = vec![
        ("authorization", lines.join(&b'\n')),
        ("decision_bytes", bytes.join(&b'\n')),
        ("decide_line", decide_line(case, &lines)),
        ("revocations", case.setup.revocations.to_string().into_bytes()),
        ("jwk_set", case.setup.keys.to_string().into_bytes()),
        ("http", http(case, &lines)),
    ];
    if let Ok(policy) = toml::to_string(&json!({"keys": {"file": "k"}, "policy": case.setup.policy})) {
        seeds.push(("policy", policy.into_bytes()));
    }
    for line in &question.authorization {
        let token = line.splitn(2, |byte| *byte == b' ').nth(1).unwrap_or(line);
        seeds.push(("compact_jws", [b"\0", token].concat()));
        let mut segments = token.split(|byte| *byte == b'.').map(|part| URL_SAFE_NO_PAD.decode_to_vec(part));
        if let Some(Ok(header)) = segments.next() {
            seeds.push(("jose_header", [b"\0\0", &header[..]].concat()));
        }
        if let Some(Ok(claims)) = segments.next() {
            seeds.push(("claims", [b"\0", &claims[..]].concat()));
        }
    }
    seeds.retain(|(_, bytes)| bytes.len() <= 16 << 10);
    seeds
}

fn decide_line(case: &Case, lines: &[Vec<u8>]) -> Vec<u8> {
    let question = &case.question;
    let mut line = json!({
        "id": case.id, "method": question.method, "path": question.path, "now": question.now,
        "context": serde_json::to_value(&question.context).unwrap_or_default(),
    });
    let text: Result<Vec<&str>, _> = lines.iter().map(|line| std::str::from_utf8(line)).collect();
    match text {
        Ok(text) => line["authorization"] = json!(text),
        Err(_) => {
            let encoded: Vec<String> = lines.iter().map(|line| STANDARD.encode_to_string(line)).collect();
            line["authorization_b64"] = json!(encoded);
        }
    }
    line.to_string().into_bytes()
}

fn http(case: &Case, lines: &[Vec<u8>]) -> Vec<u8> {
    let question = &case.question;
    let mut request =
        format!("\0{} {} HTTP/1.1\r\nHost: api.example\r\n", question.method, question.path).into_bytes();
    for line in lines {
        request.extend_from_slice(b"Authorization: ");
        request.extend_from_slice(line);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request
}

fn of_paths(cases: &[Case]) -> Vec<Seed> {
    let patterns = ["/", "/a/{x}", "/a/{*rest}", "/{x}/b/", "/é/{x}/{y}", "/{*x}/b", "/a//b", "/a/{x}{y}"];
    let targets: BTreeSet<&str> = cases.iter().map(|case| case.question.path.as_str()).collect();
    let used = cases.iter().flat_map(|case| case.setup.policy.routes.iter().map(|route| route.path.as_str()));
    let patterns: BTreeSet<&str> = patterns.into_iter().chain(used).collect();
    let pairs = targets.iter().zip(patterns.iter().cycle()).zip(patterns.iter().cycle().skip(3));
    pairs.map(|((target, one), other)| ("path", format!("{one}\0{other}\0{target}").into_bytes())).collect()
}

/// Inputs that are read as choices: one for each change, and several in a row.
fn of_choices() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for setup in 0..5 {
        for (change, detail) in (0..8).flat_map(|change| (0..16).map(move |detail| (change, detail))) {
            seeds.push((
                "decision_structured",
                vec![setup, detail % 7, 0, change, detail, detail / 3, detail, 0, 0],
            ));
        }
    }
    for seed in 0..64_u8 {
        let series = (0..60_u8).map(|at| at.wrapping_mul(seed).wrapping_add(seed / 3)).collect();
        seeds.push(("cache", series));
    }
    seeds
}

/// Key sets with one unusual key: next to a usable one, alone, or as a duplicate.
fn of_keys() -> Result<Vec<Seed>, String> {
    const EDITS: [&str; 16] = [
        r#""kid":null"#,
        r#""kid":7"#,
        r#""kid":"\ud800""#,
        r#""use":"enc""#,
        r#""use":null,"key_ops":null,"alg":null"#,
        r#""key_ops":["sign","verify"]"#,
        r#""key_ops":["verify",1]"#,
        r#""key_ops":[]"#,
        r#""alg":"A128KW""#,
        r#""x5c":1,"x5c":"\ud800""#,
        r#""d":null"#,
        r#""d":"c29tZXRoaW5nIHByaXZhdGU""#,
        r#""e":"Aw""#,
        r#""x":"AAAA""#,
        r#""crv":"P-521""#,
        r#""n":"AQAB","k":"AQAB""#,
    ];
    let mut seeds = Vec::new();
    for name in ["hs256", "rsa", "es256", "es384", "ed25519"] {
        let key = json!(TestKey::named(name)?.published()).to_string();
        seeds.push(("jwk_set", key.clone().into_bytes()));
        seeds.push(("jwk_set", format!("\u{feff}{{\"keys\":[{key},{key}]}}").into_bytes()));
        for edit in EDITS {
            // The member from the edit replaces the key's own.
            let renamed = edit.split_once(':').map_or("", |(member, _)| member);
            let odd = format!("{{{edit},{}", key[1..].replacen(renamed, "\"was\"", 1));
            seeds.push(("jwk_set", odd.clone().into_bytes()));
            seeds.push(("jwk_set", format!("{{\"keys\":[{odd},{key},null]}}").into_bytes()));
        }
    }
    Ok(seeds)
}

/// Claim names around the length of eight bytes that are compared first, and tokens with these or similar names.
fn of_claim_names() -> Vec<Seed> {
    const NAMES: [&str; 11] = [
        "sub",
        "uid",
        "abcdef",
        "abcdef\"",
        "abcdefg",
        "abcdefg\"",
        "abcdefgh",
        "abcdefghi",
        "a\\b",
        "é",
        "\u{1}",
    ];
    let mut seeds = Vec::new();
    for (at, user) in NAMES.iter().enumerate() {
        let (organization, permissions) = (NAMES[(at + 1) % NAMES.len()], NAMES[(at + 5) % NAMES.len()]);
        let names = [*user, organization, permissions, ""].join("\0").into_bytes();
        for edits in [[1, 0, 0, 0, b'"'], [1, 2, 0, 2, b'"'], [1, 3, b'"', 3, b'h']] {
            seeds.push(("claim_names", [&names[..], &edits].concat()));
        }
        let claims = json!({*user: "u1", organization: "org-a", permissions: "p q", "exp": 1_700_003_600});
        seeds.push(("claim_names", [&names[..], b"\0", claims.to_string().as_bytes()].concat()));
    }
    seeds
}

fn of_conformance() -> Vec<Seed> {
    let mut seeds: Vec<Seed> =
        PROFILES.iter().map(|text| ("conformance_profile", text.as_bytes().to_vec())).collect();
    for case in catalogue::all().iter().step_by(9) {
        let known =
            format!("[[known]]\ncase = \"{}\"\nobserved = \"200\"\nreason = \"not ours\"\n", case.id());
        seeds.push(("conformance_baseline", known.into_bytes()));
    }
    for answer in ANSWERS {
        for first in [0, 1, 3, 6] {
            seeds.push(("conformance_response", [&[first], answer.as_bytes()].concat()));
        }
    }
    seeds
}

const PROFILES: &[&str] = &[
    "target = \"http://127.0.0.1:8080\"\n",
    "target = \"https://api.example/base\"\nallow_writes = true\n[endpoints]\n\
     public = { path = \"/api/v1/search/status\" }\nprotected = { path = \"/api/v1/templates/\" }\n\
     owned = { path = \"/api/v1/documents/doc-a\", organization = \"org-a\" }\n\
     permission = { method = \"POST\", path = \"/api/v1/x\", permission = \"documents:write\" }\n",
    "target = \"http://[::1]:80\"\n[tokens]\nvalid = { value = \"aaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbb.cccccccccccccccc\" }\n\
     expired = { env = \"NO_SUCH_VARIABLE\" }\nrevoked = { file = \"hs256.json\" }\n",
    "target = \"http://api.example\"\n[signing]\nkey = \"hs256.json\"\norganization = \"org-a\"\n\
     other_organization = \"org-b\"\nuser = \"u\"\nissuer = \"i\"\naudience = \"a\"\n\
     claims = { user = \"sub\", organization = \"org_id\", permissions = \"scope\" }\npermissions = [\"p\"]\n",
];

const ANSWERS: &[&str] = &[
    "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n{\"detail\":\"Not authenticated\"}",
    "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n1e;x=y\r\n{\"detail\":\"Not authenticated\"}\r\n0\r\nA: b\r\n\r\n",
    "HTTP/1.0 200 OK\r\n\r\n{\"detail\":1}",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 500 Error\r\nContent-Length: 5\r\n\r\nabc",
    "\r\nHTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
];

const CONFIGURATIONS: &[&str] = &[
    "listen = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:9090\"\n[keys]\nfile = \"keys.jwks.json\"\n\
     [revocations]\nfile = \"revocations.json\"\n[[realms]]\nhost = \"acme.example\"\norganizations = [\"org-acme\"]\n\
     [[realms]]\nhost = \"*\"\nany = true\n[[resources]]\npath = \"/api/v1/orgs/{org}/{*rest}\"\norganization = \"{org}\"\n\
     [[resources]]\npath = \"/{*rest}\"\nunowned = true\n[audit]\noutput = \"stderr\"\noverflow = \"block\"\n\
     [limits]\nheader_bytes = 16384\nheader_count = 100\nheader_seconds = 10\nidle_seconds = 60\nconnections = 10\n",
    "[keys]\nfile = \"k\"\n[policy]\nalgorithms = [\"ES256\", \"RS256\"]\nissuers = [\"i\"]\naudiences = [\"a\"]\n\
     leeway_seconds = 120\nmax_token_bytes = 65536\nrealm = \"artos\"\ntypes = [\"JWT\"]\n\
     claims = { user = \"uid\", organization = \"tenant\", permissions = \"scope\" }\n\
     public = [{ path = \"/open\", methods = [\"GET\"] }]\n\
     routes = [{ methods = [\"POST\"], path = \"/a/{b}\", permissions = [\"c\"] }]\nunlisted = \"deny\"\n",
    "[policy]\nbound_tokens = \"accept\"\nrequired = { token_use = \"access\", azp = [\"web\", \"cli\"], level = [1, true] }\n\
     claims = { user = [\"user\", \"id\"], organization = \"tid\", permissions = [[\"scp\"], [\"realm_access\", \"roles\"]] }\n\
     [[keys]]\nfile = \"a\"\nissuer = \"https://a.example\"\norganizations = [\"org-a\", \"org-b\"]\n\
     [[keys]]\nurl = \"https://b.example/jwks\"\nissuer = \"https://b.example\"\nfallback_file = \"b\"\n\
     [[keys]]\ndiscover = \"https://c.example\"\norganizations = [\"org-c\"]\n",
    "[keys]\nfile = \"k\"\n[policy]\nclaims = { permissions = [\"realm_access\", \"roles\"] }\nrequired = { azp = \"\" }\n\
     bound_tokens = \"refuse\"\nalgorithms = [\"Ed25519\", \"EdDSA\"]\n[forward]\n[ext_authz]\n",
];

const HTTP: &[&str] = &[
    "GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %T\r\n\r\n",
    "HEAD /api/v1/search/status?x=y HTTP/1.0\r\n\r\n",
    "GET /api/v1/orgs/org-a/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %T\r\n\r\n",
    "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
    "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "GET http://a/api/v1/search/status HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close, authorization\r\n\r\n",
    "GET /_auth/verify HTTP/1.1\r\nHost: a\r\nX-Forwarded-Uri: /api/v1/search/status\r\n\r\n",
];

/// A preface, settings, and the head of a request with literal names and values (RFC 7541 §6.2.2).
fn http2() -> Vec<u8> {
    let field = |name: &str, value: &str| {
        let length = |text: &str| u8::try_from(text.len()).unwrap_or(0);
        [&[0, length(name)], name.as_bytes(), &[length(value)], value.as_bytes()].concat()
    };
    let path = ":path";
    let fields =
        [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (path, "/api/v1/search/status")];
    let block: Vec<u8> = fields.into_iter().flat_map(|(name, value)| field(name, value)).collect();
    let mut bytes = b"\0PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    bytes.extend([0, 0, u8::try_from(block.len()).unwrap_or(0), 1, 5, 0, 0, 0, 1]);
    bytes.extend(block);
    bytes
}
