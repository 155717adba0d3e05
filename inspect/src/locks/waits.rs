//! Threads that wait for the same lock, with the places in the program where they wait.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::holder::{Holder, Holders};
use super::kind::LockKind;
use super::waiter::Waiter;
use crate::symbols::{Frame, Origin, own_frame, without_closures};

/// Threads that wait for one lock.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockWait {
    /// The kind of lock.
    pub kind: LockKind,
    /// Its address; `None` if that is not known: then it is a place in the program, which may use several locks.
    pub address: Option<u64>,
    /// Ids of the threads.
    pub threads: Vec<u32>,
    /// Where they wait, the place of most threads first.
    pub places: Vec<LockPlace>,
    /// Who holds it; `None` if nobody looked: it has no address, or is a condition variable.
    pub holder: Option<Holder>,
}

impl LockWait {
    /// The lock: `Mutex 0x55…`, or its kind alone if its address is not known.
    pub fn lock(&self) -> String {
        match self.address {
            Some(address) => format!("{} {address:#x}", self.kind.text()),
            None => self.kind.text().to_owned(),
        }
    }

    /// The same with its holder, if that was looked for.
    #[must_use]
    pub fn with_holder(mut self, holders: &Holders) -> LockWait {
        self.holder = self.address.and_then(|address| holders.of.get(&address).cloned());
        self
    }
}

/// The innermost function of the program on the way to the lock.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LockPlace {
    /// The function.
    pub function: String,
    /// Its source file, if known.
    pub file: Option<Arc<str>>,
    /// The line of the call.
    pub line: Option<u32>,
    /// How many threads wait there.
    pub threads: usize,
}

/// What the threads wait for: locks before condition variables, and those with the most threads first.
pub fn lock_waits<'a>(threads: impl IntoIterator<Item = Waiter<'a>>) -> Vec<LockWait> {
    let mut found: HashMap<_, usize> = HashMap::new();
    let mut waits: Vec<LockWait> = Vec::new();
    let mut known: HashMap<&[u64], Option<(LockKind, Option<LockPlace>)>> = HashMap::new();
    for thread in threads {
        let look = || LockKind::of(thread.frames).map(|kind| (kind, place(thread.frames)));
        let looked = match thread.addresses.is_empty() {
            true => look(),
            false => known.entry(thread.addresses).or_insert_with(look).clone(),
        };
        let Some((kind, place)) = looked else { continue };
        let address = kind.address(&thread);
        // Without an address each place is one for itself.
        let key = (kind, address, address.is_none().then(|| place.clone()));
        let at = *found.entry(key).or_insert_with(|| {
            waits.push(LockWait { kind, address, threads: Vec::new(), places: Vec::new(), holder: None });
            waits.len() - 1
        });
        let wait = &mut waits[at];
        wait.threads.push(thread.tid);
        let Some(place) = place else { continue };
        let is_same = |known: &&mut LockPlace| known.function == place.function && known.line == place.line;
        match wait.places.iter_mut().find(is_same) {
            Some(known) => known.threads += 1,
            None => wait.places.push(place),
        }
    }
    for wait in &mut waits {
        wait.places.sort_by_key(|place| Reverse(place.threads));
    }
    waits.sort_by_key(|wait| (wait.kind == LockKind::Condvar, Reverse(wait.threads.len()), wait.threads[0]));
    waits
}

fn place(frames: &[Frame]) -> Option<LockPlace> {
    let of_runtime = || frames.iter().find(|frame| Origin::of(frame) == Origin::Runtime);
    let frame = own_frame(frames).or_else(of_runtime)?;
    let function = without_closures(&frame.name()).to_owned();
    Some(LockPlace { function, file: frame.file.clone(), line: frame.line, threads: 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "std::sys::sync::mutex::futex::Mutex::lock_contended";

    fn frames(functions: &[&str]) -> Vec<Frame> {
        functions.iter().map(|name| Frame::named(name)).collect()
    }

    #[test]
    fn threads_are_grouped_by_the_address_of_their_lock() {
        let (reserve, sell) =
            (frames(&["syscall", LOCK, "shop::reserve"]), frames(&["syscall", LOCK, "shop::sell"]));
        let queue = frames(&["syscall", "std::sys::sync::condvar::futex::Condvar::wait", "shop::queue"]);
        let busy = frames(&["shop::spin"]);
        let waiter =
            |tid, futex, frames| Waiter { tid, futex: Some(futex), parked_at: None, addresses: &[], frames };
        let waits = lock_waits([
            waiter(1, 0x30, &queue),
            waiter(2, 0x10, &reserve),
            waiter(3, 0x20, &sell),
            waiter(4, 0x20, &reserve),
            waiter(5, 0x20, &sell),
            waiter(6, 0x20, &busy),
        ]);
        let seen: Vec<_> = waits.iter().map(|wait| (wait.kind, wait.address, &*wait.threads)).collect();
        assert_eq!(
            seen,
            [
                (LockKind::Mutex, Some(0x20), &[3, 4, 5][..]),
                (LockKind::Mutex, Some(0x10), &[2]),
                (LockKind::Condvar, Some(0x30), &[1]),
            ]
        );
        let places: Vec<_> = waits[0].places.iter().map(|place| (&*place.function, place.threads)).collect();
        assert_eq!(places, [("shop::sell", 2), ("shop::reserve", 1)]);
    }

    #[test]
    fn a_lock_without_an_address_is_a_place() {
        let lock = "parking_lot::raw_mutex::RawMutex::lock_slow";
        let (reserve, sell) =
            (frames(&["syscall", lock, "shop::reserve"]), frames(&["syscall", lock, "shop::sell"]));
        let waiter = |tid, frames| Waiter {
            tid,
            futex: Some(u64::from(tid)),
            parked_at: None,
            addresses: &[],
            frames,
        };
        let waits = lock_waits([waiter(1, &reserve), waiter(2, &sell), waiter(3, &reserve)]);
        let seen: Vec<_> = waits.iter().map(|wait| (wait.address, &*wait.threads)).collect();
        assert_eq!(seen, [(None, &[1, 3][..]), (None, &[2])]);
    }
}
