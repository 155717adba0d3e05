//! The names that programs gave to their agents. Each program is asked once.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rgops_inspect::session::SessionOptions;

use super::program::Program;

/// Programs that are asked at a time.
const ASKED_AT_A_TIME: usize = 8;
/// The time for an agent to say its name, and for all that are asked in one look. Others are asked at the next.
const TIMEOUT: Duration = Duration::from_millis(500);
/// When a program that did not answer is asked again.
const AGAIN: Duration = Duration::from_secs(10);

/// Pid and start time.
type Key = (u32, u64);

/// The names that are known.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<Key, Named>);

#[derive(Debug, Clone)]
enum Named {
    As(String),
    /// It did not answer then.
    Silent(Instant),
}

impl Names {
    /// Gives programs the names that they gave themselves, and forgets those of programs that are not there any more. One
    /// that does not say its name keeps that which the kernel has.
    pub(super) fn give(&mut self, programs: &mut [Program]) {
        let there: HashSet<Key> = programs.iter().map(key).collect();
        self.0.retain(|key, _| there.contains(key));
        let is_unknown = |program: &&Program| match self.0.get(&key(program)) {
            None => true,
            Some(Named::As(_)) => false,
            Some(Named::Silent(since)) => since.elapsed() > AGAIN,
        };
        let unknown: Vec<&Program> = programs.iter().filter(is_unknown).collect();
        let told = ask(&unknown);
        self.0.extend(told);
        for program in programs {
            if let Some(Named::As(name)) = self.0.get(&key(program)) {
                program.name.clone_from(name);
            }
        }
    }
}

fn key(program: &Program) -> Key {
    (program.pid, program.start_time)
}

/// Asks a few at a time, until the time is over.
fn ask(programs: &[&Program]) -> Vec<(Key, Named)> {
    let (next, told) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..ASKED_AT_A_TIME.min(programs.len()) {
            scope.spawn(|| {
                while began.elapsed() < TIMEOUT
                    && let Some(program) = programs.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let named = match program.session(SessionOptions::default().timeout(TIMEOUT)) {
                        Ok(session) if !session.name().is_empty() => Named::As(session.name().to_owned()),
                        _ => Named::Silent(Instant::now()),
                    };
                    if let Ok(mut told) = told.lock() {
                        told.push((key(program), named));
                    }
                }
            });
        }
    });
    told.into_inner().unwrap_or_default()
}
