//! The `(pprof)` prompt: pprof's commands, options and shorthands on a profile that is already open.
//!
//! Reports go to standard output, everything else to standard error, as pprof does it. A line that fails says why and
//! the prompt goes on. On a terminal, Ctrl-C gives up the line or ends the running report, and never the prompt;
//! Ctrl-D ends it.
//!
//! | module | contents |
//! | --- | --- |
//! | `commands`, `help` | the tables of words, and what `help` prints |
//! | `state`, `line` | the options, and what a line means |
//! | `lines`, `complete`, `history` | where lines come from, and help while they are typed |
//! | `make`, `screen`, `page` | reports on the screen, in files and in the browser |

mod commands;
mod complete;
mod help;
mod history;
mod line;
mod lines;
mod make;
mod page;
mod screen;
mod session;
mod state;

use std::io::{IsTerminal as _, stdin, stdout};
use std::path::PathBuf;

use rgops_pprof::Settings;

use super::arguments::Arguments;
use super::opened::Opened;
use crate::exit::{Exit, Failure};
use crate::last_resort;

/// Whether commands that take a profile end in the prompt.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Asked {
    /// Do not end in the (pprof) prompt: on a terminal that is where the profile is analysed
    #[arg(long)]
    no_interactive: bool,
}

impl Asked {
    /// Whether a person is there to ask: standard input and output are terminals.
    pub(crate) fn is_wanted(self) -> bool {
        !self.no_interactive && stdin().is_terminal() && stdout().is_terminal()
    }
}

/// Ends a command that took a profile in the prompt. `profile` are the bytes of its file, `name` that of the program,
/// and `exit` is how the command ends.
///
/// # Errors
/// If standard input cannot be read.
pub(crate) fn talk_about(
    profile: &[u8],
    name: &str,
    saved: Option<PathBuf>,
    mut settings: Settings,
    exit: Exit,
) -> Result<Exit, Failure> {
    let profile = rgops_pprof::read_profile(profile).map_err(|error| {
        Failure::new(Exit::Internal, "cannot open the profile", error.to_string(), "report this as a bug")
    })?;
    settings.rust = true;
    last_resort::without_deadline();
    let opened = Opened::from_profile(profile, name.to_owned(), saved);
    session::converse(&opened, settings, session::Begin::AfterReport, make::Written::new(false))?;
    Ok(exit)
}

/// Reads commands until the end of the input. `settings` are the options of the command line; names and frames are
/// those of Rust unless it says otherwise.
///
/// # Errors
/// If standard input cannot be read.
pub(super) fn run(opened: &Opened, mut settings: Settings, arguments: &Arguments) -> Result<Exit, Failure> {
    settings.rust |= !arguments.says("rust");
    session::converse(opened, settings, session::Begin::New, make::Written::new(arguments.force))
}
