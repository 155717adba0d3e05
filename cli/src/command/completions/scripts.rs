//! The command, and the script for each shell.
//!
//! clap generates the script. The pids come from `rgops completions targets`, which the script calls. A
//! process can have any name, and shells expand the words they complete (`compgen -W`). So only digits are
//! offered as words; names are only descriptions.

use std::fmt::Write as _;

use clap::Command;
use clap_complete::Shell as Generator;
use rgops_inspect::text::escape;

use super::pprof;
use crate::command::list::listing;
use crate::exit::{Exit, Failure};
use crate::terminal;

const BASH_TARGETS: &str = r#"
_rgops_with_targets() {
    if [[ $COMP_CWORD -gt 1 && ${COMP_WORDS[1]} == pprof ]]; then
        _rgops_pprof "$@"
        return
    fi
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

_rgops_first_word() {
    local found=1
    _rgops_commands && found=0
    _rgops_targets && found=0
    return found
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
    /// Prints the script for this command line.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn run(&self, line: Command) -> Result<Exit, Failure> {
        let text = match self.shell {
            Shell::Bash => bash(line),
            Shell::Zsh => zsh(line),
            Shell::Fish => fish(line),
            Shell::Targets => targets()?,
        };
        terminal::print(&text)?;
        Ok(Exit::Success)
    }
}

fn targets() -> Result<String, Failure> {
    let mut text = String::new();
    for process in listing()?.processes.iter().filter(|process| process.agent.is_some()) {
        // Writing to a string never fails.
        let _ = writeln!(text, "{}\t{}", process.pid, escape(&process.name));
    }
    Ok(text)
}

pub(crate) fn bash(line: Command) -> String {
    let commands: String = with_target(&line).iter().map(|command| format!(r"|2\ {command}")).collect();
    let of_pprof = pprof::bash(&line);
    script(Generator::Bash, line) + &of_pprof + &BASH_TARGETS.replace("COMMANDS", &commands)
}

pub(crate) fn zsh(line: Command) -> String {
    // clap completes a target as a file name. The `#compdef` line must stay the first line.
    let of_pprof = pprof::zsh(&line);
    let script = script(Generator::Zsh, line);
    let (head, rest) = script.split_once('\n').unwrap_or((&script, ""));
    let mut text = format!("{head}\n{ZSH_TARGETS}{of_pprof}");
    for line in pprof::change_zsh(&with_first_word(rest)).lines() {
        let is_target = line.starts_with("':target -- ") || line.starts_with("'::target -- ");
        match is_target {
            true => text.push_str(&line.replace(":_default'", ":_rgops_targets'")),
            false => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// The script with one first word, which is a command or a target. For clap, the arguments of `rgops TARGET
/// [DURATION]` are before the command, so that no command has completions.
fn with_first_word(script: &str) -> String {
    const COMMANDS: &str = "\":: :_rgops_commands\" \\\n";
    let Some((head, rest)) = script.split_once(COMMANDS) else { return script.to_owned() };
    let is_place = |line: &&str| line.starts_with("':");
    let command = format!("$line[{}]", 1 + head.lines().filter(is_place).count());
    let head: String = head.lines().filter(|line| !is_place(line)).map(|line| format!("{line}\n")).collect();
    head + "\":: :_rgops_first_word\" \\\n" + &rest.replace(&command, "$line[1]")
}

pub(crate) fn fish(line: Command) -> String {
    let commands = with_target(&line);
    let targets = "-f -a \"(rgops completions targets 2>/dev/null)\"";
    let of_pprof = pprof::fish(&line, targets);
    let mut text = script(Generator::Fish, line) + &of_pprof;
    let _ = writeln!(text, "complete -c rgops -n \"__fish_rgops_needs_command\" {targets}");
    for command in commands {
        let _ = writeln!(text, "complete -c rgops -n \"__fish_rgops_using_subcommand {command}\" {targets}");
    }
    text
}

/// Names of the commands with a target.
pub(crate) fn with_target(line: &Command) -> Vec<String> {
    let has_target =
        |command: &&Command| command.get_arguments().any(|argument| argument.get_id() == "target");
    line.get_subcommands().filter(has_target).map(|command| command.get_name().to_owned()).collect()
}

fn script(generator: Generator, mut line: Command) -> String {
    let mut script = Vec::new();
    clap_complete::generate(generator, &mut line, "rgops", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
