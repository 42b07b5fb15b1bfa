//! The claims that are read, as a tree of member names.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// The most names in a claim path: the depth to which the claims of a token must be readable.
const MAX_STEPS: usize = 64;

/// How a claim is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadAs {
    /// A claim with a fixed meaning.
    Claim(super::Claim),
    /// The required claim with this index.
    Required(usize),
}

/// The names of all claims that are read, as a tree of the objects that contain them. The first node is the claims object.
///
/// Every node comes after its parent.
#[derive(Clone, Debug)]
pub(crate) struct ClaimTree {
    nodes: Vec<Node>,
    leaves: Vec<Leaf>,
}

/// A member that is read, or that contains one.
#[derive(Clone, Debug, Default)]
struct Node {
    members: HashMap<Box<[u8]>, usize, FixedState>,
    /// The steps from the claims object, joined by dots.
    path: Box<str>,
    /// The key of the policy that names this claim; `None` for an object that only contains claims, empty for a registered
    /// name.
    named_by: Option<Box<str>>,
}

/// A claim that is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaf {
    /// Its node.
    pub(crate) node: usize,
    /// How it is used.
    pub(crate) read_as: ReadAs,
}

impl Default for ClaimTree {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], leaves: Vec::new() }
    }
}

impl ClaimTree {
    /// Reserves the name of a registered claim, whether it is read or not.
    pub(super) fn reserve(&mut self, name: &str, read_as: Option<ReadAs>) {
        let node = self.child_or_new(0, name);
        self.name(node, "");
        if let Some(read_as) = read_as {
            self.leaves.push(Leaf { node, read_as });
        }
    }

    /// Adds the claim with this path; `key` is the key of the policy that names it.
    pub(super) fn add(&mut self, path: &[String], key: &str, read_as: ReadAs) -> Result<(), String> {
        let Some((last, steps)) = path.split_last() else {
            return Err("a claim path needs at least one name".to_owned());
        };
        if path.len() > MAX_STEPS {
            return Err(format!("a claim path has at most {MAX_STEPS} names, got {}", path.len()));
        }
        if path.iter().any(String::is_empty) {
            return Err("a claim name must not be empty".to_owned());
        }
        let mut at = 0;
        for step in steps {
            at = self.child_or_new(at, step);
            if let Some(node) = self.nodes.get(at)
                && let Some(named_by) = &node.named_by
            {
                return Err(format!(
                    "`{}` is inside `{}`, which {}; name another claim",
                    path.join("."),
                    node.path,
                    meaning(named_by)
                ));
            }
        }
        let fresh = self.nodes.len();
        at = self.child_or_new(at, last);
        match self.nodes.get(at) {
            Some(Node { named_by: Some(named_by), path, .. }) => {
                return Err(format!("`{path}` {}; name another claim", meaning(named_by)));
            }
            Some(node) if at != fresh => {
                return Err(format!(
                    "`{}` contains another claim of the policy; name another claim",
                    node.path
                ));
            }
            _ => {}
        }
        self.name(at, key);
        self.leaves.push(Leaf { node: at, read_as });
        Ok(())
    }

    fn name(&mut self, node: usize, key: &str) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.named_by = Some(key.into());
        }
    }

    fn child_or_new(&mut self, at: usize, name: &str) -> usize {
        let fresh = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else { return at };
        let child = *node.members.entry(name.as_bytes().into()).or_insert(fresh);
        if child == fresh {
            let path = if at == 0 { name.to_owned() } else { format!("{}.{name}", node.path) };
            self.nodes.push(Node { path: path.into(), ..Node::default() });
        }
        child
    }

    /// The number of nodes, including the claims object.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The member with this name in the object at this node, if the tree has it.
    pub(crate) fn member(&self, node: usize, name: &[u8]) -> Option<usize> {
        self.nodes.get(node)?.members.get(name).copied()
    }

    /// Whether this node is an object that only contains claims.
    pub(crate) fn leads_on(&self, node: usize) -> bool {
        self.nodes.get(node).is_some_and(|node| node.named_by.is_none())
    }

    /// The policy's name of the claim at this node, its steps joined by dots.
    pub(crate) fn path(&self, node: usize) -> &str {
        self.nodes.get(node).map_or("", |node| &node.path)
    }

    /// The claims that are read, in the order in which they are read.
    pub(crate) fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }
}

/// The existing meaning of a name.
fn meaning(named_by: &str) -> String {
    if named_by.is_empty() {
        "has a fixed meaning (RFC 7519 §4.1, RFC 7800 §3.1)".to_owned()
    } else {
        format!("is already used for `{named_by}`")
    }
}
