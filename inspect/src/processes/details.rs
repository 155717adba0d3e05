//! One process in detail, without its agent: `rgops PID`.

use std::net::SocketAddr;
use std::time::Duration;

use rgops_protocol::reply::Known;

use super::process::RustProcess;
use super::target::{self, ResolveError};

/// What the system tells about a process.
#[derive(Debug, Clone)]
pub struct ProcessDetails {
    /// Pid, parent, name, compiler and agent.
    pub process: RustProcess,
    /// State letter of proc(5): `S` sleeping, `T` stopped, …
    pub state: Known<char>,
    /// Live threads.
    pub threads: Known<u64>,
    /// Resident memory, in percent of the machine's.
    pub memory_percent: Known<f64>,
    /// CPU usage since it started, in percent of one CPU.
    pub cpu_percent: Known<f64>,
    /// CPU usage over a window, in percent of one CPU, and the window; only when asked for.
    pub cpu_window: Option<(Duration, Known<f64>)>,
    /// Name of the effective user.
    pub user: Known<String>,
    /// The arguments, joined by spaces.
    pub command: Known<String>,
    /// Time since it started.
    pub elapsed: Known<Duration>,
    /// Its TCP and UDP sockets.
    pub connections: Known<Vec<Connection>>,
    /// Processes that could not be looked at in time while its name was looked for: they may have it, too.
    pub unseen: usize,
}

/// A TCP or UDP socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// Where it is bound.
    pub local: SocketAddr,
    /// Its peer; all zero when it has none.
    pub remote: SocketAddr,
    /// TCP state as `LISTEN`, or `UDP`.
    pub state: &'static str,
}

/// Looks at the process that `target`, a pid or unique name, means. With a `window` it waits so
/// long to measure CPU usage.
///
/// # Errors
/// [`ResolveError`] when there is no such process or it may not be looked at. What cannot be read
/// of it is [`Known::Unavailable`].
pub fn details(target: &str, window: Option<Duration>) -> Result<ProcessDetails, ResolveError> {
    let (process, unseen) = target::find(target, None)?;
    system::details(process, window)
        .map(|details| ProcessDetails { unseen, ..details })
        .map_err(|error| ResolveError::System { target: target.to_owned(), error })
}

#[cfg(target_os = "linux")]
mod system {
    //! The numbers, from `/proc`.

    use std::io;
    use std::time::{Duration, Instant};

    use rgops_protocol::reply::Known;

    use super::ProcessDetails;
    use crate::processes::connections::connections;
    use crate::processes::crowd;
    use crate::processes::process::RustProcess;
    use crate::processes::procfs::{self, Stat, Status};

    pub(super) fn details(process: RustProcess, window: Option<Duration>) -> io::Result<ProcessDetails> {
        let pid = process.pid;
        let stat = Stat::read(pid)?;
        let elapsed = elapsed(&stat);
        let cpu_percent = match &elapsed {
            Ok(elapsed) => share(ticks(stat.cpu_ticks), *elapsed),
            Err(error) => Known::unavailable(error.to_string(), ""),
        };
        Ok(ProcessDetails {
            state: Known::Value(stat.state),
            threads: Known::Value(stat.threads),
            memory_percent: Known::from(memory_percent(pid)),
            cpu_percent,
            cpu_window: window.map(|window| (window, cpu_over(pid, &stat, window))),
            user: Known::Value(user_name(process.uid)),
            command: Known::from(asked(move || procfs::command_line(pid))),
            elapsed: Known::from(elapsed),
            connections: Known::from(asked(move || connections(pid))),
            process,
            unseen: 0,
        })
    }

    /// What the process may keep us waiting for.
    fn asked<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
        let silent =
            || Err(io::Error::new(io::ErrorKind::TimedOut, "the process did not let it be read in time"));
        crowd::ask(None, work).unwrap_or_else(silent)
    }

    fn cpu_over(pid: u32, before: &Stat, window: Duration) -> Known<f64> {
        let (start, first) = (Instant::now(), Stat::read(pid));
        std::thread::sleep(window);
        match (first, Stat::read(pid)) {
            // The pid may be another process' by now.
            (Ok(first), Ok(last)) if last.start_time == before.start_time => {
                share(ticks(last.cpu_ticks.saturating_sub(first.cpu_ticks)), start.elapsed())
            }
            _ => Known::unavailable("the process ended meanwhile", ""),
        }
    }

    fn share(part: Duration, whole: Duration) -> Known<f64> {
        if whole.is_zero() {
            return Known::unavailable("it has just started", "ask again");
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

    fn memory_percent(pid: u32) -> io::Result<f64> {
        let resident =
            Status::read(pid)?.resident_bytes.ok_or_else(|| io::Error::other("it has no memory"))?;
        let text = std::fs::read_to_string("/proc/meminfo")?;
        let total_kib = text
            .lines()
            .find_map(|line| {
                line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()
            })
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "malformed /proc/meminfo"))?;
        Ok(resident as f64 / 1024.0 / total_kib * 100.0)
    }

    /// From the local user database; a user of a directory service is shown by number.
    fn user_name(uid: u32) -> String {
        let database = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let of_line = |line: &str| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)?.parse::<u32>() == Ok(uid)).then(|| name.to_owned())
        };
        database.lines().find_map(of_line).unwrap_or_else(|| format!("uid {uid}"))
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    //! Never reached: no process is found here.

    use std::io;
    use std::time::Duration;

    use super::ProcessDetails;
    use crate::processes::process::RustProcess;

    pub(super) fn details(_: RustProcess, _: Option<Duration>) -> io::Result<ProcessDetails> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
