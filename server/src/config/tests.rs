//! The values of valid files, and the errors of invalid ones.

use std::fmt::Write as _;
use std::time::Duration;

use artos_auth_engine::{ResourceOrg, TenantScope};
use rstest::rstest;

use super::*;

fn parsed(text: &str) -> Result<Config, ConfigError> {
    parse(Path::new("auth.toml"), text)
}

#[test]
fn the_documented_file_has_the_documented_values() {
    let config = parse(
        Path::new("folder/auth.toml"),
        r#"
listen = "127.0.0.1:8080"
admin_listen = "127.0.0.1:9090"

[policy]
algorithms = ["ES256", "RS256"]
issuers = ["https://auth.example"]
audiences = ["https://api.example"]
leeway_seconds = 0
max_token_bytes = 8192
realm = "artos"
types = ["JWT", "at+jwt"]
claims = { user = "sub", organization = "org_id", permissions = "permissions" }
public = [{ path = "/api/v1/search/status" }]
routes = [{ methods = ["POST"], path = "/api/v1/documents/generate", permissions = ["documents:write"] }]
unlisted = "allow"

[keys]
file = "keys.jwks.json"

[revocations]
file = "/elsewhere/revocations.json"

[[realms]]
host = "acme.example"
organizations = ["org-acme"]

[[realms]]
host = "*"
any = true

[[resources]]
path = "/api/v1/orgs/{org}/{*rest}"
organization = "{org}"

[[resources]]
path = "/{*rest}"
unowned = true

[audit]
output = "stderr"
overflow = "block"
"#,
    )
    .unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.admin_listen.unwrap().to_string(), "127.0.0.1:9090");
    assert_eq!(config.keys[0].origin, KeyOrigin::File("folder/keys.jwks.json".into()));
    assert_eq!(config.revocations, Some(RevocationSource::File("/elsewhere/revocations.json".into())));
    assert_eq!(config.policy.algorithms().count(), 2);
    assert_eq!(config.policy.route_rules(), 1);
    assert_eq!(config.realms.summary(), [("acme.example", Some(1)), ("*", None)]);
    assert_eq!(config.resources.owner_of(b"/api/v1/orgs/a/x"), ResourceOrg::Owned("a".into()));
    assert_eq!(config.audit, Audit::default());
    assert_eq!(config.limits, Limits::of_tokens(8192));
    let letter_case = "`resources[0].path`: `/api/v1/orgs/{org}/{*rest}` is owned, but `/API/v1/orgs/org/x` is unowned: \
         letter case counts here; make sure that the service behind does not ignore it";
    assert_eq!(config.warnings, [letter_case]);
}

#[test]
fn only_keys_are_required() {
    let config = parsed("[keys]\nfile = \"k\"").unwrap();
    assert_eq!(config.listen, ListenAddress::DEFAULT);
    assert_eq!(config.admin_listen, None);
    assert_eq!(config.keys[0].origin, KeyOrigin::File("k".into()));
    assert_eq!(config.revocations, None);
    assert!(config.realms.is_open() && config.resources.is_empty());
    assert_eq!(config.limits.header_bytes, 16_384);
    assert_eq!(config.policy.algorithms().count(), 10);
    assert_eq!(config.policy.public_paths(), 1);
}

#[test]
fn limits_are_read_from_the_file() {
    let limits = |table: &str| parsed(&format!("[keys]\nfile = \"k\"\n{table}")).unwrap().limits;
    let all = "[limits]\nheader_bytes = 12288\nheader_count = 50\nheader_seconds = 5\nidle_seconds = 30\n\
        connections = 7\ncache_bytes = 0\nshutdown_seconds = 0";
    let expected = Limits {
        header_bytes: 12_288,
        header_count: 50,
        header_time: Duration::from_secs(5),
        idle_time: Duration::from_secs(30),
        connections: 7,
        cache_bytes: 0,
        shutdown_time: Duration::ZERO,
    };
    assert_eq!(limits(all), expected);
    assert_eq!(limits("[policy]\nmax_token_bytes = 8193").header_bytes, 16_385);
    assert_eq!(limits("[policy]\nmax_token_bytes = 65536").header_bytes, 73_728);
    assert_eq!(limits("[limits]\nidle_seconds = 1").header_bytes, 16_384);
}

