//! `rgops completions SHELL`: a script that completes commands, options, and the pids of programs
//! that have an agent.

use clap::CommandFactory;
use clap_complete::Shell as Generator;

use crate::arguments::CommandLine;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Arguments of `rgops completions`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  source <(rgops completions bash)\n  rgops completions zsh > \"${fpath[1]}/_rgops\"\n  rgops completions fish > ~/.config/fish/completions/rgops.fish"
)]
pub struct Completions {
    shell: Shell,
}

/// Where the script will run.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Completions {
    /// Prints the script.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn run(&self) -> Result<Exit, Failure> {
        let generator = match self.shell {
            Shell::Bash => Generator::Bash,
            Shell::Zsh => Generator::Zsh,
            Shell::Fish => Generator::Fish,
        };
        let mut script = Vec::new();
        clap_complete::generate(generator, &mut CommandLine::command(), "rgops", &mut script);
        terminal::print(&String::from_utf8_lossy(&script))?;
        Ok(Exit::Fine)
    }
}
