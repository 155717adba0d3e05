//! The screen on a terminal in memory, and its keys.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Cell;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use rgops_inspect::session::Snapshot;
use rgops_inspect::top::{FunctionRow, MemoryRow, Part, TaskRow, ThreadRow};
use rgops_protocol::reply::Known;

use super::keys::{Then, press};
use super::screen::draw;
use super::state::State;

fn thread(tid: u32, name: &str, running_ns: u64, function: &str) -> ThreadRow {
    ThreadRow {
        tid,
        name: name.to_owned(),
        role: None,
        activity: None,
        state: "running".to_owned(),
        running_ns: Known::Value(running_ns).into(),
        runnable_ns: Known::Value(0).into(),
        function: Some(function.to_owned()),
        stack: vec![function.to_owned(), "main".to_owned()],
    }
}

fn snapshot() -> Snapshot {
    Snapshot {
        unix_ns: 0,
        window_ns: 1_000_000_000,
        cpu_ns: 750_000_000,
        cpus: Known::Value(2).into(),
        agent_cpu_ns: Known::Value(5_000_000).into(),
        is_stretched: false,
        descriptors: Known::Value(12).into(),
        threads: vec![
            thread(4712, "tokio-rt-worker", 700_000_000, "shop::price"),
            thread(4711, "shop\u{1b}[31m", 50_000_000, "shop::main"),
        ],
        stacks_missing: None,
        tasks: Part {
            rows: vec![TaskRow {
                name: Some("shop::serve".to_owned()),
                tasks: 3,
                running: 1,
                scheduled: 0,
                idle: 2,
                complete: 0,
                grown_by: Some(1),
                stack: Vec::new(),
            }],
            missing: None,
        },
        functions: Part {
            rows: vec![FunctionRow { name: "shop::price".to_owned(), flat_ns: 1_000, cum_ns: 2_000 }],
            missing: None,
        },
        runtimes: Vec::new(),
        memory: Part {
            rows: vec![MemoryRow { name: "rss".to_owned(), bytes: 17 << 20, what: "resident".to_owned() }],
            missing: None,
        },
    }
}

/// A state with one round.
fn state() -> State {
    let mut state = State::new("shop (pid 4711)".to_owned());
    state.receive(snapshot());
    state
}

fn press_all(state: &mut State, keys: &[KeyCode]) {
    for key in keys {
        assert_eq!(press(state, KeyEvent::new(*key, KeyModifiers::NONE)), Then::Continue);
    }
}

/// The lines of the screen, without spaces at their ends.
fn lines(state: &State) -> Vec<String> {
    const WIDTH: u16 = 110;
    let Ok(mut terminal) = Terminal::new(TestBackend::new(WIDTH, 18));
    let Ok(_) = terminal.draw(|frame| draw(frame, state));
    let rows = terminal.backend().buffer().content.chunks(WIDTH.into());
    rows.map(|row| row.iter().map(Cell::symbol).collect::<String>().trim_end().to_owned()).collect()
}

#[test]
fn the_first_screen_has_the_program_and_its_busiest_thread() {
    let lines = lines(&state());
    let first = "shop (pid 4711): cpu 75.0% of 2 CPUs, 2 threads, 3 tasks, rss 17.00MB, 12 descriptors open, agent 0.5%";
    assert_eq!(lines[0], first);
    assert!(lines[1].contains("1 Threads") && lines[1].contains("5 Memory"), "{lines:#?}");
    assert!(
        lines[3].contains("70.0%") && lines[3].contains("4712") && lines[3].contains("shop::price"),
        "{lines:#?}"
    );
    assert!(lines[17].starts_with("q quit"), "{lines:#?}");
}

#[test]
fn what_the_program_says_cannot_control_the_terminal() {
    let screen = lines(&state()).join("\n");
    assert!(!screen.contains('\u{1b}') && screen.contains("shop\\x1b"), "{screen}");
}

#[test]
fn the_filter_leaves_rows_with_the_text() {
    let mut state = state();
    press_all(&mut state, &[KeyCode::Char('/'), KeyCode::Char('M'), KeyCode::Char('a'), KeyCode::Char('i')]);
    assert_eq!(state.rows().len(), 1);
    assert_eq!(lines(&state)[17], "filter: Mai_");
    press_all(&mut state, &[KeyCode::Enter, KeyCode::Esc]);
    assert_eq!(state.rows().len(), 2);
}

#[test]
fn rows_are_sorted_by_each_column_and_reversed() {
    let mut state = state();
    let tids = |state: &State| state.rows().iter().map(|row| row.cells[2].text.clone()).collect::<Vec<_>>();
    press_all(&mut state, &[KeyCode::Char('s')]);
    assert_eq!(tids(&state), ["4712", "4711"], "by CPU");
    press_all(&mut state, &[KeyCode::Char('S')]);
    assert_eq!(tids(&state), ["4711", "4712"]);
    press_all(&mut state, &[KeyCode::Char('S'), KeyCode::Char('s'), KeyCode::Char('s'), KeyCode::Char('s')]);
    assert_eq!(tids(&state), ["4711", "4712"], "by name");
}

#[test]
fn a_frozen_screen_keeps_its_round() {
    let mut state = state();
    press_all(&mut state, &[KeyCode::Char(' ')]);
    state.receive(Snapshot { threads: Vec::new(), ..snapshot() });
    assert_eq!(state.rows().len(), 2);
    assert!(lines(&state)[17].starts_with("FROZEN"));
    press_all(&mut state, &[KeyCode::Char(' ')]);
    state.receive(Snapshot { threads: Vec::new(), ..snapshot() });
    assert_eq!(state.rows().len(), 0);
}

#[test]
fn enter_shows_the_stack_of_the_selected_row() {
    let mut state = state();
    press_all(&mut state, &[KeyCode::Down, KeyCode::Enter]);
    let shown = lines(&state).join("\n");
    assert!(shown.contains("thread 4711") && shown.contains("│main"), "{shown}");
    press_all(&mut state, &[KeyCode::Esc]);
    assert!(state.stack.is_none());
}

#[test]
fn every_view_is_drawn_on_every_size() {
    let mut state = state();
    for _ in 0..5 {
        press_all(&mut state, &[KeyCode::Tab, KeyCode::Char('?')]);
        for (width, height) in [(1, 1), (10, 2), (40, 4), (200, 60)] {
            let Ok(mut terminal) = Terminal::new(TestBackend::new(width, height));
            let Ok(_) = terminal.draw(|frame| draw(frame, &state));
        }
    }
}

#[test]
fn a_part_that_failed_says_why() {
    let mut state = state();
    let missing = Part { rows: Vec::new(), missing: Some("refused".to_owned()) };
    state.receive(Snapshot { tasks: missing, ..snapshot() });
    press_all(&mut state, &[KeyCode::Char('2')]);
    let shown = lines(&state).join("\n");
    assert!(shown.contains("unavailable (refused)"), "{shown}");
}

#[test]
fn q_and_ctrl_c_quit() {
    let mut state = state();
    assert_eq!(press(&mut state, KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE)), Then::Quit);
    assert_eq!(press(&mut state, KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Then::Quit);
    // In a filter, q is a letter.
    press_all(&mut state, &[KeyCode::Char('/'), KeyCode::Char('q')]);
    assert_eq!(state.filter, "q");
}
