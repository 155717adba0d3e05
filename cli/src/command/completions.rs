//! `rgops completions SHELL`: a script that completes commands, options, and the pids of programs
//! that have an agent.
//!
//! clap makes the script; the pids come from `rgops completions targets`, which the script calls. A
//! process can name itself anything and shells expand what they complete (`compgen -W`), so only
//! digits are ever offered as words; names are descriptions.

use std::fmt::Write as _;

use clap::CommandFactory;
use clap_complete::Shell as Generator;
use rgops_inspect::text::escape;

use super::list::listing;
use crate::arguments::CommandLine;
use crate::exit::{Exit, Failure};
use crate::terminal;

const BASH_TARGETS: &str = r#"
_rgops_with_targets() {
    _rgops "$@"
    local word="${COMP_WORDS[COMP_CWORD]}"
    [[ $word == -* ]] && return
    case "$COMP_CWORD ${COMP_WORDS[1]}" in
        1\ *COMMANDS)
            COMPREPLY+=($(compgen -W "$(rgops completions targets 2>/dev/null | cut -f1)" -- "$word")) ;;
    esac
}
complete -F _rgops_with_targets -o bashdefault -o default rgops
"#;

const ZSH_TARGETS: &str = r#"
_rgops_targets() {
    local -a targets
    targets=(${(f)"$(rgops completions targets 2>/dev/null | tr '\t' ':')"})
    _describe -t targets 'process with an agent' targets
}
"#;

/// Arguments of `rgops completions`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  source <(rgops completions bash)
  rgops completions zsh > \"${fpath[1]}/_rgops\"
  rgops completions fish > ~/.config/fish/completions/rgops.fish")]
pub struct Completions {
    shell: Shell,
}

/// Where the script will run.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    /// Not a shell: what the scripts ask, `PID<TAB>NAME` of each program with an agent.
    #[value(hide = true)]
    Targets,
}

impl Completions {
    /// Prints the script.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn run(&self) -> Result<Exit, Failure> {
        let text = match self.shell {
            Shell::Bash => bash(),
            Shell::Zsh => zsh(),
            Shell::Fish => fish(),
            Shell::Targets => targets()?,
        };
        terminal::print(&text)?;
        Ok(Exit::Fine)
    }
}

fn targets() -> Result<String, Failure> {
    let mut text = String::new();
    for process in listing()?.processes.iter().filter(|process| process.agent.is_some()) {
        // A string takes every write.
        let _ = writeln!(text, "{}\t{}", process.pid, escape(&process.name));
    }
    Ok(text)
}

fn bash() -> String {
    let commands: String = with_target().iter().map(|command| format!(r"|2\ {command}")).collect();
    script(Generator::Bash) + &BASH_TARGETS.replace("COMMANDS", &commands)
}

fn zsh() -> String {
    // clap completes a target as a file name; the first line must stay the `#compdef` one.
    let script = script(Generator::Zsh);
    let (head, rest) = script.split_once('\n').unwrap_or((&script, ""));
    let mut text = format!("{head}\n{ZSH_TARGETS}");
    for line in rest.lines() {
        let is_target = line.starts_with("':target -- ") || line.starts_with("'::target -- ");
        match is_target {
            true => text.push_str(&line.replace(":_default'", ":_rgops_targets'")),
            false => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

fn fish() -> String {
    let mut text = script(Generator::Fish);
    let targets = "-f -a \"(rgops completions targets 2>/dev/null)\"";
    let _ = writeln!(text, "complete -c rgops -n \"__fish_rgops_needs_command\" {targets}");
    for command in with_target() {
        let _ = writeln!(text, "complete -c rgops -n \"__fish_rgops_using_subcommand {command}\" {targets}");
    }
    text
}

/// Names of the commands that ask one process.
fn with_target() -> Vec<String> {
    let line = CommandLine::command();
    let asks_one =
        |command: &&clap::Command| command.get_arguments().any(|argument| argument.get_id() == "target");
    line.get_subcommands().filter(asks_one).map(|command| command.get_name().to_owned()).collect()
}

fn script(generator: Generator) -> String {
    let mut script = Vec::new();
    clap_complete::generate(generator, &mut CommandLine::command(), "rgops", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_with_a_target_completes_it() {
        let commands = with_target();
        assert!(commands.len() > 8 && commands.iter().any(|name| name == "tasks"), "{commands:?}");
        for command in &commands {
            assert!(bash().contains(&format!(r"|2\ {command}")), "{command}");
            assert!(fish().contains(&format!("__fish_rgops_using_subcommand {command}\" -f")), "{command}");
        }
        // Aliases have entries of their own: `info` has three.
        assert!(zsh().matches(":_rgops_targets'").count() > commands.len());
    }
}
