//! The numbers of one program, round after round: two questions in two seconds.

use std::time::{Duration, Instant};

use rgops_inspect::session::{Answer as _, MemstatsView, Session, SessionError, StatsOptions, StatsView};
use rgops_web::shell;
use serde::Serialize;

use super::reading::{Counters, Memory, Reading, Stats};
use crate::fleet::Program;
use crate::pages::asking;
use crate::pages::live::Round;

/// The window of what only a window shows: how busy workers are.
const WINDOW: Duration = Duration::from_millis(250);

/// A program that somebody looks at.
#[derive(Debug)]
pub(super) struct Rounds {
    program: Program,
    /// What is kept from round to round.
    watched: Option<Watched>,
}

#[derive(Debug)]
struct Watched {
    program: Program,
    began: Instant,
    session: Option<Session>,
    before: Option<Counters>,
}

#[derive(Serialize)]
struct Silent {
    silent: String,
}

impl Rounds {
    /// Those of a program.
    pub(super) fn new(program: Program) -> Rounds {
        Rounds { program, watched: None }
    }
}

impl Round for Rounds {
    async fn round(&mut self) -> String {
        let program = self.program.clone();
        let new = || Watched { program, began: Instant::now(), session: None, before: None };
        // A round that is dropped in the middle loses them.
        let mut watched = self.watched.take().unwrap_or_else(new);
        let asked = tokio::task::spawn_blocking(move || {
            let numbers = watched.look();
            (watched, numbers)
        });
        match asked.await {
            Ok((watched, numbers)) => {
                self.watched = Some(watched);
                numbers
            }
            Err(_) => silent("it could not be asked, which is a bug of rgops"),
        }
    }
}

fn silent(why: &str) -> String {
    shell::json(&Silent { silent: shell::visible(why).into_owned() }).unwrap_or_default()
}

impl Watched {
    fn look(&mut self) -> String {
        match self.ask() {
            Ok(reading) => shell::json(&reading).unwrap_or_default(),
            Err(error) => {
                (self.session, self.before) = (None, None);
                silent(&error.to_string())
            }
        }
    }

    fn ask(&mut self) -> Result<Reading, SessionError> {
        let session = match &mut self.session {
            Some(session) => session,
            none => none.insert(self.program.session(asking::options())?),
        };
        let stats = session.stats(&StatsOptions::default().window(WINDOW))?;
        let at_s = self.began.elapsed().as_secs_f64();
        let stats: Stats = document(stats.json(&StatsView::default()));
        let memory =
            session.memstats().map(|answer| document::<Memory>(answer.json(&MemstatsView::default())));
        let memory = memory.map_err(|error| error.to_string());
        let memory = memory.as_ref().map_err(String::as_str);
        let (reading, counters) = Reading::new(at_s, &stats, memory, self.before);
        self.before = Some(counters);
        Ok(reading)
    }
}

/// The parts of a document that we read.
fn document<T: serde::de::DeserializeOwned + Default>(document: impl Serialize) -> T {
    serde_json::to_value(document).and_then(serde_json::from_value).unwrap_or_default()
}
