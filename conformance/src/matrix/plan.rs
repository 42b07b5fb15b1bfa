//! The plan: the cells of every operation, in the order in which they are sent.

use super::callers::{Caller, Lack};
use super::document::{Document, Operation};
use super::judge::Expect;
use super::select::{CellGlob, PathGlob};
use super::values::{Filled, Resource};
use crate::profile::{Matrix, Profile};

/// All operations with their cells.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The operations: reads first, then other methods, DELETE last.
    pub rows: Vec<Row>,
    /// Remarks for the reader of the report.
    pub notes: Vec<String>,
}

/// An operation and its cells.
#[derive(Clone, Debug)]
pub struct Row {
    /// The operation.
    pub operation: Operation,
    /// Whether calls without credentials are documented.
    pub public: bool,
    /// Its values, or what is missing.
    pub filled: Result<Filled, Vec<String>>,
    /// The cells, in the order in which they are sent; empty if it is not covered.
    pub cells: Vec<Cell>,
}

/// A request of a caller.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Who asks.
    pub caller: Caller,
    /// What for; `None` if the operation names nothing owned.
    pub resource: Option<Resource>,
    /// The permissions that the token lacks.
    pub lack: Lack,
    /// The documented answer.
    pub expect: Expect,
    /// Why it is not sent.
    pub skip: Option<String>,
}

impl Cell {
    /// Whether it is the control: a good token on its own resource.
    pub fn is_control(&self) -> bool {
        self.caller == Caller::Own && matches!(self.resource, None | Some(Resource::Own))
    }
}

impl Plan {
    /// Makes the plan.
    ///
    /// # Errors
    ///
    /// If a glob is invalid, an entry of the profile matches no operation, or no operation is left; the message names
    /// the profile's key.
    pub fn new(
        document: Document,
        profile: &Profile,
        matrix: &Matrix,
        filters: &[CellGlob],
    ) -> Result<Self, String> {
        let globs = |key: &str, list: &[String]| {
            list.iter()
                .map(|text| text.parse::<PathGlob>().map_err(|why| format!("matrix.{key}: {why}")))
                .collect::<Result<Vec<_>, _>>()
        };
        let include = globs("include", &matrix.include)?;
        let exclude = globs("exclude", &matrix.exclude)?;
        let permissions = matrix
            .permissions
            .iter()
            .map(|(text, names)| {
                let glob = text.parse::<PathGlob>().map_err(|why| format!("matrix.permissions: {why}"))?;
                if !document.operations.iter().any(|operation| glob.takes(operation)) {
                    return Err(format!("matrix.permissions: `{text}` matches no operation of the document"));
                }
                Ok((glob, names))
            })
            .collect::<Result<Vec<_>, _>>()?;
        for name in matrix.bodies.keys() {
            if !document
                .operations
                .iter()
                .any(|operation| operation.id.as_ref() == Some(name) || operation.endpoint() == *name)
            {
                return Err(format!("matrix.bodies: `{name}` names no operation of the document"));
            }
        }
        let mut rows: Vec<Row> = Vec::new();
        for operation in document.operations {
            let included = include.is_empty() || include.iter().any(|glob| glob.takes(&operation));
            if !included || exclude.iter().any(|glob| glob.takes(&operation)) {
                continue;
            }
            let mut needed = operation.scopes.clone();
            for (glob, names) in &permissions {
                if glob.takes(&operation) {
                    needed.extend(names.iter().filter(|name| !operation.scopes.contains(name)).cloned());
                }
            }
            let endpoint = &profile.endpoints.public;
            let public =
                operation.public || operation.method == endpoint.method && operation.path == endpoint.path;
            let filled = Filled::new(&operation, matrix);
            let mut cells = match &filled {
                Ok(filled) => cells(&operation, public, filled, &needed, profile),
                Err(_) => Vec::new(),
            };
            if !filters.is_empty() {
                let name = operation.name();
                let taken = |cell: &Cell| {
                    let resource = cell.resource.as_ref().map(Resource::label);
                    filters.iter().any(|filter| filter.takes(&name, cell.caller.key(), resource.as_deref()))
                };
                // The control stays: the other answers are compared with it.
                if !cells.iter().any(taken) {
                    continue;
                }
                cells.retain(|cell| cell.is_control() || taken(cell));
            }
            rows.push(Row { operation, public, filled, cells });
        }
        if rows.is_empty() {
            return Err("no operation is selected: see matrix.include, matrix.exclude and --filter".into());
        }
        rows.sort_by_key(|row| phase(&row.operation));
        Ok(Self { rows, notes: document.notes })
    }

