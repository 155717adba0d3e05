//! Runs the screen: draws, reads keys, and gives the terminal back.

use std::io;
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyEventKind};
use rgops_inspect::session::TopStream;

use super::ended::Ended;
use super::feed::Feed;
use super::keys::{Then, press};
use super::screen::draw;
use super::state::State;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// How long to wait for a key before new rounds are looked for.
const KEYS: Duration = Duration::from_millis(100);

/// Runs until `q`, a signal, or `count` rounds.
pub(super) fn run(stream: TopStream, title: String, count: Option<u32>) -> Result<Exit, Failure> {
    let failed = |error: io::Error| {
        Failure::new(
            Exit::Internal,
            "cannot use the terminal",
            error.to_string(),
            "rgops top TARGET --batch prints the rounds as text",
        )
    };
    let ended = Ended::watch().map_err(failed)?;
    let result = terminal::enter_full_screen()
        .and_then(|mut screen| show(&mut screen, stream, State::new(title), count, &|| ended.is_set()));
    terminal::leave_full_screen();
    let state = result.map_err(failed)?;
    match state {
        // Nothing was ever shown.
        State { over: Some(failure), snapshot: None, .. } => Err(failure),
        _ => Ok(Exit::Success),
    }
}

fn show(
    screen: &mut ratatui::DefaultTerminal,
    stream: TopStream,
    mut state: State,
    count: Option<u32>,
    is_ended: &dyn Fn() -> bool,
) -> io::Result<State> {
    let feed = Feed::start(stream);
    let mut rounds = 0;
    let mut is_changed = true;
    loop {
        for round in feed.take() {
            match round {
                Ok(snapshot) => {
                    rounds += 1;
                    state.receive(snapshot);
                }
                Err(error) => state.over = Some(Failure::from(error)),
            }
            is_changed = true;
        }
        if is_changed {
            screen.draw(|frame| draw(frame, &state))?;
            is_changed = false;
        }
        if is_ended() || count.is_some_and(|count| rounds >= count) {
            return Ok(state);
        }
        if !event::poll(KEYS)? {
            continue;
        }
        is_changed = true;
        if let Event::Key(key) = event::read()?
            && key.kind != KeyEventKind::Release
        {
            match press(&mut state, key) {
                Then::Continue => {}
                Then::LookNow => feed.look_now(),
                Then::Quit => return Ok(state),
            }
        }
    }
}
