//! Readings of all threads: which ones ran since the last reading, and what each does now.
//!
//! `schedstat` is the cheapest file that shows whether a thread ran. Its two clocks are exact: they do not
//! change while the thread sleeps. The other files are read only if the clocks changed. The kernel updates the
//! clocks of a thread on a CPU with the scheduler's tick (1 to 10 ms), and its waiting time when it gets a CPU
//! (even if it was asleep before). So a thread that runs or waits may seem idle for a while, and the next
//! difference shows what it did.

use std::collections::HashMap;
use std::io;

use rgops_capture::agent_threads::is_agent_thread;
use rgops_capture::dump::parse_system_call;
use rgops_capture::procfs::threads::{self, Schedstat};
use rgops_capture::procfs::{self, SMALL_FILE_BYTES};
use rgops_protocol::reply::Known;
use rgops_protocol::reply::stack::SystemCall;
use rgops_protocol::reply::trace::{ThreadPoint, TraceThread};

use super::coverage::Coverage;

/// Threads read before other connections may run: less than 1 ms.
const THREADS_AT_ONCE: usize = 64;
/// A thread that ran in this time is active.
const ACTIVE_NS: u64 = 500_000_000;
/// State of a thread that has ended.
const ENDED: char = 'X';

/// The results of a reading.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) threads: Vec<TraceThread>,
    pub(super) points: Vec<ThreadPoint>,
}

/// All threads of the process, as last read.
#[derive(Debug)]
pub(super) struct Activity {
    known: HashMap<u32, Thread>,
    agent_tid: u32,
    /// Threads above the limit of one answer.
    not_read: u64,
    /// Failed readings of threads that have not ended, and the last reason.
    failures: u64,
    failure: Option<io::Error>,
    /// Whether the threads that were there before are known: what is new later has just begun to run.
    is_scanned: bool,
    coverage: Coverage,
}

#[derive(Debug)]
struct Thread {
    thread: TraceThread,
    /// The last point sent.
    last: ThreadPoint,
    /// When a reading last found the clocks of `last` unchanged.
    still_ns: u64,
    /// When it was last read.
    read_ns: u64,
    /// When it was last found to have run; `None` if it was idle from the start.
    ran_ns: Option<u64>,
}

impl Activity {
    /// Starts without known threads. Fails if the kernel has no `schedstat`.
    pub(super) fn new() -> io::Result<Activity> {
        let agent_tid = threads::own_id()?;
        threads::schedstat(agent_tid)?;
        Ok(Activity {
            known: HashMap::new(),
            agent_tid,
            not_read: 0,
            failures: 0,
            failure: None,
            is_scanned: false,
            coverage: Coverage::default(),
        })
    }

    /// Finds new threads and reads them. [`Activity::read`] finds threads that have ended.
    pub(super) async fn scan(&mut self, clock: &impl Fn() -> u64, found: &mut Found) -> io::Result<()> {
        let (ids, all) = threads::ids()?;
        self.not_read = self.not_read.max((all - ids.len()) as u64);
        let new: Vec<u32> = ids.into_iter().filter(|tid| !self.known.contains_key(tid)).collect();
        for piece in new.chunks(THREADS_AT_ONCE) {
            piece.iter().for_each(|tid| self.add(*tid, clock(), found));
            tokio::task::yield_now().await;
        }
        self.is_scanned = true;
        Ok(())
    }

    /// Reads every known thread, and adds a point for each.
    pub(super) async fn read_all(&mut self, clock: &impl Fn() -> u64, found: &mut Found) {
        let tids: Vec<u32> = self.known.keys().copied().collect();
        self.read_these(&tids, clock, true, found).await;
    }

    /// Reads the active threads, and of the others those that were read longest ago: `idle_at_once` of the numbers of
    /// both. Adds a point for each thread that ran since its last point. Returns how many were read.
    pub(super) async fn read(
        &mut self,
        clock: &impl Fn() -> u64,
        idle_at_once: impl FnOnce(usize, usize) -> usize,
        found: &mut Found,
    ) -> usize {
        let now_ns = clock();
        let (mut tids, mut idle) = (Vec::new(), Vec::new());
        let mut of_agent = 0;
        for (tid, thread) in &self.known {
            match thread.is_active(now_ns) {
                true => tids.push(*tid),
                false => idle.push((thread.read_ns, *tid)),
            }
            of_agent += u64::from(thread.thread.is_agent && thread.is_active(now_ns));
        }
        let count = idle_at_once(tids.len(), idle.len()).min(idle.len());
        if count > 0 && count < idle.len() {
            idle.select_nth_unstable(count);
        }
        let read_idle = idle.iter().take(count).map(|(_, tid)| *tid);
        self.coverage.add(tids.len() as u64 - of_agent, idle.len() as u64, count as u64);
        tids.extend(read_idle);
        self.read_these(&tids, clock, false, found).await;
        tids.len()
    }

