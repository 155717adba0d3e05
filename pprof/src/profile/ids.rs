//! The ids of tables in a file.

/// The ids that the entries of tables have in the file, where they are not position + 1.
///
/// A list is empty if all ids of its table are position + 1, and otherwise may be shorter than the table: entries that
/// were added to the table without an id have ids from 2^62 on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids {
    /// Of [`Profile::mappings`](super::Profile::mappings).
    pub mappings: Vec<u64>,
    /// Of [`Profile::locations`](super::Profile::locations).
    pub locations: Vec<u64>,
    /// Of [`Profile::functions`](super::Profile::functions).
    pub functions: Vec<u64>,
}

impl Ids {
    /// The ids of a table, or none if they are position + 1.
    pub(crate) fn of(ids: Vec<u64>) -> Vec<u64> {
        if ids.iter().zip(1u64..).all(|(id, position)| *id == position) { Vec::new() } else { ids }
    }
}

/// Added to positions of entries without an id. No writer has as large ones.
const WITHOUT_ID: u64 = 1 << 62;

/// The id of the entry `at` of a table.
pub(super) fn of(ids: &[u64], at: u32) -> u64 {
    match ids.get(at as usize) {
        Some(id) => *id,
        None if ids.is_empty() => u64::from(at) + 1,
        None => WITHOUT_ID + u64::from(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_file_or_position_plus_one() {
        assert_eq!(Ids::of(vec![1, 2, 3]), Vec::<u64>::new());
        let sparse = Ids::of(vec![7, 3]);
        assert_eq!([of(&sparse, 0), of(&sparse, 1), of(&sparse, 2)], [7, 3, WITHOUT_ID + 2]);
        assert_eq!(of(&[], 4), 5);
    }
}
