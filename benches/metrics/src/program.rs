//! A program with an agent and a fixed amount of work: a short piece of it every 5 ms. A piece that is late is left out,
//! so the number of pieces is the throughput.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

/// Pieces of work a second.
pub const RATE: u64 = 200;

/// The program: counts pieces of work, and prints the count for each line that it reads.
pub fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let Ok(runtime) = runtime else { return ExitCode::FAILURE };
    let _inside = runtime.enter();
    let Ok(_agent) = rgops_agent::listen(rgops_agent::Options::default()) else { return ExitCode::FAILURE };
    let done = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&done);
    runtime.spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_nanos(1_000_000_000 / RATE));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            std::hint::black_box(
                (0..20_000_u64).fold(1, |hash: u64, n| (hash ^ n).wrapping_mul(0x100_0000_01b3)),
            );
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    for _ in std::io::stdin().lock().lines() {
        println!("{}", done.load(Ordering::Relaxed));
    }
    ExitCode::SUCCESS
}

/// Running programs; they end with this value, because their input does.
pub struct Programs(Vec<Running>);

struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Programs {
    pub fn start(count: usize) -> Result<Programs, String> {
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut programs = Programs(Vec::new());
        for _ in 0..count {
            let child =
                Command::new(&own).arg("program").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
            let mut child = child.map_err(|error| format!("cannot start a program: {error}"))?;
            let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
            let stdout = BufReader::new(stdout.ok_or("a program has no output")?);
            programs.0.push(Running { child, stdin, stdout });
        }
        // All listen.
        programs.done()?;
        Ok(programs)
    }

    /// Pieces of work a second of all programs, measured for this long.
    pub async fn throughput(&mut self, time: Duration) -> Result<f64, String> {
        let (began, before) = (Instant::now(), self.done()?);
        tokio::time::sleep(time).await;
        let done = self.done()?.saturating_sub(before);
        Ok(done as f64 / began.elapsed().as_secs_f64())
    }

    fn done(&mut self) -> Result<u64, String> {
        let mut sum = 0;
        for program in &mut self.0 {
            let mut line = String::new();
            let stdin = program.stdin.as_mut().ok_or("a program has no input")?;
            stdin.write_all(b"\n").map_err(|error| format!("a program ended: {error}"))?;
            program.stdout.read_line(&mut line).map_err(|error| error.to_string())?;
            sum += line.trim().parse::<u64>().map_err(|_| "a program ended, or could not listen")?;
        }
        Ok(sum)
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        for program in &mut self.0 {
            program.stdin = None;
            let _ = program.child.wait();
        }
    }
}
