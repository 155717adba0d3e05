//! The list as a table, and the processes without an agent.

use maud::{Markup, html};
use rgops_inspect::processes::{Listing, RustProcess};

use super::row::{COLUMNS, Cell, Row};
use crate::pages::frame;

/// The most processes without an agent that are shown.
const MOST_WITHOUT: usize = 100;

/// The programs. `host.js` changes rows and cells by their place.
pub(super) fn programs(rows: &[Row]) -> Markup {
    html! {
        p.summary #summary role="status" { (summary(rows.len())) }
        div.scrolls tabindex="0" role="group" aria-label="Table, which can be scrolled" {
            table.numbers.programs #programs hidden[rows.is_empty()] {
                thead {
                    tr {
                        th.name scope="col" { "Program" }
                        th.n scope="col" { "Pid" }
                        @for (name, about) in COLUMNS { th.n scope="col" title=(about) { (name) } }
                    }
                }
                tbody { @for row in rows { (program(row)) } }
            }
        }
    }
}

fn summary(count: usize) -> String {
    match count {
        0 => "No program with an agent runs.".to_owned(),
        1 => "1 program with an agent".to_owned(),
        count => format!("{count} programs with an agent"),
    }
}

fn program(row: &Row) -> Markup {
    html! {
        tr data-pid=(row.pid) class=[row.silent.as_ref().map(|_| "silent")] title=[row.silent.as_ref()] {
            th.name scope="row" { a href={ "/p/" (row.pid) "/" } { (row.name) } }
            td.n { (row.pid) }
            @for cell in &row.cells { (value(cell)) }
        }
    }
}

fn value(cell: &Cell) -> Markup {
    html! { td.n title=[cell.why.as_ref()] class=[cell.why.as_ref().map(|_| "missing")] { (cell.text) } }
}

/// Rust processes without an agent, and how they get one.
pub(super) fn others(listing: &Listing) -> Markup {
    let is_other = |process: &&RustProcess| process.agent.is_none() && process.pid != std::process::id();
    let others: Vec<_> = listing.processes.iter().filter(is_other).collect();
    html! {
        @if !others.is_empty() {
            section.others aria-labelledby="others" {
                h2 #others { "Rust processes without an agent" }
                p { "Two lines give a program its agent. Then it is in the list above as soon as it is started again:" }
                dl.lines {
                    dt { "Cargo.toml" } dd { code { "rgops-agent = \"0.1\"" } }
                    dt { "main.rs, in main" } dd { code { "rgops_agent::listen(rgops_agent::Options::default())?;" } }
                }
                div.scrolls tabindex="0" role="group" aria-label="Table, which can be scrolled" {
                    table {
                        thead { tr { th scope="col" { "Process" } th.n scope="col" { "Pid" } th scope="col" { "Executable" } } }
                        tbody {
                            @for process in others.iter().take(MOST_WITHOUT) {
                                tr {
                                    th.name scope="row" { (frame::shown(&process.name)) }
                                    td.n { (process.pid) }
                                    td.path { (process.path.value().map_or("unavailable (it cannot be read)", |path| path)) }
                                }
                            }
                        }
                    }
                }
                @if others.len() > MOST_WITHOUT { p.summary { "and " (others.len() - MOST_WITHOUT) " more" } }
            }
        }
        @if listing.unreadable > 0 && !listing.as_root {
            p.summary { (listing.unreadable) " processes of other users are visible only to root." }
        }
    }
}
