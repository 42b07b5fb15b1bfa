//! The keys of the configuration file for editors and people: one table, from which the JSON Schema and the annotated example
//! are written.
//!
//! What is accepted is decided by the types and checks of [`super::parse`] alone; tests compare the two in both directions.

mod example;
mod json;
mod keys;

pub use example::example;
pub use json::schema;

/// The keys of a table.
struct Table {
    keys: &'static [Key],
    /// Exactly one of these keys; empty: no such rule.
    one_of: &'static [&'static str],
    /// With this key at this value, another key is required; otherwise that one is an error.
    needs: Option<(&'static str, &'static str, &'static str)>,
}

/// A key of a table.
struct Key {
    name: &'static str,
    kind: Kind,
    /// The value of an absent key, as TOML; `None` if the key has no default.
    default: Option<&'static str>,
    is_required: bool,
    /// The key is an error unless the table also has one of these; empty: no such rule.
    beside: &'static [&'static str],
    /// What it means: sentences without the name of the key.
    about: &'static str,
}

/// What a value looks like.
enum Kind {
    Text,
    /// A path, relative to the folder of the file.
    Path,
    Integer {
        least: u64,
        most: Option<u64>,
    },
    /// A number between 0 and 1.
    Ratio,
    Boolean,
    /// `true` and nothing else.
    True,
    Choice(&'static [&'static str]),
    Texts {
        may_be_empty: bool,
    },
    /// The name of a claim, or an array of names that leads to it.
    Claim,
    /// Like `Claim`, or an array of such arrays.
    Claims,
    /// A table of any keys, each with a value or an array of values.
    Required,
    Table(&'static Table),
    /// An array of tables.
    Tables {
        of: &'static Table,
        may_be_empty: bool,
    },
    /// A table or an array of tables.
    TableOrTables(&'static Table),
}

impl Key {
    const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, default: None, is_required: false, beside: &[], about }
    }

    const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    const fn beside(mut self, keys: &'static [&'static str]) -> Self {
        self.beside = keys;
        self
    }
}

impl Table {
    /// The key at a path such as `policy.claims.user`; entries of arrays have no step.
    fn find(&self, path: &str) -> Option<&'static Key> {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let key = self.keys.iter().find(|key| key.name == first)?;
        match (rest, &key.kind) {
            (None, _) => Some(key),
            (Some(rest), Kind::Table(of) | Kind::Tables { of, .. } | Kind::TableOrTables(of)) => {
                of.find(rest)
            }
            (Some(_), _) => None,
        }
    }
}
