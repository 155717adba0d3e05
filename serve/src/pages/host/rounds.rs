//! The numbers of all programs, round after round. A program that does not answer delays no other.

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::row::{Row, Watched};
use crate::fleet::{Fleet, Program};
use crate::pages::live::Round;

/// The most programs that are asked at the same time.
const AT_A_TIME: usize = 8;
/// The most programs of the list.
pub(super) const MOST: usize = 500;
/// A round waits this long for answers. Who has not answered by then is shown in a later round.
const WAIT: Duration = Duration::from_millis(1_500);

/// The programs that are looked at.
#[derive(Debug)]
pub(super) struct Rounds {
    fleet: Fleet,
    known: HashMap<Program, Slot>,
}

#[derive(Debug)]
struct Slot {
    /// What was found last.
    row: Row,
    state: State,
}

#[derive(Debug)]
enum State {
    Idle(Box<Watched>),
    Asked(JoinHandle<(Box<Watched>, Row)>, Instant),
    Lost,
}

#[derive(Serialize)]
struct Numbers<'a> {
    rows: &'a [Row],
}

impl Rounds {
    /// Those of the fleet.
    pub(super) fn new(fleet: Fleet) -> Rounds {
        Rounds { fleet, known: HashMap::new() }
    }

    /// A row of each program, in the order of the fleet.
    pub(super) async fn rows(&mut self) -> Vec<Row> {
        let fleet = self.fleet.clone();
        let Ok(programs) = tokio::task::spawn_blocking(move || fleet.programs()).await else {
            return Vec::new();
        };
        let programs = programs.get(..programs.len().min(MOST)).unwrap_or_default();
        self.known.retain(|program, _| programs.contains(program));
        let end = Instant::now() + WAIT;
        for some in programs.chunks(AT_A_TIME) {
            for program in some {
                self.start(program);
            }
            for program in some {
                self.finish(program, end).await;
            }
        }
        programs.iter().filter_map(|program| self.known.get(program)).map(|slot| slot.row.clone()).collect()
    }

    fn start(&mut self, program: &Program) {
        let slot = self.known.entry(program.clone()).or_insert_with(|| Slot {
            row: Row::unknown(program, None),
            state: State::Idle(Box::new(Watched::new(program.clone()))),
        });
        match std::mem::replace(&mut slot.state, State::Lost) {
            State::Idle(mut watched) => {
                let asked = tokio::task::spawn_blocking(move || {
                    let row = watched.look();
                    (watched, row)
                });
                slot.state = State::Asked(asked, Instant::now());
            }
            State::Lost => slot.state = State::Idle(Box::new(Watched::new(program.clone()))),
            asked @ State::Asked(..) => slot.state = asked,
        }
    }

    async fn finish(&mut self, program: &Program, end: Instant) {
        let Some(slot) = self.known.get_mut(program) else { return };
        let State::Asked(asked, since) = &mut slot.state else { return };
        match timeout_at(end, &mut *asked).await {
            Ok(Ok((watched, row))) => {
                slot.row = row;
                slot.state = State::Idle(watched);
            }
            Ok(Err(_)) => slot.state = State::Lost,
            Err(_) => {
                let waiting = since.elapsed().as_secs();
                if waiting > 0 {
                    slot.row.silent = Some(format!("its agent has not answered for {waiting} s"));
                }
            }
        }
    }
}

impl Round for Rounds {
    async fn round(&mut self) -> String {
        let rows = self.rows().await;
        serde_json::to_string(&Numbers { rows: &rows }).unwrap_or_default()
    }
}
