//! Every key: what its value looks like, its default, and what it means.

use super::{Key, Kind, Table};
use crate::config::limits;

const TEXTS: Kind = Kind::Texts { may_be_empty: true };
const SOME_TEXTS: Kind = Kind::Texts { may_be_empty: false };

const fn integer(least: u64) -> Kind {
    Kind::Integer { least, most: None }
}

const fn between(range: &std::ops::RangeInclusive<u64>) -> Kind {
    Kind::Integer { least: *range.start(), most: Some(*range.end()) }
}

const fn table(keys: &'static [Key]) -> Table {
    Table { keys, one_of: &[], needs: None }
}

/// The whole file.
pub(super) const FILE: Table = table(&[
    Key::new(
        "listen",
        Kind::Text,
        "Where requests are answered: an IP address and a port (0 picks a free one), or `unix:` and a path. The flag \
         `--listen` wins.",
    )
    .default("\"127.0.0.1:8080\""),
    Key::new(
        "admin_listen",
        Kind::Text,
        "Where health, readiness and metrics are answered, in the form of `listen`. Default: none. It has no \
         authentication: keep it away from clients.",
    ),
    Key::new("socket_mode", Kind::Text, "The mode of Unix sockets, in octal digits. An error if neither `listen` nor `admin_listen` is a Unix socket.")
        .default("\"0660\""),
    Key::new("policy", Kind::Table(&POLICY), "What makes a token acceptable, and what needs which permission."),
    Key::new(
        "keys",
        Kind::TableOrTables(&KEYS),
        "The public keys that verify tokens: one set, or several `[[keys]]`. Each is a file, a URL or an identity provider.",
    )
    .required(),
    Key::new("revocations", Kind::Table(&REVOCATIONS), "Where revocations come from. Default: nothing is revoked."),
    Key::new(
        "realms",
        Kind::Tables { of: &REALMS, may_be_empty: false },
        "Which organizations authenticate at which host; a host that no entry names is 401. Default: all of them, at every \
         host.",
    ),
    Key::new(
        "resources",
        Kind::Tables { of: &RESOURCES, may_be_empty: false },
        "Which organization owns what a path addresses; the first entry that matches counts, and a path that none matches is \
         403. Default: nothing is owned.",
    ),
    Key::new(
        "forward",
        Kind::Table(&FORWARD),
        "Forward authentication: a proxy describes the request in header fields. Default: only the request itself counts.",
    ),
    Key::new("ext_authz", Kind::Table(&EXT_AUTHZ), "Envoy's ext_authz over gRPC, on the main port. Default: no gRPC."),
    Key::new("audit", Kind::Table(&AUDIT), "The audit log: one line per decision."),
    Key::new(
        "otlp",
        Kind::Table(&OTLP),
        "A span for each sampled decision, for tracing: as `traceparent` of the request says. Default: no spans. A change \
         needs a restart.",
    ),
    Key::new("tls", Kind::Table(&TLS), "TLS on the main port. Default: plaintext."),
    Key::new("limits", Kind::Table(&LIMITS), "Limits of connections. A change needs a restart."),
]);

const POLICY: Table = table(&[
    Key::new("algorithms", SOME_TEXTS, "The algorithms that may sign a token.").default(
        "[\"ES256\", \"ES384\", \"EdDSA\", \"RS256\", \"RS384\", \"RS512\", \"PS256\", \"PS384\", \"PS512\", \"HS256\"]",
    ),
    Key::new(
        "issuers",
        SOME_TEXTS,
        "The accepted issuers (`iss`). Default: any; only the keys decide.",
    ),
    Key::new(
        "audiences",
        SOME_TEXTS,
        "The audiences of this API; a token must name one in `aud`. Default: a token with an audience is refused.",
    ),
    Key::new("leeway_seconds", between(&(0..=120)), "The tolerated clock difference at `exp` and `nbf`, in seconds.").default("0"),
    Key::new("max_token_bytes", between(&(256..=65_536)), "The longest accepted token, in bytes.").default("8192"),
    Key::new("realm", Kind::Text, "The realm of the `WWW-Authenticate` challenge: visible ASCII.").default("\"artos\""),
    Key::new("types", SOME_TEXTS, "The accepted `typ` values.").default("[\"JWT\", \"at+jwt\"]"),
    Key::new("claims", Kind::Table(&CLAIMS), "The claims that carry user, organization and permissions."),
    Key::new(
        "required",
        Kind::Required,
        "Further claims that a token must have: each with its accepted value, or an array of them (strings, booleans, \
         integers; types never convert).",
    )
    .default("{}"),
    Key::new(
        "bound_tokens",
        Kind::Choice(&["refuse", "accept"]),
        "Tokens with a `cnf` claim, which are bound to a key of their holder. Accept them only if the service checks the proof.",
    )
    .default("\"refuse\""),
    Key::new(
        "public",
        Kind::Tables { of: &PUBLIC, may_be_empty: true },
        "The paths that need no authentication, byte for byte. An empty list: none.",
    )
    .default("[{ path = \"/api/v1/search/status\" }]"),
    Key::new(
        "routes",
        Kind::Tables { of: &ROUTES, may_be_empty: true },
        "The permissions that paths and methods need. A token must have all of them.",
    )
    .default("[]"),
    Key::new("unlisted", Kind::Choice(&["allow", "deny"]), "Requests that no entry of `routes` matches.")
        .default("\"allow\""),
]);