    /// How often threads were read so far.
    pub(super) fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    async fn read_these(&mut self, tids: &[u32], clock: &impl Fn() -> u64, all: bool, found: &mut Found) {
        for piece in tids.chunks(THREADS_AT_ONCE) {
            piece.iter().for_each(|tid| self.read_one(*tid, clock(), all, found));
            tokio::task::yield_now().await;
        }
    }

    /// Threads that are not read because there are too many.
    pub(super) fn not_read(&self) -> u64 {
        self.not_read
    }

    /// The number of failed readings of threads that have not ended, and the last reason.
    pub(super) fn failures(&self) -> Option<(u64, &io::Error)> {
        self.failure.as_ref().map(|error| (self.failures, error))
    }

    fn read_one(&mut self, tid: u32, now_ns: u64, all: bool, found: &mut Found) {
        let Some(thread) = self.known.get_mut(&tid) else { return };
        thread.read_ns = now_ns;
        let read = match threads::schedstat(tid) {
            // Clocks that went back belong to a new thread with the same id.
            Ok(clocks) if is_behind(&clocks, &thread.last) => None,
            // It still does the same. At the end of the trace its last point is repeated.
            Ok(clocks) if clocks == clocks_of(&thread.last) && !(all && thread.last.state == 'R') => {
                thread.still_ns = now_ns;
                if all {
                    found.points.push(ThreadPoint { time_ns: now_ns, ..thread.last.clone() });
                }
                return;
            }
            Ok(clocks) => match point(tid, now_ns, clocks) {
                Ok(read) => read,
                Err(error) => return self.failed(error),
            },
            Err(error) if is_gone(&error) => None,
            Err(error) => return self.failed(error),
        };
        let asleep_until = read.as_ref().and_then(|(_, point)| thread.asleep_until(point));
        if let Some(time_ns) = asleep_until {
            found.points.push(ThreadPoint { time_ns, ..thread.last.clone() });
        }
        match read {
            Some((name, point)) => {
                if name != thread.thread.name {
                    thread.thread.name = name;
                    found.threads.push(thread.thread.clone());
                }
                found.points.push(point.clone());
                thread.still_ns = now_ns;
                thread.ran_ns = Some(now_ns);
                thread.last = point;
            }
            None => {
                found.points.push(ThreadPoint {
                    time_ns: now_ns,
                    state: ENDED,
                    system_call: Known::Value(SystemCall::NotInOne),
                    descriptor: String::new(),
                    wchan: String::new(),
                    ..thread.last.clone()
                });
                self.known.remove(&tid);
            }
        }
    }

    fn failed(&mut self, error: io::Error) {
        self.failures += 1;
        self.failure = Some(error);
    }

    fn add(&mut self, tid: u32, now_ns: u64, found: &mut Found) {
        let read = threads::schedstat(tid).and_then(|clocks| point(tid, now_ns, clocks));
        let (name, last) = match read {
            Ok(Some(read)) => read,
            // It has already ended, so it is not in the trace.
            Ok(None) => return,
            Err(error) if is_gone(&error) => return,
            Err(error) => return self.failed(error),
        };
        let is_agent = tid == self.agent_tid || is_agent_thread(&name);
        let thread = TraceThread { tid, name, is_agent, first_ns: now_ns };
        found.threads.push(thread.clone());
        found.points.push(last.clone());
        let ran_ns = (last.state == 'R' || self.is_scanned).then_some(now_ns);
        self.known.insert(tid, Thread { thread, last, still_ns: now_ns, read_ns: now_ns, ran_ns });
    }
}

impl Thread {
    fn is_active(&self, now_ns: u64) -> bool {
        self.ran_ns.is_some_and(|ran_ns| now_ns.saturating_sub(ran_ns) < ACTIVE_NS)
    }

