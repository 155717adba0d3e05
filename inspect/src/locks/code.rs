//! What the code of a function says about locks: which static it refers to, and how often it takes one. Only x86-64 is
//! read; elsewhere nothing is found.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rgops_protocol::request::MemoryRange;

use super::parties::{Function, LockThread};
use crate::symbols::Origin;

/// Functions of a thread whose code is read, and the maximum of all threads.
const MAX_FUNCTIONS: usize = 16;
const MAX_ALL_FUNCTIONS: usize = 1000;
/// Maximum bytes of a function's code before the place where the thread is, and the bytes after it: rare paths are at the
/// end of a function, and where that is is not known.
const MAX_BEFORE: u64 = 16 * 1024;
const AFTER: u32 = 1024;

/// Code of the program, by where threads are in it.
#[derive(Debug, Default)]
pub(super) struct Code(BTreeMap<u64, (u64, Vec<u8>)>);

/// The functions of the program that a thread is in.
pub(super) fn functions<'a>(thread: &LockThread<'a>) -> impl Iterator<Item = Function<'a>> + use<'a> {
    let is_own = |function: &Function<'_>| {
        matches!(Origin::of(function.frame), Origin::Own | Origin::Dependency | Origin::Unknown)
            && function.end - function.start <= MAX_BEFORE
    };
    thread.functions().filter(is_own).take(MAX_FUNCTIONS)
}

/// What to read of these threads.
pub(super) fn ranges<'t, 'a: 't>(threads: impl Iterator<Item = &'t LockThread<'a>>) -> Vec<MemoryRange> {
    let mut found: BTreeMap<u64, u64> = BTreeMap::new();
    for function in threads.flat_map(functions) {
        if found.len() == MAX_ALL_FUNCTIONS {
            break;
        }
        found.insert(function.end, function.start);
    }
    let range = |(end, start): (u64, u64)| MemoryRange { avma: start, length: (end - start) as u32 + AFTER };
    found.into_iter().map(range).collect()
}

/// What is known of one question about one lock, by places.
pub(super) type Answers = HashMap<u64, bool>;

impl Code {
    /// From the ranges and the bytes of each.
    pub(super) fn new(ranges: &[MemoryRange], bytes: &[Option<Vec<u8>>]) -> Code {
        let end = |range: &MemoryRange| range.avma + u64::from(range.length - AFTER);
        let known = ranges.iter().zip(bytes);
        Code(known.filter_map(|(range, bytes)| Some((end(range), (range.avma, bytes.clone()?)))).collect())
    }

    /// Whether a function refers to an address before the place where the thread is in it: on x86-64 relative to the end of
    /// an instruction, by its last four bytes, or with an immediate operand of one or four bytes after them.
    pub(super) fn refers(&self, thread: &LockThread<'_>, address: u64, known: &mut Answers) -> bool {
        self.any(thread, known, |start, bytes, _| {
            let before = &bytes[..bytes.len().saturating_sub(AFTER as usize)];
            targets(before, start).any(|target| [0, 1, 4].contains(&address.wrapping_sub(target)))
        })
    }

    /// Whether a function calls one of these functions at another place than where the thread is.
    pub(super) fn calls(&self, thread: &LockThread<'_>, ways: &BTreeSet<u64>, known: &mut Answers) -> bool {
        self.any(thread, known, |start, bytes, place| {
            let is_call = |at: usize| at > 0 && bytes[at - 1] == 0xe8;
            targets(bytes, start)
                .enumerate()
                .any(|(at, target)| is_call(at) && ways.contains(&target) && start + at as u64 + 4 != place)
        })
    }

    /// Whether something is the case for one of the functions that a thread is in: for its start, its code and the place
    /// where the thread is in it. Other threads are at the same place.
    fn any(
        &self,
        thread: &LockThread<'_>,
        known: &mut Answers,
        is: impl Fn(u64, &[u8], u64) -> bool,
    ) -> bool {
        functions(thread).any(|function| {
            let look =
                || self.0.get(&function.end).is_some_and(|(start, bytes)| is(*start, bytes, function.end));
            *known.entry(function.end).or_insert_with(look)
        })
    }
}

/// For each position, the address that four bytes there refer to if an instruction ends after them.
fn targets(code: &[u8], start: u64) -> impl Iterator<Item = u64> {
    code.windows(4).enumerate().map(move |(at, bytes)| {
        let distance = bytes.first_chunk().map_or(0, |bytes| i32::from_le_bytes(*bytes));
        (start + at as u64 + 4).wrapping_add_signed(distance.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symbols::Frame;

    /// At 0x1000: `lea rdi, [rip + 0x100]`, `call 0x2000`, `call 0x3000`, and room.
    fn code() -> Code {
        let mut bytes = vec![0x48, 0x8d, 0x3d, 0, 1, 0, 0];
        for (at, target) in [(7_i32, 0x2000), (12, 0x3000)] {
            bytes.push(0xe8);
            bytes.extend((target - (0x1000 + at + 5)).to_le_bytes());
        }
        bytes.extend([0x90; AFTER as usize]);
        let range = MemoryRange { avma: 0x1000, length: 17 + AFTER };
        Code::new(&[range], &[Some(bytes)])
    }

    #[test]
    fn code_that_refers_to_a_static_or_takes_a_lock_is_found() {
        let frames = [Frame { function_offset: Some(17), ..Frame::named("shop::reserve") }];
        let addresses = [0x1011];
        let thread = LockThread {
            tid: 1,
            is_blocked: true,
            is_running: false,
            futex: None,
            parked_at: None,
            cpu_ns: None,
            addresses: &addresses,
            frames: &frames,
        };
        let code = code();
        let refers = |address| code.refers(&thread, address, &mut Answers::new());
        let calls = |way: u64| code.calls(&thread, &[way].into(), &mut Answers::new());
        assert!(refers(0x1107) && !refers(0x1207));
        assert!(calls(0x2000));
        // It is in that call, and makes it nowhere else.
        assert!(!calls(0x3000));
        assert!(!calls(0x4000));
    }
}
