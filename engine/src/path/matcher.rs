//! Finds all patterns that match a path, in a time that does not grow with the number of patterns.

use std::ops::ControlFlow;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use smallvec::SmallVec;

use super::pattern::{Pattern, Segment};
use super::plain_path::{PlainPath, split_first_segment};

/// Patterns with their values, as a trie of segments.
///
/// A router returns one match; here every match counts, so both the literal and the placeholder are followed at
/// each segment.
#[derive(Clone, Debug)]
pub(crate) struct Matcher<T> {
    nodes: Vec<Node<T>>,
}

#[derive(Clone, Debug)]
struct Node<T> {
    /// Segments that all patterns below have in common, joined by slashes; matched before the rest of the node.
    prefix: Vec<u8>,
    literals: HashMap<Box<[u8]>, usize, FixedState>,
    any: Option<usize>,
    /// The value of the pattern that ends here.
    here: Option<T>,
    /// The value of the pattern whose `{*rest}` begins here.
    rest: Option<T>,
}

/// A node to visit, and the segments that are left there.
type Open<'p> = (usize, Option<&'p [u8]>);

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { prefix: Vec::new(), literals: HashMap::default(), any: None, here: None, rest: None }
    }
}

impl<T> Default for Matcher<T> {
    fn default() -> Self {
        Self { nodes: vec![Node::default()] }
    }
}

impl<T: Default> Matcher<T> {
    /// Calls `each` with the values of the patterns that match every path that `pattern` matches, and returns the number of
    /// visited nodes. Call it before [`compress`](Self::compress).
    pub(crate) fn covering(&self, pattern: &Pattern, mut each: impl FnMut(&T)) -> usize {
        let mut looked_at: usize = 0;
        let mut open = vec![(0, pattern.segments.as_slice())];
        while let Some((at, left)) = open.pop() {
            let Some(node) = self.nodes.get(at) else { continue };
            looked_at = looked_at.saturating_add(1);
            if let Some(filed) = &node.rest {
                each(filed);
            }
            match left.split_first() {
                None => {
                    if let Some(filed) = node.here.as_ref().filter(|_| pattern.rest.is_none()) {
                        each(filed);
                    }
                }
                Some((segment, left)) => {
                    open.extend(node.any.map(|any| (any, left)));
                    if let Segment::Literal(literal) = segment {
                        open.extend(node.literals.get(literal.as_bytes()).map(|next| (*next, left)));
                    }
                }
            }
        }
        looked_at
    }

    /// The value of `pattern`, inserted if it is the first of its shape. Placeholder names are ignored.
    pub(crate) fn entry(&mut self, pattern: &Pattern) -> Option<&mut T> {
        let mut at = 0;
        for segment in &pattern.segments {
            let fresh = self.nodes.len();
            let node = self.nodes.get_mut(at)?;
            at = match segment {
                Segment::Literal(literal) => *node.literals.entry(literal.as_bytes().into()).or_insert(fresh),
                Segment::Any(_) => *node.any.get_or_insert(fresh),
            };
            if at == fresh {
                self.nodes.push(Node::default());
            }
        }
        let node = self.nodes.get_mut(at)?;
        let slot = if pattern.rest.is_some() { &mut node.rest } else { &mut node.here };
        Some(slot.get_or_insert_default())
    }
}

impl<T> Matcher<T> {
    /// Joins each node that has only one literal child with that child. No pattern may be added afterwards.
    ///
    /// Most patterns have a common prefix (`/api/v1/…`), which is then compared once instead of segment by segment.
    pub(crate) fn compress(&mut self) {
        for at in 0..self.nodes.len() {
            while let Some((literal, next)) = self.nodes.get(at).and_then(Node::only_way) {
                let Some(below) = self.nodes.get_mut(next).map(std::mem::take) else { break };
                let Some(node) = self.nodes.get_mut(at) else { break };
                let mut prefix = std::mem::take(&mut node.prefix);
                for part in [&*literal, &*below.prefix].into_iter().filter(|part| !part.is_empty()) {
                    if !prefix.is_empty() {
                        prefix.push(b'/');
                    }
                    prefix.extend_from_slice(part);
                }
                *node = Node { prefix, ..below };
            }
        }
    }

    /// Calls `visit` with the value of each matching pattern, until it breaks.
    pub(crate) fn visit<'m, B>(
        &'m self,
        path: PlainPath<'_>,
        mut visit: impl FnMut(&'m T) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut open: SmallVec<[Open<'_>; 16]> = SmallVec::new();
        let mut next = Some((0, path.segments()));
        while let Some((at, left)) = next {
            next = None;
            if let Some(node) = self.nodes.get(at)
                && let Some(left) = node.after_prefix(left)
            {
                if let Some(filed) = &node.rest {
                    visit(filed)?;
                }
                match left {
                    None => {
                        if let Some(filed) = &node.here {
                            visit(filed)?;
                        }
                    }
                    Some(left) => {
                        let (first, after) = split_first_segment(left);
                        let literal = node.literals.get(first).copied();
                        if let (Some(_), Some(any)) = (literal, node.any) {
                            open.push((any, after));
                        }
                        next = literal.or(node.any).map(|node| (node, after));
                    }
                }
            }
            next = next.or_else(|| open.pop());
        }
        ControlFlow::Continue(())
    }
}

