//! The locks that threads wait for, as lines of the summary: rings of threads first.

use std::fmt::Write as _;

use super::report::StackReport;
use super::thread::Thread;
use crate::locks::{Holder, LockKind, LockPlace, LockWait, ThreadRing, rings};
use crate::report::screen::Screen;
use crate::symbols::{own_frame, shown_path, without_closures};
use crate::text::{counted, escape, shown_name};

/// Maximum locks, rings and threads of a ring in the summary.
const SHOWN_LOCKS: usize = 10;

// Below, `let _ = write!`: a note at the end states what is not written.

impl StackReport {
    /// `7 threads wait for Mutex 0x55… in shop::reserve (src/x.rs:10); probably held by thread 41 (sleep) in …`.
    pub(super) fn locks(&self, text: &mut Screen) {
        // One thread at a condition variable is a queue without work, more often than not.
        let is_shown = |wait: &LockWait| wait.kind != LockKind::Condvar || wait.threads.len() > 1;
        let waits: Vec<LockWait> = self.lock_waits().into_iter().filter(is_shown).collect();
        let rings = rings(&waits);
        for ring in rings.iter().take(SHOWN_LOCKS) {
            self.ring(text, ring, &waits);
        }
        // The locks of a ring are in its lines, unless others wait for them, too.
        let is_told = |wait: &LockWait| {
            wait.threads.len() == 1 && rings.iter().any(|ring| ring.threads.contains(&wait.threads[0]))
        };
        let others: Vec<&LockWait> = waits.iter().filter(|wait| !is_told(wait)).collect();
        for wait in others.iter().take(SHOWN_LOCKS) {
            let count = wait.threads.len();
            let verb = if count == 1 { "waits" } else { "wait" };
            let _ = write!(text, "{} {verb} for {}", counted(count as u64, "thread"), wait.lock());
            if let Some(place) = wait.places.first() {
                let _ = write!(text, " in {}", place_text(place));
            }
            if wait.places.len() > 1 {
                let _ = write!(text, " and {}", counted(wait.places.len() as u64 - 1, "other place"));
            }
            match &wait.holder {
                Some(Holder::Unknown(why)) => {
                    let _ = write!(text, "; holder unknown: {}", escape(why));
                }
                Some(holder) => {
                    let _ = write!(text, "; {}", self.holder(holder));
                }
                None => {}
            }
            text.push('\n');
        }
        if others.len() > SHOWN_LOCKS {
            let _ =
                writeln!(text, "{} more with waiters", counted((others.len() - SHOWN_LOCKS) as u64, "lock"));
        }
        if !self.holders.missing.is_empty() {
            let _ = writeln!(text, "holders of locks: unavailable ({})", escape(&self.holders.missing));
        }
        if let Some(left) = &self.holders.not_searched {
            let _ = writeln!(
                text,
                "holders of locks: {} and {} were not searched: too many",
                counted(left.threads as u64, "thread"),
                counted(left.locks as u64, "lock")
            );
        }
    }

    fn ring(&self, text: &mut Screen, ring: &ThreadRing, waits: &[LockWait]) {
        let probably = if ring.is_certain { "" } else { "probable " };
        let _ = match ring.threads.len() {
            1 => writeln!(text, "{probably}deadlock: a thread waits for a lock that it holds itself"),
            count => writeln!(text, "{probably}deadlock: {count} threads wait for each other"),
        };
        for tid in ring.threads.iter().take(SHOWN_LOCKS) {
            let Some(wait) = waits.iter().find(|wait| wait.threads.contains(tid)) else { continue };
            let _ = write!(text, "  {} waits for {}", self.who(*tid), wait.lock());
            if let Some(place) = self.place(*tid) {
                let _ = write!(text, " in {place}");
            }
            if let Some(holder) = &wait.holder {
                let word = if matches!(holder, Holder::Owner(_)) { "" } else { "probably " };
                let tids = holder.threads().iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
                let _ = write!(text, ", {word}held by thread {tids}");
            }
            text.push('\n');
        }
        if ring.threads.len() > SHOWN_LOCKS {
            let _ = writeln!(text, "  and {} more", ring.threads.len() - SHOWN_LOCKS);
        }
    }

    fn holder(&self, holder: &Holder) -> String {
        let tids = holder.threads();
        let each = |tid: &u32| match self.place(*tid) {
            Some(place) => format!("{} in {place}", self.who_and_state(*tid)),
            None => self.who_and_state(*tid),
        };
        match (holder, tids.as_slice()) {
            (Holder::Owner(_), [one]) => format!("held by {}", each(one)),
            (Holder::Likely(_), [one]) => format!("probably held by {}", each(one)),
            (_, [one]) => format!("may be held by {}", each(one)),
            (_, many) => {
                let many: Vec<String> = many.iter().map(|tid| self.who_and_state(*tid)).collect();
                format!("may be held by one of: {}", many.join(", "))
            }
        }
    }

    fn of(&self, tid: u32) -> Option<&Thread> {
        self.threads.iter().find(|thread| thread.tid == tid)
    }

    /// `thread 41 worker-3`.
    fn who(&self, tid: u32) -> String {
        match self.of(tid) {
            Some(thread) => format!("thread {tid} {}", escape(&thread.name)),
            None => format!("thread {tid}"),
        }
    }

    /// `thread 41 worker-3 (sleep)`.
    fn who_and_state(&self, tid: u32) -> String {
        match self.of(tid) {
            Some(thread) => format!("{} ({})", self.who(tid), escape(&thread.state)),
            None => self.who(tid),
        }
    }

    fn place(&self, tid: u32) -> Option<String> {
        let frame = own_frame(&self.of(tid)?.frames)?;
        let (file, line, threads) = (frame.file.clone(), frame.line, 1);
        let function = without_closures(&frame.name()).to_owned();
        Some(place_text(&LockPlace { function, file, line, threads }))
    }
}

/// `shop::reserve (src/x.rs:10)`.
fn place_text(place: &LockPlace) -> String {
    let function = shown_name(&place.function);
    match (&place.file, place.line) {
        (Some(file), Some(line)) => format!("{function} ({}:{line})", escape(shown_path(file))),
        _ => function,
    }
}
