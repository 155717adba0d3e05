//! The command line: the top level, and what every command that asks an agent takes.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, Parser, Subcommand};
use rgops_inspect::budget::{self, Budget, LEAST_PROCESS_BYTES};
use rgops_inspect::client::{Client, Timeouts};
use rgops_inspect::processes::{self, Target};
use rgops_inspect::report::list;
use rgops_protocol::auth::Token;
use rgops_protocol::discovery::TOKEN_VARIABLE;

use crate::command::{Command, info::Info, list::List};
use crate::exit::{Exit, Failure};
use crate::{last_resort, terminal};

const EXAMPLES: &str = "\
Examples:
  rgops                        every Rust process of this host; * marks an agent
  rgops 4711                   one process in detail; `rgops 4711 2s` measures its CPU for 2 s
  rgops stack 4711             every thread's stack
  rgops tasks 4711             every Tokio task, its await, and who waits for whom
  rgops pprof-cpu shop         a CPU profile of the one process named shop
  rgops pprof-heap shop        what is in use, by the functions that allocated it
  rgops leaks shop --for 60s   the lines that keep more and more memory
  rgops stats 10.0.0.7:7777    over TCP, with the token in $RGOPS_TOKEN or --token-file
  rgops memstats 4711 --json   for scripts

A TARGET is a pid, a unique process name, a socket path or host:port.

Exit codes: 0 fine, 1 internal error, 2 usage, 3 no such process or no agent, 4 refused,
5 timed out, 6 answered in part.";

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
    /// Measure its CPU usage for so long: 2s, 500ms, or 2 for seconds
    #[arg(value_parser = duration)]
    duration: Option<Duration>,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

impl CommandLine {
    /// Runs what was asked.
    ///
    /// # Errors
    /// The command's failure.
    pub fn run(self) -> Result<Exit, Failure> {
        if let Some(word) = self.target.as_deref().filter(|word| Command::has_subcommand(word)) {
            // An option before the command makes clap take the command for a target.
            let fix = format!("rgops {word} … --json");
            return Err(Failure::new(
                Exit::Usage,
                "cannot tell what is asked",
                "options go behind the command",
                fix,
            ));
        }
        match (self.command, self.target) {
            (Some(command), _) => command.run(),
            (None, Some(target)) => Info { target, duration: self.duration, json: self.json }.run(),
            (None, None) => List { json: self.json }.run(),
        }
    }
}

/// See [`AgentArguments::end_after`].
const OWN_TIMEOUTS: u32 = 6;

/// What every command that asks an agent takes.
#[derive(Debug, Clone, Args)]
pub struct AgentArguments {
    /// A pid, a unique process name, a socket path or host:port
    pub target: String,
    /// Print JSON with a versioned schema instead of text
    #[arg(long)]
    pub json: bool,
    /// Give up when the agent is silent for so many seconds, or needs so much longer than was asked for
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub timeout: Duration,
    /// Use no more memory than this, at least 128M: what came until then is shown
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = memory)]
    pub max_memory: u64,
    /// Read the token for host:port from this file; else it is taken from $RGOPS_TOKEN
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

impl AgentArguments {
    /// Finds the target and connects to its agent, for something that takes no time by itself. The target
    /// says where its files are.
    ///
    /// # Errors
    /// No such process, no agent, refused, timed out: each with its exit code and what to do.
    pub fn connect(&self) -> Result<(Client, Target), Failure> {
        self.connect_for(Duration::ZERO)
    }

    /// The same for something that takes so long by itself.
    ///
    /// # Errors
    /// As [`AgentArguments::connect`].
    pub fn connect_for(&self, asked: Duration) -> Result<(Client, Target), Failure> {
        let budget = budget::for_process(self.max_memory);
        self.end_after(&budget, asked);
        let mut target = processes::resolve(&self.target, self.token()?, &budget)?;
        if let Some(unseen) = list::unseen(target.unseen, &self.target) {
            terminal::note(&unseen);
        }
        let client = target.connect(self.timeouts(), &budget)?;
        Ok((client, target))
    }

    /// When all has to be over that begins now and takes so long by itself: the agent has one timeout
    /// besides, and what is made of its answer, names and lines above all, has six more.
    pub fn end_after(&self, budget: &Budget, asked: Duration) {
        let whole = asked.saturating_add(self.timeout.saturating_mul(1 + OWN_TIMEOUTS));
        // Longer than the clock can tell is as long as one likes.
        if let Some(deadline) = Instant::now().checked_add(whole) {
            budget.end_by(deadline);
        }
        last_resort::watch(budget);
    }