impl<T> Node<T> {
    /// The only literal child, if there is no other child and no value.
    fn only_way(&self) -> Option<(Box<[u8]>, usize)> {
        let nothing_else =
            self.any.is_none() && self.here.is_none() && self.rest.is_none() && self.literals.len() == 1;
        let mut literals = self.literals.iter().filter(|_| nothing_else);
        literals.next().map(|(literal, next)| (literal.clone(), *next))
    }

    /// The segments after the prefix; `None` if they do not begin with it.
    fn after_prefix<'p>(&self, left: Option<&'p [u8]>) -> Option<Option<&'p [u8]>> {
        if self.prefix.is_empty() {
            return Some(left);
        }
        match left?.strip_prefix(&*self.prefix)?.split_first() {
            None => Some(None),
            Some((b'/', rest)) => Some(Some(rest)),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(patterns: &[&str]) -> Matcher<String> {
        let mut matcher = Matcher::<String>::default();
        for pattern in patterns {
            matcher.entry(&Pattern::parse(pattern).unwrap()).unwrap().push_str(pattern);
        }
        matcher
    }

    fn matches(matcher: &Matcher<String>, path: &str) -> Vec<String> {
        let mut matches = Vec::new();
        let _: ControlFlow<()> =
            matcher.visit(PlainPath::parse(path.as_bytes(), &mut Vec::new()).unwrap(), |pattern| {
                matches.push(pattern.clone());
                ControlFlow::Continue(())
            });
        matches.sort();
        matches
    }

    #[test]
    fn compressing_common_prefixes_changes_no_match() {
        let plain = matcher(&["/api/v1/a/b/c", "/api/v1/{x}/b", "/api/v1/{*y}"]);
        let mut compressed = plain.clone();
        compressed.compress();
        let below = |node: usize| compressed.nodes[node].prefix.as_slice();
        assert_eq!(below(0), b"api/v1");
        assert_eq!(below(compressed.nodes[0].literals[&b"a"[..]]), b"b/c");
        for path in [
            "/",
            "/api",
            "/api/v1",
            "/api/v10",
            "/api/v1/a",
            "/api/v1/a/b",
            "/api/v1/a/b/c",
            "/api/v1/a/b/c/d",
        ] {
            assert_eq!(matches(&compressed, path), matches(&plain, path), "{path}");
        }
        assert_eq!(matches(&compressed, "/api/v1/a/b"), ["/api/v1/{*y}", "/api/v1/{x}/b"]);
    }

    /// Comparing each pattern with all before it took half a minute for 60,000 patterns.
    #[test]
    fn covering_patterns_are_found_without_visiting_all() {
        let mut matcher = Matcher::<usize>::default();
        let mut looked_at = 0;
        for number in 0..60_000 {
            let pattern = Pattern::parse(&format!("/tenants/t{number}/{{id}}/{{*rest}}")).unwrap();
            let mut covered = false;
            looked_at += matcher.covering(&pattern, |_| covered = true);
            assert!(!covered);
            *matcher.entry(&pattern).unwrap() = number;
        }
        assert!(looked_at <= 60_000 * 4, "{looked_at} nodes");
        let mut covering = Vec::new();
        matcher.covering(&Pattern::parse("/tenants/t7/x").unwrap(), |number| covering.push(*number));
        assert_eq!(covering, [7]);
    }

    #[test]
    fn the_found_covering_patterns_are_the_covering_ones() {
        let texts =
            ["/", "/a", "/{x}", "/{*x}", "/a/b", "/a/{x}", "/{x}/b", "/a/{*x}", "/{x}/{*y}", "/a/b/{*x}"];
        let patterns = texts.map(|text| Pattern::parse(text).unwrap());
        let matcher = matcher(&texts);
        for (text, pattern) in texts.iter().zip(&patterns) {
            let mut found = Vec::new();
            matcher.covering(pattern, |other| found.push(other.clone()));
            found.sort();
            let mut expected: Vec<String> = texts
                .iter()
                .zip(&patterns)
                .filter(|(_, other)| other.covers(pattern))
                .map(|(text, _)| (*text).to_owned())
                .collect();
            expected.sort();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn compressing_keeps_a_pattern_that_ends_inside_a_prefix() {
        let mut compressed = matcher(&["/a", "/a/b"]);
        compressed.compress();
        assert_eq!(compressed.nodes[0].prefix, b"a");
        assert_eq!(
            (matches(&compressed, "/a"), matches(&compressed, "/a/b")),
            (vec!["/a".to_owned()], vec!["/a/b".to_owned()])
        );
        for alone in [&["/{*x}", "/a"][..], &["/{x}", "/a"], &["/", "/a"], &["/a", "/b"]] {
            let mut compressed = matcher(alone);
            compressed.compress();
            assert_eq!(compressed.nodes[0].prefix, b"", "{alone:?}");
        }
    }
}
