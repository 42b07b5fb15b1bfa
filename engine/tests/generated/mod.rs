//! Generated requests for property tests: mostly valid with one defect, so that most get past the signature check.

#![expect(clippy::disallowed_types, reason = "the setups are loaded once for all questions of a test")]

use std::sync::LazyLock;

use artos_auth_fixtures::decider::{Account, BoundKeys, Context};
use artos_auth_fixtures::engine::EngineDecider;
use artos_auth_fixtures::keys::TestKey;
use artos_auth_fixtures::token::edit::{Edit, Segment};
use artos_auth_fixtures::token::text::Text;
use artos_auth_fixtures::{Question, Setup, TokenSpec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

/// The default time of the fixtures.
pub(crate) const NOW: u64 = artos_auth_fixtures::case::NOW;

/// Each a policy, a key set and revocations that refuse something which another setup allows.
pub(crate) static SETUPS: LazyLock<Vec<Setup>> = LazyLock::new(|| {
    let rules = json!([
        {"methods": ["GET"], "path": "/documents/{id}", "permissions": ["read"]},
        {"path": "/documents/{id}/parts/{*rest}", "permissions": ["read", "parts"]},
        {"methods": ["DELETE"], "path": "/{*rest}", "permissions": ["delete"]},
    ]);
    let revoked = json!({
        "tokens": ["t-revoked"],
        "users": [{"org": "org-a", "user": "u2", "issued_before": NOW - 50}, {"user": "u3", "issued_before": NOW - 50}],
        "organizations": [{"org": "org-c", "issued_before": NOW - 50}],
    });
    [
        (json!({}), json!({})),
        (json!({"routes": rules}), revoked.clone()),
        (json!({"routes": rules, "unlisted": "deny", "leeway_seconds": 60}), json!({})),
        (json!({"issuers": ["i1"], "audiences": ["a1"], "realm": "other"}), revoked),
        (json!({"algorithms": ["HS256", "ES256"], "types": ["JWT"], "max_token_bytes": 512}), json!({})),
        (json!({"claims": {"organization": "tenant"}, "public": []}), json!({})),
        (
            json!({"claims": {"permissions": [["permissions"], ["access", "roles"]]}, "required": {"use": ["a", 1]}}),
            json!({}),
        ),
    ]
    .map(|(policy, revocations): (Value, Value)| Setup {
        policy: serde_json::from_value(policy).unwrap(),
        keys: key_set(&["hs256", "hs256-next", "es256", "ed25519"]),
        more_keys: Vec::new(),
        revocations,
    })
    .into_iter()
    .chain([Setup {
        policy: serde_json::from_value(json!({})).unwrap(),
        keys: key_set(&["es256", "ed25519"]),
        more_keys: vec![BoundKeys {
            issuer: None,
            organizations: Some(vec!["org-a".to_owned(), "org-c".to_owned()]),
            keys: key_set(&["hs256", "hs256-next"]),
        }],
        revocations: json!({}),
    }])
    .collect()
});

/// The engines of the setups.
pub(crate) static ENGINES: LazyLock<Vec<EngineDecider>> =
    LazyLock::new(|| SETUPS.iter().map(|setup| EngineDecider::new(setup).unwrap()).collect());

/// The key set of these test keys.
pub(crate) fn key_set(names: &[&str]) -> Value {
    let keys: Vec<Value> =
        names.iter().map(|name| TestKey::named(name).unwrap().published().into()).collect();
    json!({ "keys": keys })
}

/// A request before its token is minted.
#[derive(Clone, Debug)]
pub(crate) struct GeneratedRequest {
    /// Index into [`SETUPS`].
    pub(crate) setup: usize,
    /// The content of the `Authorization` lines.
    pub(crate) lines: Lines,
    /// The token in the `Authorization` lines.
    pub(crate) token: TokenSpec,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) context: Context,
    pub(crate) now: u64,
}

/// The shape of the `Authorization` lines.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Lines {
    Good,
    Missing,
    Empty,
    Twice,
    OtherScheme,
    NoToken,
    ExtraSpace,
}

impl GeneratedRequest {
    pub(crate) fn setup(&self) -> &'static Setup {
        &SETUPS[self.setup]
    }

    pub(crate) fn engine(&self) -> &'static EngineDecider {
        &ENGINES[self.setup]
    }

    pub(crate) fn question(&self) -> Question {
        let token = self.token.mint().unwrap();
        let line = |before: &[u8]| [before, &token].concat();
        Question {
            method: self.method.clone(),
            path: self.path.clone(),
            authorization: match self.lines {
                Lines::Good => vec![line(b"Bearer ")],
                Lines::Missing => vec![],
                Lines::Empty => vec![b" \t".to_vec()],
                Lines::Twice => vec![line(b"Bearer "), line(b"Bearer ")],
                Lines::OtherScheme => vec![line(b"Token ")],
                Lines::NoToken => vec![b"Bearer ".to_vec()],
                Lines::ExtraSpace => vec![line(b"Bearer  ")],
            },
            context: self.context.clone(),
            now: self.now,
        }
    }
}

