//! Prints an answer: text or JSON on standard output, notes on standard error; determines the exit code.

use rgops_inspect::session::{Answer, Completeness};

use crate::exit::{Exit, Failure};
use crate::terminal;

/// Prints an answer and its notes.
///
/// # Errors
/// If the answer ended early (the received part is printed first), or standard output cannot be written.
pub(super) fn print<A: Answer>(answer: &A, view: &A::View, json: bool) -> Result<Exit, Failure> {
    print_by(answer, view, json, terminal::print)
}

/// Prints an answer and its notes; `write` writes the text.
///
/// # Errors
/// As [`print()`].
pub(super) fn print_by<A: Answer>(
    answer: &A,
    view: &A::View,
    json: bool,
    write: impl FnOnce(&str) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    let completeness = answer.completeness();
    completeness.left_out().iter().for_each(|left_out| terminal::note(left_out));
    let is_cut = if json {
        let document = answer.json(view);
        terminal::print_json(&document)?;
        document.is_cut()
    } else {
        let text = answer.text(view);
        write(text.as_str())?;
        text.is_cut()
    };
    end(&completeness, is_cut, json)
}

/// Prints the notes of an answer that was printed, and returns the exit code. JSON contains the agent's notes.
///
/// # Errors
/// If the answer ended early.
pub(super) fn end(completeness: &Completeness<'_>, is_cut: bool, json: bool) -> Result<Exit, Failure> {
    if !json {
        completeness.notes().iter().for_each(|lacking| terminal::note(lacking));
    }
    if let Some(error) = completeness.broken_off() {
        return Err(Failure::from(error).with_exit(Exit::Partial));
    }
    Ok(if is_cut || !completeness.is_complete() { Exit::Partial } else { Exit::Success })
}
