//! The paths of all columns as one tree of names, so that a record is walked once for all of them.

use super::column::Column;
use crate::decode::object::{PLACES, place};

/// A tree of names. The root is node 0.
#[derive(Debug)]
pub(super) struct Paths {
    nodes: Vec<Node>,
}

/// The value at one path.
#[derive(Debug, Default)]
pub(super) struct Node {
    name: Box<str>,
    targets: Vec<Target>,
    /// For every place of a name its latest child; none at all without children. 0 is none: the root is nobody's child.
    children: Vec<usize>,
    /// Another child of the same node whose name has the same place; 0 is none.
    alike: usize,
}

/// A column that the value at a node is a candidate for; the lowest rank wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) column: Column,
    pub(super) rank: u32,
}

impl Paths {
    pub(super) fn new() -> Self {
        Self { nodes: vec![Node::default()] }
    }

    /// Adds a path with every reading of its dots: `a.b` is the field `a.b` first, then `b` in the object `a`.
    pub(super) fn add(&mut self, path: &str, column: Column, rank: &mut u32) {
        self.add_below(0, path, column, rank);
    }

    fn add_below(&mut self, node: usize, path: &str, column: Column, rank: &mut u32) {
        let leaf = self.child_or_new(node, path);
        if let Some(leaf) = self.nodes.get_mut(leaf) {
            leaf.targets.push(Target { column, rank: *rank });
            *rank += 1;
        }
        for (at, _) in path.match_indices('.') {
            if let (Some(head), Some(tail)) = (path.get(..at), path.get(at + 1..)) {
                let child = self.child_or_new(node, head);
                self.add_below(child, tail, column, rank);
            }
        }
    }

    fn child_or_new(&mut self, node: usize, name: &str) -> usize {
        let fresh = self.nodes.len();
        let Some(parent) = self.nodes.get_mut(node) else { return 0 };
        parent.children.resize(PLACES, 0);
        let alike = parent.children.get(place(name)).copied().unwrap_or_default();
        if let Some(known) = self.among(alike, name) {
            return known;
        }
        if let Some(first) = self.nodes.get_mut(node).and_then(|parent| parent.children.get_mut(place(name)))
        {
            *first = fresh;
        }
        self.nodes.push(Node { name: name.into(), alike, ..Node::default() });
        fresh
    }

    /// The node of a record's field. `known` has those of names that were looked for before, for a name that stays where it is.
    pub(super) fn top(&self, name: &str, known: Option<&mut KnownNames>) -> Option<&Node> {
        let look = || self.among(*self.root()?.children.get(place(name))?, name);
        let node = match known {
            Some(known) => known.number(name, look),
            None => look(),
        };
        self.nodes.get(node?)
    }

    pub(super) fn root(&self) -> Option<&Node> {
        self.nodes.first()
    }

    /// The node below `parent` with a name.
    pub(super) fn child(&self, parent: &Node, name: &str) -> Option<&Node> {
        self.nodes.get(self.among(*parent.children.get(place(name))?, name)?)
    }

    /// The child with a name, of those whose names have the place of that of `child`.
    fn among(&self, mut child: usize, name: &str) -> Option<usize> {
        while child > 0 {
            let node = self.nodes.get(child)?;
            if *node.name == *name {
                return Some(child);
            }
            child = node.alike;
        }
        None
    }
}

/// Places for names that are known.
const KNOWN: usize = 256;

/// The nodes of the names of a block by where these stand in memory: its records share them
/// ([`crate::decode::object`]), so that a name is looked for once a block. Only for names that stand where they stand as long as this is used.
#[derive(Debug)]
pub(crate) struct KnownNames {
    /// The address and the length of a name, and the number of its node.
    places: Vec<(usize, usize, Option<usize>)>,
}

impl Default for KnownNames {
    fn default() -> Self {
        // no name stands at address 0
        Self { places: vec![(0, 0, None); KNOWN] }
    }
}

impl KnownNames {
    /// The number of a name's node.
    fn number(&mut self, name: &str, look: impl Fn() -> Option<usize>) -> Option<usize> {
        let (address, length) = (name.as_ptr().addr(), name.len());
        let place = self.places.get_mut(address % KNOWN)?;
        if (place.0, place.1) != (address, length) {
            *place = (address, length, look());
        }
        debug_assert_eq!(place.2, look(), "another name stands where {name:?} stood");
        place.2
    }
}

impl Node {
    pub(super) fn targets(&self) -> &[Target] {
        &self.targets
    }

    pub(super) fn has_children(&self) -> bool {
        !self.children.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_are_found_whatever_their_places(
            added in proptest::collection::vec("[ab]{0,4}|[a-z]{1,9}", 0..60),
            other in "[ab]{0,4}|[a-z]{1,9}",
        ) {
            let mut paths = Paths::new();
            for (rank, name) in (0..).zip(&added) {
                paths.add(name, Column::ACTIVITY, &mut { rank });
            }
            let root = paths.root().unwrap();
            let ranks = |name: &str| paths.child(root, name).map(|node| node.targets.iter().map(|target| target.rank).collect::<Vec<_>>());
            for name in added.iter().chain([&other]) {
                let expected: Vec<u32> = (0..).zip(&added).filter(|(_, known)| *known == name).map(|(rank, _)| rank).collect();
                prop_assert_eq!(ranks(name).unwrap_or_default(), expected);
            }
        }
    }
}
