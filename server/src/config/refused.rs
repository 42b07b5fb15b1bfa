//! Detects valid configurations that refuse every token, or every token of a key set.

use std::collections::{BTreeMap, HashSet};

use artos_auth_engine::{Algorithm, KeySet, Policy, PolicySpec, RequiredSpec, RequiredValue};

use super::{Config, KeySource};

/// One sentence for each reason why every token, or every token of a key set, is refused. `sets` are the key sets of
/// `sources`.
pub(crate) fn warnings(config: &Config, sources: &[KeySource], sets: &[KeySet]) -> Vec<String> {
    let mut found = Vec::new();
    let several = sets.len() > 1;
    // A set, because there may be as many issuers as key sets.
    let issuers: Option<HashSet<&str>> =
        config.policy_spec.issuers.as_ref().map(|issuers| issuers.iter().map(String::as_str).collect());
    for (index, (source, set)) in sources.iter().zip(sets).enumerate() {
        let (key, tokens) = if several {
            (format!("keys[{index}]"), "every token of these keys is refused")
        } else {
            ("keys".to_owned(), "every token is refused")
        };
        let mut warn = |member: &str, problem: String| found.push(format!("`{key}{member}`: {problem}"));
        if !set.iter().any(|(_, algorithm)| allows(&config.policy, algorithm)) {
            let allowed: Vec<&str> = config.policy.algorithms().map(|algorithm| algorithm.name()).collect();
            warn(
                "",
                format!(
                    "no key serves an algorithm that the policy allows ({}), so {tokens}; add such a key, or its algorithm \
                     to `policy.algorithms`",
                    allowed.join(", ")
                ),
            );
        }
        if let (Some(issuer), Some(accepted)) = (&source.issuer, &issuers)
            && !accepted.contains(issuer.as_str())
        {
            warn(".issuer", format!("{issuer} is not in `policy.issuers`, so {tokens}; add it there"));
        }
        if let Some(organizations) = source.organizations.as_ref()
            && !organizations.iter().any(|organization| config.realms.accept_somewhere(organization))
        {
            warn(".organizations", format!("no host of `[[realms]]` accepts any of them, so {tokens}"));
        }
    }
    found.extend(keys_without_id(&config.policy, sets));
    found.extend(config.realms.accept_nobody().then(|| {
        "`realms`: no host accepts any organization, so every token of an organization is refused".to_owned()
    }));
    found.extend(too_long(config, sets));
    found
}

fn allows(policy: &Policy, algorithm: Algorithm) -> bool {
    policy.algorithms().any(|allowed| allowed == algorithm)
}

/// `kid` and algorithm of each key whose algorithm the policy allows.
///
/// A list, not an iterator: the nested iterators, inlined into a fold, took LLVM more than ten minutes to optimize.
fn usable_keys<'k>(policy: &Policy, sets: &'k [KeySet]) -> Vec<(Option<&'k str>, Algorithm)> {
    let mut usable = Vec::new();
    for set in sets {
        for (id, algorithm) in set.iter() {
            if allows(policy, algorithm) {
                usable.push((id, algorithm));
            }
        }
    }
    usable
}

/// A token with `kid` finds no key without one, and a token without `kid` is tried with eight keys of its algorithm at most.
fn keys_without_id(policy: &Policy, sets: &[KeySet]) -> Option<String> {
    let mut usable: BTreeMap<&str, usize> = BTreeMap::new();
    for (id, algorithm) in usable_keys(policy, sets) {
        if id.is_some() {
            return None;
        }
        *usable.entry(algorithm.name()).or_default() += 1;
    }
    let all_are_too_many = usable.values().all(|keys| *keys > KeySet::MAX_KEYS_WITHOUT_ID);
    (all_are_too_many && !usable.is_empty()).then(|| {
        format!(
            "`keys`: no key has a `kid` and more than {} serve each algorithm, so every token is refused; give each \
             key a `kid`",
            KeySet::MAX_KEYS_WITHOUT_ID
        )
    })
}