/// Requests of every kind.
pub(crate) fn generated_request() -> impl Strategy<Value = GeneratedRequest> {
    let lines = prop_oneof![
        20 => Just(Lines::Good),
        1 => select(vec![Lines::Missing, Lines::Empty, Lines::Twice, Lines::OtherScheme, Lines::NoToken, Lines::ExtraSpace]),
    ];
    let now = prop_oneof![8 => Just(NOW), 1 => NOW - 120..NOW + 120, 1 => 0..=253_402_300_799_u64];
    let method = select(vec!["GET", "GET", "HEAD", "POST", "DELETE", "delete", "OPTIONS"]);
    (0..SETUPS.len(), lines, token(), method, path(), context(), now).prop_map(
        |(setup, lines, token, method, path, context, now)| GeneratedRequest {
            setup,
            lines,
            token,
            method: method.to_owned(),
            path,
            context,
            now,
        },
    )
}

/// Requests with a valid token, for setups that allow it for resources without an owner.
pub(crate) fn allowed() -> impl Strategy<Value = GeneratedRequest> {
    generated_request().prop_filter("allowed", |generated| {
        use artos_auth_fixtures::Decider as _;
        generated.engine().decide(&generated.question()).reason == "authorized"
    })
}

/// Paths that match rules, and paths that servers interpret differently.
pub(crate) fn path() -> impl Strategy<Value = String> {
    let pieces = vec![
        "/",
        "/",
        "documents",
        "parts",
        "7",
        "a b",
        "%20",
        "%C3%A9",
        "%2F",
        "%2e",
        ".",
        "..",
        ";x",
        "?q",
        "\\",
        "%",
        "é",
        "%ff",
        "//",
        "#",
        "Documents",
    ];
    prop_oneof![
        6 => select(vec![
            "/documents/7", "/documents/7/", "/documents/7/parts/1/2", "/documents", "/other", "/api/v1/search/status",
            "/documents/%C3%A9", "/documents/7?x=1", "/",
        ]).prop_map(str::to_owned),
        1 => proptest::collection::vec(select(pieces), 0..7).prop_map(|pieces| format!("/documents{}", pieces.concat())),
    ]
}

fn context() -> impl Strategy<Value = Context> {
    let organizations = || select(vec!["org-a", "org-b", "org-c", ""]).prop_map(str::to_owned);
    (
        prop_oneof![6 => Just(None), 2 => proptest::collection::vec(organizations(), 0..3).prop_map(Some)],
        prop_oneof![6 => Just(None), 2 => organizations().prop_map(Some)],
        proptest::bool::weighted(0.05),
        prop_oneof![8 => select(vec![Account::Unknown, Account::Active]), 1 => select(vec![Account::NotAMember, Account::NotConfigured])],
    )
        .prop_map(|(realm, resource_org, resource_unresolved, account)| Context {
            realm,
            resource_org,
            resource_unresolved,
            account,
        })
}

/// Tokens: each claim has one of a few values, and at most one defect.
pub(crate) fn token() -> impl Strategy<Value = TokenSpec> {
    let key =
        prop_oneof![8 => Just("hs256"), 1 => Just("hs256-next"), 1 => Just("es256"), 1 => Just("ed25519")];
    let text = |good: &'static str, others: &[&'static str]| prop_oneof![8 => Just(json!(good)), 1 => select(others.iter().map(|other| json!(other)).collect::<Vec<Value>>())];
    let dates = (
        prop_oneof![12 => Just(json!(NOW + 3600)), 1 => (NOW - 130..NOW + 130).prop_map(|exp| json!(exp))],
        prop_oneof![8 => Just(Value::Null), 1 => (NOW - 130..NOW + 130).prop_map(|nbf| json!(nbf))],
        prop_oneof![6 => Just(json!(NOW - 60)), 1 => Just(Value::Null), 1 => Just(json!(NOW - 40))],
    );
    let permissions = prop_oneof![
        4 => subsequence(vec!["read", "parts", "delete"], 0..=3).prop_map(|list| json!(list)),
        1 => Just(json!("read parts")),
        1 => Just(Value::Null),
    ];
    let environment = prop_oneof![3 => Just((json!("i1"), json!("a1"))), 3 => Just((Value::Null, Value::Null)),
        1 => Just((json!("i2"), json!(["a2", "a1"]))), 1 => Just((json!("i1"), json!(["a2"])))];
    (
        key,
        text("u1", &["u2", "u3", ""]),
        text("org-a", &["org-b", "org-c", ""]),
        text("t1", &["t-revoked", ""]),
        dates,
        permissions,
        environment,
        prop_oneof![3 => Just(Defect::None), 2 => defect()],
    )
        .prop_map(
            |(key, user, organization, token_id, (exp, nbf, iat), permissions, (iss, aud), defect)| {
                let mut token = TokenSpec { key: Some(key.to_owned()), ..TokenSpec::default() };
                for (name, value) in [
                    ("sub", user),
                    ("org_id", organization.clone()),
                    ("tenant", organization),
                    ("jti", token_id),
                    ("exp", exp),
                    ("nbf", nbf),
                    ("iat", iat),
                    ("iss", iss),
                    ("aud", aud),
                    ("permissions", permissions),
                    ("use", json!(["z", 1])),
                    ("access", json!({"roles": ["parts"]})),
                ] {
                    token.claims.insert(name.to_owned(), value);
                }
                defect.spoil(&mut token);
                token
            },
        )
}

