//! The results of one pass over all entries: poll functions, vtables, namespaces and Tokio's own types. All
//! other entries are read on demand.

use std::collections::HashSet;

use rgops_dwarf::LeftOut;

use crate::types::dwarf::EntryId;

/// Entries by their lookup keys.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Index {
    /// Poll functions of Tokio's tasks by address, sorted.
    pub(super) polls: Vec<(u64, EntryId)>,
    /// Types of vtables by the address of the vtable, sorted.
    pub(super) vtables: Vec<(u64, EntryId)>,
    /// Namespaces by start, sorted; they are nested.
    pub(super) scopes: Vec<Scope>,
    /// Tokio's own types by the hash of their path, sorted.
    pub(super) named: Vec<(u64, EntryId)>,
    /// A function with a mangled name in each `{impl#N}`, by the hash of that path, sorted.
    pub(super) owners: Vec<(u64, EntryId)>,
    /// The awaited values, as local variables of async functions, by the hash of the function's path, sorted.
    pub(super) awaits: Vec<(u64, EntryId)>,
    /// Tokio's functions `block_on::<F>`, by the hash of the linker's name, sorted.
    pub(super) block_ons: Vec<(u64, EntryId)>,
    /// Coroutines whose states are described.
    pub(super) coroutines: u64,
    /// Units that could not be read completely, including missing split ones.
    pub(super) left_out: LeftOut,
    /// Poll functions that are only declared; used during the scan.
    pub(super) poll_declarations: Vec<EntryId>,
    /// Functions that are described elsewhere; used during the scan.
    pub(super) copies: Vec<FunctionCopy>,
}

/// A function whose name and parameters are in another entry: its declaration, or its abstract instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FunctionCopy {
    /// Its address, if it has code.
    pub(super) address: Option<u64>,
    pub(super) id: EntryId,
    pub(super) origin: EntryId,
}

/// A namespace: entries from `start` up to `end` are in it and in its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) start: EntryId,
    pub(super) end: u64,
    /// Index of the enclosing namespace, always smaller than its own.
    pub(super) parent: Option<u32>,
}

impl Index {
    /// Its memory, and the same again while its parts are joined.
    pub(super) fn bytes(&self) -> u64 {
        let pairs = [&self.polls, &self.vtables, &self.named, &self.owners, &self.awaits, &self.block_ons];
        let pairs = pairs.iter().map(|list| list.len()).sum::<usize>() + self.poll_declarations.len();
        let scopes = self.scopes.len() * size_of::<Scope>();
        let copies = self.copies.len() * size_of::<FunctionCopy>();
        2 * (pairs * size_of::<(u64, EntryId)>() + scopes + copies) as u64
    }

    pub(super) fn append(&mut self, part: Index) {
        let moved = self.scopes.len() as u32;
        let scopes = part.scopes.iter();
        self.scopes.extend(scopes.map(|scope| Scope { parent: scope.parent.map(|at| at + moved), ..*scope }));
        self.polls.extend(part.polls);
        self.vtables.extend(part.vtables);
        self.named.extend(part.named);
        self.owners.extend(part.owners);
        self.awaits.extend(part.awaits);
        self.block_ons.extend(part.block_ons);
        self.poll_declarations.extend(part.poll_declarations);
        self.copies.extend(part.copies);
        self.coroutines += part.coroutines;
        self.left_out.append(&part.left_out);
    }

    /// Finds the poll functions among the copies: with LTO they are described in another unit.
    pub(super) fn resolve_copies(&mut self) {
        let mut known: HashSet<EntryId> = self.poll_declarations.drain(..).collect();
        let copies = std::mem::take(&mut self.copies);
        // A copy of a declaration may be copied again: declared, abstract, concrete.
        for _ in 0..2 {
            let abstracts = copies.iter().filter(|copy| copy.address.is_none());
            let more: Vec<_> =
                abstracts.filter(|copy| known.contains(&copy.origin)).map(|copy| copy.id).collect();
            known.extend(more);
        }
        for copy in copies {
            if let Some(address) = copy.address.filter(|_| known.contains(&copy.origin)) {
                self.polls.push((address, copy.id));
            }
        }
    }

    pub(super) fn sort(&mut self) {
        // By address or hash first, so that the entries of a key are a range; then by position in the file.
        self.polls.sort_unstable();
        self.polls.dedup();
        self.vtables.sort_unstable();
        self.vtables.dedup();
        self.named.sort_unstable();
        self.named.dedup_by_key(|(hash, _)| *hash);
        self.owners.sort_unstable();
        self.owners.dedup_by_key(|(hash, _)| *hash);
        self.awaits.sort_unstable();
        self.block_ons.sort_unstable();
        // Parents are indexes into this list, and split parts are scanned in between.
        let mut order: Vec<u32> = (0..self.scopes.len() as u32).collect();
        order.sort_by_key(|at| self.scopes[*at as usize].start);
        let mut place = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            place[*old as usize] = new as u32;
        }
        let sorted = order.iter().map(|old| {
            let scope = self.scopes[*old as usize];
            Scope { parent: scope.parent.map(|at| place[at as usize]), ..scope }
        });
        self.scopes = sorted.collect();
    }

    /// The innermost namespace that contains an entry.
    pub(super) fn scope_of(&self, id: EntryId) -> Option<u32> {
        let after = self.scopes.partition_point(|scope| scope.start < id);
        let mut at = (after as u32).checked_sub(1)?;
        loop {
            let scope = self.scopes[at as usize];
            if id.0 < scope.end {
                return Some(at);
            }
            // Smaller every time, so this loop ends.
            at = scope.parent?;
        }
    }
}

/// Maximum entries with the same key that are read: functions or vtables that the linker merged, awaits of
/// one function.
const MAX_WITH_A_KEY: usize = 4096;

/// The entries with a key, in a list sorted by key.
pub(super) fn entries_of(list: &[(u64, EntryId)], key: u64) -> impl Iterator<Item = EntryId> + '_ {
    let from = list.partition_point(|(known, _)| *known < key);
    list[from..].iter().take_while(move |(known, _)| *known == key).map(|(_, id)| *id).take(MAX_WITH_A_KEY)
}

/// The hash of a path, equal in every run: FNV-1a.
#[derive(Debug, Clone, Copy)]
pub(super) struct PathHash(u64);

impl PathHash {
    pub(super) fn new() -> PathHash {
        PathHash(0xcbf2_9ce4_8422_2325)
    }

    pub(super) fn add(self, bytes: &[u8]) -> PathHash {
        let mixed = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        PathHash(bytes.iter().fold(self.0, mixed))
    }

    /// The hash of `path::name`, continued from that of `path`.
    pub(super) fn join(self, name: &[u8]) -> PathHash {
        let is_first = self.0 == PathHash::new().0;
        if is_first { self.add(name) } else { self.add(b"::").add(name) }
    }

    pub(super) fn value(self) -> u64 {
        self.0
    }
}
