//! The annotated example: every key, with its default or an example, and what it means.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Key;
use super::keys::FILE;

/// A header, and the lines below it.
struct Block {
    /// `""` for the beginning of the file.
    header: &'static str,
    /// In force, or commented out as a whole.
    is_active: bool,
    /// What this block is for, where the header does not say it.
    about: &'static str,
    lines: &'static [Line],
}

/// A key, its value, and whether it is active. Without a value, it has the default.
struct Line(&'static str, Option<&'static str>, bool);

const fn on(key: &'static str, value: &'static str) -> Line {
    Line(key, Some(value), true)
}

const fn off(key: &'static str, value: &'static str) -> Line {
    Line(key, Some(value), false)
}

const fn default(key: &'static str) -> Line {
    Line(key, None, false)
}

const HEAD: &str = "\
#:schema ./artos-auth.schema.json
# The configuration of artos-auth: every key, with its default or an example.
#
# A key that is commented out as `#key = value` shows its default, or an example if it has none. Paths are relative to this
# file. An unknown key is an error. `artos-auth check --config FILE` says what a file means before a server uses it.
#
# The public keys, keys.jwks.json, come from the issuer of the tokens. To try the file with keys of your own:
#   artos-auth keys generate --alg ES256 --out signing.jwk.json
#   artos-auth keys public --in signing.jwk.json > keys.jwks.json
";

const BLOCKS: &[Block] = &[
    Block {
        header: "",
        is_active: true,
        about: "",
        lines: &[
            on("listen", "\"127.0.0.1:8080\""),
            on("admin_listen", "\"127.0.0.1:9090\""),
            default("socket_mode"),
        ],
    },
    Block {
        header: "[policy]",
        is_active: true,
        about: "",
        lines: &[
            default("algorithms"),
            off("issuers", "[\"https://auth.example\"]"),
            off("audiences", "[\"https://api.example\"]"),
            default("leeway_seconds"),
            default("max_token_bytes"),
            default("realm"),
            default("types"),
            default("required"),
            default("bound_tokens"),
            default("unlisted"),
        ],
    },
    Block {
        header: "[policy.claims]",
        is_active: true,
        about: "",
        lines: &[default("user"), default("organization"), default("permissions")],
    },
    Block {
        header: "[[policy.public]]",
        is_active: false,
        about: "",
        lines: &[off("path", "\"/api/v1/search/status\""), off("methods", "[\"GET\"]")],
    },
    Block {
        header: "[[policy.routes]]",
        is_active: false,
        about: "",
        lines: &[
            off("methods", "[\"POST\"]"),
            off("path", "\"/api/v1/documents/{id}\""),
            off("permissions", "[\"documents:write\"]"),
        ],
    },
    Block {
        header: "[[keys]]",
        is_active: true,
        about: "",
        lines: &[
            on("file", "\"keys.jwks.json\""),
            off("issuer", "\"https://auth.example\""),
            off("organizations", "[\"org-a\", \"org-b\"]"),
        ],
    },
    Block {
        header: "[[keys]]",
        is_active: false,
        about: "By the URL of a set, which is fetched.",
        lines: &[
            off("url", "\"https://issuer.example/.well-known/jwks.json\""),
            default("refresh_seconds"),
            default("cooldown_seconds"),
            default("timeout_seconds"),
            default("max_bytes"),
            default("stale_seconds"),
            off("ca_file", "\"issuer-ca.pem\""),
            off("fallback_file", "\"fallback.jwks.json\""),
        ],
    },
    Block {
        header: "[[keys]]",
        is_active: false,
        about: "From an identity provider. `refresh_seconds` and the others of a set by URL apply, too.",
        lines: &[off("discover", "\"https://provider.example\"")],
    },
    Block {
        header: "[revocations]",
        is_active: false,
        about: "In a file.",
        lines: &[off("file", "\"revocations.json\"")],
    },
    Block {
        header: "[revocations]",
        is_active: false,
        about: "By URL.",
        lines: &[
            off("url", "\"https://auth.example/revocations.json\""),
            default("poll_seconds"),
            default("max_bytes"),
            off("ca_file", "\"auth-ca.pem\""),
            default("max_staleness_seconds"),
            default("on_stale"),
        ],
    },
    Block {
        header: "[revocations]",
        is_active: false,
        about: "In Redis or Valkey.",
        lines: &[
            off("redis", "\"rediss://user@valkey.example:6379/0\""),
            off("password", "{ env = \"VALKEY_PASSWORD\" }"),
            off("sentinels", "[\"10.0.0.1:26379\", \"10.0.0.2:26379\"]"),
            off("service", "\"mymaster\""),
            default("prefix"),
            off("ca_file", "\"valkey-ca.pem\""),
            default("max_bytes"),
            default("max_staleness_seconds"),
            default("on_stale"),
        ],
    },
    Block {
        header: "[[realms]]",
        is_active: false,
        about: "",
        lines: &[off("host", "\"acme.example\""), off("organizations", "[\"org-acme\"]")],
    },
    Block {
        header: "[[realms]]",
        is_active: false,
        about: "",
        lines: &[off("host", "\"*\""), off("any", "true")],
    },
    Block {
        header: "[[resources]]",
        is_active: false,
        about: "",
        lines: &[off("path", "\"/api/v1/orgs/{org}/{*rest}\""), off("organization", "\"{org}\"")],
    },
    Block {
        header: "[[resources]]",
        is_active: false,
        about: "",
        lines: &[off("path", "\"/{*rest}\""), off("unowned", "true")],
    },
    Block {
        header: "[forward]",
        is_active: false,
        about: "",
        lines: &[
            default("path"),
            off("fields", "\"x-forwarded\""),
            default("trusted"),
            default("trust_resource_org"),
        ],
    },
    Block {
        header: "[ext_authz]",
        is_active: false,
        about: "",
        lines: &[default("trusted"), default("trust_resource_org")],
    },
    Block { header: "[audit]", is_active: true, about: "", lines: &[default("output"), default("overflow")] },
    Block {
        header: "[audit]",
        is_active: false,
        about: "In a file.",
        lines: &[off("output", "\"file\""), off("file", "\"audit.jsonl\""), default("overflow")],
    },
    Block {
        header: "[otlp]",
        is_active: false,
        about: "",
        lines: &[off("endpoint", "\"http://127.0.0.1:4318\""), default("sample_ratio")],
    },
    Block {
        header: "[tls]",
        is_active: false,
        about: "",
        lines: &[
            off("certificate", "\"tls.crt\""),
            off("key", "\"tls.key\""),
            off("client_ca", "\"proxies.pem\""),
        ],
    },
    Block {
        header: "[limits]",
        is_active: true,
        about: "",
        lines: &[
            default("header_bytes"),
            default("header_count"),
            default("header_seconds"),
            default("idle_seconds"),
            default("connections"),
            default("cache_bytes"),
            default("shutdown_seconds"),
        ],
    },
];

