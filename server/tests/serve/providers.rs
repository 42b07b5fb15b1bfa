//! The configurations of `docs/keys-from-an-identity-provider.md`, with a provider on loopback that publishes its
//! metadata and keys, and tokens as documented by the provider.

use artos_auth_engine::{Access, Algorithm, Context, Decision, Request, UnixTime};
use artos_auth_server::config::{self, Loaded};
use artos_auth_server::signing::PrivateKey;
use rstest::rstest;
use serde_json::{Value, json};

use super::keys_by_url::{Issuer, ok};
use super::support::NOW;

const PAGE: &str = include_str!("../../../docs/keys-from-an-identity-provider.md");

/// A provider, according to its documentation.
struct Provider {
    /// Its section of the page.
    section: &'static str,
    /// Its issuer in the page.
    issuer: &'static str,
    /// The members of its keys other than the key material.
    jwk: Value,
    /// The claims of an access token for the API. `ISSUER` is its issuer.
    token: Value,
    /// The caller according to the token: user, organization and permissions.
    identity: (&'static str, &'static str, &'static [&'static str]),
    /// Changes to these claims (null removes one) that make another kind of token, and the reason for refusing it.
    refused: &'static [(&'static str, &'static str)],
}

fn keycloak() -> Provider {
    Provider {
        section: "Keycloak",
        issuer: "https://keycloak.example/realms/acme",
        jwk: json!({ "alg": "RS256", "use": "sig", "x5t": "dGVzdC1vbmx5" }),
        token: json!({
            "iss": "ISSUER", "jti": "onrtac:1", "sub": "f:1", "typ": "Bearer", "azp": "web",
            "aud": ["documents-api", "account"], "sid": "s", "acr": "1",
            "allowed-origins": ["https://web.example"],
            "realm_access": { "roles": ["documents:read", "offline_access"] },
            "resource_access": { "account": { "roles": ["view-profile"] } },
            "scope": "openid profile email", "email_verified": true, "org_id": "acme",
            "preferred_username": "jane",
        }),
        identity: ("f:1", "acme", &["documents:read", "offline_access"]),
        refused: &[
            (r#"{"typ": "ID", "aud": "web", "realm_access": null}"#, "audience_not_accepted"),
            (r#"{"typ": "ID"}"#, "claim_not_accepted"),
            (r#"{"typ": "Refresh"}"#, "claim_not_accepted"),
            (r#"{"aud": "account"}"#, "audience_not_accepted"),
            (r#"{"aud": null}"#, "audience_not_accepted"),
            (r#"{"azp": "other"}"#, "claim_not_accepted"),
            (r#"{"org_id": null, "organization": ["acme"]}"#, "organization_missing"),
            (r#"{"org_id": ["acme"]}"#, "token_claims_malformed"),
            (r#"{"iss": "https://keycloak.example/realms/other"}"#, "issuer_not_accepted"),
        ],
    }
}

fn auth0() -> Provider {
    Provider {
        section: "Auth0",
        issuer: "https://acme.eu.auth0.com/",
        jwk: json!({ "alg": "RS256", "use": "sig", "x5c": ["dGVzdC1vbmx5"] }),
        token: json!({
            "iss": "ISSUER", "sub": "auth0|602c", "azp": "client", "scope": "openid documents:read",
            "aud": ["https://api.example", "https://acme.eu.auth0.com/userinfo"], "org_id": "org_9yb",
            "permissions": ["documents:read"],
        }),
        identity: ("auth0|602c", "org_9yb", &["documents:read"]),
        refused: &[
            (r#"{"aud": "client", "permissions": null, "nonce": "n"}"#, "audience_not_accepted"),
            (r#"{"aud": "https://acme.eu.auth0.com/userinfo"}"#, "audience_not_accepted"),
            (r#"{"org_id": null}"#, "organization_missing"),
            (r#"{"iss": "https://acme.eu.auth0.com"}"#, "issuer_not_accepted"),
        ],
    }
}

fn entra() -> Provider {
    Provider {
        section: "Entra ID",
        issuer: "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0",
        // Its keys have no `alg`.
        jwk: json!({ "use": "sig", "x5t": "dGVzdC1vbmx5", "x5c": ["dGVzdC1vbmx5"], "issuer": "ISSUER" }),
        token: json!({
            "aud": "00001111-aaaa-2222-bbbb-3333cccc4444", "iss": "ISSUER", "nbf": NOW - 60, "aio": "x",
            "azp": "11112222-bbbb-3333-cccc-4444dddd5555", "azpacr": "0", "name": "Jane",
            "oid": "22223333-cccc-4444-dddd-5555eeee6666", "rh": "r", "scp": "documents:read documents:write",
            "sub": "pairwise", "tid": "aaaabbbb-0000-cccc-1111-dddd2222eeee", "uti": "u", "ver": "2.0",
        }),
        identity: (
            "22223333-cccc-4444-dddd-5555eeee6666",
            "aaaabbbb-0000-cccc-1111-dddd2222eeee",
            &["documents:read", "documents:write"],
        ),
        refused: &[
            // An ID token of the same registration.
            (r#"{"azp": null, "scp": null, "nonce": "n"}"#, "claim_not_accepted"),
            (r#"{"azp": "another client"}"#, "claim_not_accepted"),
            // Version 1.0.
            (
                r#"{"ver": "1.0", "aud": "api://00001111-aaaa-2222-bbbb-3333cccc4444",
                    "iss": "https://sts.windows.net/aaaabbbb-0000-cccc-1111-dddd2222eeee/"}"#,
                "issuer_not_accepted",
            ),
            (r#"{"aud": "api://00001111-aaaa-2222-bbbb-3333cccc4444"}"#, "audience_not_accepted"),
            (r#"{"tid": "bbbbcccc-1111-dddd-2222-eeee3333ffff"}"#, "organization_not_of_issuer"),
            (r#"{"oid": null}"#, "user_missing"),
        ],
    }
}

fn cognito() -> Provider {
    Provider {
        section: "Cognito",
        issuer: "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE",
        jwk: json!({ "alg": "RS256", "use": "sig" }),
        token: json!({
            "sub": "aaaa-bbbb", "cognito:groups": ["editors"], "iss": "ISSUER", "version": 2,
            "client_id": "1example23456789", "origin_jti": "o", "event_id": "e", "token_use": "access",
            "scope": "openid documents/read", "auth_time": NOW - 60, "jti": "j", "username": "jane",
            "org_id": "acme",
        }),
        identity: ("aaaa-bbbb", "acme", &["openid", "documents/read", "editors"]),
        refused: &[
            (
                r#"{"token_use": "id", "client_id": null, "aud": "1example23456789", "scope": null}"#,
                "audience_not_accepted",
            ),
            (r#"{"token_use": "id"}"#, "claim_not_accepted"),
            (r#"{"client_id": "another"}"#, "claim_not_accepted"),
            (r#"{"aud": "https://api.example"}"#, "audience_not_accepted"),
            (r#"{"org_id": null}"#, "organization_missing"),
        ],
    }
}

fn okta() -> Provider {
    Provider {
        section: "Okta",
        issuer: "https://acme.okta.com/oauth2/default",
        jwk: json!({ "alg": "RS256", "use": "sig" }),
        token: json!({
            "ver": 1, "jti": "AT.0mP", "iss": "ISSUER", "aud": "api://default", "cid": "0oaexampleclient",
            "uid": "00uexampleuser", "scp": ["openid", "documents:read"], "auth_time": NOW - 60,
            "sub": "jane@acme.example", "org_id": "acme",
        }),
        identity: ("00uexampleuser", "acme", &["openid", "documents:read"]),
        refused: &[
            (r#"{"aud": "0oaexampleclient", "cid": null, "uid": null}"#, "audience_not_accepted"),
            (r#"{"cid": "another"}"#, "claim_not_accepted"),
            // From the client credentials grant.
            (r#"{"uid": null, "sub": "0oaexampleclient"}"#, "user_missing"),
            (r#"{"iss": "https://acme.okta.com"}"#, "issuer_not_accepted"),
        ],
    }
}

/// The configuration in a section of the page.
fn configuration(section: &str) -> &'static str {
    let (_, rest) =
        PAGE.split_once(&format!("\n## {section}\n\n```toml\n")).expect("the section begins with it");
    rest.split_once("```\n").expect("the block ends").0
}

/// The configuration in a section, with its provider on loopback, and the issuer's name there.
fn load(provider: &Provider, key: &PrivateKey) -> (Loaded, String) {
    let issuer = Issuer::start(None);
    let path = provider.issuer.split_once("://").unwrap().1.split_once('/').unwrap().1;
    let name = format!("http://127.0.0.1:{}/{path}", issuer.port);
    let mut jwk = key.to_public_jwk().unwrap();
    jwk.retain(|member, _| !matches!(member.as_str(), "alg" | "use"));
    jwk.extend(provider.jwk.as_object().unwrap().clone());
    // One response with both metadata and keys, for either request.
    let answer = json!({
        "issuer": name, "jwks_uri": format!("http://127.0.0.1:{}/keys", issuer.port), "keys": [jwk],
        "id_token_signing_alg_values_supported": ["RS256"], "response_types_supported": ["code"],
    });
    issuer.set(ok(&answer.to_string().replace("ISSUER", &name)));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("artos-auth.toml");
    std::fs::write(&file, configuration(provider.section).replace(provider.issuer, &name)).unwrap();
    let loaded = config::load_all(&file).unwrap();
    let first = issuer.requests.lock().unwrap()[0].clone();
    let path = path.trim_end_matches('/');
    let slash = if path.is_empty() { "" } else { "/" };
    assert!(first.starts_with(&format!("GET {slash}{path}/.well-known/openid-configuration ")), "{first}");
    (loaded, name)
}

fn token(key: &PrivateKey, issuer: &str, claims: &Value, change: &str) -> String {
    let mut claims = claims.clone();
    let all = claims.as_object_mut().unwrap();
    all.extend(json!({ "iat": NOW - 60, "exp": NOW + 600 }).as_object().unwrap().clone());
    all.extend(serde_json::from_str::<Value>(change).unwrap().as_object().unwrap().clone());
    all.retain(|_, value| !value.is_null());
    key.token(&claims.to_string().replace("ISSUER", issuer)).unwrap()
}

#[rstest]
#[case::keycloak(keycloak())]
#[case::auth0(auth0())]
#[case::entra_id(entra())]
#[case::cognito(cognito())]
#[case::okta(okta())]
fn tokens_of_each_provider_are_decided_by_its_section(#[case] provider: Provider) {
    // The file on the page loads unchanged.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("artos-auth.toml");
    std::fs::write(&file, configuration(provider.section)).unwrap();
    assert_eq!(config::load(&file).unwrap().warnings, [] as [&str; 0]);

    let key = PrivateKey::generate(Algorithm::RS256, Some("test-only".to_owned())).unwrap();
    let (loaded, issuer) = load(&provider, &key);
    let decide = |change: &str| {
        let header = format!("Bearer {}", token(&key, &issuer, &provider.token, change));
        let lines = [header.as_bytes()];
        let request = Request::new("GET", "/api/v1/templates/", &lines);
        match loaded.engine.decide(&request, &Context::unowned(), UnixTime::from_seconds(NOW)) {
            Decision::Allow(Access::Principal(principal)) => {
                let permissions: Vec<_> = principal.permissions().collect();
                format!("{} {} {permissions:?}", principal.user_id(), principal.org_id())
            }
            Decision::Allow(Access::Public(_)) => panic!("the path is not public"),
            Decision::Deny(denial) => denial.reason().code().to_owned(),
        }
    };
    let (user, organization, permissions) = provider.identity;
    assert_eq!(decide("{}"), format!("{user} {organization} {permissions:?}"));
    for (change, reason) in provider.refused {
        assert_eq!(decide(change), *reason, "{change}");
    }
}
