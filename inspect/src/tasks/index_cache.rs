//! Keeps indexes of types by build-id, so that the next command on the same program is fast.

use std::path::PathBuf;

use rgops_dwarf::Budget;
use rgops_tasks::types::{IndexKey, IndexStore};

use crate::cache::{Directory, Kind};

/// A directory with indexes.
#[derive(Debug, Clone)]
pub(super) struct IndexCache(Directory);

impl IndexCache {
    /// That of the user; see [`Directory::from_environment`].
    pub(super) fn from_environment() -> Option<IndexCache> {
        Directory::from_environment().map(IndexCache)
    }

    #[cfg_attr(not(test), expect(dead_code, reason = "tests have their own"))]
    pub(super) fn new(directory: PathBuf) -> IndexCache {
        IndexCache(Directory::new(directory))
    }
}

impl IndexStore for IndexCache {
    fn load(&self, key: &IndexKey<'_>, budget: &Budget, is_valid: &mut dyn FnMut(&[u8]) -> bool) {
        self.0.load(Kind::Types, key.build_id, key.info_bytes, budget, is_valid);
    }

    fn store(&self, key: &IndexKey<'_>, index: &[u8]) {
        self.0.store(Kind::Types, key.build_id, key.info_bytes, index);
    }
}
