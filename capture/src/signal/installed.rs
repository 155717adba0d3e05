//! The handler is installed over whatever was there, and that is put back.

use std::io;
use std::sync::atomic::Ordering;

use super::disposition::{default_disposition, exchange, is_same, set_of};
use super::handler::ENTRIES;
use super::handler::Entry;
use crate::EngineError;
use crate::signal_info::use_alternate_stacks;
use crate::signal_number::{self, Number};

/// Our handler is installed; `former` is what to put back.
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

    /// Installs ours if `current` is still there; `None` when something else is, which then stays.
    pub(super) fn install_over(
        number: Number,
        current: &libc::sigaction,
    ) -> Result<Option<Installed>, EngineError> {
        let is_there =
            |entry: &&Entry| entry.is(current) && entry.number.load(Ordering::SeqCst) == number.get();
        let left_behind = ENTRIES.iter().find(is_there);
        let (entry, former, may_be_known) = match left_behind {
            // Left behind under a foreign handler that has gone since.
            Some(entry) => (entry, entry.remembered(), true),
            None => {
                let entry = Entry::free_for(current).ok_or_else(|| {
                    EngineError::Handler(io::Error::other("others were installed over it too often"))
                })?;
                let may_be_known = entry.was_installed();
                entry.remember(number, current);
                (entry, *current, may_be_known)
            }
        };
        let mut ours = default_disposition();
        ours.sa_sigaction = entry.handler as usize;
        // SA_RESTART: as transparent as a signal can be. SA_ONSTACK: a coroutine's stack may have no room
        // for the frame the kernel itself writes (3.3 KiB with AVX-512). A thread that has an alternate
        // stack, as all of std's have, gets it there, where the kernel knows the bounds; ours adds nothing.
        // But where the program has a handler of its own without that flag: it is called from ours, may need
        // all the room of a thread's stack, and std's alternate one has 8 KiB. Its signals put frames on every
        // stack anyway.
        let has_handler = ![libc::SIG_DFL, libc::SIG_IGN].contains(&former.sa_sigaction);
        let on_stack = if has_handler { former.sa_flags & libc::SA_ONSTACK } else { libc::SA_ONSTACK };
        ours.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | on_stack;
        use_alternate_stacks(on_stack != 0);
        // Nothing may run on top of ours: it needs stack, of which ours has little (`scratch_stacks`), and may
        // leave by longjmp and never return.
        // Signals of the instruction itself stay: blocked, they would end the program.
        ours.sa_mask = set_of(signal_number::ALL_BUT_SYNCHRONOUS);
        let replaced = exchange(number, Some(&ours)).map_err(EngineError::Handler)?;
        if is_same(&replaced, current) {
            return Ok(Some(Installed { number, former, entry }));
        }
        // The program installed this since it was asked for. It may be ours again, or call ours, if that was there
        // before: then ours must never pass on to it.
        match left_behind {
            Some(_) => entry.is_buried.store(true, Ordering::SeqCst),
            None if may_be_known => {}
            None => entry.remember(number, &replaced),
        }
        if put_back(number, &ours, replaced) {
            // Over ours, which it may call.
            entry.is_buried.store(true, Ordering::SeqCst);
        }
        Ok(None)
    }

    /// Whether ours is the handler the signal goes to now.
    pub(crate) fn is_current(&self) -> bool {
        exchange(self.number, None).is_ok_and(|current| self.entry.is(&current))
    }

    /// Puts the former disposition back. `false` when a handler was installed over ours meanwhile:
    /// it stays, and may go on calling ours, which then only passes on.
    pub(crate) fn give_back(self) -> bool {
        if !self.is_current() {
            self.entry.is_buried.store(true, Ordering::SeqCst);
            return false;
        }
        // Setting SIG_IGN discards all of it that is pending, in every thread (POSIX.1-2017,
        // 2.4.3). Without it a late one of ours could meet SIG_DFL and end the program.
        let mut ignore = default_disposition();
        ignore.sa_sigaction = libc::SIG_IGN;
        // Neither call fails with a valid signal and valid pointers.
        match exchange(self.number, Some(&ignore)) {
            // Installed over ours since we looked.
            Ok(theirs) if !self.entry.is(&theirs) => {
                self.entry.is_buried.store(true, Ordering::SeqCst);
                put_back(self.number, &ignore, theirs);
                false
            }
            _ => {
                self.entry.is_buried.store(false, Ordering::SeqCst);
                put_back(self.number, &ignore, self.former);
                true
            }
        }
    }
}

/// So often it is looked whether the program installs something at the same time.
const ATTEMPTS: u32 = 100;

/// Installs `back` in the place of `placed`, which we installed. When the program replaced that meanwhile, its own
/// stays: then this is `true`.
pub(super) fn put_back(number: Number, placed: &libc::sigaction, back: libc::sigaction) -> bool {
    let (mut placed, mut next) = (*placed, back);
    for attempt in 0..ATTEMPTS {
        match exchange(number, Some(&next)) {
            // What is there is the program's, and was taken away for a moment.
            Ok(theirs) if theirs.sa_sigaction != placed.sa_sigaction => {
                (placed, next) = (next, theirs);
            }
            _ => return attempt > 0,
        }
    }
    true
}
