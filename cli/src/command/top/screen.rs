//! Draws the screen.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Clear, Paragraph, Row, Table, TableState, Wrap};
use rgops_inspect::text::escape;

use super::keys::keys_help;
use super::state::State;
use super::table::View;
use crate::exit::Failure;

const HELP: &str = concat!(
    keys_help!(),
    "  Up, Down        select a row; Page up, Page down, Home, End

  CPU: share of one CPU.  WAIT: ready to run, and no CPU was free.
  MORE: how many more tasks of the kind than in the last round.
  FLAT: the function itself.  CUM: with what it called."
);

/// Draws the state. Only bold and reversed text is used, which is readable on every terminal.
pub(super) fn draw(frame: &mut Frame<'_>, state: &State) {
    let [head, tabs, table, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(headline(state), head);
    frame.render_widget(views(state), tabs);
    match &state.stack {
        Some(stack) => {
            let lines: Vec<Line<'_>> =
                stack.lines.iter().skip(stack.first).map(|line| line.as_str().into()).collect();
            let block = Block::bordered().title(format!(" {} (Esc closes) ", stack.title));
            frame.render_widget(Paragraph::new(lines).block(block), table);
        }
        None => rows(frame, state, table),
    }
    frame.render_widget(footer(state), foot);
    if state.is_help {
        help(frame);
    }
}

fn headline(state: &State) -> Line<'_> {
    let title = Span::styled(escape(&state.title), Style::new().add_modifier(Modifier::BOLD));
    let rest = match &state.snapshot {
        Some(snapshot) => snapshot.headline(),
        None => "looking …".to_owned(),
    };
    let slow = state.snapshot.as_ref().is_some_and(|snapshot| snapshot.is_stretched);
    let slow = if slow { " (longer intervals: at most 1% of a CPU)" } else { "" };
    Line::from(vec![title, format!(": {rest}{slow}").into()])
}

fn views(state: &State) -> Line<'_> {
    let mut spans = Vec::new();
    for (number, view) in View::ALL.into_iter().enumerate() {
        let style = match view == state.view {
            true => Style::new().add_modifier(Modifier::REVERSED),
            false => Style::new(),
        };
        spans.push(Span::styled(format!(" {} {} ", number + 1, view.name()), style));
    }
    Line::from(spans)
}

fn rows(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let columns = state.view.columns();
    let (order, is_reversed) = state.order();
    let header = columns.iter().enumerate().map(|(number, column)| {
        let mark = match (order == Some(number), is_reversed) {
            (true, false) => "▼",
            (true, true) => "▲",
            (false, _) => "",
        };
        aligned(format!("{}{mark}", column.name), column.is_number)
    });
    let header = Row::new(header).style(Style::new().add_modifier(Modifier::BOLD));
    let rows = state.rows();
    let is_empty = rows.is_empty();
    let selected = state.selected.min(rows.len().saturating_sub(1));
    let rows = rows.into_iter().map(|row| {
        Row::new(
            row.cells.into_iter().zip(columns).map(|(cell, column)| aligned(cell.text, column.is_number)),
        )
    });
    let widths = columns.iter().map(|column| match column.width {
        0 => Constraint::Min(10),
        width => Constraint::Length(width),
    });
    let table = Table::new(rows, widths)
        .header(header)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut selection = TableState::new().with_selected((!is_empty).then_some(selected));
    frame.render_stateful_widget(table, area, &mut selection);
    let missing = state.snapshot.as_ref().and_then(|snapshot| state.view.missing(snapshot));
    if let (true, Some(missing)) = (is_empty, missing) {
        let text = format!("unavailable ({})", escape(missing));
        let place = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), place.intersection(frame.area()));
    }
}

fn aligned(text: String, is_number: bool) -> Cell<'static> {
    let line = Line::from(text);
    Cell::from(if is_number { line.right_aligned() } else { line })
}

fn footer(state: &State) -> Line<'_> {
    if let Some(Failure { what, why, .. }) = &state.over {
        let text = format!("no more answers: {}: {} (q quits)", escape(what), escape(why));
        return Line::styled(text, Style::new().add_modifier(Modifier::BOLD));
    }
    if state.is_filtering || !state.filter.is_empty() {
        let cursor = if state.is_filtering { "_" } else { "" };
        return format!("filter: {}{cursor}", escape(&state.filter)).into();
    }
    let keys = "q quit  ? help  Tab view  s sort  / filter  Space freeze  Enter stack";
    match state.is_frozen {
        true => Line::styled(
            format!("FROZEN (Space continues)  {keys}"),
            Style::new().add_modifier(Modifier::BOLD),
        ),
        false => keys.into(),
    }
}

fn help(frame: &mut Frame<'_>) {
    let area = frame.area();
    let lines = u16::try_from(HELP.lines().count()).unwrap_or(u16::MAX);
    let (width, height) = (82.min(area.width), (lines + 2).min(area.height));
    let place = Rect { x: (area.width - width) / 2, y: (area.height - height) / 2, width, height };
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(HELP).block(Block::bordered().title(" Keys ")), place);
}
