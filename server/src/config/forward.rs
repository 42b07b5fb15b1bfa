//! `[forward]`: which proxies may describe a request, and in which fields.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

/// Forward authentication: a proxy sends a subrequest to one path, and describes the client's request in header fields.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forward {
    /// `path`: the path of the subrequest. Default: `/_auth/verify`.
    pub path: String,
    /// `fields`: the family of header fields that describes the request. Other families are never read.
    pub fields: FieldFamily,
    /// `trusted`: the proxies that may describe requests. Default: `127.0.0.1/32` and `::1/128`.
    pub trusted: TrustedProxies,
    /// `trust_resource_org`: the proxy also names the owner of the resource, in `X-Resource-Org`. Default: `false`.
    pub trust_resource_org: bool,
}

/// A family of header fields in which a proxy describes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FieldFamily {
    /// `X-Forwarded-Method`, `X-Forwarded-Uri`, `X-Forwarded-Host`: Traefik, Caddy.
    XForwarded,
    /// `X-Original-Method`, `X-Original-URI`, `X-Original-Host`: nginx, HAProxy.
    XOriginal,
    /// `X-Original-Method` and `X-Original-URL`, an absolute URL: ingress-nginx, Authelia.
    XOriginalUrl,
}

/// The addresses of trusted proxies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ForwardSpec {
    path: Option<String>,
    fields: Option<FieldFamily>,
    trusted: Option<Vec<String>>,
    #[serde(default)]
    trust_resource_org: bool,
}

const DEFAULT_PATH: &str = "/_auth/verify";

impl Forward {
    /// Validates the table. The error names the wrong key and the fix.
    pub(super) fn new(spec: ForwardSpec) -> Result<Self, (String, String)> {
        let fields = spec.fields.ok_or_else(|| {
            let problem = "missing `fields`; expected \"x-forwarded\" (Traefik, Caddy), \"x-original\" (nginx, HAProxy) or \
                           \"x-original-url\" (ingress-nginx)";
            ("forward".to_owned(), problem.to_owned())
        })?;
        let path = spec.path.unwrap_or_else(|| DEFAULT_PATH.to_owned());
        if !is_path(&path) {
            let problem = format!(
                "`{}` is not a path; expected visible ASCII that begins with `/`, without a query, such as \
                 `{DEFAULT_PATH}`",
                path.escape_debug()
            );
            return Err(("forward.path".to_owned(), problem));
        }
        let trusted = TrustedProxies::new(spec.trusted.as_deref())
            .map_err(|(index, problem)| (format!("forward.trusted[{index}]"), problem))?;
        Ok(Self { path, fields, trusted, trust_resource_org: spec.trust_resource_org })
    }
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'?' && byte != b'#')
}

impl TrustedProxies {
    /// Parses prefixes (`10.0.0.0/8`) and single addresses. The error has the index of the wrong one and the fix.
    pub(super) fn new(prefixes: Option<&[String]>) -> Result<Self, (usize, String)> {
        let Some(prefixes) = prefixes else { return Ok(Self::default()) };
        let read = |(index, text): (usize, &String)| prefix(text).map_err(|problem| (index, problem));
        prefixes.iter().enumerate().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether `address` is trusted. An IPv4-mapped IPv6 address (`::ffff:10.0.0.1`) counts as its IPv4 address.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|prefix| prefix.contains(&address))
    }
}

/// Only this machine: `127.0.0.1/32` and `::1/128`.
impl Default for TrustedProxies {
    fn default() -> Self {
        Self([IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])].map(IpNet::from).to_vec())
    }
}

fn prefix(text: &str) -> Result<IpNet, String> {
    let parsed = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let prefix = parsed.map_err(|_| {
        format!("`{}` is not an address prefix; expected one such as `10.0.0.0/8`", text.escape_debug())
    })?;
    let prefix = without_mapping(prefix);
    if prefix.prefix_len() == 0 {
        return Err(format!(
            "`{text}` trusts every address, so every client could describe another request than its own; name \
             the addresses of your proxies"
        ));
    }
    Ok(prefix)
}

/// The IPv4 prefix in an IPv4-mapped one, because peers are compared as IPv4; `::ffff:0:0/96` is all of IPv4.
fn without_mapping(prefix: IpNet) -> IpNet {
    const MAPPED_BITS: u8 = 96;
    match (prefix.addr().to_canonical(), prefix.prefix_len().checked_sub(MAPPED_BITS)) {
        (address @ IpAddr::V4(_), Some(length)) if prefix.addr().is_ipv6() => {
            IpNet::new(address, length).unwrap_or(prefix)
        }
        _ => prefix,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(prefix: &str) -> Result<TrustedProxies, String> {
        TrustedProxies::new(Some(&[prefix.to_owned()])).map_err(|(_, problem)| problem)
    }

    #[rstest]
    #[case::inside("10.0.0.0/8", "10.1.2.3", true)]
    #[case::outside("10.0.0.0/8", "11.1.2.3", false)]
    #[case::single_address("10.0.0.1", "10.0.0.1", true)]
    #[case::beside_a_single_address("10.0.0.1", "10.0.0.2", false)]
    #[case::ipv6("2001:db8::/32", "2001:db8::1", true)]
    #[case::mapped_peer("10.0.0.0/8", "::ffff:10.1.2.3", true)]
    #[case::mapped_peer_outside("10.0.0.0/8", "::ffff:11.1.2.3", false)]
    #[case::mapped_prefix("::ffff:10.0.0.0/104", "10.1.2.3", true)]
    #[case::mapped_prefix_and_peer("::ffff:10.0.0.0/104", "::ffff:10.1.2.3", true)]
    #[case::mapped_prefix_outside("::ffff:10.0.0.0/104", "11.1.2.3", false)]
    #[case::ipv4_is_not_ipv6("10.0.0.0/8", "a00::1", false)]
    fn a_peer_is_trusted_if_a_prefix_contains_its_address(
        #[case] prefix: &str,
        #[case] peer: IpAddr,
        #[case] trusted: bool,
    ) {
        assert_eq!(read(prefix).unwrap().contain(peer), trusted);
    }

    #[test]
    fn by_default_this_machine_alone_is_trusted() {
        let trusted = TrustedProxies::new(None).unwrap();
        for (peer, expected) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("127.0.0.2", false),
            ("::2", false),
        ] {
            assert_eq!(trusted.contain(peer.parse().unwrap()), expected, "{peer}");
        }
    }

    #[rstest]
    #[case::all_of_ipv4("0.0.0.0/0")]
    #[case::all_of_ipv4_from_another_address("10.0.0.0/0")]
    #[case::all_of_ipv6("::/0")]
    #[case::all_of_ipv4_mapped("::ffff:0:0/96")]
    fn a_prefix_of_every_address_is_refused(#[case] prefix: &str) {
        assert!(read(prefix).unwrap_err().contains("trusts every address"), "{prefix}");
    }

    #[rstest]
    #[case::empty("")]
    #[case::name("proxy.example")]
    #[case::port("10.0.0.1:80")]
    #[case::too_long("10.0.0.0/33")]
    #[case::brackets("[::1]")]
    fn an_invalid_prefix_is_refused(#[case] prefix: &str) {
        assert!(read(prefix).unwrap_err().contains("is not an address prefix"), "{prefix}");
    }
}
