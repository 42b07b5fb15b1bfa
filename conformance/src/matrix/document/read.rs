//! Reads a document: JSON or YAML to operations.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::pointer::At;
use super::{Body, Document, DocumentError, Operation, Parameter, Place, example};
use crate::report::words::counted;

const METHODS: [&str; 8] = ["get", "head", "post", "put", "patch", "options", "trace", "delete"];

/// Reads an OpenAPI document. `prefix` replaces the path of its first server.
///
/// # Errors
///
/// If the text is neither JSON nor YAML, or not an OpenAPI 3.0 or 3.1 document; the error names the JSON pointer.
pub fn read(text: &str, prefix: Option<&str>) -> Result<Document, DocumentError> {
    let whole = |message: String| DocumentError { pointer: String::new(), message };
    let value: Value = match text.trim_start().starts_with('{') {
        true => serde_json::from_str(text).map_err(|error| whole(format!("is not JSON: {error}")))?,
        false => serde_saphyr::from_str(text).map_err(|error| {
            let text = error.to_string();
            whole(format!("is not YAML: {}", text.lines().next().unwrap_or_default()))
        })?,
    };
    let root = At::root(&value);
    let version = root.require("openapi").map_err(|error| match value.get("swagger") {
        Some(_) => root.error("is a Swagger 2 document; convert it to OpenAPI 3.0 or 3.1"),
        None => error,
    })?;
    if !version.text()?.starts_with("3.0") && !version.text()?.starts_with("3.1") {
        return Err(version.error(format!("unsupported version `{}`; expected 3.0 or 3.1", version.text()?)));
    }
    let prefix = match prefix {
        Some(prefix) => prefix.to_owned(),
        None => server(&root)?,
    };
    let security = root.get("security")?;
    let mut document = Document { operations: Vec::new(), notes: Vec::new() };
    let mut ids = BTreeSet::new();
    let mut unsecured = 0;
    for (template, item) in root.require("paths")?.members()? {
        if template.starts_with("x-") {
            continue;
        }
        if !template.starts_with('/') {
            return Err(item.error(format!("the path `{template}` must begin with `/`")));
        }
        let item = item.resolved()?;
        let shared = parameters(&item)?;
        for method in METHODS {
            let Some(entry) = item.get(method)? else { continue };
            let id = match entry.get("operationId")? {
                Some(id) => {
                    let text = id.text()?.to_owned();
                    if !ids.insert(text.clone()) {
                        return Err(id.error(format!("the operationId `{text}` is duplicated")));
                    }
                    Some(text)
                }
                None => None,
            };
            let mut all = shared.clone();
            for parameter in parameters(&entry)? {
                all.retain(|other| (&other.name, other.place) != (&parameter.name, parameter.place));
                all.push(parameter);
            }
            if let Some(name) = template_names(template)
                .find(|name| !all.iter().any(|entry| entry.place == Place::Path && entry.name == *name))
            {
                return Err(entry.error(format!("no path parameter `{name}` is described in `parameters`")));
            }
            // Nothing would be sent for it, and nobody would see why the operation is not reached.
            if let Some(extra) = all.iter().find(|one| {
                one.place == Place::Path && !template_names(template).any(|name| name == one.name)
            }) {
                let name = &extra.name;
                return Err(entry.error(format!(
                    "the path parameter `{name}` is not in the path; expected `{{{name}}}` there, or another `in`"
                )));
            }
            let own = entry.get("security")?;
            unsecured += usize::from(own.is_none() && security.is_none());
            let (public, scopes) = match own.as_ref().or(security.as_ref()) {
                Some(alternatives) => secured(&root, alternatives)?,
                None => (false, Vec::new()),
            };
            document.operations.push(Operation {
                id,
                method: method.to_uppercase(),
                path: format!("{}{template}", prefix.trim_end_matches('/')),
                public,
                scopes,
                parameters: all,
                body: entry.get("requestBody")?.map(body).transpose()?,
                responses: responses(&entry)?,
            });
        }
    }
    if unsecured > 0 {
        document.notes.push(format!(
            "the document does not describe the security of {}, so it is treated as secured",
            counted(unsecured, "operation", "operations")
        ));
    }
    if document.operations.is_empty() {
        return Err(root.require("paths")?.error("describes no operation"));
    }
    Ok(document)
}

