//! Loom models of the lock-free parts. Loom explores every interleaving in the C11 memory model:
//! `RUSTFLAGS="--cfg rgops_loom" LOOM_MAX_PREEMPTIONS=3 cargo test -p rgops-capture --lib --release loom`.
//!
//! Each participant of a model has its own thread: loom does not interleave the steps of a model's first thread
//! with those of the others in all places.
#![expect(clippy::unwrap_used, reason = "tests")]

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use rgops_protocol::reply::StackEnd;

use super::grace::Guarded;
use super::heap::live::{BUCKET_WORDS, Block, Live};
use super::heap::slots::{self, Owner, Slot};
use super::place::Place;
use super::ring::{Record, Ring};
use super::sync::{AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering, fence};

fn record(tid: u32) -> Record {
    Record { tid, weight: 1, time_ns: u64::from(tid), end: StackEnd::Root, is_at_risk: false }
}

fn drained(ring: &Ring) -> Vec<(Record, Vec<u64>)> {
    let mut taken = Vec::new();
    ring.drain(|record, frames| taken.push((record, frames)));
    taken
}

/// Two handlers write while the agent reads.
#[test]
fn loom_the_ring_keeps_every_accepted_record_intact() {
    loom::model(|| {
        let ring = Arc::new(Ring::with_words(16).unwrap());
        let writers = [1u32, 2].map(|tid| {
            let ring = ring.clone();
            thread::spawn(move || ring.push(record(tid), &[u64::from(tid); 3]))
        });
        let reads = {
            let ring = ring.clone();
            thread::spawn(move || drained(&ring))
        };
        let mut taken = reads.join().unwrap();
        let accepted = writers.map(|writer| writer.join().unwrap()).into_iter().filter(|is| *is).count();
        taken.extend(drained(&ring));
        assert_eq!(taken.len(), accepted);
        assert_eq!(accepted, 2, "there is room for both");
        for (found, frames) in taken {
            assert_eq!((found, &*frames), (record(found.tid), [u64::from(found.tid); 3].as_slice()));
        }
    });
}

/// The ring wraps around: words are reused as soon as the reader has released them.
#[test]
fn loom_words_are_reused_only_after_they_were_read() {
    loom::model(|| {
        // Room for one record of six words at a time.
        let ring = Arc::new(Ring::with_words(8).unwrap());
        assert!(ring.push(record(1), &[1; 2]));
        let writer = {
            let ring = ring.clone();
            thread::spawn(move || ring.push(record(2), &[2; 2]))
        };
        let reads = {
            let ring = ring.clone();
            thread::spawn(move || drained(&ring))
        };
        let mut taken = reads.join().unwrap();
        let accepted = writer.join().unwrap();
        taken.extend(drained(&ring));
        let taken: Vec<_> = taken.into_iter().map(|(record, frames)| (record.tid, frames)).collect();
        let expected = if accepted { vec![(1, vec![1; 2]), (2, vec![2; 2])] } else { vec![(1, vec![1; 2])] };
        assert_eq!(taken, expected);
    });
}

/// A value that must not be read after it was freed: loom fails the model if it is.
struct Session {
    alive: UnsafeCell<bool>,
    modules: AtomicPtr<UnsafeCell<bool>>,
}

fn read_both(session: &Session) {
    // SAFETY: loom checks that no other thread writes at the same time.
    assert!(session.alive.with(|alive| unsafe { *alive }));
    // SAFETY: the pointer is never null, and its target is leaked, not freed, in this model.
    let modules = unsafe { &*session.modules.load(Ordering::SeqCst) };
    // SAFETY: loom checks that no other thread writes at the same time.
    assert!(modules.with(|alive| unsafe { *alive }));
}

/// Stands for freeing: a write conflicts with every read that is not ordered before it.
fn free(alive: &UnsafeCell<bool>) {
    // SAFETY: loom checks that no other thread reads at the same time.
    alive.with_mut(|alive| unsafe { *alive = false });
}