const CLAIMS: Table = table(&[
    Key::new(
        "user",
        Kind::Claim,
        "The user: a claim, or an array of names that leads through nested objects.",
    )
    .default("\"sub\""),
    Key::new("organization", Kind::Claim, "The organization, likewise.").default("\"org_id\""),
    Key::new(
        "permissions",
        Kind::Claims,
        "The permissions, likewise; or an array of such arrays, for several claims.",
    )
    .default("\"permissions\""),
]);

const METHODS: Key =
    Key::new("methods", SOME_TEXTS, "The methods, in capitals; GET covers HEAD. Default: every method.");

const PUBLIC: Table = table(&[
    Key::new("path", Kind::Text, "The path as a request has it, without its query.").required(),
    METHODS,
]);

const ROUTES: Table = table(&[
    METHODS,
    Key::new("path", Kind::Text, "The pattern of the paths, such as `/documents/{id}` or `/files/{*rest}`.")
        .required(),
    Key::new("permissions", SOME_TEXTS, "The permissions.").required(),
]);

/// The keys that only a set that is fetched has.
const FETCHED: &[&str] = &["url", "discover"];

const KEYS: Table = Table {
    one_of: &["file", "url", "discover"],
    needs: None,
    keys: &[
        Key::new("file", Kind::Path, "A file: a JWK Set, or a single JWK."),
        Key::new("url", Kind::Text, "The URL of a JWK Set: https, or http for loopback."),
        Key::new(
            "discover",
            Kind::Text,
            "The issuer: its metadata (OpenID Connect Discovery or RFC 8414) say where the keys are, and `issuer` is set to it.",
        ),
        Key::new(
            "issuer",
            Kind::Text,
            "Tokens of these keys must have this `iss`. Default: any that the policy accepts.",
        ),
        Key::new(
            "organizations",
            SOME_TEXTS,
            "Tokens of these keys must be of these organizations. Default: any.",
        ),
        Key::new("refresh_seconds", integer(1), "The longest time between two fetches.")
            .default("300")
            .beside(FETCHED),
        Key::new(
            "cooldown_seconds",
            integer(1),
            "The shortest time between fetches that unknown keys trigger.",
        )
        .default("30")
        .beside(FETCHED),
        Key::new("timeout_seconds", integer(1), "The time limit of a fetch.").default("5").beside(FETCHED),
        Key::new("max_bytes", integer(1), "The largest answer, in bytes.").default("262144").beside(FETCHED),
        Key::new("stale_seconds", integer(1), "How long the last good set serves while none can be fetched.")
            .default("86400")
            .beside(FETCHED),
        Key::new(
            "ca_file",
            Kind::Path,
            "The certification authorities to trust instead of the system's (PEM).",
        )
        .beside(FETCHED),
        Key::new(
            "fallback_file",
            Kind::Path,
            "A file that serves from the start until the first fetch succeeds.",
        )
        .beside(FETCHED),
    ],
};

/// The keys that only revocations from a server have.
const SERVED: &[&str] = &["url", "redis"];

const REVOCATIONS: Table = Table {
    one_of: &["file", "url", "redis"],
    needs: None,
    keys: &[
        Key::new("file", Kind::Path, "A JSON file; `artos-auth revoke` writes it."),
        Key::new("url", Kind::Text, "The URL of the same JSON: https, or http for loopback."),
        Key::new(
            "redis",
            Kind::Text,
            "Redis or Valkey: `redis://`, `rediss://` (TLS) or `unix:`, without a password.",
        ),
        Key::new(
            "poll_seconds",
            integer(1),
            "The time between two fetches; less than `max_staleness_seconds`.",
        )
        .default("5")
        .beside(&["url"]),
        Key::new("max_bytes", integer(1), "The largest list or snapshot, in bytes.")
            .default("67108864")
            .beside(SERVED),
        Key::new(
            "password",
            Kind::Table(&PASSWORD),
            "Where the password is: `{ env = \"NAME\" }`, or `{ file = \"PATH\" }`.",
        )
        .beside(&["redis"]),
        Key::new("sentinels", SOME_TEXTS, "Sentinels that know the server: hosts and ports.")
            .beside(&["service"]),
        Key::new("service", Kind::Text, "The name of the service that the Sentinels know.")
            .beside(&["sentinels"]),
        Key::new(
            "ca_file",
            Kind::Path,
            "The certification authorities to trust instead of the system's (PEM).",
        )
        .beside(SERVED),
        Key::new("prefix", Kind::Text, "The key of the snapshot; the log is at `PREFIX:log`.")
            .default("\"artos:revocations\"")
            .beside(&["redis"]),
        Key::new("max_staleness_seconds", integer(1), "The maximum time since the source last answered.")
            .default("10")
            .beside(SERVED),
        Key::new(
            "on_stale",
            Kind::Choice(&["deny", "serve"]),
            "After that, `deny` answers 503 to all but public paths, and `serve` continues with the last set.",
        )
        .default("\"deny\"")
        .beside(SERVED),
    ],
};

