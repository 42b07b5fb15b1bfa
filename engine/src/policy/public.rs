//! What needs no authentication: paths byte for byte, and nothing that merely resembles them (PUB-1, PUB-2).

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::routes::check_methods;
use super::spec::PublicSpec;
use crate::error::LoadError;
use crate::path::without_query;

/// The proof that a request is for a public path. Only the policy's public paths give one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicPath(());

/// The public paths, and for each the methods that are public; none named: every one.
#[derive(Clone, Debug)]
pub(crate) struct PublicPaths(HashMap<Box<[u8]>, Option<Methods>, FixedState>);

type Methods = Vec<Box<[u8]>>;

const DOCUMENTED: &str = "/api/v1/search/status";

impl PublicPaths {
    pub(super) fn new(specs: Option<&[PublicSpec]>) -> Result<Self, LoadError> {
        let documented = [PublicSpec { path: DOCUMENTED.to_owned(), methods: None }];
        let mut paths = Self(HashMap::default());
        for (index, spec) in specs.unwrap_or(&documented).iter().enumerate() {
            check_path(&spec.path)
                .map_err(|problem| LoadError::new(format!("public[{index}].path"), problem))?;
            check_methods(spec.methods.as_deref())
                .map_err(|problem| LoadError::new(format!("public[{index}].methods"), problem))?;
            let methods = spec
                .methods
                .as_ref()
                .map(|methods| methods.iter().map(|method| method.as_bytes().into()).collect::<Methods>());
            let path: Box<[u8]> = spec.path.as_bytes().into();
            match (paths.0.get_mut(&path), methods) {
                // Every method, if any entry says so.
                (Some(known), None) => *known = None,
                (Some(Some(known)), Some(more)) => known.extend(more),
                (Some(None), Some(_)) => {}
                (None, methods) => {
                    paths.0.insert(path, methods);
                }
            }
        }
        Ok(paths)
    }

    /// The proof that this request is public, if it is. Nothing is decoded, folded or normalized.
    pub(crate) fn admit(&self, method: &[u8], target: &[u8]) -> Option<PublicPath> {
        let methods = self.0.get(without_query(target))?;
        let named = |named: &[u8]| named == method || (named == b"GET" && method == b"HEAD");
        let public = methods.as_ref().is_none_or(|methods| methods.iter().any(|method| named(method)));
        public.then_some(PublicPath(()))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A path that no request-target could spell is a mistake, and what it was meant to open would stay closed.
fn check_path(path: &str) -> Result<(), String> {
    if !path.starts_with('/') {
        return Err("a public path has to begin with `/`".to_owned());
    }
    match path.chars().find(|c| !c.is_ascii_graphic() || matches!(c, '?' | '#')) {
        Some(c) => Err(format!(
            "{c:?} cannot stand in a public path, which is written as requests spell it, without a query"
        )),
        None => Ok(()),
    }
}
