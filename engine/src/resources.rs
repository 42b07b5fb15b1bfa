//! The owner of the resource that a path addresses: the `[[resources]]` of a configuration (ORG-1).

use std::borrow::Cow;
use std::ops::ControlFlow;

use foldhash::fast::FixedState;
use hashbrown::HashSet;
use serde::Deserialize;

use crate::context::ResourceOrg;
use crate::error::LoadError;
use crate::path::{Matcher, Pattern, PlainPath, foreign_syntax, without_query};
use crate::warning::Warning;

/// One entry, as it is written in a configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceSpec {
    /// The pattern of the paths.
    pub path: String,
    /// The owner: a placeholder of the pattern (`{org}`), or an organization id.
    pub organization: Option<String>,
    /// `true` if the resources are unowned. Set either this or `organization`.
    pub unowned: Option<bool>,
}

/// Validated entries. The first entry that matches a path determines the owner.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    entries: Vec<Entry>,
    matcher: Matcher<FirstIndex>,
}

#[derive(Clone, Debug)]
struct Entry {
    pattern: Pattern,
    owner: Owner,
}

#[derive(Clone, Debug)]
enum Owner {
    Nobody,
    Organization(Box<str>),
    Capture(Box<str>),
}

/// The first entry with a given pattern shape.
#[derive(Clone, Copy, Debug, Default)]
struct FirstIndex(Option<usize>);

impl Resources {
    /// Validates the entries of a configuration, in order.
    ///
    /// # Errors
    ///
    /// Names the entry (`resources[2].path`) that has an invalid pattern, both or neither of `organization` and `unowned`,
    /// a placeholder that its pattern lacks, or that can never be reached.
    pub fn new(specs: &[ResourceSpec]) -> Result<Self, LoadError> {
        let mut resources = Self::default();
        for (index, spec) in specs.iter().enumerate() {
            let pattern = Pattern::parse(&spec.path)
                .map_err(|error| LoadError::new(format!("resources[{index}].path"), error.to_string()))?;
            let owner = Owner::of(spec, &pattern).map_err(|(key, problem)| {
                let dot = if key.is_empty() { "" } else { "." };
                LoadError::new(format!("resources[{index}]{dot}{key}"), problem)
            })?;
            let mut earlier: Option<usize> = None;
            resources.matcher.covering(&pattern, |first| {
                earlier = [earlier, first.0].into_iter().flatten().min();
            });
            if let Some(earlier) = earlier {
                let problem = format!(
                    "`{pattern}` is unreachable: resources[{earlier}] matches all its paths; move it earlier"
                );
                return Err(LoadError::new(format!("resources[{index}].path"), problem));
            }
            if let Some(first) = resources.matcher.entry(&pattern) {
                first.0.get_or_insert(index);
            }
            resources.entries.push(Entry { pattern, owner });
        }
        resources.matcher.compress();
        Ok(resources)
    }

