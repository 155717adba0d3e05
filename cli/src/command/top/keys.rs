//! What each key does.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::state::State;
use super::table::View;

/// What the keys do, in `--help` and on the screen.
macro_rules! keys_help {
    () => {
        "  Tab, 1 to 5     threads, tasks by kind, hottest functions, workers, memory
  s, S            sort by the next column, reverse the order
  /               filter by a part of a name; Esc removes the filter
  Space           freeze the screen, and continue
  Enter           the stack of the selected thread, or of one task of the kind
  r               look now
  q, Ctrl-C       quit
"
    };
}
pub(super) use keys_help;

/// Rows of a page.
const PAGE: isize = 20;

/// What follows from a key, besides the new state.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Then {
    Continue,
    LookNow,
    Quit,
}

/// Changes the state as the key asks.
pub(super) fn press(state: &mut State, key: KeyEvent) -> Then {
    if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
        return Then::Quit;
    }
    if state.is_filtering {
        filter(state, key.code);
        return Then::Continue;
    }
    match key.code {
        KeyCode::Char('q') => return Then::Quit,
        KeyCode::Esc => escape(state),
        KeyCode::Char('?' | 'h') | KeyCode::F(1) => state.is_help = !state.is_help,
        KeyCode::Char('r') => return Then::LookNow,
        KeyCode::Char(' ') => state.is_frozen = !state.is_frozen,
        KeyCode::Char('/') => {
            state.filter.clear();
            state.is_filtering = true;
            state.selected = 0;
        }
        KeyCode::Char('s') => state.sort_by_next(),
        KeyCode::Char('S') => state.reverse(),
        KeyCode::Tab | KeyCode::Right => state.show_next(true),
        KeyCode::BackTab | KeyCode::Left => state.show_next(false),
        KeyCode::Char(digit @ '1'..='5') => {
            let place = digit as usize - '1' as usize;
            state.show(View::ALL[place]);
        }
        KeyCode::Down | KeyCode::Char('j') => state.step(1),
        KeyCode::Up | KeyCode::Char('k') => state.step(-1),
        KeyCode::PageDown => state.step(PAGE),
        KeyCode::PageUp => state.step(-PAGE),
        KeyCode::Home => state.step(isize::MIN),
        KeyCode::End => state.step(isize::MAX),
        KeyCode::Enter => state.open(),
        _ => {}
    }
    Then::Continue
}

fn filter(state: &mut State, key: KeyCode) {
    match key {
        KeyCode::Enter => state.is_filtering = false,
        KeyCode::Esc => {
            state.filter.clear();
            state.is_filtering = false;
        }
        KeyCode::Backspace => {
            state.filter.pop();
        }
        KeyCode::Char(letter) => state.filter.push(letter),
        _ => {}
    }
    state.selected = 0;
}

/// Leaves what is on top: the help, a stack, the filter. Nothing more: quitting is `q`.
fn escape(state: &mut State) {
    if state.is_help {
        state.is_help = false;
    } else if state.stack.take().is_none() {
        state.filter.clear();
    }
}
