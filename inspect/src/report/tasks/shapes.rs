//! Numbers for stacks: two stacks with the same number differ at most in the resources that they wait on.
//!
//! Every future is visited once and hashed with all its fields. With a weaker hash, a hostile program could produce
//! any number of collisions, and each new future would be compared with all of them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::tasks::model::{Location, Node, NodeKind, ResourceKind, TypeName};

/// Numbers for stacks.
#[derive(Default)]
pub(super) struct Shapes<'t> {
    texts: Texts<'t>,
    numbers: HashMap<Key, usize>,
}

/// Numbers for texts. Names are shared, so most are found by their address without reading them again.
#[derive(Default)]
pub(super) struct Texts<'t> {
    by_place: HashMap<usize, usize>,
    by_content: HashMap<&'t str, usize>,
}

/// A future, with numbers for its texts and children.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    name: (usize, usize),
    location: At,
    kind: NodeKind,
    /// The kind, and whether something else may be waited for.
    waits_on: Option<(ResourceKind, bool)>,
    children: Box<[usize]>,
    children_left_out: u64,
}

#[derive(PartialEq, Eq, Hash)]
enum At {
    Await { file: usize, line: u32 },
    Unresumed,
    Returned,
    Panicked,
    Nowhere,
}

impl<'t> Shapes<'t> {
    /// The number of a stack. Stacks with the same number are at the same place.
    pub(super) fn of(&mut self, node: &'t Node) -> usize {
        let children = node.children.iter().map(|child| self.of(child)).collect();
        let location = match &node.location {
            Some(Location::Await { file, line }) => At::Await { file: self.texts.of(file), line: *line },
            Some(Location::Unresumed) => At::Unresumed,
            Some(Location::Returned) => At::Returned,
            Some(Location::Panicked) => At::Panicked,
            None => At::Nowhere,
        };
        let key = Key {
            name: self.texts.name(&node.name),
            location,
            kind: node.kind,
            waits_on: node.waits_on.as_ref().map(|resource| (resource.kind, resource.or_another().is_some())),
            children,
            children_left_out: node.children_left_out,
        };
        let next = self.numbers.len();
        *self.numbers.entry(key).or_insert(next)
    }

    /// The number of a text.
    pub(super) fn text(&mut self, text: &'t Arc<str>) -> usize {
        self.texts.of(text)
    }

    /// The number of a future's name.
    pub(super) fn name(&mut self, name: &'t TypeName) -> (usize, usize) {
        self.texts.name(name)
    }
}

impl<'t> Texts<'t> {
    pub(super) fn of(&mut self, text: &'t Arc<str>) -> usize {
        // The address of an empty text does not identify it.
        let place = text.as_ptr() as usize;
        if !text.is_empty()
            && let Some(number) = self.by_place.get(&place)
        {
            return *number;
        }
        let next = self.by_content.len();
        let number = *self.by_content.entry(text).or_insert(next);
        if !text.is_empty() {
            self.by_place.insert(place, number);
        }
        number
    }

    pub(super) fn name(&mut self, name: &'t TypeName) -> (usize, usize) {
        (self.of(&name.short), self.of(&name.raw))
    }
}
