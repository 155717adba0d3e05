//! The list of programs.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rgops_inspect::processes;

use super::names::Names;
use super::program::Program;

/// A list is used for this long.
const FRESH: Duration = Duration::from_secs(1);

/// Who asks while another looks waits this long for the new list, then has the last one.
const PATIENCE: Duration = Duration::from_secs(2);

/// The most programs in the list: those with the lowest pids.
pub const MAX_PROGRAMS: usize = 4096;

/// The programs of this host that have an agent. A clone is the same fleet.
#[derive(Debug, Clone, Default)]
pub struct Fleet(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    looked: Condvar,
    /// Held by who looks.
    names: Mutex<Names>,
}

#[derive(Debug, Default)]
struct State {
    listed: Option<Listed>,
    /// Whether somebody looks now.
    is_looking: bool,
}

#[derive(Debug, Clone)]
struct Listed {
    at: Instant,
    programs: Arc<[Program]>,
    left_out: usize,
}

/// Why no program is meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotFound {
    /// No program has this name or pid.
    #[error("no program with an agent has the name or pid {0}")]
    Nobody(String),
    /// Several have the name.
    #[error("{count} programs have the name {name}: use a pid")]
    Several {
        /// The name.
        name: String,
        /// How many.
        count: usize,
    },
}

impl Fleet {
    /// The programs, ascending by pid; at most [`MAX_PROGRAMS`]. Blocks while it looks for them.
    pub fn programs(&self) -> Arc<[Program]> {
        self.listed().programs
    }

    /// How many programs are not in the list, because there are too many.
    pub fn left_out(&self) -> usize {
        self.listed().left_out
    }

    /// The program with this pid or unique name.
    ///
    /// # Errors
    /// [`NotFound`].
    pub fn find(&self, name_or_pid: &str) -> Result<Program, NotFound> {
        let programs = self.programs();
        if let Some(found) = programs.iter().find(|program| program.id() == name_or_pid) {
            return Ok(found.clone());
        }
        let mut named = programs.iter().filter(|program| program.name == name_or_pid);
        match (named.next(), named.count()) {
            (Some(found), 0) => Ok(found.clone()),
            (Some(_), others) => Err(NotFound::Several { name: name_or_pid.to_owned(), count: others + 1 }),
            (None, _) => Err(NotFound::Nobody(name_or_pid.to_owned())),
        }
    }

    fn listed(&self) -> Listed {
        let Shared { looked, .. } = &*self.0;
        let mut state = self.state();
        let began = Instant::now();
        loop {
            match &state.listed {
                Some(listed) if listed.at.elapsed() < FRESH => return listed.clone(),
                // A process that hangs while it is read delays who looks, and nobody for longer than this.
                Some(listed) if state.is_looking && began.elapsed() >= PATIENCE => return listed.clone(),
                _ if !state.is_looking => break,
                _ => {
                    let waited = looked.wait_timeout(state, PATIENCE);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
        state.is_looking = true;
        drop(state);
        let looking = Looking(self);
        let listed = self.look();
        self.state().listed = Some(listed.clone());
        drop(looking);
        listed
    }

    fn look(&self) -> Listed {
        let found = processes::list().map(|listing| listing.processes).unwrap_or_default();
        let programs = found.into_iter().filter_map(|process| {
            let start_time = process.agent?.name.start_time;
            Some(Program { pid: process.pid, start_time, name: process.name })
        });
        let mut programs: Vec<Program> = programs.collect();
        let left_out = programs.len().saturating_sub(MAX_PROGRAMS);
        programs.truncate(MAX_PROGRAMS);
        self.0.names.lock().unwrap_or_else(PoisonError::into_inner).give(&mut programs);
        Listed { at: Instant::now(), programs: programs.into(), left_out }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody looks until this is dropped.
struct Looking<'f>(&'f Fleet);

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.state().is_looking = false;
        self.0.0.looked.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(programs: &[(u32, &str)]) -> Fleet {
        let programs =
            programs.iter().map(|(pid, name)| Program { pid: *pid, start_time: 1, name: (*name).to_owned() });
        let fleet = Fleet::default();
        let listed = Listed { at: Instant::now() + FRESH * 60, programs: programs.collect(), left_out: 0 };
        fleet.state().listed = Some(listed);
        fleet
    }

    #[test]
    fn a_pid_goes_before_a_name_and_a_name_must_be_unique() {
        let fleet = fleet(&[(7, "shop"), (8, "7"), (9, "pool"), (10, "pool")]);
        let pid = |text| fleet.find(text).map(|program| program.pid);
        assert_eq!((pid("7"), pid("shop"), pid("10")), (Ok(7), Ok(7), Ok(10)));
        assert_eq!(pid("pool"), Err(NotFound::Several { name: "pool".to_owned(), count: 2 }));
        for nobody in ["", "07", " 7", "sho", "shop\n"] {
            assert_eq!(pid(nobody), Err(NotFound::Nobody(nobody.to_owned())));
        }
    }

    #[test]
    fn who_asks_while_another_looks_has_the_last_list_or_the_new_one() {
        let fleet = fleet(&[(7, "shop")]);
        if let Some(listed) = fleet.state().listed.as_mut() {
            listed.at = Instant::now();
        }
        std::thread::sleep(FRESH);
        fleet.state().is_looking = true;
        let other = fleet.clone();
        let waiting = std::thread::spawn(move || other.programs().len());
        assert_eq!(waiting.join().ok(), Some(1), "the last list, after some patience");
        drop(Looking(&fleet));
        assert!(!fleet.state().is_looking);
    }
}
