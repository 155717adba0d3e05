//! From what is asked to the answer.

use rgops_http::ask::{Ask, Kind};
use rgops_http::reply::{self, Reply};
use rgops_inspect::budget;
use rgops_inspect::session::{Session, SessionError, SessionOptions};

use super::cancel::Cancel;
use super::failure::failed;
use super::{index, profiles, views};
use crate::fleet::Program;

/// Memory of one answer while it is made, in bytes.
const MAX_MEMORY: u64 = 512 << 20;

/// Answers one request. Blocks as long as it takes.
pub fn answer(program: &Program, ask: &Ask) -> Reply {
    answer_until(program, ask, &Cancel::default())
}

/// Answers one request. Blocks as long as it takes, or until it is cancelled: then the answer is Go's for a client that
/// left.
pub fn answer_until(program: &Program, ask: &Ask, cancel: &Cancel) -> Reply {
    let made = match ask {
        // Agents do not tell arguments, which may have secrets.
        Ask::Cmdline => Ok(reply::cmdline([&program.name])),
        // Profiles have their names already, so nobody needs to ask. `pprof` knows 0 as "no symbols here".
        Ask::Symbol { .. } => Ok(reply::text("num_symbols: 0\n")),
        ask => {
            let budget = budget::for_process(MAX_MEMORY);
            let session = program.session(SessionOptions::default().budget(budget.clone()));
            session.and_then(|mut session| {
                cancel.watch(&session, &budget);
                with_session(program, &mut session, ask, cancel)
            })
        }
    };
    match made {
        _ if cancel.is_cancelled() => reply::cancelled(),
        Ok(reply) => reply,
        Err(error) => failed(&error),
    }
}

fn with_session(
    program: &Program,
    session: &mut Session,
    ask: &Ask,
    cancel: &Cancel,
) -> Result<Reply, SessionError> {
    match ask {
        Ask::Index => Ok(index::index(program, session)),
        Ask::Cpu { duration, hz } => profiles::cpu(session, *duration, *hz),
        Ask::Profile { kind: kind @ (Kind::Heap | Kind::Allocs), debug, seconds, gc } => {
            profiles::heap(session, *kind, *debug, *seconds, *gc)
        }
        Ask::Profile { kind, debug, seconds, .. } => {
            profiles::stacks(session, *kind, *debug, *seconds, cancel)
        }
        Ask::Trace { duration } => profiles::trace(session, *duration),
        Ask::View { view, json, seconds } => views::view(session, *view, *json, *seconds),
        _ => Ok(reply::error(http::StatusCode::NOT_FOUND, "Unknown profile")),
    }
}
