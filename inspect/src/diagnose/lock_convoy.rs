//! Threads that wait for locks all the time: they slept in the slow path of a lock for the whole window, and did not run
//! at all in between.
//!
//! A lock that is taken for a moment is not that, however often threads meet there. Neither are threads that wait on a
//! Condvar or a channel, nor a pool of threads whose queue is a channel behind a Mutex: there, one thread waits for
//! work with the lock, on the line where the others wait for the lock.

use std::collections::BTreeMap;

use rgops_protocol::reply::Known;

use super::finding::{Concerned, Finding, Gap, Kind, Place};
use super::look::Look;
use super::places::place;
use super::seen::{Seen, SeenThread};
use super::stuck_worker::{LEAST_NS, did_not_run, rounded, span_ns};
use super::thread_deadlock::{stuck_rings, thread};
use crate::locks::{Holder, LockKind, LockWait};
use crate::report::stack::Activity;
use crate::symbols::{Frame, own_frame};
use crate::text::{counted, duration};

/// Where a thread waits for something else than a lock, which may take a lock in passing.
const OTHER_WAITS: [&str; 4] = ["Condvar", "condvar", "mpsc", "mpmc"];

pub(super) fn look(seen: &Seen) -> Look {
    let dumps = match &seen.dumps {
        Known::Value(dumps) => dumps,
        Known::Unavailable(why) => return Look { gaps: vec![Gap::new("threads", why)], ..Look::default() },
    };
    let [first, .., last] = dumps.as_slice() else { return Look::default() };
    let at = counted(last.threads.len() as u64, "thread");
    let span_ns = span_ns(dumps);
    let before: BTreeMap<u32, &SeenThread> =
        first.threads.iter().map(|thread| (thread.tid, thread)).collect();
    let mut places: BTreeMap<Option<Place>, Vec<&SeenThread>> = BTreeMap::new();
    let in_rings: Vec<u32> = stuck_rings(seen).into_iter().flat_map(|ring| ring.threads).collect();
    let is_told = |thread: &&SeenThread| in_rings.contains(&thread.tid);
    for thread in last.threads.iter().filter(|thread| waits_for_a_lock(thread) && !is_told(thread)) {
        if before.get(&thread.tid).is_some_and(|earlier| did_not_run(earlier, thread)) {
            places.entry(place(&thread.frames)).or_default().push(thread);
        }
    }
    places.retain(|place, _| !last.threads.iter().any(|thread| waits_for_work_there(thread, place.as_ref())));
    let waiting: usize = places.values().map(Vec::len).sum();
    if waiting < 2 || span_ns < LEAST_NS {
        return Look { at, ..Look::default() };
    }
    let mut places: Vec<(Option<Place>, Vec<&SeenThread>)> = places.into_iter().collect();
    places.sort_by_key(|(_, threads)| std::cmp::Reverse(threads.len()));
    let what =
        format!("{waiting} threads have been waiting for locks for at least {}", duration(rounded(span_ns)));
    let evidence =
        vec![format!("none of them used any CPU between {}", counted(dumps.len() as u64, "stack dump"))];
    let waiters: Vec<u32> = places.iter().flat_map(|(_, threads)| threads).map(|thread| thread.tid).collect();
    let holders = holders(seen, &waiters);
    let caution = match holders.is_empty() {
        true => {
            "who holds the locks is not told here: a thread that is slow, or these threads each other (a deadlock)"
        }
        false if holders.iter().all(|one| one.does.starts_with("holds")) => "",
        false => "these locks do not say who holds them: the holder is the thread that refers to the lock",
    };
    let finding = Finding::new(Kind::LockConvoy, what, evidence)
        .concerning(places.iter().map(|(place, threads)| concerned(place.clone(), threads)).chain(holders))
        .but(caution)
        .more("stack PID", "the whole stacks, also of a thread that may hold the lock");
    Look { findings: vec![finding], at, gaps: Vec::new() }
}

/// The threads that hold the locks of these waiters, as far as they are known.
fn holders(seen: &Seen, waiters: &[u32]) -> Vec<Concerned> {
    let waited = seen.locks.iter().filter(|wait| wait.threads.iter().any(|tid| waiters.contains(tid)));
    let holder = |wait: &LockWait| {
        let (tid, word) = match wait.holder.as_ref()? {
            Holder::Owner(tid) => (tid, "holds"),
            Holder::Likely(tid) => (tid, "probably holds"),
            _ => return None,
        };
        let thread = Concerned::thread(thread(seen, *tid)?);
        let does = format!("{word} the {}; {}", wait.lock(), thread.does);
        Some(Concerned { does, ..thread })
    };
    waited.filter_map(holder).collect()
}

fn waits_for_a_lock(thread: &SeenThread) -> bool {
    thread.activity == Activity::Blocked && thread.state.contains("futex") && is_at_a_lock(&thread.frames)
}

/// Whether the stack leads to a lock, and not to something that took the lock in passing.
fn is_at_a_lock(frames: &[Frame]) -> bool {
    let is_lock = LockKind::of(frames).is_some_and(|kind| kind != LockKind::Condvar);
    is_lock && !frames[..outside_own(frames)].iter().any(|frame| is_in(frame, &OTHER_WAITS))
}

/// Number of frames inside the innermost one of the program's own code.
fn outside_own(frames: &[Frame]) -> usize {
    let own = own_frame(frames);
    own.and_then(|own| frames.iter().position(|frame| std::ptr::eq(frame, own))).unwrap_or(frames.len())
}

fn is_in(frame: &Frame, parts: &[&str]) -> bool {
    frame.function.as_deref().is_some_and(|name| parts.iter().any(|part| name.contains(part)))
}

/// Whether a thread waits for work on the line.
fn waits_for_work_there(thread: &SeenThread, of: Option<&Place>) -> bool {
    let inner = &thread.frames[..outside_own(&thread.frames)];
    thread.activity == Activity::Blocked
        && !is_at_a_lock(&thread.frames)
        && inner.iter().any(|frame| is_in(frame, &OTHER_WAITS) || is_in(frame, &["recv", "accept", "park"]))
        && place(&thread.frames).as_ref().map(|place| &place.function) == of.map(|place| &place.function)
}

fn concerned(place: Option<Place>, threads: &[&SeenThread]) -> Concerned {
    let who = match threads {
        [one] => format!("thread {} {}", one.tid, one.name),
        many => format!("{} {}", counted(many.len() as u64, "thread"), many[0].name),
    };
    Concerned {
        who,
        does: "waiting for a lock, no progress in the whole window".to_owned(),
        threads: threads.iter().take(Finding::SHOWN).map(|thread| thread.tid).collect(),
        tasks: threads.iter().filter_map(|thread| thread.task).take(Finding::SHOWN).collect(),
        place,
    }
}