    /// The moment until which it was asleep in the state of its last point, if that is later than the point.
    /// At that moment a reading found its clocks unchanged, and the time it ran and waited since then fits after
    /// it. It may have been runnable, waiting for a CPU, while its clocks did not change.
    fn asleep_until(&self, now: &ThreadPoint) -> Option<u64> {
        let used_ns = (now.running_ns - self.last.running_ns) + (now.runnable_ns - self.last.runnable_ns);
        let asleep_ns = self.still_ns.min(now.time_ns.saturating_sub(used_ns));
        (used_ns > 0 && self.last.state != 'R' && asleep_ns > self.last.time_ns).then_some(asleep_ns)
    }
}

fn is_behind(clocks: &Schedstat, last: &ThreadPoint) -> bool {
    clocks.running_ns < last.running_ns || clocks.runnable_ns < last.runnable_ns
}

/// Whether the thread has ended. Other errors (no free descriptors) do not mean that.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
}

fn clocks_of(point: &ThreadPoint) -> Schedstat {
    Schedstat { running_ns: point.running_ns, runnable_ns: point.runnable_ns }
}

/// A thread's name and what it does now; `None` when it has ended.
fn point(tid: u32, time_ns: u64, clocks: Schedstat) -> io::Result<Option<(String, ThreadPoint)>> {
    let stat = match threads::stat(tid) {
        Ok(stat) if matches!(stat.state, 'X' | 'x' | 'Z') => return Ok(None),
        Ok(stat) => stat,
        Err(error) if is_gone(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let runs = stat.state == 'R';
    let read = |file: &str| procfs::read(&format!("/proc/self/task/{tid}/{file}"), SMALL_FILE_BYTES);
    let system_call = match runs {
        true => Known::Value(SystemCall::Running),
        false => match read("syscall") {
            Ok(text) => parse_system_call(&text)
                .map_or_else(|| Known::unavailable("cannot parse the kernel's line", ""), Known::Value),
            Err(error) => Known::unavailable(format!("syscall: {error}"), ""),
        },
    };
    let wchan = match runs {
        true => String::new(),
        false => read("wchan").ok().filter(|wchan| wchan != "0").unwrap_or_default(),
    };
    let descriptor = system_call.value().map_or("", |call| descriptor(tid, call)).to_owned();
    let Schedstat { running_ns, runnable_ns } = clocks;
    let state = stat.state;
    let point = ThreadPoint { time_ns, tid, running_ns, runnable_ns, state, system_call, descriptor, wchan };
    Ok(Some((stat.name, point)))
}

/// The kind of file behind the descriptor of a thread's system call, if the call takes one. It is looked up in the
/// descriptor table of that thread.
fn descriptor(tid: u32, system_call: &SystemCall) -> &'static str {
    let SystemCall::Number { number, first_argument } = system_call else { return "" };
    if !takes_descriptor(*number) {
        return "";
    }
    // proc(5): `socket:[inode]`, `pipe:[inode]`, `anon_inode:[eventpoll]`, a path.
    let number = *first_argument as u32;
    let Ok(link) = std::fs::read_link(format!("/proc/self/task/{tid}/fd/{number}")) else { return "" };
    match link.to_string_lossy() {
        link if link.starts_with("socket:") => "socket",
        link if link.starts_with("pipe:") => "pipe",
        link if link == "anon_inode:[eventpoll]" => "eventpoll",
        // Terminals and other devices are left out: a thread that waits for one does not wait for a disk.
        link if link.starts_with('/') && !link.starts_with("/dev/") => "file",
        _ => "",
    }
}

/// Whether the first argument of a system call is a descriptor that the call may wait for.
fn takes_descriptor(number: u32) -> bool {
    #[cfg(target_arch = "x86_64")]
    if i64::from(number) == libc::SYS_epoll_wait {
        return true;
    }
    [
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_readv,
        libc::SYS_writev,
        libc::SYS_pread64,
        libc::SYS_pwrite64,
        libc::SYS_preadv,
        libc::SYS_pwritev,
        libc::SYS_accept,
        libc::SYS_accept4,
        libc::SYS_connect,
        libc::SYS_recvfrom,
        libc::SYS_recvmsg,
        libc::SYS_recvmmsg,
        libc::SYS_sendto,
        libc::SYS_sendmsg,
        libc::SYS_sendmmsg,
        libc::SYS_sendfile,
        libc::SYS_splice,
        libc::SYS_epoll_pwait,
        libc::SYS_fsync,
        libc::SYS_fdatasync,
        libc::SYS_fallocate,
        libc::SYS_ftruncate,
        libc::SYS_flock,
        libc::SYS_fcntl,
        libc::SYS_ioctl,
        libc::SYS_getdents64,
    ]
    .contains(&libc::c_long::from(number as i32))
}