#[rstest]
#[case("acme.example", "one")]
#[case("ACME.example", "one")]
#[case("acme.example.", "")]
#[case("[::1]", "v6")]
#[case("other.example", "")]
#[case("*", "")]
fn a_host_has_the_realm_that_names_it(#[case] host: &str, #[case] expected: &str) {
    let config = parsed(
        "[keys]\nfile = \"k\"\n[[realms]]\nhost = \"Acme.Example\"\norganizations = [\"one\"]\n\
         [[realms]]\nhost = \"[::1]\"\norganizations = [\"v6\"]",
    )
    .unwrap();
    let TenantScope::Among(organizations) = config.realms.of(Some(host)) else { panic!("any") };
    assert_eq!(organizations.len(), usize::from(!expected.is_empty()));
    assert!(expected.is_empty() || organizations.contains(expected));
}

#[test]
fn a_star_matches_every_other_host_but_not_a_missing_one() {
    let realms = |star: &str| {
        parsed(&format!("[keys]\nfile = \"k\"\n[[realms]]\nhost = \"*\"\n{star}")).unwrap().realms
    };
    let any = realms("any = true");
    assert!(matches!(any.of(Some("x.example")), TenantScope::Any));
    assert!(matches!(any.of(None), TenantScope::Among(nobody) if nobody.is_empty()));
    let few = realms("organizations = [\"a\", \"b\"]");
    assert!(matches!(few.of(Some("x.example")), TenantScope::Among(few) if few.len() == 2));
    assert!(matches!(Realms::default().of(None), TenantScope::Any));
}

#[rstest]
#[case("a.example", "a.example")]
#[case("a.example:80", "a.example")]
#[case("a.example.:80", "a.example")]
#[case("a.example.", "a.example")]
#[case("[::1]:80", "[::1]")]
#[case("[::1]", "[::1]")]
#[case("[::1", "[")]
#[case("", "")]
fn the_host_of_an_authority_has_no_port(#[case] authority: &str, #[case] host: &str) {
    assert_eq!(host_of_authority(authority), host);
}