/// The defect of a token.
#[derive(Clone, Debug)]
pub(crate) enum Defect {
    None,
    Header(&'static str, Value),
    MoreHeader(&'static str),
    Claim(&'static str, Value),
    MoreClaims(&'static str),
    Signature(i64),
    Append(Segment, &'static str),
    Drop(Segment),
    Padding(usize),
    OtherKey,
}

fn defect() -> impl Strategy<Value = Defect> {
    let values = || {
        select(vec![
            json!(null),
            json!(1),
            json!(-1),
            json!(1e12),
            json!([]),
            json!({}),
            json!(true),
            json!(""),
            json!("x"),
            json!([1]),
        ])
    };
    prop_oneof![
        (select(vec!["alg", "kid", "typ", "crit", "jwk"]), values())
            .prop_map(|(name, value)| Defect::Header(name, value)),
        select(vec![json!("none"), json!("RS256"), json!("HS384")])
            .prop_map(|alg| Defect::Header("alg", alg)),
        select(vec![
            "\"alg\":\"none\"",
            "\"x\":[[]]",
            "\"kid\":\"\"",
            "\"crit\":[]",
            "\"\\u0074yp\":\"JWT\""
        ])
        .prop_map(Defect::MoreHeader),
        (
            select(vec![
                "sub",
                "org_id",
                "tenant",
                "jti",
                "exp",
                "nbf",
                "iat",
                "iss",
                "aud",
                "permissions",
                "use",
                "cnf",
                "other"
            ]),
            values()
        )
            .prop_map(|(name, value)| Defect::Claim(name, value)),
        select(vec![
            "\"exp\":1",
            "\"sub\":null",
            "\"x\":1e400",
            "\"x\":\"\\ud800\"",
            "\"\\ud800\":1",
            "\"x\":",
            "\"aud\":[]"
        ])
        .prop_map(Defect::MoreClaims),
        (-32_i64..32).prop_map(Defect::Signature),
        (
            select(vec![Segment::Header, Segment::Claims, Segment::Signature]),
            select(vec!["A", "AA", "=", " ", ".", "+"])
        )
            .prop_map(|(segment, text)| Defect::Append(segment, text)),
        select(vec![Segment::Header, Segment::Claims, Segment::Signature]).prop_map(Defect::Drop),
        (0_usize..9000).prop_map(Defect::Padding),
        Just(Defect::OtherKey),
    ]
}

impl Defect {
    fn spoil(self, token: &mut TokenSpec) {
        match self {
            Self::None => {}
            Self::Header(name, value) => drop(token.header.insert(name.to_owned(), value)),
            Self::MoreHeader(text) => token.more_header = Some(Text::from(text)),
            Self::Claim(name, value) => drop(token.claims.insert(name.to_owned(), value)),
            Self::MoreClaims(text) => token.more_claims = Some(Text::from(text)),
            Self::Signature(at) => token.edits.push(Edit::FlipByte { segment: Segment::Signature, at }),
            Self::Append(segment, text) => token.edits.push(Edit::Append { segment, text: Text::from(text) }),
            Self::Drop(segment) => token.edits.push(Edit::Drop { segment }),
            Self::Padding(length) => {
                drop(token.claims.insert("padding".to_owned(), json!("x".repeat(length))))
            }
            Self::OtherKey => {
                let kid = TestKey::named(token.key.as_deref().unwrap_or("hs256")).unwrap().id();
                token.header.insert("kid".to_owned(), json!(kid));
                token.key = Some("hs256-stranger".to_owned());
            }
        }
    }
}
