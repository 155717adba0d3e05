//! Orders about descriptors: the program closes all of them, opens its own, forks like a daemon, or exhausts them. It
//! can check afterwards whether its own descriptors are unchanged.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// Number of calls of the panic hook.
static PANICS: AtomicU32 = AtomicU32::new(0);

/// The descriptors that the program opened.
#[derive(Default)]
pub(crate) struct Own {
    files: Vec<Thing>,
}

enum Thing {
    /// A file that contains this text.
    File(File, String),
    /// An eventfd that was never written to.
    Counter(OwnedFd),
    /// A pipe that was never written to, with its writing end open.
    Pipe(OwnedFd, OwnedFd),
}

/// No descriptor of the agent can have a higher number.
const NUMBERS: RawFd = 64;

pub(crate) fn obey(own: &mut Own, verb: &str, rest: &str) -> Option<String> {
    Some(match verb {
        "close-all" => close_all(),
        "own-files" => own.open(Path::new(rest)),
        "check-files" => own.check(),
        "hook" => {
            std::panic::set_hook(Box::new(|_| {
                PANICS.fetch_add(1, Ordering::SeqCst);
            }));
            "hooked".to_owned()
        }
        "panics" => PANICS.load(Ordering::SeqCst).to_string(),
        "daemonize" => daemonize(),
        "exhaust" => exhaust(),
        "signals" => signals(rest.parse().expect("a number of signals")),
        _ => return None,
    })
}

/// As a daemon does.
fn close_all() -> String {
    // SAFETY: close_range(2) takes numbers and touches no memory. That the owners of descriptors above 2 lose them is
    // the purpose of the test.
    let result = unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
    if result == 0 { "closed".to_owned() } else { format!("failed {}", std::io::Error::last_os_error()) }
}

/// The parent waits, and ends with the status of the child; from now on the child reads the orders.
fn daemonize() -> String {
    // SAFETY: the child only does what is sound after a fork. glibc makes its allocator and standard streams usable
    // there, and the other threads hold no lock that the child needs.
    match unsafe { libc::fork() } {
        -1 => format!("failed {}", std::io::Error::last_os_error()),
        0 => {
            // SAFETY: both calls only take numbers. PR_SET_PDEATHSIG ends the child with the test.
            unsafe {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                libc::setsid();
            }
            format!("daemon {}", std::process::id())
        }
        child => {
            let mut status = 0;
            // SAFETY: waitpid(2) writes the status, which is valid; _exit(2) ends this process without its exit
            // handlers.
            unsafe {
                while libc::waitpid(child, &mut status, 0) == -1 {}
                if libc::WIFEXITED(status) {
                    libc::_exit(libc::WEXITSTATUS(status))
                }
                libc::_exit(128 + libc::WTERMSIG(status))
            }
        }
    }
}

/// Leaves no free descriptor.
fn exhaust() -> String {
    // SAFETY: setrlimit(2) only reads the value, which lives on this stack.
    unsafe {
        let limit = libc::rlimit { rlim_cur: NUMBERS as libc::rlim_t, rlim_max: NUMBERS as libc::rlim_t };
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
    }
    let mut all = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        all.push(file);
    }
    std::mem::forget(all);
    format!("exhausted: {}", std::io::Error::last_os_error())
}

/// Raises signals that Tokio waits for, one after the other.
fn signals(count: u32) -> String {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return format!("no runtime: {error}"),
    };
    let got = runtime.block_on(async {
        let kind = tokio::signal::unix::SignalKind::user_defined2();
        let mut signals = tokio::signal::unix::signal(kind).map_err(|error| error.to_string())?;
        for number in 0..count {
            // SAFETY: raise(3) takes a number, and the signal has a handler, Tokio's.
            unsafe { libc::raise(libc::SIGUSR2) };
            let timeout = std::time::Duration::from_secs(30);
            let came = tokio::time::timeout(timeout, signals.recv()).await;
            came.map_err(|_| format!("signal {number} did not come"))?.ok_or("no more signals")?;
        }
        Ok::<_, String>(format!("got {count}"))
    });
    got.unwrap_or_else(|error| error)
}

