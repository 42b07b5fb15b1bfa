//! The faults: each breaks the contract in one way, and says which clause of it.

/// How bad a fault is: what a checker has to make of a deployment that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The deployment does not conform.
    Must,
    /// The deployment conforms, with a warning.
    Should,
}

/// Makes [`Fault`] from the list: name, level, clause and sentence of each.
macro_rules! faults {
    ($($name:ident $level:ident $clause:literal $sentence:literal)*) => {
        /// One way in which a deployment breaks the contract.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault {
            $(#[doc = concat!($clause, ": the deployment ", $sentence, ".")] $name,)*
        }

        impl Fault {
            /// Every fault, in the order of the contract's clauses.
            pub const ALL: &'static [Fault] = &[$(Fault::$name),*];

            /// The clause of the contract that it breaks.
            #[must_use]
            pub fn clause(self) -> &'static str {
                match self { $(Fault::$name => $clause,)* }
            }

            /// What the deployment does wrong: the rest of a sentence that begins with "the deployment".
            #[must_use]
            pub fn sentence(self) -> &'static str {
                match self { $(Fault::$name => $sentence,)* }
            }

            /// Whether it breaks a `must` or a `should`.
            #[must_use]
            pub fn level(self) -> Level {
                match self { $(Fault::$name => Level::$level,)* }
            }

            pub(super) fn name(self) -> &'static str {
                match self { $(Fault::$name => stringify!($name),)* }
            }
        }
    };
}

mod list;

pub use list::Fault;

impl Fault {
    /// The name in kebab-case: `AlgNoneAccepted` is `alg-none-accepted`.
    #[must_use]
    pub fn id(self) -> String {
        kebab(self.name())
    }

    /// The fault of that id.
    #[must_use]
    pub fn of_id(id: &str) -> Option<Fault> {
        Fault::ALL.iter().copied().find(|fault| fault.id() == id)
    }
}

/// `CamelCase` as `camel-case`; a run of digits stays with the word before it.
pub(crate) fn kebab(name: &str) -> String {
    let mut id = String::new();
    for (at, letter) in name.chars().enumerate() {
        if letter.is_ascii_uppercase() && at > 0 {
            id.push('-');
        }
        id.push(letter.to_ascii_lowercase());
    }
    id
}
