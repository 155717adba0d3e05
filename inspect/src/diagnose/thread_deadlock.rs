//! Rings of threads that wait for each other's locks: all of them slept in the lock for the whole window.
//!
//! Only a mutex of the C library says who holds it. Who holds a lock of std is told from the addresses on the stacks, so
//! such a ring is probable; and a thread that has no more than a reference to a lock may stand for one that is not seen.

use super::finding::{Concerned, Finding, Kind};
use super::places::place;
use super::seen::{Seen, SeenThread};
use super::stuck_worker::{LEAST_NS, did_not_run, rounded, span_ns};
use crate::locks::{Holder, LockWait, ThreadRing, possible_rings};
use crate::text::duration;

/// The rings of threads that did not run at all between the first dump and the last.
pub(super) fn stuck_rings(seen: &Seen) -> Vec<ThreadRing> {
    let Some(dumps) = seen.dumps.value() else { return Vec::new() };
    let [first, .., last] = dumps.as_slice() else { return Vec::new() };
    if span_ns(dumps) < LEAST_NS {
        return Vec::new();
    }
    let of = |threads: &'_ [SeenThread], tid: u32| threads.iter().position(|thread| thread.tid == tid);
    let is_stuck = |tid: &u32| match (of(&first.threads, *tid), of(&last.threads, *tid)) {
        (Some(earlier), Some(later)) => did_not_run(&first.threads[earlier], &last.threads[later]),
        _ => false,
    };
    let mut found = possible_rings(&seen.locks);
    // One of the others that runs is slow, and may hold the lock meanwhile.
    found.retain(|ring| ring.threads.iter().chain(&ring.others).all(is_stuck));
    found
}

/// A finding for each of them.
pub(super) fn findings(seen: &Seen) -> Vec<Finding> {
    stuck_rings(seen).iter().map(|ring| finding(seen, ring)).collect()
}

fn finding(seen: &Seen, ring: &ThreadRing) -> Finding {
    let probably = if ring.is_certain { "" } else { ", probably" };
    let what = match ring.threads.len() {
        1 => "1 thread waits for a lock that it holds itself".to_owned(),
        count => format!("{count} threads wait for each other's locks{probably}"),
    };
    let dumps = seen.dumps.value().map_or(&[][..], Vec::as_slice);
    let evidence = vec![
        format!("none of them ran for at least {}", duration(rounded(span_ns(dumps)))),
        match ring.is_certain {
            true => "each lock says who holds it".to_owned(),
            false if ring.others.is_empty() => {
                "each lock is referred to by the next thread, and by no other that does not wait for it"
                    .to_owned()
            }
            false => "each lock is referred to by the next thread".to_owned(),
        },
    ];
    let concerned = ring.threads.iter().map(|tid| concerned(seen, *tid));
    let finding = Finding::new(Kind::Deadlock, what, evidence)
        .concerning(concerned)
        .more("stack PID", "the whole stacks");
    match ring.is_certain {
        true => finding,
        false if ring.others.is_empty() => finding
            .but("these locks do not say who holds them: a thread that is not seen may hold one of these"),
        false => finding.but(format!(
            "these locks do not say who holds them: {} {} to one of these, too, and may hold it",
            threads_text(&ring.others),
            if ring.others.len() == 1 { "refers" } else { "refer" }
        )),
    }
}

/// `thread 41`, `threads 41, 42`.
fn threads_text(tids: &[u32]) -> String {
    let all: Vec<String> = tids.iter().map(u32::to_string).collect();
    format!("{} {}", if tids.len() == 1 { "thread" } else { "threads" }, all.join(", "))
}

fn concerned(seen: &Seen, tid: u32) -> Concerned {
    let wait = seen.locks.iter().find(|wait| wait.threads.contains(&tid));
    let does = wait.map_or_else(|| "waits for a lock".to_owned(), waits_for);
    match thread(seen, tid) {
        Some(thread) => Concerned { does, place: place(&thread.frames), ..Concerned::thread(thread) },
        None => Concerned { who: format!("thread {tid}"), does, threads: vec![tid], ..Concerned::default() },
    }
}

/// A thread of the last dump.
pub(super) fn thread(seen: &Seen, tid: u32) -> Option<&SeenThread> {
    seen.dumps.value()?.last()?.threads.iter().find(|thread| thread.tid == tid)
}

/// `waits for Mutex 0x55…, probably held by thread 41`.
fn waits_for(wait: &LockWait) -> String {
    let lock = wait.lock();
    match &wait.holder {
        Some(Holder::Owner(tid)) => format!("waits for {lock}, held by thread {tid}"),
        Some(Holder::Likely(tid)) => format!("waits for {lock}, probably held by thread {tid}"),
        _ => format!("waits for {lock}"),
    }
}