#[test]
fn an_address_off_loopback_is_a_warning() {
    let warnings = |file: &str| parsed(&format!("{file}\n[keys]\nfile = \"k\"")).unwrap().port_warnings;
    let quiet = ["listen = \"127.0.0.9:80\"", "listen = \"[::1]:0\"", "listen = \"[::ffff:127.0.0.1]:80\""];
    for quiet in quiet {
        assert_eq!(warnings(quiet), [] as [&str; 0], "{quiet}");
    }
    insta::assert_snapshot!(warnings("listen = \"0.0.0.0:80\"\nadmin_listen = \"[::]:81\"").join("\n"), @r"
    `listen`: 0.0.0.0:80 is not loopback and this server speaks plaintext, so anyone on the network can read the traffic; listen on loopback behind a proxy that terminates TLS
    `admin_listen`: [::]:81 is not loopback and this server speaks plaintext, so anyone on the network can read the traffic; listen on loopback behind a proxy that terminates TLS
    ");
}

#[test]
fn a_socket_open_to_every_user_is_a_warning() {
    let warnings = |file: &str| parsed(&format!("{file}\n[keys]\nfile = \"k\"")).unwrap().port_warnings;
    assert_eq!(warnings("listen = \"unix:a\"\nsocket_mode = \"0660\""), [] as [&str; 0]);
    insta::assert_snapshot!(warnings("listen = \"unix:a\"\nsocket_mode = \"0666\"").join("\n"), @r#"`socket_mode`: with "0666" every user of this machine can connect, and is trusted as a proxy; use "0660" and a group of the proxy and this server"#);
}

#[test]
fn rules_that_do_not_do_what_they_seem_to_are_a_warning() {
    let warnings = |file: &str| parsed(file).unwrap().warnings.join("\n");
    let keys = "[keys]\nfile = \"k\"\n";
    insta::assert_snapshot!(warnings(&format!("{keys}[[realms]]\nhost = \"a\"\norganizations = [\"x\", \"*\"]")), @"`realms[0].organizations[1]`: `*` is the id of an organization here; write `any = true` for every organization");
    insta::assert_snapshot!(warnings(&format!("{keys}organizations = [\"*\"]")), @"`keys.organizations[0]`: `*` is the id of an organization here; leave `organizations` out for every one");
    insta::assert_snapshot!(warnings("[[keys]]\nfile = \"k\"\n[[keys]]\nfile = \"l\"\norganizations = [\"*\"]"), @"`keys[1].organizations[0]`: `*` is the id of an organization here; leave `organizations` out for every one");
    let owned = "[[resources]]\npath = \"/api/v1/search/status\"\norganization = \"o\"";
    insta::assert_snapshot!(warnings(&format!("{keys}{owned}")), @"`resources[0].path`: `/api/v1/search/status` is public, so its owner does not matter; remove it from `policy.public`");
    assert_eq!(warnings(&format!("{keys}[policy]\npublic = []\n{owned}")), "");
    let public_for_post = "[[policy.public]]\npath = \"/login\"\nmethods = [\"POST\"]\n";
    let owned = "[[resources]]\npath = \"/login\"\norganization = \"o\"";
    insta::assert_snapshot!(warnings(&format!("{keys}{public_for_post}{owned}")), @"`resources[0].path`: `/login` is public, so its owner does not matter; remove it from `policy.public`");
}

/// Names and texts of files with one error; `KEYS` is replaced by the table that every file needs.
const WRONG: &[(&str, &str)] = &[
    ("no TOML", "KEYS\nlisten = "),
    ("a key twice", "KEYS\n[audit]\noutput = \"off\"\noutput = \"off\""),
    ("a table twice", "KEYS\n[keys]"),
    ("nothing", ""),
    ("no file of keys", "[keys]"),
    ("an empty file name", "[keys]\nfile = \"\""),
    ("keys that are no table", "keys = \"keys.jwks.json\""),
    ("keys that are an array", "keys = [\"keys.jwks.json\"]"),
    ("claims that are an array", "KEYS\n[policy]\nclaims = [\"sub\"]"),
    ("a realm that is an array", "realms = [\n  [\"*\"],\n]\nKEYS"),
    ("keys by plain http", "[keys]\nurl = \"http://auth.example/keys\""),
    (
        "keys that are fetched without pause",
        "[[keys]]\nurl = \"https://auth.example/keys\"\nrefresh_seconds = 0",
    ),
    ("keys of no organization", "[keys]\nfile = \"k\"\norganizations = []"),
    ("keys of an unnamed organization", "[[keys]]\nfile = \"k\"\norganizations = [\"org-a\", \"\"]"),
    ("keys by URL beside a file", "[keys]\nfile = \"k\"\nurl = \"https://auth.example/keys\""),
    ("forward without its fields", "KEYS\n[forward]"),
    ("forward with other fields", "KEYS\n[forward]\nfields = \"forwarded\""),
    ("forward that is an array", "forward = [\"/_auth/verify\"]\nKEYS"),
    ("an unknown key of forward", "KEYS\n[forward]\nfields = \"x-original\"\ntrust = []"),
    ("a path of forward with a query", "KEYS\n[forward]\nfields = \"x-original\"\npath = \"/a?b\""),
    ("a path of forward without a slash", "KEYS\n[forward]\nfields = \"x-original\"\npath = \"a\""),
    ("a trusted name", "KEYS\n[forward]\nfields = \"x-original\"\ntrusted = [\"10.0.0.0/8\", \"proxy\"]"),
    ("everybody trusted over gRPC", "KEYS\n[ext_authz]\ntrusted = [\"::/0\"]"),
    ("an unknown key of ext_authz", "KEYS\n[ext_authz]\nfields = \"x\""),
    ("everybody trusted", "KEYS\n[forward]\nfields = \"x-original\"\ntrusted = [\"0.0.0.0/0\"]"),
    ("tls without a key", "KEYS\n[tls]\ncertificate = \"c\""),
    ("an empty file name of tls", "KEYS\n[tls]\ncertificate = \"c\"\nkey = \"\""),
    ("a tls key", "tls_certificate = \"c\"\nKEYS"),
    ("an unknown key", "lisen = \"127.0.0.1:1\"\nKEYS"),
    ("an unknown table", "KEYS\n[polcy]"),
    ("an unknown key in a table", "KEYS\n[policy]\nleeway = 3"),
    ("an unknown key in an inline table", "KEYS\n[policy]\nclaims = { org = \"o\" }"),
    (
        "an unknown key in an array of tables",
        "KEYS\n[[realms]]\nhost = \"*\"\nany = true\n[[realms]]\norgs = []",
    ),
    (
        "an unknown key of a rule",
        "KEYS\n[policy]\nroutes = [\n  { path = \"/a\", permissions = [\"p\"] },\n  { path = \"/b\", permission = \"p\" },\n]",
    ),
    ("revocations without a file", "KEYS\n[revocations]"),
    ("a rule without permissions", "KEYS\n[policy]\nroutes = [{ path = \"/a\" }]"),
    ("a wrong type", "listen = 8080\nKEYS"),
    ("a wrong type in an array", "KEYS\n[policy]\nalgorithms = [\"ES256\",\n 256]"),
    ("a table for an array", "KEYS\n[realms]\nhost = \"*\""),
    ("a negative number", "KEYS\n[policy]\nleeway_seconds = -1"),
    ("a fraction", "KEYS\n[policy]\nleeway_seconds = 1.5"),
    ("an unknown value", "KEYS\n[audit]\noutput = \"stdout\""),
    ("spans without a collector", "KEYS\n[otlp]\nsample_ratio = 0.1"),
    ("a collector without a scheme", "KEYS\n[otlp]\nendpoint = \"127.0.0.1:4318\""),
    ("a collector with a password", "KEYS\n[otlp]\nendpoint = \"http://user:secret@collector:4318\""),
    ("a collector with a query", "KEYS\n[otlp]\nendpoint = \"https://collector:4318?x\""),
    ("more than all spans", "KEYS\n[otlp]\nendpoint = \"http://collector:4318\"\nsample_ratio = 2"),
    ("an audit file without a name", "KEYS\n[audit]\noutput = \"file\""),
    ("an audit file that is the key file", "KEYS\n[audit]\noutput = \"file\"\nfile = \"k\""),
    (
        "an audit file that is the revocations file",
        "KEYS\n[revocations]\nfile = \"r\"\n[audit]\noutput = \"file\"\nfile = \"r\"",
    ),
    ("an audit file that is the configuration", "KEYS\n[audit]\noutput = \"file\"\nfile = \"auth.toml\""),
    ("an audit file that is not used", "KEYS\n[audit]\nfile = \"audit.jsonl\""),
    ("an unknown value of unlisted", "KEYS\n[policy]\nunlisted = \"ask\""),
    ("a name for an address", "listen = \"localhost:8080\"\nKEYS"),
    ("an address without port", "admin_listen = \"127.0.0.1\"\nKEYS"),
    ("a socket without a path", "listen = \"unix:\"\nKEYS"),
    ("one socket for both", "listen = \"unix:a\"\nadmin_listen = \"unix:a\"\nKEYS"),
    ("a mode that is not octal", "listen = \"unix:a\"\nsocket_mode = \"rw\"\nKEYS"),
    ("a mode that is a number", "listen = \"unix:a\"\nsocket_mode = 432\nKEYS"),
    ("a mode without a socket", "socket_mode = \"0660\"\nKEYS"),
    ("one address for both", "listen = \"127.0.0.1:80\"\nadmin_listen = \"127.0.0.1:80\"\nKEYS"),
    ("empty algorithms", "KEYS\n[policy]\nalgorithms = []"),
    ("empty issuers", "KEYS\n[policy]\nissuers = []"),
    ("empty audiences", "KEYS\n[policy]\naudiences = []"),
    ("empty types", "KEYS\n[policy]\ntypes = []"),
    ("an unknown algorithm", "KEYS\n[policy]\nalgorithms = [\n  \"ES256\",\n  \"none\",\n]"),
    ("two claims of one name", "KEYS\n[policy]\nclaims = { user = \"org_id\" }"),
    ("a claim with a meaning of its own", "KEYS\n[policy.claims]\nuser = \"jti\""),
    ("a claim without name", "KEYS\n[policy.claims]\norganization = \"\""),
    ("too much leeway", "KEYS\n[policy]\nleeway_seconds = 121"),
    ("short tokens", "KEYS\n[policy]\nmax_token_bytes = 255"),
    ("long tokens", "KEYS\n[policy]\nmax_token_bytes = 65537"),
    ("a quote in the realm", "KEYS\n[policy]\nrealm = 'a\"b'"),
    ("a realm beyond ASCII", "KEYS\n[policy]\nrealm = \"é\""),
    ("a public path without slash", "KEYS\n[policy]\npublic = [{ path = \"status\" }]"),
    ("a public path with a query", "KEYS\n[[policy.public]]\npath = \"/status?x\""),
    ("a method that is no token", "KEYS\n[[policy.public]]\npath = \"/a\"\nmethods = [\"GET POST\"]"),
    (
        "a method in small letters",
        "KEYS\n[[policy.routes]]\npath = \"/a\"\nmethods = [\"get\"]\npermissions = [\"p\"]",
    ),
    ("no methods", "KEYS\n[[policy.routes]]\npath = \"/a\"\nmethods = []\npermissions = [\"p\"]"),
    ("no permissions", "KEYS\n[[policy.routes]]\npath = \"/a\"\npermissions = []"),
    ("an empty permission", "KEYS\n[[policy.routes]]\npath = \"/a\"\npermissions = [\"\"]"),
    ("a pattern without slash", "KEYS\n[[policy.routes]]\npath = \"a\"\npermissions = [\"p\"]"),
    ("a pattern with an escape", "KEYS\n[[policy.routes]]\npath = \"/a%20b\"\npermissions = [\"p\"]"),
    ("a rest that is not last", "KEYS\n[[resources]]\npath = \"/{*rest}/a\"\nunowned = true"),
    ("empty realms", "realms = []\nKEYS"),
    ("a realm without a scope", "KEYS\n[[realms]]\nhost = \"a.example\""),
    ("a realm with both scopes", "KEYS\n[[realms]]\nhost = \"a.example\"\nany = true\norganizations = []"),
    ("any = false", "KEYS\n[[realms]]\nhost = \"a.example\"\nany = false"),
    (
        "a host twice",
        "KEYS\n[[realms]]\nhost = \"a.example\"\nany = true\n\n[[realms]]\nhost = \"A.Example.\"\nany = true",
    ),
    ("a host with an empty label", "KEYS\n[[realms]]\nhost = \".example\"\nany = true"),
    ("a host with a port", "KEYS\n[[realms]]\nhost = \"a.example:80\"\nany = true"),
    ("a host that is a pattern", "KEYS\n[[realms]]\nhost = \"*.example\"\nany = true"),
    ("an empty host", "KEYS\n[[realms]]\nhost = \"\"\nany = true"),
    ("an organization that no token holds", "KEYS\n[[realms]]\nhost = \"a\"\norganizations = [\"a\", \"\"]"),
    ("empty resources", "resources = []\nKEYS"),
    (
        "a resource of nobody and somebody",
        "KEYS\n[[resources]]\npath = \"/a\"\nunowned = true\norganization = \"a\"",
    ),
    ("a resource without owner", "KEYS\n[[resources]]\npath = \"/a\""),
    ("unowned = false", "KEYS\n[[resources]]\npath = \"/a\"\nunowned = false"),
    ("a placeholder that the path lacks", "KEYS\n[[resources]]\npath = \"/{a}\"\norganization = \"{b}\""),
    (
        "a resource that is never reached",
        "KEYS\n[[resources]]\npath = \"/a/{x}\"\nunowned = true\n\n[[resources]]\npath = \"/a/b\"\norganization = \"b\"",
    ),
    ("little room for headers", "KEYS\n[limits]\nheader_bytes = 12287"),
    (
        "little room for long tokens",
        "KEYS\n[policy]\nmax_token_bytes = 65536\n[limits]\nheader_bytes = 16384",
    ),
    ("a limit too small", "KEYS\n[limits]\nheader_count = 1"),
    ("a limit too large", "KEYS\n[limits]\nconnections = 1000001"),
    ("no time for headers", "KEYS\n[limits]\nheader_seconds = 0"),
    ("a limit that is no number", "KEYS\n[limits]\nidle_seconds = \"60\""),
];

#[test]
fn every_error_names_file_line_and_key() {
    let mut catalogue = String::new();
    for (name, text) in WRONG {
        let text = text.replace("KEYS", "[keys]\nfile = \"k\"");
        match parsed(&text) {
            Ok(_) => panic!("{name}: it loads"),
            Err(error) => {
                let _ = writeln!(catalogue, "{name}\n    {error}");
            }
        }
    }
    insta::assert_snapshot!(catalogue);
}

#[rstest]
#[case::not_there(None)]
#[case::no_utf_8(Some(&b"listen = \"\xff\""[..]))]
fn a_file_that_cannot_be_read_is_named(#[case] content: Option<&[u8]>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("auth.toml");
    if let Some(content) = content {
        std::fs::write(&path, content).unwrap();
    }
    let error = load(&path).unwrap_err();
    assert_eq!((error.file.as_path(), error.line), (path.as_path(), None));
    assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
}

#[test]
fn keys_and_revocations_say_where_they_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.json");
    let message = |error: ConfigError| error.to_string().replace(&*folder.path().to_string_lossy(), "");
    let mut catalogue = String::new();
    for keys in [
        "",
        "{\"keys\": []}",
        "{\"keys\": [\n{\"kty\": \"oct\", \"k\": \"c2hvcnQ\"}]}",
        "{\"keys\": [\n{\"kty\": \"oct\", \"k\": \"c2hvcnQ=\"}]}",
        "{\"keys\": [{\"kty\": \"EC\", \"crv\": \"P-521\"}]}",
        "{}",
    ] {
        std::fs::write(&path, keys).unwrap();
        let _ = writeln!(catalogue, "{}", message(read_keys(&path).unwrap_err()));
    }
    for revocations in [
        "[]",
        "{\"organizations\": [\n[\"org-a\", 1]]}",
        "{\"token\": []}",
        "{\"tokens\": [\n1]}",
        "{\"signed_sha256\": [\"00\"]}",
        "{\"users\": [{\"user\": \"\", \"issued_before\": 1}]}",
        "{\"organizations\": [\n{\"org\": \"a\"}]}",
    ] {
        std::fs::write(&path, revocations).unwrap();
        let _ = writeln!(catalogue, "{}", message(read_revocations(&path).unwrap_err()));
    }
    insta::assert_snapshot!(catalogue);
}

#[test]
fn reading_an_endless_file_ends() {
    let endless = Path::new("/dev/zero");
    if endless.exists() {
        insta::assert_snapshot!(load(endless).unwrap_err(), @"/dev/zero: cannot be read: it is a device, not a regular file");
    }
}