const PASSWORD: Table = Table {
    one_of: &["env", "file"],
    needs: None,
    keys: &[
        Key::new("env", Kind::Text, "The environment variable that has it."),
        Key::new("file", Kind::Path, "The file that has it."),
    ],
};

const REALMS: Table = Table {
    one_of: &["organizations", "any"],
    needs: None,
    keys: &[
        Key::new(
            "host",
            Kind::Text,
            "The host, without a port; letter case is ignored. `*`: every other host.",
        )
        .required(),
        Key::new("organizations", TEXTS, "The organizations that authenticate there. An empty list: none."),
        Key::new("any", Kind::True, "Every organization authenticates there."),
    ],
};

const RESOURCES: Table = Table {
    one_of: &["organization", "unowned"],
    needs: None,
    keys: &[
        Key::new("path", Kind::Text, "The pattern of the paths, such as `/orgs/{org}/{*rest}`.").required(),
        Key::new("organization", Kind::Text, "The owner: a placeholder of the path, or an organization."),
        Key::new("unowned", Kind::True, "It has no owner: every authenticated caller may request it."),
    ],
};

const TRUSTED: Key = Key::new(
    "trusted",
    TEXTS,
    "The addresses of the proxies, as prefixes. A peer on a Unix socket is always trusted.",
)
.default("[\"127.0.0.1/32\", \"::1/128\"]");

const FORWARD: Table = table(&[
    Key::new("path", Kind::Text, "The path that the proxy requests; a query is ignored.").default("\"/_auth/verify\""),
    Key::new(
        "fields",
        Kind::Choice(&["x-forwarded", "x-original", "x-original-url"]),
        "The fields that describe the request: `x-forwarded` (Traefik, Caddy), `x-original` (nginx, HAProxy) or \
         `x-original-url` (ingress-nginx). No others are read.",
    )
    .required(),
    TRUSTED,
    Key::new("trust_resource_org", Kind::Boolean, "The proxy names the owner of the resource in `X-Resource-Org`.")
        .default("false"),
]);

const EXT_AUTHZ: Table = table(&[
    TRUSTED,
    Key::new(
        "trust_resource_org",
        Kind::Boolean,
        "The proxy names the owner of the resource in `context_extensions[\"resource_org\"]`.",
    )
    .default("false"),
]);

const AUDIT: Table = Table {
    one_of: &[],
    needs: Some(("output", "file", "file")),
    keys: &[
    Key::new("output", Kind::Choice(&["stderr", "off", "file"]), "Where the lines go.").default("\"stderr\""),
    Key::new(
        "file",
        Kind::Path,
        "The file, for `output = \"file\"`; appended to, and reopened on SIGUSR1 or SIGHUP.",
    )
    .beside(&["output"]),
    Key::new(
        "overflow",
        Kind::Choice(&["block", "drop"]),
        "If lines cannot be written fast enough: `block` delays decisions, `drop` drops lines and counts them.",
    )
    .default("\"block\""),
],
};

const OTLP: Table = table(&[
    Key::new(
        "endpoint",
        Kind::Text,
        "The collector: spans are sent to `/v1/traces` below it, by OTLP over HTTP in JSON.",
    )
    .required(),
    Key::new("sample_ratio", Kind::Ratio, "The part of the requests without `traceparent` that have a span.")
        .default("0"),
]);

const TLS: Table = table(&[
    Key::new("certificate", Kind::Path, "PEM: the certificate of the server, then the intermediate ones.")
        .required(),
    Key::new("key", Kind::Path, "PEM: its private key (PKCS #8, SEC 1 or PKCS #1), not encrypted.")
        .required(),
    Key::new(
        "client_ca",
        Kind::Path,
        "PEM: clients must present a certificate of this authority. Default: none.",
    ),
]);

const LIMITS: Table = table(&[
    Key::new(
        "header_bytes",
        between(&limits::HEADER_BYTES),
        "The longest request head, in bytes; at least `max_token_bytes` + 4096. The default grows with `max_token_bytes`.",
    )
    .default("16384"),
    Key::new("header_count", between(&limits::HEADER_COUNT), "The most field lines of a request.").default("100"),
    Key::new("header_seconds", between(&limits::SECONDS), "The time limit of a request head, and of a TLS handshake.")
        .default("10"),
    Key::new("idle_seconds", between(&limits::SECONDS), "The time limit for the next request on a connection.")
        .default("60"),
    Key::new("connections", between(&limits::CONNECTIONS), "The most open connections.").default("10000"),
    Key::new(
        "cache_bytes",
        between(&limits::CACHE_BYTES),
        "The memory of the cache of verified tokens, in bytes. 0: no cache, each token is verified each time.",
    )
    .default("33554432"),
    Key::new("shutdown_seconds", between(&limits::SHUTDOWN_SECONDS), "The time limit of answers in flight at the end.")
        .default("10"),
]);
