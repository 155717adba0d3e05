//! The measured values of one process, from `/proc`.

use std::io;
use std::time::{Duration, Instant};

use rgops_protocol::reply::Known;

use super::connections::connections;
use super::suspended::suspended;
use super::threads;
use crate::processes::blocking;
use crate::processes::details::ProcessDetails;
use crate::processes::process::RustProcess;
use crate::processes::user::user_name;
use crate::procfs::{self, Stat, Status};

pub(super) fn details(process: RustProcess, window: Option<Duration>) -> io::Result<ProcessDetails> {
    let pid = process.pid;
    let stat = Stat::read(pid)?;
    let elapsed = elapsed(&stat);
    let cpu_percent = match &elapsed {
        Ok(elapsed) => share(ticks(stat.cpu_ticks), *elapsed),
        Err(error) => Known::unavailable(error.to_string(), ""),
    };
    let before = window.and_then(|_| threads::threads(pid).ok());
    let cpu_window = window.map(|window| (window, cpu_over(pid, &stat, window)));
    let thread_list = threads::threads(pid).map(|now| threads::list(now, before.as_ref(), ticks));
    Ok(ProcessDetails {
        thread_list: Known::from(thread_list),
        descriptors: Known::from(in_time(move || threads::descriptors(pid))),
        descriptors_limit: Known::from(threads::descriptors_limit(pid)),
        state: Known::Value(stat.state),
        suspension: suspended(pid),
        resident_bytes: Known::from(resident_bytes(pid)),
        threads: Known::Value(stat.threads),
        memory_percent: Known::from(memory_percent(pid)),
        cpu_percent,
        cpu_window,
        user: process.uid.clone().map(user_name),
        command: Known::from(in_time(move || procfs::command_line(pid))),
        elapsed: Known::from(elapsed),
        connections: Known::from(in_time(move || connections(pid))),
        process,
        unseen: 0,
    })
}

/// Runs `work` with a time limit, because the process may block it.
fn in_time<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    blocking::try_run(None, "reading it from /proc timed out", work)
}

fn cpu_over(pid: u32, before: &Stat, window: Duration) -> Known<f64> {
    let (start, first) = (Instant::now(), Stat::read(pid));
    std::thread::sleep(window);
    match (first, Stat::read(pid)) {
        // The pid may belong to another process by now.
        (Ok(first), Ok(last)) if last.start_time == before.start_time => {
            share(ticks(last.cpu_ticks.saturating_sub(first.cpu_ticks)), start.elapsed())
        }
        _ => Known::unavailable("the process ended during the measurement", ""),
    }
}

fn share(part: Duration, whole: Duration) -> Known<f64> {
    if whole.is_zero() {
        return Known::unavailable("it has just started", "run the command again");
    }
    Known::Value(part.as_secs_f64() / whole.as_secs_f64() * 100.0)
}

fn elapsed(stat: &Stat) -> io::Result<Duration> {
    let text = std::fs::read_to_string("/proc/uptime")?;
    let uptime = text
        .split_ascii_whitespace()
        .next()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds.parse().ok()?).ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "malformed /proc/uptime"))?;
    Ok(uptime.saturating_sub(ticks(stat.start_time)))
}

fn ticks(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second().max(1) as f64)
}

fn resident_bytes(pid: u32) -> io::Result<u64> {
    Status::read(pid)?.resident_bytes.ok_or_else(|| io::Error::other("the process has no memory"))
}

fn memory_percent(pid: u32) -> io::Result<f64> {
    let resident = resident_bytes(pid)?;
    let text = std::fs::read_to_string("/proc/meminfo")?;
    let total_kib = text
        .lines()
        .find_map(|line| {
            line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()
        })
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "malformed /proc/meminfo"))?;
    Ok(resident as f64 / 1024.0 / total_kib * 100.0)
}
