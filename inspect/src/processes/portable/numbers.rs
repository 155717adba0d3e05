//! The measured values of one process, from `sysinfo`.

use std::ffi::OsString;
use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rgops_protocol::received::PATH_CHARACTERS;
use rgops_protocol::reply::Known;
use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, UpdateKind};

use super::shown::{SILENT, denied, no_such_process, refreshed, start_time, text};
use crate::processes::blocking;
use crate::processes::details::ProcessDetails;
use crate::processes::process::RustProcess;

/// The values of a process at one moment.
#[derive(Debug, Clone)]
struct Numbers {
    status: ProcessStatus,
    /// In seconds since 1970, where the system shows it.
    start_time: Option<u64>,
    cpu_time: Duration,
    resident_bytes: u64,
    total_bytes: u64,
    user: Known<String>,
    arguments: Vec<OsString>,
}

impl Numbers {
    fn of(pid: u32) -> io::Result<Numbers> {
        let pid = Pid::from_u32(pid);
        let kind = ProcessRefreshKind::nothing().without_tasks().with_cpu().with_memory();
        let kind = kind.with_user(UpdateKind::Always).with_cmd(UpdateKind::Always);
        let mut system = refreshed(ProcessesToUpdate::Some(&[pid]), kind)?;
        system.refresh_memory();
        let process = system.process(pid).ok_or_else(no_such_process)?;
        Ok(Numbers {
            status: process.status(),
            start_time: start_time(process),
            cpu_time: Duration::from_millis(process.accumulated_cpu_time()),
            resident_bytes: process.memory(),
            total_bytes: system.total_memory(),
            user: user(process),
            arguments: process.cmd().to_vec(),
        })
    }

    /// Since it started.
    fn elapsed(&self) -> Known<Duration> {
        let Some(start_time) = self.start_time else { return denied() };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Known::Value(now.saturating_sub(Duration::from_secs(start_time)))
    }

    fn memory_percent(&self) -> Known<f64> {
        match (self.resident_bytes, self.total_bytes) {
            (0, _) | (_, 0) => denied(),
            (resident, total) => Known::Value(resident as f64 / total as f64 * 100.0),
        }
    }

    fn resident_bytes(&self) -> Known<u64> {
        if self.resident_bytes == 0 { denied() } else { Known::Value(self.resident_bytes) }
    }

    fn command(&self) -> Known<String> {
        if self.arguments.is_empty() {
            return denied();
        }
        Known::Value(text(&self.arguments.join(" ".as_ref()), PATH_CHARACTERS))
    }
}

/// The measured values of a process. With a `window` it waits that long to measure CPU usage.
pub(super) fn details(process: RustProcess, window: Option<Duration>) -> io::Result<ProcessDetails> {
    let pid = process.pid;
    let numbers = blocking::try_run(None, SILENT, move || Numbers::of(pid))?;
    let elapsed = numbers.elapsed();
    let cpu_percent = match &elapsed {
        Known::Value(elapsed) => share(numbers.cpu_time, *elapsed),
        Known::Unavailable(missing) => Known::Unavailable(missing.clone()),
    };
    let not_here = "rgops reads this on Linux only";
    Ok(ProcessDetails {
        state: state(numbers.status),
        suspension: None,
        resident_bytes: numbers.resident_bytes(),
        thread_list: Known::unavailable(not_here, ""),
        descriptors: Known::unavailable(not_here, ""),
        descriptors_limit: Known::unavailable(not_here, ""),
        threads: Known::unavailable(not_here, ""),
        memory_percent: numbers.memory_percent(),
        cpu_percent,
        cpu_window: window.map(|window| (window, cpu_over(pid, numbers.start_time, window))),
        user: numbers.user.clone(),
        command: numbers.command(),
        elapsed,
        connections: Known::unavailable(not_here, sockets_by_hand(pid)),
        process,
        unseen: 0,
    })
}

/// The command of the system that shows the sockets of a process.
fn sockets_by_hand(pid: u32) -> String {
    match std::env::consts::OS {
        "windows" => format!("netstat -ano shows the sockets of process {pid}"),
        "freebsd" => format!("sockstat -P tcp,udp shows the sockets of process {pid}"),
        _ => format!("lsof -nP -a -i -p {pid} shows its sockets"),
    }
}

fn cpu_over(pid: u32, started: Option<u64>, window: Duration) -> Known<f64> {
    let read = || blocking::try_run(None, SILENT, move || Numbers::of(pid));
    let (start, first) = (Instant::now(), read());
    std::thread::sleep(window);
    match (first, read()) {
        _ if started.is_none() => denied(),
        // The pid may belong to another process by now.
        (Ok(first), Ok(last)) if last.start_time == started => {
            share(last.cpu_time.saturating_sub(first.cpu_time), start.elapsed())
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

/// The letter of proc(5). Windows does not have these states, and `sysinfo` reports every process there as running.
fn state(status: ProcessStatus) -> Known<char> {
    if cfg!(windows) {
        return Known::unavailable("on this system only threads have a state", "");
    }
    match status {
        ProcessStatus::Run => Known::Value('R'),
        ProcessStatus::Sleep => Known::Value('S'),
        ProcessStatus::Stop => Known::Value('T'),
        ProcessStatus::Tracing => Known::Value('t'),
        ProcessStatus::Zombie => Known::Value('Z'),
        ProcessStatus::UninterruptibleDiskSleep => Known::Value('D'),
        // On macOS `sysinfo` reports threads in an uninterruptible wait as dead.
        ProcessStatus::Dead if cfg!(target_vendor = "apple") => Known::Value('D'),
        other => Known::unavailable(format!("the system reports an unknown state: {other:?}"), ""),
    }
}

#[cfg(unix)]
fn user(process: &Process) -> Known<String> {
    let uid = process.effective_user_id().or(process.user_id());
    uid.map_or_else(denied, |uid| Known::Value(crate::processes::user::user_name(**uid)))
}

/// The security identifier: names are in a database that may be on the network.
#[cfg(not(unix))]
fn user(process: &Process) -> Known<String> {
    process.user_id().map_or_else(denied, |user| Known::Value(user.to_string()))
}
