//! The page, the dashboard, and a real program, with `promtool` of Prometheus as the referee.
#![expect(clippy::unwrap_used, reason = "tests")]

mod dashboard;
mod page;
mod program;
mod promtool;
