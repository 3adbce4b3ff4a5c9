//! The paths of all columns as one tree of names, so that a record is walked once for all of them.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::column::Column;

/// A tree of names. The root is node 0.
#[derive(Debug)]
pub(super) struct Paths {
    nodes: Vec<Node>,
}

/// The value at one path.
#[derive(Debug, Default)]
pub(super) struct Node {
    children: HashMap<Box<str>, usize, RandomState>,
    targets: Vec<Target>,
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
        let child = *parent.children.entry(name.into()).or_insert(fresh);
        if child == fresh {
            self.nodes.push(Node::default());
        }
        child
    }

    pub(super) fn root(&self) -> Option<&Node> {
        self.nodes.first()
    }

    /// The node below `parent` with a name.
    pub(super) fn child(&self, parent: &Node, name: &str) -> Option<&Node> {
        self.nodes.get(*parent.children.get(name)?)
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