/// Handlers run at any time, while module lists are replaced and the session is unpublished. Nothing is freed
/// that a handler still uses.
#[test]
fn loom_nothing_is_freed_while_a_handler_uses_it() {
    loom::model(|| {
        let guarded: Arc<Guarded<Session>> = Arc::new(Guarded::new());
        let list = || Box::leak(Box::new(UnsafeCell::new(true)));
        let (first, second) = (list(), list());
        let session: &Session =
            Box::leak(Box::new(Session { alive: UnsafeCell::new(true), modules: AtomicPtr::new(first) }));
        // SAFETY: the session is leaked, so it is valid forever.
        unsafe { guarded.replace(std::ptr::from_ref(session).cast_mut()) };
        let handlers = [(), ()].map(|()| {
            let guarded = guarded.clone();
            thread::spawn(move || guarded.read(|session| session.map(read_both)).is_some())
        });
        let guarded_by_agent = guarded.clone();
        let agent = thread::spawn(move || {
            let guarded = guarded_by_agent;
            // Publishes a new list. The former list is freed now if no handler is running, otherwise with the session.
            let former = session.modules.swap(second, Ordering::SeqCst);
            let is_freed = guarded.is_quiet();
            if is_freed {
                // SAFETY: the list is leaked, so it is valid forever.
                free(unsafe { &*former });
            }
            // SAFETY: a null session is always valid.
            unsafe { guarded.replace(std::ptr::null_mut()) };
            if guarded.is_quiet() {
                free(&session.alive);
                if !is_freed {
                    // SAFETY: the list is leaked, so it is valid forever.
                    free(unsafe { &*former });
                }
            }
        });
        agent.join().unwrap();
        for handler in handlers {
            handler.join().unwrap();
        }
        assert!(guarded.is_quiet());
    });
}

/// In a fork child the agent forgets the parent's session while a handler starts or ends, and publishes its
/// own. That session is not freed while a handler uses it, and the count is correct in the end.
#[test]
fn loom_a_fork_child_starts_a_new_count() {
    loom::model(|| {
        let guarded: Arc<Guarded<Session>> = Arc::new(Guarded::new());
        let session = || -> &'static Session {
            let modules = AtomicPtr::new(Box::leak(Box::new(UnsafeCell::new(true))));
            Box::leak(Box::new(Session { alive: UnsafeCell::new(true), modules }))
        };
        let (parents, own) = (session(), session());
        // SAFETY: the session is leaked, so it is valid forever.
        unsafe { guarded.replace(std::ptr::from_ref(parents).cast_mut()) };
        let handlers = [(), ()].map(|()| {
            let guarded = guarded.clone();
            thread::spawn(move || guarded.read(|session| session.map(read_both)).is_some())
        });
        let guarded_by_agent = guarded.clone();
        let agent = thread::spawn(move || {
            let guarded = guarded_by_agent;
            guarded.forget();
            // SAFETY: the session is leaked, so it is valid forever.
            unsafe { guarded.replace(std::ptr::from_ref(own).cast_mut()) };
            // SAFETY: a null session is always valid.
            unsafe { guarded.replace(std::ptr::null_mut()) };
            if guarded.is_quiet() {
                free(&own.alive);
            }
        });
        agent.join().unwrap();
        for handler in handlers {
            handler.join().unwrap();
        }
        assert!(guarded.is_quiet());
    });
}

/// Two handlers claim the same place: one gets it, or each in turn.
#[test]
fn loom_a_place_is_used_by_one_at_a_time() {
    loom::model(|| {
        let place = Arc::new(Place::new(0u32));
        let handlers = [(), ()].map(|()| {
            let place = place.clone();
            thread::spawn(move || place.try_use(|value| *value += 1).is_some())
        });
        let used = handlers.map(|handler| handler.join().unwrap()).into_iter().filter(|used| *used).count();
        assert!(used >= 1);
        assert_eq!(place.try_use(|value| *value), Some(used as u32));
    });
}

/// A table with one bucket.
fn live() -> Live {
    let byte = || -> &'static [AtomicU8] { Box::leak(Box::new([AtomicU8::new(0)])) };
    let words: Box<[AtomicU64]> = (0..BUCKET_WORDS).map(|_| AtomicU64::new(0)).collect();
    Live { filter: byte(), taken: byte(), words: Box::leak(words) }
}

fn block(stack: u32) -> Block {
    Block { size: u64::from(stack), mean: 1, stack, time: stack, objects: f64::from(stack) }
}

