//! The lock-free parts in every order their steps can take (loom, which explores the C11 memory model):
//! `RUSTFLAGS="--cfg rgops_loom" LOOM_MAX_PREEMPTIONS=3 cargo test -p rgops-agent --lib --release loom`.
#![expect(clippy::unwrap_used, reason = "tests")]

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use rgops_protocol::reply::StackEnd;

use super::grace::Guarded;
use super::place::Place;
use super::ring::{Record, Ring};
use super::sync::{AtomicPtr, Ordering};

fn record(tid: u32) -> Record {
    Record { tid, weight: 1, time_ns: u64::from(tid), end: StackEnd::Root }
}

/// Two handlers write while the agent reads; a third record finds no room until it did.
#[test]
fn loom_the_ring_loses_nothing_it_took_and_mixes_nothing_up() {
    loom::model(|| {
        let ring = Arc::new(Ring::with_words(16).unwrap());
        let writers = [1u32, 2].map(|tid| {
            let ring = ring.clone();
            thread::spawn(move || ring.push(record(tid), &[u64::from(tid); 3]))
        });
        let mut taken = Vec::new();
        ring.drain(|record, frames| taken.push((record, frames)));
        let accepted = writers.map(|writer| writer.join().unwrap()).into_iter().filter(|is| *is).count();
        ring.drain(|record, frames| taken.push((record, frames)));
        assert_eq!(taken.len(), accepted);
        assert_eq!(accepted, 2, "there is room for both");
        for (found, frames) in taken {
            assert_eq!((found, &*frames), (record(found.tid), [u64::from(found.tid); 3].as_slice()));
        }
    });
}

/// The ring goes round: words are written again as soon as the reader gave them back.
#[test]
fn loom_words_are_reused_only_when_they_were_read() {
    loom::model(|| {
        // Room for one record of six words at a time.
        let ring = Arc::new(Ring::with_words(8).unwrap());
        assert!(ring.push(record(1), &[1; 2]));
        let writer = {
            let ring = ring.clone();
            thread::spawn(move || ring.push(record(2), &[2; 2]))
        };
        let mut taken = Vec::new();
        ring.drain(|record, frames| taken.push((record.tid, frames)));
        let accepted = writer.join().unwrap();
        ring.drain(|record, frames| taken.push((record.tid, frames)));
        let expected = if accepted { vec![(1, vec![1; 2]), (2, vec![2; 2])] } else { vec![(1, vec![1; 2])] };
        assert_eq!(taken, expected);
    });
}

/// A value that must not be looked at once it was freed: loom fails the model if it is.
struct Session {
    alive: UnsafeCell<bool>,
    modules: AtomicPtr<UnsafeCell<bool>>,
}

fn look_at(session: &Session) {
    // SAFETY: loom checks that nobody writes meanwhile.
    assert!(session.alive.with(|alive| unsafe { *alive }));
    // SAFETY: the pointer is never null, and what it points at is leaked, not freed, in this model.
    let modules = unsafe { &*session.modules.load(Ordering::SeqCst) };
    // SAFETY: as above.
    assert!(modules.with(|alive| unsafe { *alive }));
}

/// Stands for freeing: writes, which conflicts with every look that is not ordered before.
fn free(alive: &UnsafeCell<bool>) {
    // SAFETY: loom checks that nobody looks meanwhile.
    alive.with_mut(|alive| unsafe { *alive = false });
}

/// Handlers come at any time; module lists are swapped and the session taken away; nothing is freed
/// under a handler.
#[test]
fn loom_nothing_is_freed_while_a_handler_looks() {
    loom::model(|| {
        let guarded: Arc<Guarded<Session>> = Arc::new(Guarded::new());
        let list = || Box::leak(Box::new(UnsafeCell::new(true)));
        let (first, second) = (list(), list());
        let session: &Session =
            Box::leak(Box::new(Session { alive: UnsafeCell::new(true), modules: AtomicPtr::new(first) }));
        // SAFETY: it is leaked.
        unsafe { guarded.replace(std::ptr::from_ref(session).cast_mut()) };
        let handlers = [(), ()].map(|()| {
            let guarded = guarded.clone();
            thread::spawn(move || guarded.look(|session| session.map(look_at)).is_some())
        });
        // A new list; the former is freed if nobody looks now, else with the session.
        let former = session.modules.swap(second, Ordering::SeqCst);
        let is_freed = guarded.is_quiet();
        if is_freed {
            // SAFETY: it is leaked.
            free(unsafe { &*former });
        }
        // SAFETY: nothing to keep.
        unsafe { guarded.replace(std::ptr::null_mut()) };
        if guarded.is_quiet() {
            free(&session.alive);
            if !is_freed {
                // SAFETY: as above.
                free(unsafe { &*former });
            }
        }
        for handler in handlers {
            handler.join().unwrap();
        }
        assert!(guarded.is_quiet());
    });
}

/// Two handlers want the same place: one gets it, or each in turn.
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