    /// Entries that probably open more than intended: at most one warning of each kind.
    ///
    /// * A path below an owned path, or a prefix of one that includes the owner, is unowned.
    /// * An owned path in another letter case is unowned. A service that ignores case would serve it.
    /// * A pattern is in another router's syntax and matches these characters literally.
    /// * An organization is written like a reference in another syntax.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings: Vec<Warning> = Vec::new();
        let mut beside: Option<Warning> = None;
        let mut other_case: Option<Warning> = None;
        let literals: HashSet<&str, FixedState> =
            self.entries.iter().flat_map(|entry| entry.pattern.literals()).collect();
        // A segment that no entry names.
        let sample = |name: &str| {
            let mut segment = name.to_owned();
            while literals.contains(segment.as_str()) {
                segment.push('x');
            }
            segment
        };
        for (index, entry) in self.entries.iter().enumerate() {
            let key = format!("resources[{index}].path");
            let pattern = &entry.pattern;
            if let Some(text) = foreign_syntax(&pattern.to_string()) {
                warnings.push(Warning::new(&*key, text));
            }
            let owner = match &entry.owner {
                Owner::Nobody => continue,
                Owner::Organization(organization) => {
                    if let Some(text) = foreign_reference(organization) {
                        warnings.push(Warning::new(format!("resources[{index}].organization"), text));
                    }
                    None
                }
                Owner::Capture(name) => Some(&**name),
            };
            if beside.is_none()
                && let Some(sample) =
                    pattern.paths_beside(owner, sample).into_iter().find(|path| self.is_unowned(path))
            {
                let text = format!(
                    "`{pattern}` is owned, but `{sample}` is unowned; end the pattern with `{{*rest}}`, or add an entry"
                );
                beside = Some(Warning::new(&*key, text));
            }
            if other_case.is_none()
                && let Some(sample) =
                    pattern.paths_in_another_case(sample).into_iter().find(|path| self.is_unowned(path))
            {
                let text = format!(
                    "`{pattern}` is owned, but `{sample}` is unowned: letter case counts here; make sure that the service \
                     behind does not ignore it"
                );
                other_case = Some(Warning::new(&*key, text));
            }
        }
        warnings.extend(beside);
        warnings.extend(other_case);
        warnings
    }

    fn is_unowned(&self, path: &str) -> bool {
        self.owner_of(path.as_bytes()) == ResourceOrg::Unowned
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The owner of the resource that the request-target addresses.
    ///
    /// Fails closed: with entries, a path that no entry matches and an ambiguous path are unresolved. Without entries every
    /// resource is unowned.
    #[must_use]
    pub fn owner_of(&self, target: &[u8]) -> ResourceOrg<'_> {
        if self.is_empty() {
            return ResourceOrg::Unowned;
        }
        let mut decoded = Vec::new();
        let Ok(path) = PlainPath::parse(without_query(target), &mut decoded) else {
            return ResourceOrg::Unresolved;
        };
        let mut first: Option<usize> = None;
        let _: ControlFlow<()> = self.matcher.visit(path, |index| {
            first = [first, index.0].into_iter().flatten().min();
            ControlFlow::Continue(())
        });
        let Some(entry) = first.and_then(|index| self.entries.get(index)) else {
            return ResourceOrg::Unresolved;
        };
        match &entry.owner {
            Owner::Nobody => ResourceOrg::Unowned,
            Owner::Organization(organization) => ResourceOrg::Owned(Cow::Borrowed(organization)),
            Owner::Capture(name) => match entry.pattern.capture(name, path) {
                Some(organization) => ResourceOrg::Owned(Cow::Owned(organization.to_owned())),
                None => ResourceOrg::Unresolved,
            },
        }
    }
}

/// A warning for an organization that looks like a reference to a part of the path.
fn foreign_reference(organization: &str) -> Option<String> {
    let is_reference = organization == "*" || organization.starts_with([':', '$', '<', '%']);
    is_reference.then(|| {
        format!(
            "`{}` is the id of an organization here; write `{{name}}` for what the placeholder `{{name}}` matches",
            organization.escape_debug()
        )
    })
}

impl Owner {
    fn of(spec: &ResourceSpec, pattern: &Pattern) -> Result<Self, (&'static str, String)> {
        let organization = match (&spec.organization, spec.unowned) {
            (None, Some(true)) => return Ok(Self::Nobody),
            (Some(organization), None) => organization,
            _ => return Err(("", "expected either `organization` or `unowned = true`".to_owned())),
        };
        if organization.is_empty() {
            return Err((
                "organization",
                "an organization must not be empty; write `unowned = true` if there is no owner".to_owned(),
            ));
        }
        if !organization.contains(['{', '}']) {
            return Ok(Self::Organization(organization.as_str().into()));
        }
        let name = organization.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        match name.map(|name| name.strip_prefix('*').unwrap_or(name)) {
            Some(name) if pattern.has_placeholder(name) => Ok(Self::Capture(name.into())),
            Some(name) => Err(("organization", format!("`path` has no placeholder `{{{name}}}`"))),
            None => Err((
                "organization",
                "expected an organization id or a single placeholder such as `{org}`".to_owned(),
            )),
        }
    }
}
