//! How long a dump of all threads takes, compared with gdb and eu-stack on the same process.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::document::{Section, Verdict};
use crate::statistics::Values;
use crate::{Outcome, Plan};

/// The time limit for one of the tools, in seconds. gdb stops the program during this time.
const TIMEOUT_S: u32 = 60;

#[derive(Clone, Copy)]
enum Tool {
    Rgops,
    EuStack,
    Gdb,
}

/// The measurements of one crowd.
struct Found {
    threads: u32,
    /// In seconds, as the agent reports it.
    capture: Vec<f64>,
    /// Of whole commands.
    rgops: Vec<f64>,
    /// Counts of `quiet`, `signal`, `own_thread` and `failed`.
    how: Vec<(String, usize)>,
    listed: usize,
    complete: usize,
    eu_stack: Result<Vec<f64>, String>,
    gdb: Result<Vec<f64>, String>,
}

pub fn measure(plan: &Plan) -> Outcome<(Section, Vec<Verdict>)> {
    let sizes: &[u32] = if plan.is_quick { &[10, 1000] } else { &[10, 100, 1000, 5000] };
    let mut all = Vec::new();
    for threads in sizes {
        // gdb is slow with many threads, so there are fewer rounds.
        let rounds = if *threads > 1000 { plan.rounds(3, 1) } else { plan.rounds(5, 2) };
        all.push(one_crowd(plan, *threads, rounds)?);
    }
    Ok(render(&all))
}

fn one_crowd(plan: &Plan, threads: u32, rounds: usize) -> Outcome<Found> {
    let crowd = Crowd::start(&plan.programs, threads)?;
    let mut found = Found {
        threads,
        capture: Vec::new(),
        rgops: Vec::new(),
        how: Vec::new(),
        listed: 0,
        complete: 0,
        eu_stack: Ok(Vec::new()),
        gdb: Ok(Vec::new()),
    };
    for _ in 0..rounds {
        // Our command is so short that another program on the CPU changes the result: measure more often.
        for _ in 0..3 {
            found.add_ours(&plan.programs, &crowd)?;
        }
        for (tool, times) in [(Tool::EuStack, &mut found.eu_stack), (Tool::Gdb, &mut found.gdb)] {
            // A tool that failed or timed out once is not tried again.
            if let Ok(known) = times {
                match run(tool, &plan.programs, crowd.0.id()) {
                    Ok((seconds, _)) => known.push(seconds),
                    Err(error) => *times = Err(error),
                }
            }
        }
    }
    Ok(found)
}

impl Found {
    fn add_ours(&mut self, programs: &Path, crowd: &Crowd) -> Outcome<()> {
        let (seconds, output) = run(Tool::Rgops, programs, crowd.0.id())?;
        let report: serde_json::Value = serde_json::from_slice(&output)?;
        let capture_ns = report["capture_ns"].as_f64().ok_or("the dump broke off")?;
        self.capture.push(capture_ns / 1e9);
        self.rgops.push(seconds);
        let threads = report["threads"].as_array().ok_or("the dump has no threads")?;
        let of_crowd = threads
            .iter()
            .filter(|thread| thread["name"].as_str().is_some_and(|name| name.starts_with("c-")));
        (self.listed, self.complete) = (0, 0);
        self.how.clear();
        for thread in of_crowd {
            self.listed += 1;
            self.complete += usize::from(thread["end"] == "root");
            let how = thread["capture"].as_str().unwrap_or_default();
            match self.how.iter_mut().find(|(known, _)| known == how) {
                Some((_, count)) => *count += 1,
                None => self.how.push((how.to_owned(), 1)),
            }
        }
        Ok(())
    }
}

/// The seconds a command took and its output, or why there is no result.
fn run(tool: Tool, programs: &Path, pid: u32) -> Result<(f64, Vec<u8>), String> {
    let pid = pid.to_string();
    let rgops = programs.join("rgops").display().to_string();
    let arguments: Vec<&str> = match tool {
        Tool::Rgops => vec![&rgops, "stack", &pid, "--json"],
        Tool::EuStack => vec!["eu-stack", "-q", "-p", &pid],
        Tool::Gdb => vec![
            "gdb",
            "-nx",
            "-batch",
            "-iex",
            "set debuginfod enabled off",
            "-p",
            &pid,
            "-ex",
            "thread apply all bt",
        ],
    };
    let began = Instant::now();
    let output = Command::new("timeout")
        .args(["--kill-after=5", &TIMEOUT_S.to_string()])
        .args(&arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|error| format!("timeout(1): {error}"))?;
    let seconds = began.elapsed().as_secs_f64();
    match output.status.code() {
        // eu-stack: 1 means "an error in some thread". rgops: 6 means "a stack is missing or cut".
        Some(0 | 1 | 6) if !output.stdout.is_empty() => Ok((seconds, output.stdout)),
        Some(124 | 137) => Err(format!("more than {TIMEOUT_S} s")),
        Some(127) => Err("missing".to_owned()),
        _ => Err(format!("failed: {}", output.status)),
    }
}