    /// Whether a glob matches a cell. An operation without values has no cells; its name is enough.
    pub fn names(&self, glob: &CellGlob) -> bool {
        self.rows.iter().any(|row| {
            let name = row.operation.name();
            let uncovered =
                row.filled.is_err() && Caller::ALL.iter().any(|caller| glob.takes(&name, caller.key(), None));
            uncovered
                || row.cells.iter().any(|cell| {
                    let resource = cell.resource.as_ref().map(Resource::label);
                    glob.takes(&name, cell.caller.key(), resource.as_deref())
                })
        })
    }

    /// The number of requests, not counting redirects: one for the clock, and one for each cell that is not skipped.
    pub fn requests(&self) -> usize {
        1 + self.rows.iter().flat_map(|row| &row.cells).filter(|cell| cell.skip.is_none()).count()
    }
}

/// Reads, then writes, then deletions.
pub(super) fn phase(operation: &Operation) -> u8 {
    match operation.method.as_str() {
        "GET" | "HEAD" => 0,
        "DELETE" => 2,
        _ => 1,
    }
}

fn cells(
    operation: &Operation,
    public: bool,
    filled: &Filled,
    permissions: &[String],
    profile: &Profile,
) -> Vec<Cell> {
    let own = filled.names_owned().then_some(Resource::Own);
    let mut cells = Vec::new();
    let mut add = |caller, resource: Option<Resource>, lack, expect: Expect, skip: Option<String>| {
        let expect = if public { Expect::Public } else { expect };
        cells.push(Cell { caller, resource, lack, expect, skip });
    };
    for caller in [Caller::None, Caller::Malformed, Caller::Forged, Caller::Expired, Caller::Revoked] {
        add(caller, own.clone(), Lack::Nothing, Expect::Unauthenticated, None);
    }
    let both: Vec<String> = filled.two_sided().into_iter().map(ToOwned::to_owned).collect();
    if filled.names_owned() {
        add(Caller::OtherOrganization, Some(Resource::Own), Lack::Nothing, Expect::Foreign, None);
        if both.len() > 1 {
            for name in &both {
                let resource = Resource::OwnOnly(name.clone());
                add(Caller::OtherOrganization, Some(resource), Lack::Nothing, Expect::Foreign, None);
            }
        }
        let skip = both
            .is_empty()
            .then(|| format!("needs `other` in the value of {}", filled.owned_names().join(", ")));
        add(Caller::Own, Some(Resource::Other), Lack::Nothing, Expect::Foreign, skip);
        if both.len() > 1 {
            for name in &both {
                let resource = Resource::OtherOnly(name.clone());
                add(Caller::Own, Some(resource), Lack::Nothing, Expect::Foreign, None);
            }
        }
    }
    if !permissions.is_empty() && !public {
        let lacks = match &profile.signing {
            Some(signing) => {
                let left = signing.permissions.iter().any(|name| !permissions.contains(name));
                // With nothing left the second token would be the first one.
                if left { vec![Lack::All, Lack::These(permissions.to_vec())] } else { vec![Lack::All] }
            }
            None => vec![Lack::Named],
        };
        for lack in lacks {
            add(Caller::NoPermission, own.clone(), lack, Expect::Forbidden, None);
        }
    }
    add(Caller::NotAMember, own.clone(), Lack::Nothing, Expect::Forbidden, None);
    add(Caller::Own, own, Lack::Nothing, Expect::Through, None);
    if operation.is_safe() {
        cells.rotate_right(1);
    } else if !profile.allow_writes {
        for cell in &mut cells {
            cell.skip.get_or_insert_with(|| "needs allow_writes = true".into());
        }
    }
    for cell in &mut cells {
        if let Some(lacking) = cell.caller.lacking(profile) {
            cell.skip.get_or_insert_with(|| format!("needs {lacking}"));
        }
    }
    cells
}