/// Two threads sample, free and sample again in one bucket. Each finds its own block unchanged, and
/// the bucket is empty in the end.
#[test]
fn loom_a_sampled_block_is_found_when_it_is_freed() {
    loom::model(|| {
        let live = live();
        let threads = [1u32, 2].map(|number| {
            thread::spawn(move || {
                for address in [u64::from(number) << 8, u64::from(number) << 16] {
                    assert!(live.insert(address, block(number)));
                    let taken = live.take(address).unwrap();
                    assert_eq!(taken.block, block(number));
                    live.forget(taken);
                }
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(live.taken[0].load(Ordering::Relaxed), 0);
        assert_eq!(live.filter[0].load(Ordering::Relaxed), 0);
        live.each(|block| panic!("{block:?} is left"));
    });
}

/// One thread allocates a block and another frees it, while a third uses the same bucket. The freeing thread
/// finds that the block is sampled. The address is reused before the block's entry is free.
#[test]
fn loom_a_block_freed_by_another_thread_is_not_missed() {
    loom::model(|| {
        let live = live();
        let handed: &'static AtomicU64 = Box::leak(Box::new(AtomicU64::new(0)));
        let other = thread::spawn(move || {
            assert!(live.insert(1 << 9, block(9)));
            live.forget(live.take(1 << 9).unwrap());
        });
        let frees = thread::spawn(move || {
            // Stands for any way in which a program passes blocks between threads.
            let address = handed.load(Ordering::Acquire);
            if address == 0 {
                return false;
            }
            assert_ne!(live.filter[0].load(Ordering::Relaxed), 0);
            let taken = live.take(address).unwrap();
            assert_eq!(taken.block, block(7));
            // The allocator reuses the address at once.
            assert!(live.insert(address, block(8)));
            live.forget(taken);
            true
        });
        let allocates = thread::spawn(move || {
            assert!(live.insert(1 << 8, block(7)));
            handed.store(1 << 8, Ordering::Release);
        });
        allocates.join().unwrap();
        let is_freed = frees.join().unwrap();
        other.join().unwrap();
        assert_eq!(live.take(1 << 8).unwrap().block, block(if is_freed { 8 } else { 7 }));
    });
}

/// Two new threads claim the slot of a thread that ended. One gets it with its counts; the other gets
/// another slot or shares one.
#[test]
fn loom_a_slot_has_one_owner() {
    loom::model(|| {
        let slots: &'static [Slot] = Box::leak(Box::new([Slot::new(), Slot::new()]));
        let owner = |thread| Owner { process: 1, thread };
        assert!(slots::claim(slots, owner(2), |_| true).unwrap().allocated.add(1, 5, 100));
        let threads = [4u32, 6].map(|tid| {
            thread::spawn(move || {
                let slot = slots::claim(slots, owner(tid), |other| other != 2).unwrap();
                assert!(slot.allocated.add(1, 10, 100));
                std::ptr::from_ref(slot) as usize
            })
        });
        let [first, second] = threads.map(|thread| thread.join().unwrap());
        assert_ne!(first, second);
        let sums = slots::sums(slots.iter(), None);
        assert_eq!((sums.allocations, sums.allocated_bytes), (3, 25));
    });
}

/// The agent reads a thread's counters while the thread resets its counter word twice, so the word that
/// is being read is written again.
#[test]
fn loom_counters_are_read_consistently() {
    loom::model(|| {
        let slot: &'static Slot = Box::leak(Box::new(Slot::new()));
        let counts = thread::spawn(move || {
            slot.allocated.add_to(&slot.allocated_before, 1, 10);
            assert!(slot.allocated.add(1, 10, 100));
            slot.allocated.add_to(&slot.allocated_before, 1, 10);
        });
        let reads = thread::spawn(move || {
            let [blocks, bytes] = slot.allocated.with(&slot.allocated_before);
            assert!(blocks <= 3);
            assert_eq!(bytes, 10 * blocks);
        });
        reads.join().unwrap();
        counts.join().unwrap();
        assert_eq!(slot.allocated.with(&slot.allocated_before), [3, 30]);
    });
}

/// A thread draws its threshold while the agent changes the rate (`set_threshold`, `set_rate`). Afterwards the
/// threshold belongs to the new rate, or is 0, which makes the thread draw again. The model uses fences, because loom
/// treats `SeqCst` accesses as `AcqRel`; sequentially consistent accesses order the same pairs
/// (C++20, [atomics.order] 4).
#[test]
fn loom_no_thread_keeps_the_former_rate() {
    loom::model(|| {
        let rate: &'static AtomicU32 = Box::leak(Box::new(AtomicU32::new(1)));
        let threshold: &'static AtomicU32 = Box::leak(Box::new(AtomicU32::new(0)));
        let draws = thread::spawn(move || {
            loop {
                let now = rate.load(Ordering::SeqCst);
                threshold.store(100 + now, Ordering::Relaxed);
                fence(Ordering::SeqCst);
                if rate.load(Ordering::SeqCst) == now {
                    break;
                }
            }
        });
        let sets = thread::spawn(move || {
            rate.store(2, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            threshold.store(0, Ordering::Relaxed);
        });
        sets.join().unwrap();
        draws.join().unwrap();
        assert!([0, 102].contains(&threshold.load(Ordering::SeqCst)));
    });
}
