//! The prompt from its first lines to its end.

use std::io;
use std::sync::atomic::Ordering;

use rgops_pprof::refine::Refined;
use rgops_pprof::report::Format;
use rgops_pprof::{Settings, Stop};

use super::complete::Completion;
use super::help;
use super::line::{self, Step};
use super::lines::{Lines, MAX_LINE_BYTES, Read};
use super::make::{self, Failed, STOPPED, Written};
use super::state::State;
use crate::command::pprof::opened::Opened;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// What was shown before the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// Nothing.
    New,
    /// A report with the lines that say what the profile is.
    AfterReport,
}

/// Reads commands and carries them out until the end of standard input, `quit` or Ctrl-D.
///
/// # Errors
/// If standard input cannot be read.
pub(super) fn converse(
    opened: &Opened,
    mut settings: Settings,
    begin: Begin,
    mut written: Written,
) -> Result<Exit, Failure> {
    settings.compact_labels = true;
    let mut state = State::new(&opened.profile, settings);
    let refined = Refined::of(&opened.profile, &state.settings, Format::Top, Stop::never()).ok();
    let of_rust = refined.as_ref().filter(|_| state.settings.rust).map(|refined| &refined.profile);
    let mut lines = Lines::open(|| Completion::new(&opened.profile, of_rust));
    if lines.are_typed() {
        terminal::on_each_interrupt(|| STOPPED.store(true, Ordering::SeqCst))?;
    }
    greet(refined.as_ref(), &state, begin);
    drop(refined);
    loop {
        lines.prefer_rust(state.settings.rust);
        let line = match lines.next() {
            Ok(Read::Line(line)) => line,
            Ok(Read::GivenUp) => continue,
            Ok(Read::TooLong) => {
                terminal::say(&format!(
                    "the line is longer than {} kB and is left out",
                    MAX_LINE_BYTES >> 10
                ));
                continue;
            }
            Ok(Read::End) => return Ok(Exit::Success),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Success),
            Err(error) => {
                return Err(Failure::new(Exit::Internal, "cannot read commands", error.to_string(), ""));
            }
        };
        for step in line::read(&line, &mut state) {
            match step {
                Err(error) => terminal::say(&error),
                Ok(Step::Quit) => return Ok(Exit::Success),
                Ok(Step::Options) => print(&state.options()),
                Ok(Step::Help(name)) if name.is_empty() => print(&help::overview()),
                Ok(Step::Help(name)) => match help::of(&name, &state.sample_types) {
                    Some(text) => print(&text),
                    None => terminal::say(&format!("Unknown command: {name}")),
                },
                Ok(Step::Make(call)) => match make::make(&call, opened, &mut written) {
                    Ok(()) => {}
                    Err(Failed::Said(error)) => terminal::say(&error),
                    Err(Failed::Unread) => return Ok(Exit::Success),
                },
            }
        }
    }
}

/// pprof's first lines: what the profile is.
fn greet(refined: Option<&Refined>, state: &State, begin: Begin) {
    if let Some(refined) = refined {
        if begin == Begin::New {
            refined.header(&state.settings.unit).iter().for_each(|line| terminal::say(line));
        }
        let has_values = || refined.profile.samples.values.iter().any(|value| *value != 0);
        if refined.total == 0 && state.sample_types.len() > 1 && has_values() {
            terminal::say("No samples were found with the default sample value type.");
            terminal::say("Try \"sample_index\" command to analyze different sample values.");
        }
    }
    if state.settings.rust {
        terminal::say(
            "Names and frames are shown as Rust developers read them; rust=false shows all as pprof does",
        );
    }
    terminal::say("Entering interactive mode (type \"help\" for commands, \"o\" for options)");
}

/// Prints lines to standard error: standard output is for reports.
fn print(text: &str) {
    text.lines().for_each(terminal::say);
}
