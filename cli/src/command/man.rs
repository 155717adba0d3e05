//! `rgops man`: the manual page, generated from the same definitions as `--help`.

use clap_mangen::Man as Page;

use crate::exit::{Exit, Failure};
use crate::terminal;

/// Arguments of `rgops man`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  rgops man | man -l -\n  rgops man stack | man -l -\n  rgops man > /usr/local/share/man/man1/rgops.1"
)]
pub struct Man {
    /// The page of this command instead of the main one
    command: Option<String>,
}

impl Man {
    /// Prints the page of the whole command line, or of one command, as roff.
    ///
    /// # Errors
    /// If there is no such command, or standard output cannot be written.
    pub fn run(&self, mut command: clap::Command) -> Result<Exit, Failure> {
        command.build();
        let command = match &self.command {
            None => command,
            Some(name) => {
                let found = command.find_subcommand(name).cloned().ok_or_else(|| {
                    let what = format!("cannot print the page of {name}");
                    Failure::new(
                        Exit::Usage,
                        what,
                        "there is no such command",
                        "rgops --help lists the commands",
                    )
                })?;
                let page_name = format!("rgops-{}", found.get_name());
                // `build` set "rgops stack" as the name to show; the page is called rgops-stack(1).
                found.display_name(page_name)
            }
        };
        terminal::print(&page(command)?)?;
        Ok(Exit::Success)
    }
}

/// The page. The lines of the text after the options (examples, exit codes) are kept: clap_mangen would join
/// them to one paragraph.
fn page(command: clap::Command) -> Result<String, Failure> {
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let mut page = Vec::new();
    Page::new(command.after_help("")).render(&mut page).map_err(|error| {
        Failure::new(Exit::Internal, "cannot make the manual page", error.to_string(), "report this as a bug")
    })?;
    let mut page = String::from_utf8_lossy(&page).into_owned();
    // clap_mangen writes the heading even for the empty text.
    if let Some(end) = page.find(".SH EXTRA\n") {
        page.truncate(end);
    }
    if after.is_empty() {
        return Ok(page);
    }
    page.push_str(".SH EXAMPLES AND NOTES\n.nf\n");
    for line in after.lines() {
        // roff(7): a dot or quote at the start of a line is a request, a backslash an escape.
        let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
        page.push_str(&format!("{guard}{}\n", line.replace('\\', "\\e").replace('-', "\\-")));
    }
    page.push_str(".fi\n");
    Ok(page)
}
