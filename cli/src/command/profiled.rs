//! How the commands that take a profile end: they print what they took, and on a terminal the prompt follows.

use std::io::{self, Write};
use std::path::PathBuf;

use rgops_inspect::session::{Answer, ProfileView};
use rgops_pprof::Settings;

use super::output::Saved;
use super::pprof::{self, Asked};
use crate::exit::{Exit, Failure};

/// The prompt that may follow.
pub(super) struct Prompt<'a> {
    /// Whether it is wanted.
    pub(super) asked: Asked,
    /// The name of the program.
    pub(super) name: &'a str,
    /// The options it begins with.
    pub(super) settings: Settings,
}

/// Prints a profile that was saved, and continues at the prompt if a person is there and there is a file. `write`
/// writes the file of the profile.
///
/// # Errors
/// As [`Saved::print`], or if standard input cannot be read.
pub(super) fn end<A: Answer<View = ProfileView>>(
    answer: &A,
    write: fn(&A, &mut dyn Write) -> io::Result<()>,
    saved: Saved,
    json: bool,
    prompt: Prompt<'_>,
) -> Result<Exit, Failure> {
    let view = ProfileView::default().file(saved.file.clone());
    let file = saved.file.clone().map(PathBuf::from);
    let exit = saved.print(answer, &view, json, |file| format!("next: rgops pprof --http {file}"))?;
    if json || file.is_none() || !prompt.asked.is_wanted() {
        return Ok(exit);
    }
    let mut bytes = Vec::new();
    // Writing to memory never fails.
    let _ = write(answer, &mut bytes);
    pprof::talk_about(&bytes, prompt.name, file, prompt.settings, exit)
}
