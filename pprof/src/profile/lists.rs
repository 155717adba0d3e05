//! Many short lists in two arrays, each distinct list once: stacks and sets of labels.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};

/// Distinct lists of `T`, numbered from 0 in the order of arrival.
#[derive(Debug, Clone)]
pub struct Lists<T> {
    items: Vec<T>,
    ends: Vec<usize>,
    known: HashMap<u64, Vec<u32>>,
    hasher: RandomState,
}

impl<T: Clone + Eq + Hash> Lists<T> {
    /// No list.
    pub fn new() -> Lists<T> {
        Lists { items: Vec::new(), ends: Vec::new(), known: HashMap::new(), hasher: RandomState::new() }
    }

    /// The number of `list`, which is added if it is new.
    pub fn intern(&mut self, list: &[T]) -> u32 {
        let hash = self.hasher.hash_one(list);
        if let Some(found) =
            self.known.get(&hash).and_then(|same| same.iter().copied().find(|id| self.get(*id) == list))
        {
            return found;
        }
        let id = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        self.items.extend_from_slice(list);
        self.ends.push(self.items.len());
        self.known.entry(hash).or_default().push(id);
        id
    }

    /// The list with this number; an empty one if there is none.
    pub fn get(&self, id: u32) -> &[T] {
        let at = id as usize;
        let start = if at == 0 { 0 } else { self.ends.get(at - 1).copied().unwrap_or(0) };
        let end = self.ends.get(at).copied().unwrap_or(start);
        self.items.get(start..end).unwrap_or_default()
    }

    /// How many lists there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All lists, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &[T]> {
        (0..self.len()).map(|id| self.get(id as u32))
    }
}

impl<T: Clone + Eq + Hash> Default for Lists<T> {
    fn default() -> Lists<T> {
        Lists::new()
    }
}