impl Own {
    /// Takes every free number below [`NUMBERS`] with files in `directory`, counters and pipes.
    fn open(&mut self, directory: &Path) -> String {
        let mut count = 0;
        loop {
            let path = directory.join(format!("own-{count}"));
            let thing = match count % 3 {
                0 => {
                    let mut file = File::options().read(true).write(true).create_new(true).open(path);
                    let file = file.as_mut().expect("a file of ours");
                    let text = format!("file {count} is mine\n");
                    file.write_all(text.as_bytes()).expect("a file of ours");
                    Thing::File(file.try_clone().expect("a descriptor"), text)
                }
                1 => {
                    // SAFETY: eventfd(2) only takes numbers.
                    let number = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
                    assert!(number >= 0);
                    // SAFETY: the descriptor is new, so nothing else owns it.
                    Thing::Counter(unsafe { OwnedFd::from_raw_fd(number) })
                }
                _ => {
                    let (reader, writer) = std::io::pipe().expect("a pipe");
                    Thing::Pipe(reader.into(), writer.into())
                }
            };
            let highest = thing.numbers().into_iter().max().unwrap_or_default();
            self.files.push(thing);
            count += 1;
            if highest >= NUMBERS {
                return format!("opened {count}");
            }
        }
    }

    /// Checks that all of it is unchanged.
    fn check(&mut self) -> String {
        let changes: Vec<String> = self.files.iter_mut().filter_map(Thing::change).collect();
        if changes.is_empty() { "unchanged".to_owned() } else { format!("changed: {}", changes.join("; ")) }
    }
}

impl Thing {
    fn numbers(&self) -> Vec<RawFd> {
        match self {
            Thing::File(file, _) => vec![file.as_raw_fd()],
            Thing::Counter(counter) => vec![counter.as_raw_fd()],
            Thing::Pipe(reader, writer) => vec![reader.as_raw_fd(), writer.as_raw_fd()],
        }
    }

    /// The difference to the state in which it was opened.
    fn change(&mut self) -> Option<String> {
        let numbers = self.numbers();
        let what = match self {
            Thing::File(file, text) => {
                let mut found = Vec::new();
                let read = file.rewind().and_then(|()| file.read_to_end(&mut found));
                (read.is_err() || found != text.as_bytes()).then(|| format!("file {read:?} {found:?}"))
            }
            Thing::Counter(counter) => {
                nothing_to_read(counter.as_raw_fd()).map(|what| format!("counter {what}"))
            }
            Thing::Pipe(reader, writer) => {
                // SAFETY: fcntl(2) with a number changes a flag of our own pipe.
                unsafe { libc::fcntl(reader.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
                let mut what = nothing_to_read(reader.as_raw_fd());
                // SAFETY: write(2) reads one byte of a constant.
                if unsafe { libc::write(writer.as_raw_fd(), b"x".as_ptr().cast(), 1) } != 1 {
                    what = Some(format!("cannot be written: {}", std::io::Error::last_os_error()));
                }
                let mut byte = 0_u8;
                // SAFETY: read(2) writes one byte.
                if unsafe { libc::read(reader.as_raw_fd(), (&raw mut byte).cast(), 1) } != 1 || byte != b'x' {
                    what = Some(format!("{byte} was read: {}", std::io::Error::last_os_error()));
                }
                what.map(|what| format!("pipe {what}"))
            }
        };
        what.map(|what| format!("{numbers:?}: {what}"))
    }
}

/// Data that can be read from a descriptor that should be empty.
fn nothing_to_read(number: RawFd) -> Option<String> {
    let mut bytes = [0_u8; 8];
    // SAFETY: read(2) writes at most 8 bytes into the array.
    match unsafe { libc::read(number, bytes.as_mut_ptr().cast(), bytes.len()) } {
        -1 if std::io::Error::last_os_error().raw_os_error() == Some(libc::EAGAIN) => None,
        -1 => Some(format!("failed: {}", std::io::Error::last_os_error())),
        count => Some(format!("has {count} bytes {bytes:?}")),
    }
}
