//! Positions by the ids of a file, which may be anything.

use std::collections::HashMap;

/// Ids below this are dense, however few there are: a quarter of a megabyte.
const ALWAYS_DENSE: usize = 1 << 16;

/// Numbers ids in the order in which they come.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// By id, for small ids: the number + 1; 0 if there is none.
    dense: Vec<u32>,
    sparse: HashMap<u64, u32>,
    ids: Vec<u64>,
}

impl Numbers {
    /// The number of an id, which gets one if it is new.
    #[inline]
    pub(super) fn number(&mut self, id: u64) -> u32 {
        if let Some(number) =
            usize::try_from(id).ok().and_then(|id| self.dense.get(id)).filter(|of| **of != 0)
        {
            return number - 1;
        }
        self.add(id)
    }

    #[cold]
    fn add(&mut self, id: u64) -> u32 {
        let known = self.sparse.get(&id).copied();
        let number = known.unwrap_or(self.ids.len() as u32);
        if known.is_none() {
            self.ids.push(id);
        }
        // Dense as long as not far more ids are possible than there are: no file can make it large with a few. An id that
        // came too early for that moves here later.
        match usize::try_from(id) {
            Ok(at) if at < ALWAYS_DENSE.max(self.ids.len() * 4) => {
                if at >= self.dense.len() {
                    self.dense.resize(at + at / 2 + 64, 0);
                }
                self.dense[at] = number + 1;
                self.sparse.remove(&id);
            }
            _ => drop(self.sparse.insert(id, number)),
        }
        number
    }

    /// The number of an id, if it has one.
    pub(super) fn find(&self, id: u64) -> Option<u32> {
        match usize::try_from(id).ok().and_then(|id| self.dense.get(id)) {
            Some(number) if *number != 0 => Some(number - 1),
            _ => self.sparse.get(&id).copied(),
        }
    }

    /// The id with a number.
    pub(super) fn id(&self, number: u32) -> u64 {
        self.ids.get(number as usize).copied().unwrap_or(0)
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// All ids, by number.
    pub(super) fn into_ids(self) -> Vec<u64> {
        self.ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_numbered_in_the_order_in_which_they_come() {
        let mut numbers = Numbers::default();
        let ids = [7, u64::MAX, 0, 7, 5_000_000, u64::MAX, 5_000_000, 1];
        assert_eq!(ids.map(|id| numbers.number(id)), [0, 1, 2, 0, 3, 1, 3, 4]);
        assert_eq!((numbers.find(0), numbers.find(2), numbers.find(u64::MAX)), (Some(2), None, Some(1)));
        // An id that was sparse stays what it was when small ids reach it.
        assert_eq!((numbers.number(70_000), numbers.dense.len() < 200), (5, true));
        for id in 10_000..30_000 {
            numbers.number(id);
        }
        assert_eq!((numbers.number(20_000), numbers.len(), numbers.id(3)), (10_006, 20_006, 5_000_000));
        let sparse = numbers.sparse.len();
        assert_eq!((numbers.number(70_000), sparse - numbers.sparse.len()), (5, 1));
        assert_eq!((numbers.number(70_000), numbers.find(70_000)), (5, Some(5)));
        assert!(numbers.dense.len() < 200_000);
    }
}
