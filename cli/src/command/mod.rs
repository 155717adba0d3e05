//! The commands, one file each: arguments, then `run`. Those an agent answers are the table's
//! ([`rgops_protocol::commands`]).

pub mod completions;
pub mod info;
pub mod leaks;
pub mod list;
pub mod man;
mod output;
mod single;
pub mod tree;

pub use crate::arguments::AgentArguments;
use crate::exit::{Exit, Failure};

macro_rules! commands {
    ($($number:literal $variant:ident $module:ident $name:literal $oldest:literal..=$newest:literal
        $load:ident $changes:tt $memory:ident $request:ident $part:ident;)*) => {
        $(pub mod $module;)*

        /// What can be asked.
        #[derive(Debug, Clone, clap::Subcommand)]
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
            /// Find the lines that keep more and more memory
            #[command(display_order = 110)]
            Leaks(leaks::Leaks),
            /// Print a completion script for a shell
            #[command(display_order = 160)]
            Completions(completions::Completions),
            /// Print the manual page
            #[command(display_order = 170)]
            Man(man::Man),
            $(
                #[doc = concat!("`rgops ", $name, "`.")]
                #[command(name = $name, about = $module::ABOUT, display_order = $module::PLACE)]
                $variant($module::$variant),
            )*
        }

        impl Command {
            /// Runs the command.
            ///
            /// # Errors
            /// Its failure.
            pub fn run(&self) -> Result<Exit, Failure> {
                match self {
                    Command::List(list) => list.run(),
                    Command::Info(info) => info.run(),
                    Command::Tree(tree) => tree.run(),
                    Command::Leaks(leaks) => leaks.run(),
                    Command::Completions(completions) => completions.run(),
                    Command::Man(man) => man.run(),
                    $(Command::$variant($module) => $module.run(),)*
                }
            }
        }
    };
}

rgops_protocol::commands!(commands, people);
