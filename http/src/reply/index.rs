//! The page with all profiles.

use std::collections::HashMap;
use std::fmt::Write as _;

use http::StatusCode;

use super::escape::html_escaped;
use super::headers::{Reply, STYLE};
use super::made::html;
use crate::ask::{Kind, View};

/// What the page shows.
#[derive(Debug, Clone, Default)]
pub struct Index {
    about: String,
    counts: HashMap<&'static str, Count>,
}

#[derive(Debug, Clone)]
enum Count {
    Number(u64),
    Unavailable(String),
}

impl Index {
    /// A page without counts.
    pub fn new() -> Index {
        Index::default()
    }

    /// Which program this is: its name and pid.
    #[must_use]
    pub fn about(mut self, about: impl Into<String>) -> Index {
        self.about = about.into();
        self
    }

    /// How many stacks a profile has, or goroutines; as in Go.
    #[must_use]
    pub fn count(mut self, kind: Kind, count: u64) -> Index {
        self.counts.insert(kind.name(), Count::Number(count));
        self
    }

    /// How many things a view of ours has.
    #[must_use]
    pub fn view_count(mut self, view: View, count: u64) -> Index {
        self.counts.insert(view.name(), Count::Number(count));
        self
    }

    /// This program does not have it. `name` is that of a [`Kind`], a [`View`], `profile`, `trace`, `symbol` or
    /// `cmdline`.
    #[must_use]
    pub fn unavailable(mut self, name: &'static str, reason: &str, fix: &str) -> Index {
        self.counts.insert(name, Count::Unavailable(format!("unavailable ({reason}, {fix})")));
        self
    }
}

/// Name, what its link has behind it, and its description.
type Row = (&'static str, &'static str, &'static str);

/// Go's names in Go's order.
const PROFILES: [Row; 10] = [
    ("allocs", "?debug=1", "A sampling of all past memory allocations"),
    (
        "block",
        "?debug=1",
        "Stack traces of threads and tasks that waited, and for how long. Without the program's own sampling it looks \
         for 1 s",
    ),
    ("cmdline", "", "The name of the program"),
    (
        "goroutine",
        "?debug=1",
        "Async stack traces of all Tokio tasks. Use debug=2 as a query parameter to have each task with its state, \
         what it waits for and for how long, then the threads.",
    ),
    ("heap", "?debug=1", "A sampling of memory allocations of live objects"),
    ("mutex", "?debug=1", "Stack traces of holders of contended locks"),
    (
        "profile",
        "?seconds=30",
        "CPU profile. The seconds GET parameter is its duration. Open the file with rgops pprof or go tool pprof.",
    ),
    (
        "symbol",
        "",
        "Maps given program counters to function names. Counters can be specified in a GET raw query or POST body, \
         multiple counters are separated by '+'.",
    ),
    ("threadcreate", "?debug=1", "Stack traces of all threads"),
    (
        "trace",
        "?seconds=1",
        "A trace of execution of the current program. The seconds GET parameter is its duration.",
    ),
];

const VIEWS: [Row; 6] = [
    ("tasks", "", "Tokio tasks: states, what each waits for, deadlocks"),
    ("threads", "", "Stacks of all threads"),
    ("leaks", "", "Lines of code with growing memory"),
    ("stats", "", "Workers, queues and tasks of the runtimes"),
    ("memstats", "", "Where the memory is"),
    ("version", "", "What was built, and by which compiler"),
];

/// The page.
pub fn index(index: &Index) -> Reply {
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>/debug/pprof/</title>\n<style>",
    );
    page.push_str(STYLE);
    page.push_str("</style>\n</head>\n<body>\n<h1>/debug/pprof/</h1>\n");
    // Writing to a String cannot fail.
    let _ = writeln!(page, "<p class=\"dim\">{}</p>", html_escaped(&index.about));
    page.push_str("<p>Set debug=1 as a query parameter to export in legacy text format</p>\n");
    page.push_str("<h2>Types of profiles available</h2>\n");
    table(&mut page, index, &PROFILES, "Profile");
    page.push_str("<p><a href=\"goroutine?debug=2\">full goroutine stack dump</a></p>\n");
    page.push_str("<h2>Of rgops</h2>\n");
    table(&mut page, index, &VIEWS, "View");
    page.push_str(
        "<p class=\"dim\">Set json as a query parameter to have one of these as JSON</p>\n</body>\n</html>\n",
    );
    html(StatusCode::OK, page)
}

fn table(page: &mut String, index: &Index, rows: &[Row], heading: &str) {
    let _ = writeln!(
        page,
        "<table>\n<thead><tr><th class=\"count\">Count</th><th>{heading}</th><th>Description</th></tr></thead>"
    );
    for (name, query, description) in rows {
        let (count, why) = match index.counts.get(name) {
            Some(Count::Number(count)) => (count.to_string(), ""),
            Some(Count::Unavailable(why)) => (String::new(), why.as_str()),
            None => (String::new(), ""),
        };
        let mut description = html_escaped(description);
        if !why.is_empty() {
            let _ = write!(description, "<br><span class=\"dim\">{}</span>", html_escaped(why));
        }
        let _ = writeln!(
            page,
            "<tr><td class=\"count\">{count}</td><td class=\"name\"><a href=\"{name}{query}\">{name}</a></td><td>{description}</td></tr>"
        );
    }
    page.push_str("</table>\n");
}