/// The example, as TOML with comments.
#[must_use]
pub fn example() -> String {
    let mut text = HEAD.to_owned();
    // A key is explained once.
    let mut explained = BTreeSet::new();
    for block in BLOCKS {
        let path = block.header.trim_matches(['[', ']']);
        text.push('\n');
        if let Some(key) = FILE.find(path).filter(|_| explained.insert(path.to_owned())) {
            comment(&mut text, key.about);
        }
        comment(&mut text, block.about);
        if !path.is_empty() {
            let off = if block.is_active { "" } else { "#" };
            let _ = writeln!(text, "{off}{}", block.header);
        }
        for Line(name, value, is_active) in block.lines {
            let path = if path.is_empty() { (*name).to_owned() } else { format!("{path}.{name}") };
            let Some(key) = FILE.find(&path) else { continue };
            if explained.insert(path) {
                comment(&mut text, &meaning(key));
            }
            let off = if *is_active { "" } else { "#" };
            let _ = writeln!(text, "{off}{name} = {}", value.or(key.default).unwrap_or("\"\""));
        }
    }
    text
}

/// What a key means, and what its value may be where the type does not say it.
fn meaning(key: &Key) -> String {
    use super::Kind::{Choice, Integer, Ratio};
    match key.kind {
        Choice(values) => {
            let values: Vec<String> = values.iter().map(|value| format!("\"{value}\"")).collect();
            format!("{} One of {}.", key.about, values.join(", "))
        }
        Integer { least, most: Some(most) } => format!("{} {least} to {most}.", key.about),
        Integer { least, most: None } => format!("{} {least} or more.", key.about),
        Ratio => format!("{} 0 to 1.", key.about),
        _ => key.about.to_owned(),
    }
}

/// Sentences as lines of a comment.
fn comment(text: &mut String, sentences: &str) {
    const WIDTH: usize = 118;
    let mut line = String::new();
    for word in sentences.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            let _ = writeln!(text, "#{line}");
            line.clear();
        }
        line.push(' ');
        line.push_str(word);
    }
    if !line.is_empty() {
        let _ = writeln!(text, "#{line}");
    }
}
