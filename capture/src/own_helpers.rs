//! The ids of the agent's latest short-lived threads: one that ended during a dump is not a thread of the program.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// More helpers than one dump starts. An old id may be that of a new thread of the program, so few are kept.
const KEPT: usize = 8;

static LATEST: [AtomicU32; KEPT] = [const { AtomicU32::new(0) }; KEPT];
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// Notes that the calling thread is one.
pub(crate) fn note_this_thread() {
    if let Ok(tid) = crate::procfs::threads::own_id() {
        LATEST[NEXT.fetch_add(1, Ordering::Relaxed) % KEPT].store(tid, Ordering::Release);
    }
}

/// Whether the thread was one.
pub(crate) fn is_one(tid: u32) -> bool {
    tid != 0 && LATEST.iter().any(|latest| latest.load(Ordering::Acquire) == tid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_is_known_after_its_end() {
        let (sender, receiver) = std::sync::mpsc::channel();
        crate::program_threads::start(
            "rgops-test",
            128 * 1024,
            Box::new(move |_| drop(sender.send(crate::procfs::threads::own_id()))),
        );
        let helper = receiver.recv().expect("it answers").expect("it has an id");
        assert!(is_one(helper));
        assert!(!is_one(0) && !is_one(std::process::id()));
    }
}
