//! Cached indexes: used, and trusted only when they are valid and of the same build.

use std::cell::RefCell;
use std::rc::Rc;

use gimli::{Reader as _, SectionId};
use rgops_dwarf::{Budget, Sections, SplitFiles, SymbolTables, Unreadable, Work};
use rgops_protocol::reply::Module;

use super::FIXTURE;
use crate::types::dwarf::EntryId;
use crate::types::index::{Index, Scope};
use crate::types::stored::{decode, encode};
use crate::types::{IndexKey, IndexStore, ModuleFile, ProgramModule, ProgramTypes, TypeSource};

/// The fixture, as a file that is read on demand.
#[derive(Debug)]
struct File;

impl ModuleFile for File {
    fn path(&self) -> String {
        "types.so".to_owned()
    }

    fn has_debug_information(&self) -> bool {
        true
    }

    fn sections(&self, wanted: &'static [SectionId], budget: &Budget) -> Result<Sections, Unreadable> {
        Sections::read(FIXTURE, wanted, budget)
    }

    fn split_files(&self, _: &'static [SectionId]) -> SplitFiles {
        SplitFiles::default()
    }

    fn symbol_tables(&self, work: &Work) -> Option<SymbolTables> {
        SymbolTables::read(FIXTURE, work).ok()
    }
}

/// The stored index of any key.
#[derive(Debug, Clone, Default)]
struct Store(Rc<RefCell<Stored>>);

#[derive(Debug, Clone, Default)]
struct Stored {
    index: Option<Vec<u8>>,
    /// Whether the index was valid at the last lookup.
    accepted: Option<bool>,
}

impl IndexStore for Store {
    fn load(&self, _: &IndexKey<'_>, _: &Budget, is_valid: &mut dyn FnMut(&[u8]) -> bool) {
        let Stored { index, accepted } = &mut *self.0.borrow_mut();
        *accepted = index.as_deref().map(is_valid);
    }

    fn store(&self, _: &IndexKey<'_>, index: &[u8]) {
        self.0.borrow_mut().index = Some(index.to_vec());
    }
}

const BUILD_ID: &[u8] = &[1; 20];

/// The content of the index as text.
fn everything(store: &Store) -> String {
    everything_of(BUILD_ID, store)
}

fn everything_of(build_id: &[u8], store: &Store) -> String {
    let module = Module {
        path: "/types.so".to_owned(),
        build_id: build_id.to_vec(),
        start_avma: 0,
        end_avma: u64::MAX,
        bias: 0,
        has_unwind_data: true,
    };
    let module = ProgramModule { module, is_executable: true, file: Some(Box::new(File)) };
    let types = ProgramTypes::new([module], &Budget::new(1 << 30), Some(Box::new(store.clone())), |_| {});
    let polls = (0..FIXTURE.len() as u64).flat_map(|address| types.task_types(address));
    let futures = polls.map(|task| types.get(task.future).unwrap()).collect::<Vec<_>>();
    format!("{futures:?} {:?}", types.named("tokio::scheduler::Handle"))
}

/// The key of the fixture's index.
fn key(build_id: &[u8]) -> IndexKey<'_> {
    let wanted = [SectionId::DebugInfo, SectionId::DebugAbbrev];
    let sections = Sections::read(FIXTURE, &wanted, &Budget::new(1 << 30)).unwrap();
    IndexKey { build_id, info_bytes: sections.get(SectionId::DebugInfo).len() as u64, units: 1 }
}

#[test]
fn an_index_of_the_same_build_is_used() {
    let store = Store::default();
    let right = everything(&store);
    let made = store.0.borrow().clone();
    assert_eq!(made.accepted, None, "the store is empty");
    assert_eq!(everything(&store), right);
    assert_eq!(store.0.borrow().accepted, Some(true));

    // An empty index: the file is not scanned again.
    store.store(&key(BUILD_ID), &encode(&key(BUILD_ID), &Index::default()));
    assert_eq!(everything(&store), "[] None");

    let others = IndexKey { build_id: &[2; 20], ..key(BUILD_ID) };
    store.store(&others, &encode(&others, &Index::default()));
    assert_eq!(everything(&store), right);
    assert_eq!(store.0.borrow().accepted, Some(false));
    assert_eq!(store.0.borrow().index, made.index, "it is made again");
}

#[test]
fn an_index_of_a_module_without_a_build_id_is_not_stored() {
    let store = Store::default();
    assert_eq!(everything_of(&[], &store), everything(&Store::default()));
    assert_eq!(store.0.borrow().index, None);
}

#[test]
fn an_index_is_charged_before_it_is_allocated() {
    let key = IndexKey { build_id: &[7; 20], info_bytes: 1 << 30, units: 1 };
    // Two bytes each in stored form, sixteen in memory.
    let polls = vec![(0, EntryId(0)); 500_000];
    let stored = encode(&key, &Index { polls, ..Index::default() });
    let budget = Budget::new(64 << 20);
    let (index, charge) = decode(&stored, &key, &budget).unwrap();
    assert_eq!((index.polls.len(), budget.charged()), (500_000, index.bytes()));
    drop(charge);
    let budget = Budget::new(8 << 20);
    assert!(decode(&stored, &key, &budget).is_none());
    assert_eq!(budget.charged(), 0);
}

#[test]
fn an_index_that_no_scan_could_produce_is_rejected() {
    let key = IndexKey { build_id: &[7; 20], info_bytes: 1 << 30, units: 1 };
    let is_valid = |index: &Index| decode(&encode(&key, index), &key, &Budget::new(1 << 30)).is_some();
    let nested = |depth: u32| {
        let scope =
            |at: u32| Scope { start: EntryId(u64::from(at)), end: 1 << 20, parent: at.checked_sub(1) };
        Index { scopes: (0..depth).map(scope).collect(), ..Index::default() }
    };
    assert!(is_valid(&nested(512)));
    assert!(!is_valid(&nested(513)), "a scan opens no more namespaces at once");
    // Lists must be sorted, otherwise nothing is found in them.
    let polls = vec![(2, EntryId(1)), (1, EntryId(1))];
    assert!(!is_valid(&Index { polls, ..Index::default() }));
}
