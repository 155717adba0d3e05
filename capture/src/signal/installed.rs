//! Installs the capture handler over any disposition, and restores that disposition afterwards.

use std::io;
use std::sync::atomic::Ordering;

use super::disposition::{default_disposition, exchange, is_same, set_of};
use super::handler::ENTRIES;
use super::handler::Entry;
use crate::EngineError;
use crate::signal_info::use_alternate_stacks;
use crate::signal_number::{self, Number};

/// Our installed handler; `former` is the disposition to restore.
pub(crate) struct Installed {
    number: Number,
    former: libc::sigaction,
    entry: &'static Entry,
}

impl Installed {
    pub(crate) fn install(number: Number) -> Result<Installed, EngineError> {
        for _ in 0..ATTEMPTS {
            let current = exchange(number, None).map_err(EngineError::Handler)?;
            if let Some(installed) = Installed::install_over(number, &current)? {
                return Ok(installed);
            }
        }
        Err(EngineError::Handler(io::Error::other("others install handlers all the time")))
    }

    /// Installs our handler if `current` is still in place; otherwise leaves the new disposition and returns `None`.
    pub(super) fn install_over(
        number: Number,
        current: &libc::sigaction,
    ) -> Result<Option<Installed>, EngineError> {
        let is_current =
            |entry: &&Entry| entry.is(current) && entry.number.load(Ordering::SeqCst) == number.get();
        let existing = ENTRIES.iter().find(is_current);
        let (entry, former, may_be_known) = match existing {
            // Left over from an earlier capture, when a foreign handler was above it. That one is gone now.
            Some(entry) => (entry, entry.saved_former(), true),
            None => {
                let entry = Entry::free_for(current).ok_or_else(|| {
                    EngineError::Handler(io::Error::other("others were installed over it too often"))
                })?;
                let may_be_known = entry.was_installed();
                entry.save_former(number, current);
                (entry, *current, may_be_known)
            }
        };
        let mut ours = default_disposition();
        ours.sa_sigaction = entry.handler as usize;
        // SA_RESTART makes the signal as transparent as possible. SA_ONSTACK: a coroutine's stack may have no room
        // for the frame that the kernel writes (3.3 KiB with AVX-512). A thread with an alternate
        // stack, as every std thread has, gets the frame there, within bounds the kernel knows.
        // If the program has a handler without that flag, we do not set it either: our handler calls it, it may
        // need a whole thread stack, and std's alternate stack has 8 KiB. The program's own signals write frames
        // to every stack anyway.
        let has_handler = ![libc::SIG_DFL, libc::SIG_IGN].contains(&former.sa_sigaction);
        let on_stack = if has_handler { former.sa_flags & libc::SA_ONSTACK } else { libc::SA_ONSTACK };
        ours.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | on_stack;
        use_alternate_stacks(on_stack != 0);
        // No other handler may run on top of ours: it needs stack, ours is small (`scratch_stacks`), and it may
        // leave by longjmp and never return.
        // Synchronous signals stay unblocked: a blocked one would terminate the program.
        ours.sa_mask = set_of(signal_number::ALL_BUT_SYNCHRONOUS);
        let replaced = exchange(number, Some(&ours)).map_err(EngineError::Handler)?;
        if is_same(&replaced, current) {
            return Ok(Some(Installed { number, former, entry }));
        }
        // The program installed this since `current` was read. It may be our own handler again, or a handler that
        // calls ours if ours was in place before. So our handler must never pass signals on to it.
        match existing {
            Some(_) => entry.is_overridden.store(true, Ordering::SeqCst),
            None if may_be_known => {}
            None => entry.save_former(number, &replaced),
        }
        if put_back(number, &ours, replaced) {
            // It is above our handler, and may call it.
            entry.is_overridden.store(true, Ordering::SeqCst);
        }
        Ok(None)
    }

    /// Whether our handler is the current one.
    pub(crate) fn is_current(&self) -> bool {
        exchange(self.number, None).is_ok_and(|current| self.entry.is(&current))
    }

    /// Restores the former disposition. Returns `false` when another handler was installed over ours in the meantime:
    /// it stays, and may still call our handler, which then only passes signals on.
    pub(crate) fn restore(self) -> bool {
        if !self.is_current() {
            self.entry.is_overridden.store(true, Ordering::SeqCst);
            return false;
        }
        // Setting SIG_IGN discards all pending instances, in every thread (POSIX.1-2017,
        // 2.4.3). Without it, a late signal of ours could meet SIG_DFL and terminate the program.
        let mut ignore = default_disposition();
        ignore.sa_sigaction = libc::SIG_IGN;
        // Neither call fails with a valid signal and valid pointers.
        match exchange(self.number, Some(&ignore)) {
            // Installed over ours since the check above.
            Ok(theirs) if !self.entry.is(&theirs) => {
                self.entry.is_overridden.store(true, Ordering::SeqCst);
                put_back(self.number, &ignore, theirs);
                false
            }
            _ => {
                self.entry.is_overridden.store(false, Ordering::SeqCst);
                put_back(self.number, &ignore, self.former);
                true
            }
        }
    }
}

/// How often an installation is retried when the program installs handlers at the same time.
const ATTEMPTS: u32 = 100;

/// Replaces `placed`, which we installed, by `back`. If the program replaced `placed` in the meantime, its own
/// disposition stays, and this returns `true`.
pub(super) fn put_back(number: Number, placed: &libc::sigaction, back: libc::sigaction) -> bool {
    let (mut placed, mut next) = (*placed, back);
    for attempt in 0..ATTEMPTS {
        match exchange(number, Some(&next)) {
            // The current disposition is the program's, which the exchange replaced; put it back.
            Ok(theirs) if theirs.sa_sigaction != placed.sa_sigaction => {
                (placed, next) = (next, theirs);
            }
            _ => return attempt > 0,
        }
    }
    true
}
