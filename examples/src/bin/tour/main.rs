//! A tour of rgops: starts `shop` under load, runs every command on it, one after another, and shows the real
//! answers. Then it shows a program that leaks, one that hangs, and a target that does not answer.
#![forbid(unsafe_code)]

mod binaries;
mod page;
mod program;
mod screen;
mod walk;

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs, io, process};

use clap::Parser;
use rgops_agent::{self as agent, Options};
use rgops_examples::announce;
use rgops_examples::lifetime::Lifetime;

/// Starts a web shop under load and walks through every command of rgops on it.
///
/// Takes about 90 seconds, and ends with the address of a page: the flame graph of the shop, until Ctrl-C. Ctrl-C ends
/// it at any time, with the programs it started.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  cargo run --release -p rgops-examples\n  tour --keep --lines 200   whole answers; the profiles and the trace stay for you to open"
)]
struct Arguments {
    /// Keep the profiles and the trace, and print where they are
    #[arg(long)]
    keep: bool,
    /// Requests per second sent to the shop
    #[arg(long, value_name = "RPS", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    load: u32,
    /// Maximum lines shown of each answer
    #[arg(long, value_name = "N", default_value_t = 34)]
    lines: usize,
    #[command(flatten)]
    lifetime: Lifetime,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tour: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<ExitCode> {
    let agent = agent::listen(Options::default())?;
    announce::started("tour", None, &agent)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let files = Files::make(arguments.keep)?;
    let code = runtime.block_on(async {
        tokio::select! {
            // Ctrl-C while the page is shown is the end of the walk.
            biased;
            walked = walk::walk(arguments, &files.folder) => walked,
            ended = arguments.lifetime.ended() => ended.map(|()| ExitCode::from(130)),
        }
    });
    // Dropping the runtime ends the programs, so they end before their files are removed.
    drop(runtime);
    files.leave();
    code
}

/// The folder for files that the commands write.
struct Files {
    folder: PathBuf,
    keep: bool,
}

impl Files {
    fn make(keep: bool) -> io::Result<Files> {
        use std::os::unix::fs::DirBuilderExt as _;
        let folder = env::temp_dir().join(format!("rgops-tour-{}", process::id()));
        // Fails if it exists: the temporary directory is shared with other users.
        fs::DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Files { folder, keep })
    }

    fn leave(self) {
        if self.keep {
            println!("\nThe profiles and the trace are in {}", self.folder.display());
        } else if fs::remove_dir_all(&self.folder).is_ok() {
            println!(
                "\nThe profiles and the trace in {} are removed; --keep keeps them.",
                self.folder.display()
            );
        }
    }
}
