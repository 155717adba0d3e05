//! An index as bytes, so that it can be cached by build-id and the next command on the same program is fast.
//!
//! The cache is optional: an index with a wrong length, checksum or version is ignored and built again. A
//! forged index can only name entries, which are checked when they are read.

use rgops_dwarf::{Budget, Charge};

use crate::types::dwarf::EntryId;
use crate::types::index::{Index, PathHash, Scope};
use crate::types::scan::DEEPEST;

/// Changes with the content of an index, and with the entries that the scan searches for.
const VERSION: u64 = 4;
const MAGIC: &[u8; 8] = b"rgopsTIx";

/// Caches indexes from one command to the next.
pub trait IndexStore {
    /// Calls `is_valid` with the stored index of a key, if there is one and memory for it. If `is_valid`
    /// returns `true`, the index was used, and should be evicted later than others.
    fn load(&self, key: &IndexKey<'_>, budget: &Budget, is_valid: &mut dyn FnMut(&[u8]) -> bool);

    /// Stores an index. If that fails, the only cost is a scan by the next command.
    fn store(&self, key: &IndexKey<'_>, index: &[u8]);
}

/// The key of an index. All of it must match.
#[derive(Debug, Clone, Copy)]
pub struct IndexKey<'a> {
    /// The module's build-id.
    pub build_id: &'a [u8],
    /// Bytes of the `.debug_info` that was scanned: a stripped file and its debug file have the same
    /// build-id.
    pub info_bytes: u64,
    /// Units in it.
    pub units: u64,
}

/// Magic, version, key, lists; then a checksum of everything before it. Numbers are LEB128; those of sorted
/// lists are differences.
pub(super) fn encode(key: &IndexKey<'_>, index: &Index) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    number(&mut out, VERSION);
    number(&mut out, key.build_id.len() as u64);
    out.extend(key.build_id);
    number(&mut out, key.info_bytes);
    number(&mut out, key.units);
    number(&mut out, index.coroutines);
    let lists = [&index.polls, &index.vtables, &index.named, &index.owners, &index.awaits, &index.block_ons];
    for list in lists {
        number(&mut out, list.len() as u64);
        let mut before = 0;
        for (at, id) in list {
            number(&mut out, at.wrapping_sub(before));
            number(&mut out, id.0);
            before = *at;
        }
    }
    number(&mut out, index.scopes.len() as u64);
    let mut before = 0;
    for (at, scope) in index.scopes.iter().enumerate() {
        number(&mut out, scope.start.0.wrapping_sub(before));
        number(&mut out, scope.end.wrapping_sub(scope.start.0));
        number(&mut out, scope.parent.map_or(0, |parent| at as u64 - u64::from(parent)));
        before = scope.start.0;
    }
    let checksum = PathHash::new().add(&out).value();
    out.extend(checksum.to_le_bytes());
    out
}

/// The index in a file, and its charge. Every number in it is checked against the limits of a scan.
pub(super) fn decode(bytes: &[u8], key: &IndexKey<'_>, budget: &Budget) -> Option<(Index, Charge)> {
    let (content, checksum) = bytes.split_last_chunk::<8>()?;
    if u64::from_le_bytes(*checksum) != PathHash::new().add(content).value() {
        return None;
    }
    let mut rest = content.strip_prefix(MAGIC)?;
    let is_it = take(&mut rest)? == VERSION && take(&mut rest)? == key.build_id.len() as u64;
    rest = rest.strip_prefix(key.build_id).filter(|_| is_it)?;
    if take(&mut rest)? != key.info_bytes || take(&mut rest)? != key.units {
        return None;
    }
    let mut charge = Charge::none(budget);
    let mut index = Index { coroutines: take(&mut rest)?, ..Index::default() };
    let lists = [
        &mut index.polls,
        &mut index.vtables,
        &mut index.named,
        &mut index.owners,
        &mut index.awaits,
        &mut index.block_ons,
    ];
    for list in lists {
        let count = count(&mut rest, 2)?;
        charge.grow(2 * (count * size_of::<(u64, EntryId)>()) as u64).ok()?;
        list.reserve_exact(count);
        let mut at = 0u64;
        for _ in 0..count {
            at = at.checked_add(take(&mut rest)?)?;
            list.push((at, EntryId(take(&mut rest)?)));
        }
    }
    let count = count(&mut rest, 3)?;
    charge.grow(2 * (count * size_of::<Scope>()) as u64).ok()?;
    index.scopes.reserve_exact(count);
    // The depth of each scope, until all are read.
    let _depths = Charge::new(budget, (count * size_of::<u16>()) as u64).ok()?;
    let mut depths: Vec<u16> = Vec::with_capacity(count);
    let mut start = 0u64;
    for at in 0..u32::try_from(count).ok()? {
        start = start.checked_add(take(&mut rest)?)?;
        let end = start.checked_add(take(&mut rest)?)?;
        // A parent must be an earlier one, otherwise following parents would not end.
        let parent = match take(&mut rest)? {
            0 => None,
            back => Some(at.checked_sub(u32::try_from(back).ok()?)?),
        };
        let depth = parent.map_or(0, |parent| depths[parent as usize] + 1);
        if usize::from(depth) >= DEEPEST {
            return None;
        }
        depths.push(depth);
        index.scopes.push(Scope { start: EntryId(start), end, parent });
    }
    rest.is_empty().then_some((index, charge))
}

/// The number of elements that follow, each of at least `least` bytes: never more than fit into the rest.
fn count(rest: &mut &[u8], least: usize) -> Option<usize> {
    let count = usize::try_from(take(rest)?).ok()?;
    (count <= rest.len() / least).then_some(count)
}

fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