    /// How long to wait for the agent.
    pub fn timeouts(&self) -> Timeouts {
        Timeouts { connect: self.timeout, silence: self.timeout }
    }

    /// The token is never an argument: those are seen by everyone who can run `ps`.
    fn token(&self) -> Result<Option<Token>, Failure> {
        let (origin, secret) = match &self.token_file {
            Some(file) => {
                let secret = rgops_inspect::token_file::read(file).map_err(|error| {
                    let what = format!("cannot read the token file {}", file.display());
                    Failure::new(Exit::Usage, what, error.to_string(), error.fix())
                })?;
                (format!("the token in {}", file.display()), secret)
            }
            None => match std::env::var_os(TOKEN_VARIABLE) {
                Some(secret) => (format!("the token in ${TOKEN_VARIABLE}"), secret.into_encoded_bytes()),
                None => return Ok(None),
            },
        };
        Token::new(secret).map(Some).map_err(|error| {
            let (why, fix) = (error.to_string(), "use the token the program was started with");
            Failure::new(Exit::Usage, format!("cannot use {origin}"), why, fix)
        })
    }
}

/// Reads a duration as gops does: `2s`, `500ms`, `1m30s`, or a bare number of seconds.
///
/// # Errors
/// A text that says what is allowed.
pub fn duration(text: &str) -> Result<Duration, String> {
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return seconds(text);
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|char: char| char.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let scale = match unit {
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err("write it as 2s, 500ms, 1m30s, or a number of seconds".to_owned()),
        };
        let part =
            number.parse::<f64>().ok().and_then(|number| Duration::try_from_secs_f64(number * scale).ok());
        let part = part.ok_or_else(|| format!("`{number}` is no number"))?;
        total = total.checked_add(part).ok_or("too long")?;
        rest = tail;
    }
    if total.is_zero() { Err("must be longer than nothing".to_owned()) } else { Ok(total) }
}

/// Reads a number of seconds, fractions allowed.
///
/// # Errors
/// A text that says what is allowed.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.parse::<f64>().map_err(|_| "not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(number) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("must be a positive number of seconds".to_owned()),
    }
}

/// Reads a number of bytes: `524288`, `512KiB`, `512k`, `1M`. Units are powers of 1024, as everywhere in
/// rgops.
///
/// # Errors
/// A text that says what is allowed.
pub fn size(text: &str) -> Result<u64, String> {
    let allowed = || "write it as 524288, 512KiB, 1M".to_owned();
    let digits = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let unit = unit.strip_suffix("ib").or(unit.strip_suffix('b')).unwrap_or(&unit);
    let shift = match unit {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        _ => return Err(allowed()),
    };
    let number = number.parse::<u64>().map_err(|_| allowed())?;
    number.checked_mul(1 << shift).ok_or_else(|| "too large".to_owned())
}

/// Reads a limit of memory.
///
/// # Errors
/// A text that says what is allowed.
fn memory(text: &str) -> Result<u64, String> {
    match size(text)? {
        LEAST_PROCESS_BYTES.. => size(text),
        _ => Err(format!("must be at least {}M", LEAST_PROCESS_BYTES >> 20)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_memory_leaves_room_for_the_program_itself() {
        assert_eq!(memory("128M"), Ok(128 << 20));
        assert_eq!(memory("2GiB"), Ok(2 << 30));
        for wrong in ["127M", "0", "much"] {
            assert!(memory(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_read_as_gops_reads_them() {
        assert_eq!(duration("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("0.5s"), Ok(Duration::from_millis(500)));
        for wrong in ["", "0", "0s", "-2s", "s", "2x", "2s3", "nan", "1e99s", "."] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, bytes) in [
            ("524288", 524_288),
            ("512KiB", 524_288),
            ("512k", 524_288),
            ("1MB", 1 << 20),
            ("7B", 7),
            ("2g", 2 << 30),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "KiB", "-1", "1.5M", "1x", "99999999999G"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        CommandLine::command().debug_assert();
    }

    #[test]
    fn a_first_word_that_is_no_command_is_a_target() {
        let line = CommandLine::try_parse_from(["rgops", "4711", "500ms"]);
        let Ok(CommandLine { command: None, target: Some(target), duration: Some(duration), .. }) = line
        else {
            panic!("{line:?}");
        };
        assert_eq!((target.as_str(), duration), ("4711", Duration::from_millis(500)));
    }
}
