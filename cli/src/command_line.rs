//! The command line as a whole: the top level and the table of commands.

use std::time::Duration;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::arguments::duration;
use crate::command::{completions, config, diagnose, info, leaks, list, man, pprof, serve, top, tree};
use crate::exit::{Exit, Failure};

const EXAMPLES: &str = "\
Examples:
  rgops                        every Rust process of this host; * marks an agent
  rgops 4711                   one process in detail; `rgops 4711 2s` measures its CPU for 2 s
  rgops diagnose 4711          what is wrong with it, worst first
  rgops stack 4711             every thread's stack
  rgops tasks 4711             every Tokio task, its await, and which tasks wait for which
  rgops pprof-cpu shop         a CPU profile of the one process named shop
  rgops pprof-heap shop        memory in use, by allocating function
  rgops leaks shop -d 60s      the lines with growing memory
  rgops stats 10.0.0.7:7777    over TCP, with the token in $RGOPS_TOKEN or --token-file
  rgops memstats 4711 --json   for scripts

A TARGET is a pid, a unique process name, a socket path or host:port.

Exit codes: 0 success, 1 internal error, 2 usage, 3 no such process or no agent, 4 refused,
5 timed out, 6 partial answer, 8 findings (diagnose),
9 grew above the limit (pprof -diff --fail-above).";

/// Ask a running Rust program: stacks, memory, runtime stats, CPU and heap profiles, traces.
///
/// Without arguments it lists the Rust processes of this host.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "rgops",
    version,
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    override_usage = "rgops [--json]\n       rgops TARGET [DURATION]\n       rgops COMMAND …"
)]
pub struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    /// Show this process in detail: a pid or a unique process name
    target: Option<String>,
    /// Measure its CPU usage for DURATION: 2s, 500ms, or 2 for seconds
    #[arg(value_parser = duration)]
    duration: Option<Duration>,
    /// List each thread and each connection of the process
    #[arg(long, requires = "target")]
    all: bool,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

impl CommandLine {
    /// Runs the requested command.
    ///
    /// # Errors
    /// The failure of the command.
    pub fn run(self) -> Result<Exit, Failure> {
        if let Some(word) = self.target.as_deref().filter(|word| Command::has_subcommand(word)) {
            // An option before the command makes clap take the command for a target.
            let fix = format!("rgops {word} … --json");
            return Err(Failure::new(
                Exit::Usage,
                "the command is ambiguous",
                "options must come after the command",
                fix,
            ));
        }
        match (self.command, self.target) {
            (Some(command), _) => command.run(),
            (None, Some(target)) => {
                info::Info { target, duration: self.duration, all: self.all, json: self.json }.run()
            }
            (None, None) => list::List { json: self.json }.run(),
        }
    }
}

macro_rules! commands {
    ($($number:literal $variant:ident $module:ident $name:literal $oldest:literal..=$newest:literal
        $load:ident $changes:tt $memory:ident $request:ident $part:ident;)*) => {
        /// All commands: those of the table, those about the host, and those about this program.
        #[derive(Debug, Clone, Subcommand)]
        pub enum Command {
            /// List the Rust processes of this host; the same as no command
            #[command(visible_alias = "ls", display_order = 10)]
            List(list::List),
            /// Show one process in detail; the same as `rgops TARGET [DURATION]`
            #[command(visible_aliases = ["process", "pid", "proc"], display_order = 20)]
            Info(info::Info),
            /// Show the Rust processes of this host as a tree
            #[command(display_order = 30)]
            Tree(tree::Tree),
            /// Find what is wrong: deadlocks, stuck workers, full pools, limits, leaks
            #[command(visible_alias = "doctor", display_order = 35)]
            Diagnose(diagnose::Diagnose),
            /// Watch threads, tasks, hottest functions, workers and memory live
            #[command(display_order = 65)]
            Top(top::Top),
            /// Find the lines with growing memory
            #[command(display_order = 110)]
            Leaks(leaks::Leaks),
            /// Analyse profiles: top, list, call graph, flame graph, in the terminal and in the browser
            #[command(display_order = 105)]
            Pprof(Box<pprof::Pprof>),
            /// Serve all programs over HTTP: for browsers, go tool pprof and Prometheus
            #[command(display_order = 106)]
            Serve(serve::Serve),
            /// Print a configuration of Prometheus, Alloy, Parca and others for `rgops serve`
            #[command(display_order = 107)]
            Config(config::Config),
            /// Name the functions of a saved profile
            #[command(display_order = 115)]
            Symbolize(crate::command::symbolize::Symbolize),
            /// Print a completion script for a shell
            #[command(display_order = 160)]
            Completions(completions::Completions),
            /// Print the manual page
            #[command(display_order = 170)]
            Man(man::Man),
            $(
                #[doc = concat!("`rgops ", $name, "`.")]
                #[command(
                    name = $name,
                    about = crate::command::$module::ABOUT,
                    display_order = crate::command::$module::PLACE
                )]
                $variant(crate::command::$module::$variant),
            )*
        }

        impl Command {
            /// Runs the command.
            ///
            /// # Errors
            /// The failure of the command.
            pub fn run(&self) -> Result<Exit, Failure> {
                match self {
                    Command::List(list) => list.run(),
                    Command::Info(info) => info.run(),
                    Command::Tree(tree) => tree.run(),
                    Command::Diagnose(diagnose) => diagnose.run(),
                    Command::Top(top) => top.run(),
                    Command::Leaks(leaks) => leaks.run(),
                    Command::Pprof(pprof) => pprof.run(),
                    Command::Serve(serve) => serve.run(),
                    Command::Config(config) => config.run(),
                    Command::Symbolize(symbolize) => symbolize.run(),
                    Command::Completions(completions) => completions.run(CommandLine::command()),
                    Command::Man(man) => man.run(CommandLine::command()),
                    $(Command::$variant($module) => $module.run(),)*
                }
            }
        }
    };
}

rgops_protocol::commands!(commands, people);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn a_first_word_that_is_not_a_command_is_a_target() {
        let line = CommandLine::try_parse_from(["rgops", "4711", "500ms"]);
        let Ok(CommandLine { command: None, target: Some(target), duration: Some(duration), .. }) = line
        else {
            panic!("{line:?}");
        };
        assert_eq!((target.as_str(), duration), ("4711", Duration::from_millis(500)));
    }

    #[test]
    fn every_command_with_a_target_completes_it() {
        let commands = completions::with_target(&CommandLine::command());
        assert!(commands.len() > 8 && commands.iter().any(|name| name == "tasks"), "{commands:?}");
        let (bash, fish) =
            (completions::bash(CommandLine::command()), completions::fish(CommandLine::command()));
        for command in &commands {
            assert!(bash.contains(&format!(r"|2\ {command}")), "{command}");
            assert!(fish.contains(&format!("__fish_rgops_using_subcommand {command}\" -f")), "{command}");
        }
        // Aliases have their own entries: `info` has three.
        let zsh = completions::zsh(CommandLine::command());
        assert!(zsh.matches(":_rgops_targets'").count() > commands.len());
    }
}
