//! Many short lists in two arrays, each distinct list once: stacks and sets of labels.

use std::hash::Hash;
use std::sync::Arc;

use super::slots::{Secret, Slots};

/// Distinct lists of `T`, numbered from 0 in the order of arrival. Copies share their memory until one is changed.
#[derive(Debug, Clone)]
pub struct Lists<T>(Arc<Inner<T>>);

#[derive(Debug, Clone)]
struct Inner<T> {
    /// All lists, one after the other.
    items: Vec<T>,
    /// Where each list ends in `items`; it begins where the one before it ends.
    ends: Vec<usize>,
    slots: Slots,
    /// Whether all lists are in `slots`.
    is_indexed: bool,
    secret: Secret,
}

impl<T: Clone + Eq + Hash> Lists<T> {
    /// No list.
    pub fn new() -> Lists<T> {
        Lists(Arc::new(Inner {
            items: Vec::new(),
            ends: Vec::new(),
            slots: Slots::default(),
            is_indexed: true,
            secret: Secret::new(),
        }))
    }

    /// The number of `list`, which is added if it is new.
    pub fn intern(&mut self, list: &[T]) -> u32 {
        let inner = Arc::make_mut(&mut self.0);
        inner.index();
        let hash = inner.secret.of(list);
        if let Some(found) = inner.slots.find(hash, |number| inner.get(number) == list) {
            return found;
        }
        let number = u32::try_from(inner.ends.len()).unwrap_or(u32::MAX);
        inner.items.extend_from_slice(list);
        inner.ends.push(inner.items.len());
        inner.slots.insert(hash, number);
        number
    }

    /// Replaces every item. Lists that are different must stay different.
    pub(crate) fn replace(&mut self, replacement: impl Fn(&T) -> T) {
        let inner = Arc::make_mut(&mut self.0);
        for item in &mut inner.items {
            *item = replacement(item);
        }
        (inner.slots, inner.is_indexed) = (Slots::default(), false);
    }

    /// Frees the index, which is built again when a list is added.
    pub(crate) fn forget_index(&mut self) {
        let inner = Arc::make_mut(&mut self.0);
        (inner.slots, inner.is_indexed) = (Slots::default(), false);
        inner.items.shrink_to_fit();
        inner.ends.shrink_to_fit();
    }

    /// The list with this number; an empty one if there is none.
    pub fn get(&self, number: u32) -> &[T] {
        self.0.get(number)
    }

    /// How many lists there are.
    pub fn len(&self) -> usize {
        self.0.ends.len()
    }

    /// How many items all lists have.
    pub fn items(&self) -> usize {
        self.0.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.ends.is_empty()
    }

    /// All lists, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &[T]> {
        (0..self.len()).map(|number| self.get(number as u32))
    }
}

impl<T: Clone + Eq + Hash> Inner<T> {
    fn get(&self, number: u32) -> &[T] {
        let at = number as usize;
        let start = if at == 0 { 0 } else { self.ends.get(at - 1).copied().unwrap_or(0) };
        let end = self.ends.get(at).copied().unwrap_or(start);
        self.items.get(start..end).unwrap_or_default()
    }

    /// Builds the index after [`Lists::replace`].
    fn index(&mut self) {
        if !self.is_indexed {
            let mut slots = Slots::default();
            for number in 0..self.ends.len() as u32 {
                slots.insert(self.secret.of(self.get(number)), number);
            }
            (self.slots, self.is_indexed) = (slots, true);
        }
    }
}

impl<T: Clone + Eq + Hash> Default for Lists<T> {
    fn default() -> Lists<T> {
        Lists::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_distinct_list_is_there_once() {
        let mut lists = Lists::new();
        let numbers: Vec<u32> = (0..1000u32).map(|at| lists.intern(&[at % 300, 0, 5])).collect();
        assert_eq!((lists.len(), lists.items()), (300, 900));
        assert_eq!((numbers[299], numbers[300], numbers[999]), (299, 0, 99));
        assert_eq!((lists.get(7), lists.get(300)), (&[7, 0, 5][..], &[][..]));
        let copy = lists.clone();
        lists.replace(|item| item + 1);
        assert_eq!((lists.get(7), copy.get(7)), (&[8, 1, 6][..], &[7, 0, 5][..]));
        assert_eq!((lists.intern(&[8, 1, 6]), lists.intern(&[]), lists.intern(&[7, 0, 5])), (7, 300, 301));
    }
}
