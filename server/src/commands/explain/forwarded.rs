//! `--forwarded-header`: reads the request that a proxy describes, from the same fields as `serve`.

use artos_auth_engine::ResourceOrg;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::ExplainArgs;
use crate::commands::Failure;
use crate::config::Config;
use crate::http::forward::{self, Unclear};

/// The request that the fields describe.
pub(super) struct Replayed {
    /// The flags, with the values of the fields.
    pub(super) args: ExplainArgs,
    /// The owner that the proxy names, if the file trusts the proxy with it.
    pub(super) claimed: Option<ResourceOrg<'static>>,
}

/// Reads the fields of `--forwarded-header`, as from a trusted peer.
pub(super) fn replay(args: &ExplainArgs, config: &Config) -> Result<Result<Replayed, Unclear>, Failure> {
    let fields = fields(&args.forwarded_header)?;
    Ok(read(args, config, &fields))
}

fn read(args: &ExplainArgs, config: &Config, fields: &HeaderMap) -> Result<Replayed, Unclear> {
    let forward = config.forward.as_ref().ok_or(Unclear::NotServed)?;
    if args.path.as_deref().is_some_and(|path| forward::without_query(path) != forward.path) {
        return Err(Unclear::NotServed);
    }
    let described = forward::describe(forward, fields, true)?;
    let claimed = forward.trust_resource_org.then(|| match forward::claimed_owner(fields) {
        ResourceOrg::Owned(owner) => ResourceOrg::Owned(owner.into_owned().into()),
        ResourceOrg::Unowned => ResourceOrg::Unowned,
        ResourceOrg::Unresolved => ResourceOrg::Unresolved,
    });
    let args = ExplainArgs {
        path: Some(described.target.to_owned()),
        method: described.method.to_owned(),
        host: Some(described.host.to_owned()),
        ..args.clone()
    };
    Ok(Replayed { args, claimed })
}

fn fields(lines: &[String]) -> Result<HeaderMap, Failure> {
    let mut fields = HeaderMap::new();
    for line in lines {
        let wrong = |problem: &str| Failure::Bad(format!("`--forwarded-header`: {problem}"));
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| wrong("expected a field line such as 'X-Forwarded-Uri: /api/v1/templates/'"))?;
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("not a field name before the `:`"))?;
        if name == AUTHORIZATION {
            return Err(wrong("give the value of Authorization with `--header-file`"));
        }
        let value = HeaderValue::from_str(value.trim_matches([' ', '\t']))
            .map_err(|_| wrong(&format!("the value of `{name}` contains a control character")))?;
        fields.append(name, value);
    }
    Ok(fields)
}
