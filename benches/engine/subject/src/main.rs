//! A program to profile: obeys one command per line on standard input, and answers each with one line.
//!
//! `empty` installs a handler for SIGPROF that does nothing. `start HZ` and `stop` run the engine it was built with
//! (the agent's is started from outside, by the driver). `learn` finds the mark by which that engine recognises its
//! own signals. `cost DEPTH SIGNALS warm|cold` answers with nanoseconds of CPU time per signal. `work UNITS` does a
//! fixed amount of work on two threads and answers with its CPU time; `sleepers COUNT` adds sleeping threads. `split`
//! starts threads with known shares of CPU, and `clocks` reports what they used.

mod engine;
mod signals;
mod split;
mod stack;
mod work;

use std::io::{self, BufRead as _, Write as _};

use engine::Engine;
use split::Split;
use work::Workers;

/// A pause before a measurement. It is longer than the agent's interval between two reads of its ring, so the ring is
/// empty.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(120);

fn main() -> io::Result<()> {
    let mut engine = Engine::new()?;
    let workers = Workers::start()?;
    let mut split = None;
    let mut mark = 0;
    print_line("ready")?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let answer = match words[..] {
            ["empty"] => signals::install_empty_handler().map(|()| "ok".to_owned()),
            ["start", hz] => engine.start(number(hz)?).map(|()| "ok".to_owned()),
            ["stop"] => engine.stop(),
            ["learn"] => signals::learn().map(|found| {
                mark = found;
                "ok".to_owned()
            }),
            ["cost", depth, signals, caches] => {
                std::thread::sleep(PAUSE);
                let ns = stack::cost(number(depth)?, number(signals)?, caches == "cold", mark);
                ns.map(|ns| format!("{ns:.1}"))
            }
            ["work", units] => workers.work(number(units)?).map(|ns| ns.to_string()),
            ["sleepers", count] => work::add_sleepers(number(count)?).map(|()| "ok".to_owned()),
            ["split"] => Split::start().map(|started| {
                split = Some(started);
                "ok".to_owned()
            }),
            ["clocks"] => split.as_ref().ok_or_else(|| io::Error::other("no split")).and_then(Split::clocks),
            _ => Err(io::Error::other(format!("unknown command: {line}"))),
        };
        match answer {
            Ok(answer) => print_line(&answer)?,
            Err(error) => print_line(&format!("error: {error}"))?,
        }
    }
    // The threads of `split` never end.
    std::process::exit(0)
}

fn number(word: &str) -> io::Result<u64> {
    word.parse().map_err(|_| io::Error::other(format!("not a number: {word}")))
}

fn print_line(line: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}