/// The names between braces in a path template.
fn template_names(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

/// The path of the first server, its variables at their defaults.
fn server(root: &At<'_>) -> Result<String, DocumentError> {
    let Some(servers) = root.get("servers")? else { return Ok(String::new()) };
    let Some(server) = servers.items()?.into_iter().next() else { return Ok(String::new()) };
    let place = server.require("url")?;
    let mut url = place.text()?.to_owned();
    if let Some(variables) = server.get("variables")? {
        for (name, variable) in variables.members()? {
            let default = variable.require("default")?;
            url = url.replace(&format!("{{{name}}}"), default.text()?);
        }
    }
    if url.contains('{') {
        return Err(place.error(format!("`{url}` has a variable that `variables` does not describe")));
    }
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default().to_owned(),
        None => url,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/').to_owned();
    Ok(if path.is_empty() || path.starts_with('/') { path } else { format!("/{path}") })
}

fn parameters(holder: &At<'_>) -> Result<Vec<Parameter>, DocumentError> {
    let Some(list) = holder.get("parameters")? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in list.items()? {
        let entry = entry.resolved()?;
        let name = entry.require("name")?.text()?.to_owned();
        let place = entry.require("in")?;
        let place = match place.text()? {
            "path" => Place::Path,
            "query" => Place::Query,
            // OpenAPI ignores these three as parameters.
            "header" if ["accept", "content-type", "authorization"].contains(&&*name.to_lowercase()) => {
                continue;
            }
            "header" => Place::Header,
            "cookie" => continue,
            other => {
                return Err(
                    place.error(format!("unknown place `{other}`; expected path, query, header or cookie"))
                );
            }
        };
        let required = match entry.get("required")? {
            Some(required) => required.boolean()?,
            None => false,
        };
        let value = example::of_holder(&entry)?.filter(|value| !value.is_null());
        found.push(Parameter { name, place, required: required || place == Place::Path, value });
    }
    Ok(found)
}

fn body(entry: At<'_>) -> Result<Body, DocumentError> {
    let entry = entry.resolved()?;
    let required = match entry.get("required")? {
        Some(required) => required.boolean()?,
        None => false,
    };
    for (media_type, holder) in entry.require("content")?.members()? {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if essence == "application/json" || essence.ends_with("+json") {
            let value = example::of_holder(&holder)?;
            return Ok(Body { required, media_type: Some(essence.to_owned()), value });
        }
    }
    Ok(Body { required, media_type: None, value: None })
}

fn responses(entry: &At<'_>) -> Result<BTreeMap<String, Vec<String>>, DocumentError> {
    let mut found = BTreeMap::new();
    let Some(responses) = entry.get("responses")? else { return Ok(found) };
    for (status, response) in responses.members()? {
        if status.starts_with("x-") {
            continue;
        }
        let media_types = match response.resolved()?.get("content")? {
            Some(content) => content.members()?.into_iter().map(|(name, _)| name.to_owned()).collect(),
            None => Vec::new(),
        };
        found.insert(status.to_owned(), media_types);
    }
    Ok(found)
}

/// Whether a call without credentials is allowed, and the scopes that a bearer token needs.
fn secured(root: &At<'_>, alternatives: &At<'_>) -> Result<(bool, Vec<String>), DocumentError> {
    let alternatives = alternatives.items()?;
    let mut public = alternatives.is_empty();
    let mut scopes = None;
    for alternative in alternatives {
        let members = alternative.members()?;
        public |= members.is_empty();
        for (name, wanted) in members {
            let schemes = match root.get("components")? {
                Some(components) => components.get("securitySchemes")?,
                None => None,
            };
            let scheme = match &schemes {
                Some(schemes) => schemes.get(name)?,
                None => None,
            };
            let scheme = scheme.ok_or_else(|| {
                wanted.error(format!("no scheme `{name}` is described in components.securitySchemes"))
            })?;
            let scheme = scheme.resolved()?;
            let kind = scheme.require("type")?.text()?.to_owned();
            let bearer = match kind.as_str() {
                "http" => scheme.require("scheme")?.text()?.eq_ignore_ascii_case("bearer"),
                "oauth2" | "openIdConnect" => true,
                _ => false,
            };
            let named = wanted.items()?;
            let named = named
                .iter()
                .map(|scope| scope.text().map(ToOwned::to_owned))
                .collect::<Result<Vec<_>, _>>()?;
            if bearer {
                scopes.get_or_insert(named);
            }
        }
    }
    Ok((public, scopes.unwrap_or_default()))
}
