//! What was asked in this process, and how much may still be asked.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use super::environment::{self, has_servers};
use super::missing::Missing;

/// Time for all files together.
pub(crate) const WHOLE: Duration = Duration::from_secs(30);
/// Time for a file while an agent may be waiting for its answer to be read: it gives up after 10 s.
pub(crate) const WHILE_ANSWERED: Duration = Duration::from_secs(5);
/// Modules whose files are asked for.
const MOST_MODULES: usize = 4;
/// Lengths of build-ids in bytes. Shorter ones are not unique.
const LENGTHS: std::ops::RangeInclusive<usize> = 8..=64;

static SERVICE: OnceLock<Service> = OnceLock::new();

/// Called with a line for the user.
type Say = fn(&str);

struct Service {
    say: Say,
    asked: Mutex<Asked>,
}

/// The answers, and the time that is left. One file is asked for at a time.
struct Asked {
    answers: HashMap<Vec<u8>, Result<PathBuf, Missing>>,
    left: Duration,
}

/// From now on, the servers in `DEBUGINFOD_URLS` are asked for debug information that is not on this host; `say` gets a
/// line when that takes over a second. Returns whether there are any. This runs `debuginfod-find`.
pub fn enable(say: fn(&str)) -> bool {
    let has_servers = has_servers();
    if has_servers {
        SERVICE.get_or_init(|| Service {
            say,
            asked: Mutex::new(Asked { answers: HashMap::new(), left: WHOLE }),
        });
    }
    has_servers
}

/// Ends a running `debuginfod-find`, from any thread, for example before the process exits. No other one is started.
pub fn stop() {
    #[cfg(target_os = "linux")]
    if is_enabled() {
        super::child::stop();
    }
}

pub(crate) fn is_enabled() -> bool {
    SERVICE.get().is_some()
}

/// The file with the debug information of a build, in the tool's cache; `None` if no server may be asked. Each build is
/// asked for once. `name` is for the user.
pub(crate) fn debug_file(build_id: &[u8], name: &str, at_most: Duration) -> Option<Result<PathBuf, Missing>> {
    let service = SERVICE.get().filter(|_| LENGTHS.contains(&build_id.len()))?;
    let mut asked = service.asked.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(answer) = asked.answers.get(build_id) {
        return Some(answer.clone());
    }
    if asked.answers.len() == MOST_MODULES {
        let reason = format!("debuginfod was asked for {MOST_MODULES} other files already");
        return Some(Err(Missing::because(reason)));
    }
    let (begin, at_most) = (Instant::now(), at_most.min(asked.left));
    if at_most.is_zero() {
        let reason = format!("debuginfod is asked for at most {} s in all", WHOLE.as_secs());
        return Some(Err(Missing::because(reason)));
    }
    let answer = ask(build_id, at_most, || {
        let seconds = at_most.as_secs();
        (service.say)(&format!(
            "Asking debuginfod for debug information of {name}, at most {seconds} secs..."
        ));
    });
    asked.left = asked.left.saturating_sub(begin.elapsed());
    asked.answers.insert(build_id.to_owned(), answer.clone());
    Some(answer)
}

#[cfg(target_os = "linux")]
fn ask(build_id: &[u8], at_most: Duration, takes_longer: impl FnOnce()) -> Result<PathBuf, Missing> {
    let tool = environment::tool().ok_or_else(Missing::tool)?;
    environment::check_cache()?;
    super::child::run(&tool, build_id, at_most, takes_longer)
}

/// Nobody is asked.
#[cfg(not(target_os = "linux"))]
fn has_servers() -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
fn ask(_: &[u8], _: Duration, _: impl FnOnce()) -> Result<PathBuf, Missing> {
    Err(Missing::because("debuginfod is asked on Linux only"))
}
