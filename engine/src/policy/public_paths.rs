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
    /// A bit for the length of each public path, so that most other paths need no lookup.
    lengths: u64,
}

type Methods = Vec<Box<[u8]>>;

const DOCUMENTED: &str = "/api/v1/search/status";

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
            public.lengths |= length_bit(&path);
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
        if self.lengths & length_bit(path) == 0 {
            return None;
        }
        let methods = self.paths.get(path)?;
        let named = |named: &[u8]| named == method || (named == b"GET" && method == b"HEAD");
        let public = methods.as_ref().is_none_or(|methods| methods.iter().any(|method| named(method)));
        public.then_some(PublicPath(()))
    }

    pub(super) fn len(&self) -> usize {
        self.paths.len()
    }
}

fn length_bit(path: &[u8]) -> u64 {
    1_u64.wrapping_shl(u32::try_from(path.len() & 63).unwrap_or(0))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_no_public_path_has_is_told_at_a_glance() {
        let specs = ["/a", "/ab", "/cd"].map(|path| PublicSpec { path: path.to_owned(), methods: None });
        let public = PublicPaths::new(Some(&specs)).unwrap();
        assert_eq!(public.lengths, 1 << 2 | 1 << 3);
        // Lengths that differ by 64 share a bit; the lookup tells them apart.
        let long = format!("/{}", "a".repeat(65));
        assert_eq!(length_bit(long.as_bytes()), 1 << 2);
        assert_eq!(public.admit(b"GET", long.as_bytes()), None);
        assert_eq!(public.admit(b"GET", b"/a"), Some(PublicPath(())));
    }
}