/// Whether even the shortest acceptable token is longer than the policy allows.
fn too_long(config: &Config, sets: &[KeySet]) -> Option<String> {
    // The shortest header: `{"alg":"ES256"}`.
    let least = usable_keys(&config.policy, sets).into_iter().map(|(_, algorithm)| {
        let header = br#"{"alg":""}"#.len().saturating_add(algorithm.name().len());
        base64_length(header).saturating_add(signature_length(algorithm))
    });
    let (header_and_signature, claims) = (least.min()?, base64_length(claims_length(&config.policy_spec)));
    let shortest = header_and_signature.saturating_add(claims).saturating_add("..".len());
    let longest = config.policy.max_token_bytes();
    (shortest > longest).then(|| {
        format!(
            "`policy.max_token_bytes`: the shortest token that this policy and these keys accept has more than {longest} \
             bytes, so every token is refused; allow at least {shortest}"
        )
    })
}

/// The length of the shortest claims that can be accepted.
fn claims_length(policy: &PolicySpec) -> usize {
    let quoted = |text: &String| text.len().saturating_add(2);
    let shortest = |values: &Option<Vec<String>>, name: &str| {
        let least = values.as_ref().and_then(|values| values.iter().map(quoted).min());
        least.map_or(0, |least| least.saturating_add(member_length(name)))
    };
    let required = policy.required.iter().map(|(name, RequiredSpec(values))| {
        let length = |value: &RequiredValue| match value {
            RequiredValue::String(text) => quoted(text),
            RequiredValue::Boolean(_) => "true".len(),
            RequiredValue::Integer(_) => 1,
        };
        values.iter().map(length).min().unwrap_or(0).saturating_add(member_length(name))
    });
    required
        .chain([br#"{"exp":0}"#.len(), shortest(&policy.issuers, "iss"), shortest(&policy.audiences, "aud")])
        .fold(0, usize::saturating_add)
}

/// `,"name":`
fn member_length(name: &str) -> usize {
    name.len().saturating_add(r#","":"#.len())
}

/// The length of the shortest signature in base64url; an RSA key has 2,048 bits or more.
fn signature_length(algorithm: Algorithm) -> usize {
    use Algorithm::{ES256, ES384, EdDSA, HS256, HS384, HS512};
    base64_length(match algorithm {
        HS256 => 32,
        HS384 => 48,
        HS512 | ES256 | EdDSA => 64,
        ES384 => 96,
        _ => 256,
    })
}

fn base64_length(bytes: usize) -> usize {
    bytes.saturating_mul(4).div_ceil(3)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use artos_auth_fixtures::keys::TestKey;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    /// The public keys of these algorithms; without a `kid` for those that begin with `-`.
    fn published(names: &str) -> KeySet {
        let keys = names.split(' ').map(|name| {
            let (named, has_id) = name.strip_prefix('-').map_or((name, true), |name| (name, false));
            let named = match named {
                "RS256" => "rsa",
                "EdDSA" => "ed25519",
                "ES256" => "es256",
                _ => "hs256",
            };
            let mut key = TestKey::named(named).unwrap().published();
            if !has_id {
                key.remove("kid");
            }
            key
        });
        KeySet::from_jwks(json!({ "keys": keys.collect::<Vec<_>>() }).to_string().as_bytes()).unwrap()
    }

    /// The warnings of a configuration with these key sets, separated by `|`.
    fn warnings_of(text: &str, sets: &str) -> Vec<String> {
        let config = super::super::parse(Path::new("artos-auth.toml"), text).unwrap();
        let sets: Vec<KeySet> = sets.split('|').map(published).collect();
        warnings(&config, &config.keys, &sets)
    }

    const ONE: &str = "[keys]\nfile = \"a\"\n";
    const TWO: &str = "[[keys]]\nfile = \"a\"\nissuer = \"https://a.example\"\norganizations = [\"org-a\"]\n\
                       [[keys]]\nfile = \"b\"\n";

    #[rstest]
    #[case::algorithm(
        "[policy]\nalgorithms = [\"ES384\"]\n",
        ONE,
        "ES256",
        "`keys`: no key serves an algorithm that the policy allows (ES384), so every token is refused; add such a key, or its algorithm to `policy.algorithms`"
    )]
    #[case::algorithm_of_one_set(
        "[policy]\nalgorithms = [\"ES256\"]\n",
        TWO,
        "ES256|EdDSA",
        "`keys[1]`: no key serves an algorithm that the policy allows (ES256), so every token of these keys is refused; add such a key, or its algorithm to `policy.algorithms`"
    )]
    #[case::issuer(
        "[policy]\nissuers = [\"https://b.example\"]\n",
        TWO,
        "ES256|ES256",
        "`keys[0].issuer`: https://a.example is not in `policy.issuers`, so every token of these keys is refused; add it there"
    )]
    #[case::organizations(
        "[[realms]]\nhost = \"*\"\norganizations = [\"org-b\"]\n",
        TWO,
        "ES256|ES256",
        "`keys[0].organizations`: no host of `[[realms]]` accepts any of them, so every token of these keys is refused"
    )]
    #[case::realms(
        "[[realms]]\nhost = \"a.example\"\norganizations = []\n",
        ONE,
        "ES256",
        "`realms`: no host accepts any organization, so every token of an organization is refused"
    )]
    #[case::ids(
        "",
        ONE,
        "-HS256 -HS256 -HS256 -HS256 -HS256 -HS256 -HS256 -HS256 -HS256",
        "`keys`: no key has a `kid` and more than 8 serve each algorithm, so every token is refused; give each key a `kid`"
    )]
    #[case::signature(
        "[policy]\nmax_token_bytes = 300\n",
        ONE,
        "RS256",
        "`policy.max_token_bytes`: the shortest token that this policy and these keys accept has more than 300 bytes, so every token is refused; allow at least 376"
    )]
    fn tokens_that_can_never_be_accepted_are_a_warning(
        #[case] policy: &str,
        #[case] keys: &str,
        #[case] sets: &str,
        #[case] warning: &str,
    ) {
        assert_eq!(warnings_of(&format!("{policy}{keys}"), sets), [warning]);
    }

    #[test]
    fn long_values_that_a_token_must_have_are_counted() {
        let long = "x".repeat(300);
        for policy in [
            format!("issuers = [\"{long}\"]"),
            format!("audiences = [\"{long}\"]"),
            format!("required = {{ azp = \"{long}\" }}"),
            format!("required = {{ {long} = 1 }}"),
        ] {
            let short = format!("[policy]\nmax_token_bytes = 400\n{policy}\n{ONE}");
            assert_eq!(warnings_of(&short, "HS256").len(), 1, "{policy}");
            let enough = short.replace("= 400", "= 600");
            assert_eq!(warnings_of(&enough, "HS256"), [""; 0], "{policy}");
        }
    }

    #[rstest]
    #[case::defaults("", ONE, "HS256")]
    #[case::one_key_is_enough("[policy]\nalgorithms = [\"ES256\"]\n", ONE, "ES256 EdDSA")]
    #[case::another_set("[policy]\nissuers = [\"https://a.example\"]\n", TWO, "ES256|ES256")]
    #[case::any_organization("[[realms]]\nhost = \"*\"\nany = true\n", TWO, "ES256|ES256")]
    #[case::eight_keys("", ONE, "-HS256 -HS256 -HS256 -HS256 -HS256 -HS256 -HS256 -HS256")]
    #[case::shortest_token("[policy]\nmax_token_bytes = 376\n", ONE, "RS256")]
    fn acceptable_tokens_are_not_a_warning(#[case] policy: &str, #[case] keys: &str, #[case] sets: &str) {
        assert_eq!(warnings_of(&format!("{policy}{keys}"), sets), [""; 0]);
    }

    /// Took more than a minute when each organization was looked up at each host.
    #[test]
    fn many_organizations_and_hosts_are_compared() {
        const MANY: usize = 20_000;
        let organizations: Vec<String> = (0..MANY).map(|number| format!("o{number}")).collect();
        let hosts = (0..MANY).map(|number| {
            format!("[[realms]]\nhost = \"h{number}.example\"\norganizations = [\"x{number}\"]\n")
        });
        let text = format!("{ONE}organizations = {organizations:?}\n{}", hosts.collect::<String>());
        let config = super::super::parse(Path::new("artos-auth.toml"), &text).unwrap();
        let found = warnings(&config, &config.keys, &[published("ES256")]);
        assert_eq!(found.len(), 1, "{found:?}");
        // A reload compares the entries of both files.
        assert_eq!(config.protections.dropped_by(&config.protections), [""; 0]);
    }
}
