//! Runs the command: opens the sources, then shows them as asked.

use std::io::IsTerminal as _;

use rgops_inspect::budget;
use rgops_pprof::report::Format;

use super::arguments::Arguments;
use super::names::MAX_MEMORY;
use super::opened::Opened;
use super::texts::cut;
use super::{diff, http, output, prompt};
use crate::exit::{Exit, Failure};
use crate::{last_resort, terminal};

/// Arguments of the command.
#[derive(Debug, Clone, clap::Args)]
#[command(
    override_usage = "rgops pprof [FORMAT] [OPTIONS] [BINARY] SOURCE…\n       rgops pprof [FORMAT] [OPTIONS] cpu|heap TARGET\n       rgops pprof --http [ADDR] [OPTIONS] [BINARY] SOURCE…\n       rgops pprof -diff OLD NEW",
    after_help = "\
Every option has both spellings, -top and --top; a switch takes =false. A SOURCE is one of:
  FILE          a pprof file, compressed or not; several are merged
  -             standard input
  URL           http://, https:// or https+insecure://
  HOST:PORT     the same as http://HOST:PORT/debug/pprof/profile
  cpu TARGET    a CPU profile of a program with an agent; also TARGET cpu
  heap TARGET   a heap profile of it; also TARGET heap
  PID           the same as cpu PID
A first word that is an executable gives names, source and instructions.
Write ./cpu for a file named cpu. A TARGET is a pid, a unique process name,
a socket path or host:port. $RGOPS_TOKEN or --token-file is sent to the host
of a URL, and not after a redirect to another host. Profiles that were
fetched or taken are saved in $PPROF_TMPDIR or ~/pprof, unless -no_save.

Examples:
  rgops pprof profile.pb.gz                       the prompt
  rgops pprof -top -cum profile.pb.gz             with what functions call
  rgops pprof -list checkout ./shop profile.pb.gz the lines of a function
  rgops pprof --http cpu shop                     30 seconds, in the browser
  rgops pprof -top -seconds 5 10.0.0.7:6060       over HTTP
  rgops pprof -top -diff_base old.pb.gz new.pb.gz what changed
  rgops pprof -diff old.pb.gz new.pb.gz --fail-above 5%"
)]
pub struct Pprof {
    #[command(flatten)]
    arguments: Arguments,
}

impl Pprof {
    /// Runs the command.
    ///
    /// # Errors
    /// If the command line contradicts itself, a source cannot be opened, or the report cannot be made or written.
    pub fn run(&self) -> Result<Exit, Failure> {
        let arguments = &self.arguments;
        let format = arguments.format()?;
        let (settings, notices) = arguments.settings()?;
        arguments.check()?;
        last_resort::watch_input(&budget::for_process(arguments.max_memory.unwrap_or(MAX_MEMORY)));
        // Incomplete files have temporary names. Ctrl-C must remove them.
        terminal::on_interrupt(|| terminal::give_up())?;
        notices.iter().for_each(|notice| terminal::say(notice));
        if arguments.diff {
            return diff::run(arguments);
        }
        let opened = Opened::open(arguments).map_err(|failure| for_pages(failure, arguments))?;
        let shown = match format {
            Some((format, argument)) => {
                let request = arguments.request(format, argument)?;
                output::write(&opened, &request, arguments.output.as_deref(), arguments.force)
            }
            None if arguments.http.is_some() => http::run(&opened, arguments),
            None if arguments.interactive.unwrap_or_else(is_terminal) => {
                prompt::run(&opened, settings, arguments)
            }
            None => {
                let request = arguments.request(Format::Top, None)?;
                output::write(&opened, &request, arguments.output.as_deref(), arguments.force)
            }
        }?;
        Ok(if shown == Exit::Success { opened.exit() } else { shown })
    }
}

/// `--http HOST:PORT` without a source asks that address for a profile, which may not be what was meant.
fn for_pages(failure: Failure, arguments: &Arguments) -> Failure {
    match (arguments.http.as_deref(), &arguments.sources[..]) {
        (Some(""), [source])
            if source.to_str().is_some_and(|it| it.contains(':') && !it.contains(['/', '@'])) =>
        {
            let source = cut(&source.to_string_lossy());
            let fix = format!(
                "{}\nfor pages at {source}, name a source, too: rgops pprof --http {source} FILE",
                failure.fix
            );
            Failure { fix: fix.trim_start().to_owned(), ..failure }
        }
        _ => failure,
    }
}

/// Whether a person is at the other end.
fn is_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}