fn render(all: &[Found]) -> (Section, Vec<Verdict>) {
    let mut text = "The example `crowd N`: N threads parked in eleven kinds of wait, under 0 to 40 calls. \
        `capture` is from the first thread's capture to the last's, as `rgops stack` reports it; the \
        other columns are whole commands: `rgops stack --json` (names and lines included), \
        `eu-stack -q -p PID` (neither), `gdb -batch -p PID -ex 'thread apply all bt'` (both), which stop \
        the program while they run. Median [least, most] of 3 to 5 \
        interleaved rounds, with rgops three times in each.\n\n\
        | threads | capture | rgops | eu-stack -q | gdb | eu-stack / capture | gdb / capture | gdb / rgops |\n\
        | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    let mut verdicts = Vec::new();
    let mut notes = String::new();
    for found in all {
        let [capture, rgops] = [&found.capture, &found.rgops].map(|times| Values::new(times.clone()));
        let [eu_stack, gdb] = [&found.eu_stack, &found.gdb].map(|times| times.clone().map(Values::new));
        let ratio = |theirs: &Result<Values, String>, ours: &Values| {
            // A tool that timed out takes longer than this.
            let (sign, seconds) = match theirs {
                Ok(theirs) => ("", theirs.median()),
                Err(error) if error.starts_with("more") => ("> ", f64::from(TIMEOUT_S)),
                Err(_) => return "–".to_owned(),
            };
            format!("{sign}{:.0}", seconds / ours.median())
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            found.threads,
            time(&capture),
            time(&rgops),
            theirs(&eu_stack),
            theirs(&gdb),
            ratio(&eu_stack, &capture),
            ratio(&gdb, &capture),
            ratio(&gdb, &rgops),
        );
        let how: Vec<String> = found.how.iter().map(|(how, count)| format!("{count} {how}")).collect();
        let _ = writeln!(
            notes,
            "- {} threads: {} listed, {} with their whole stack; {}.",
            found.threads,
            found.listed,
            found.complete,
            how.join(", ")
        );
        if found.threads == 1000 {
            for (what, wanted, theirs) in [
                ("`crowd 1000`, gdb / capture", 100.0, &gdb),
                ("`crowd 1000`, eu-stack -q / capture", 20.0, &eu_stack),
            ] {
                verdicts.push(Verdict {
                    what,
                    wanted: format!("at least {wanted:.0}"),
                    measured: ratio(theirs, &capture),
                    is_met: match theirs {
                        Ok(theirs) => theirs.median() / capture.median() >= wanted,
                        Err(_) => f64::from(TIMEOUT_S) / capture.median() >= wanted,
                    },
                });
            }
        }
        if found.threads == 5000 {
            verdicts.push(Verdict {
                what: "`crowd 5000`, capture, slowest; threads listed",
                wanted: "under 1 s; all 5000".to_owned(),
                measured: format!("{:.3} s; {}", capture.highest(), found.listed),
                is_met: capture.highest() < 1.0 && found.listed == 5000,
            });
        }
    }
    (Section { title: "A dump of all threads", text: format!("{text}\n{notes}") }, verdicts)
}

fn theirs(values: &Result<Values, String>) -> String {
    match values {
        Ok(values) => time(values),
        Err(error) => error.clone(),
    }
}

/// In milliseconds if less than a second.
fn time(values: &Values) -> String {
    let median = values.median();
    let (unit, factor) = if median < 1.0 { ("ms", 1e3) } else { ("s", 1.0) };
    let show = |seconds: f64| match seconds * factor {
        value if value < 10.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    };
    format!("{} {unit} [{}, {}]", show(median), show(values.lowest()), show(values.highest()))
}

/// A crowd of parked threads; killed when dropped.
struct Crowd(Child);

impl Crowd {
    fn start(programs: &Path, threads: u32) -> Outcome<Crowd> {
        let mut child = Command::new(programs.join("crowd"))
            .args([&threads.to_string(), "--seconds", "1200"])
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("it has no output")?;
        let crowd = Crowd(child);
        let is_ready = BufReader::new(output).lines().any(|line| line.is_ok_and(|line| line == "ready"));
        is_ready.then_some(crowd).ok_or_else(|| format!("crowd {threads} did not get ready").into())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
