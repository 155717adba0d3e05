//! `rgops pprof -diff OLD NEW`: what got slower or larger.

use rgops_inspect::text::escape;
use rgops_pprof::Stop;
use rgops_pprof::diff::{Diff, diff};
use rgops_pprof::report::ReportError;

use super::arguments::Arguments;
use super::opened::Opened;
use super::output;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Functions of each part if `-nodecount` does not say otherwise.
const ROWS: usize = 20;

/// Compares the two sources of `arguments`. Names and frames are those of Rust unless the command line says otherwise.
///
/// # Errors
/// If they cannot be opened or compared, or `--fail-above` is to decide what cannot be tested.
pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let [old, new] = &arguments.sources[..] else {
        return Err(wrong(
            "cannot compare the profiles",
            format!("-diff needs two sources, and there are {}", arguments.sources.len()),
            "rgops pprof -diff OLD NEW",
        ));
    };
    if !arguments.base.sources.is_empty() {
        return Err(wrong(
            "options contradict each other",
            "-diff compares two profiles, and -base subtracts another",
            "pass one of them",
        ));
    }
    let is_json = match arguments.format()? {
        None => false,
        Some((rgops_pprof::report::Format::Json, _)) => true,
        Some(_) => {
            let why = "-diff is a report of its own, and an output format was asked for, too";
            return Err(wrong(
                "options contradict each other",
                why,
                "omit the format; only -json is one of -diff",
            ));
        }
    };
    let (mut settings, _) = arguments.settings()?;
    settings.rust |= !arguments.says("rust");
    let (old, new) = (Opened::open_one(old, arguments)?, Opened::open_one(new, arguments)?);
    let diff =
        diff(&old.profile, &new.profile, &settings, Stop::never()).map_err(|error| failed(&error, &new))?;
    match is_json {
        true => terminal::print_json(&diff)?,
        false => {
            let rows = usize::try_from(settings.nodecount).unwrap_or(ROWS);
            let text = diff.text(rows);
            let lines = text.lines().map(|line| escape(line).into_owned() + "\n");
            terminal::print(&lines.collect::<String>())?;
        }
    }
    let shown = match old.exit() {
        Exit::Success => new.exit(),
        partial => partial,
    };
    match arguments.fail_above {
        Some(percent) => decided(&diff, percent, shown),
        None => Ok(shown),
    }
}

/// Fails if something grew by more than `percent`.
fn decided(diff: &Diff, percent: f64, shown: Exit) -> Result<Exit, Failure> {
    if diff.counted.is_none() {
        return Err(wrong(
            "--fail-above cannot decide",
            "nothing can be tested, see the note above",
            "choose a sample type that is counted: -sample_index=…, or profiles of one program and one kind",
        ));
    }
    let above = diff.above(percent);
    let Some(first) = above.first() else { return Ok(shown) };
    let name = if first.function.is_empty() { "the total" } else { &first.function };
    let others = match above.len() {
        1 => String::new(),
        2 => " (and 1 more row)".to_owned(),
        more => format!(" (and {} more rows)", more - 1),
    };
    let by = first.percent.map_or_else(|| "is new".to_owned(), |by| format!("grew by {by:.1} %"));
    Err(Failure::new(
        Exit::Grew,
        format!("above the limit of {percent} %"),
        format!("{name} {by}{others}, more than chance explains"),
        "",
    ))
}

fn failed(error: &ReportError, new: &Opened) -> Failure {
    Failure { what: "cannot compare the profiles".to_owned(), ..output::failure(error, &new.profile) }
}

fn wrong(what: &str, why: impl Into<String>, fix: &str) -> Failure {
    Failure::new(Exit::Usage, what, why, fix)
}
