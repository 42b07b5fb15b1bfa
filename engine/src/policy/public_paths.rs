//! The paths that need no authentication, matched byte for byte (PUB-1, PUB-2).

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::routes::check_methods;
use super::spec::PublicSpec;
use crate::error::LoadError;

/// The proof that a request is for a public path. Only `PublicPaths` returns one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicPath(());

/// The public paths, each with its public methods; no methods means every method.
#[derive(Clone, Debug, Default)]
pub(crate) struct PublicPaths {
    paths: HashMap<Box<[u8]>, Option<Methods>, FixedState>,
}

type Methods = Vec<Box<[u8]>>;

/// The public path of a policy without `public`.
pub(super) const DOCUMENTED: &str = "/api/v1/search/status";

impl PublicPaths {
    pub(super) fn new(specs: Option<&[PublicSpec]>) -> Result<Self, LoadError> {
        let documented = [PublicSpec { path: DOCUMENTED.to_owned(), methods: None }];
        let mut public = Self::default();
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
            match (public.paths.get_mut(&path), methods) {
                // An entry without methods opens every method.
                (Some(known), None) => *known = None,
                (Some(Some(known)), Some(more)) => known.extend(more),
                (Some(None), Some(_)) => {}
                (None, methods) => {
                    public.paths.insert(path, methods);
                }
            }
        }
        Ok(public)
    }

    /// The proof that a request for `path` (without its query) is public, if it is. Nothing is decoded, case-folded or
    /// normalized.
    pub(crate) fn admit(&self, method: &[u8], path: &[u8]) -> Option<PublicPath> {
        let methods = self.paths.get(path)?;
        let named = |named: &[u8]| named == method || (named == b"GET" && method == b"HEAD");
        let public = methods.as_ref().is_none_or(|methods| methods.iter().any(|method| named(method)));
        public.then_some(PublicPath(()))
    }

    pub(super) fn len(&self) -> usize {
        self.paths.len()
    }
}

/// Refuses a path that no request-target can equal, because such an entry has no effect.
fn check_path(path: &str) -> Result<(), String> {
    if !path.starts_with('/') {
        return Err("a public path must begin with `/`".to_owned());
    }
    if path == "/_auth" || path.starts_with("/_auth/") {
        return Err("`/_auth` and paths below it are reserved for the server; choose another path".to_owned());
    }
    match path.chars().find(|c| !c.is_ascii_graphic() || matches!(c, '?' | '#')) {
        Some(c) => {
            Err(format!("{c:?} is not allowed in a public path; write it as in a request, without a query"))
        }
        None => Ok(()),
    }
}
