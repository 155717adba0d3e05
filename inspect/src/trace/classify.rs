//! What a thread was doing, derived from its state, its system call and the kind of descriptor in the call.
//!
//! The number of the call is the best source; the kernel function that the thread waits in (`wchan`) is used if the
//! number is hidden or inconclusive. Waiting for many descriptors at once (epoll, poll, select) is a separate kind:
//! an idle runtime waits there, and also one that waits for the network or for a timer, so anything more specific
//! would be a guess.

use rgops_protocol::reply::stack::SystemCall;
use rgops_protocol::reply::trace::ThreadPoint;

use crate::text::system_call::{self, Architecture};

/// What a thread spends its time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// On a CPU.
    Running,
    /// Runnable, waiting for a CPU.
    Runnable,
    /// Waiting for a lock, a condition or another thread: futex.
    Futex,
    /// In a call on a socket.
    Network,
    /// Waiting for any of several descriptors or for a timeout: epoll, poll, select.
    Poll,
    /// In a call on a file, or in a page fault that waits for a file.
    File,
    /// Sleeping for a fixed time.
    Sleeping,
    /// Waiting for something else: a pipe, a terminal, a child process, a signal, or a lock of the kernel.
    Other,
    /// Not running, for an unknown reason.
    Unknown,
}

impl Kind {
    /// Every kind, in the order of reports.
    pub const ALL: [Kind; 9] = [
        Kind::Running,
        Kind::Runnable,
        Kind::Futex,
        Kind::Network,
        Kind::Poll,
        Kind::File,
        Kind::Sleeping,
        Kind::Other,
        Kind::Unknown,
    ];

    /// Its name in reports and in the trace file.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Running => "running",
            Kind::Runnable => "runnable",
            Kind::Futex => "futex",
            Kind::Network => "network",
            Kind::Poll => "poll",
            Kind::File => "file",
            Kind::Sleeping => "sleeping",
            Kind::Other => "other",
            Kind::Unknown => "unknown",
        }
    }
}

/// What a thread waits for at a point; `None` if it is running or runnable.
pub fn waiting(point: &ThreadPoint, architecture: Architecture) -> Option<Kind> {
    if point.state == 'R' {
        return None;
    }
    Some(match (point.system_call.value(), point.state) {
        (Some(SystemCall::Number { number, .. }), _) => {
            let name = system_call::name(architecture, *number);
            by_call(&name, &point.descriptor)
                .or_else(|| by_kernel_function(&point.wchan))
                .unwrap_or(Kind::Other)
        }
        // Stopped, or in a page fault, which waits for a disk unless the function shows otherwise.
        (Some(SystemCall::NotInOne), 'D') => by_kernel_function(&point.wchan).unwrap_or(Kind::File),
        (Some(SystemCall::NotInOne), _) => by_kernel_function(&point.wchan).unwrap_or(Kind::Other),
        // It fell asleep or woke up between two reads.
        (Some(SystemCall::Running) | None, _) => by_kernel_function(&point.wchan).unwrap_or(Kind::Unknown),
    })
}

/// By the name of the system call, in the spelling of strace.
fn by_call(name: &str, descriptor: &str) -> Option<Kind> {
    let kind = match name {
        "futex" | "futex_wait" | "futex_waitv" | "futex_wake" => Kind::Futex,
        "nanosleep" | "clock_nanosleep" => Kind::Sleeping,
        "epoll_wait" | "epoll_pwait" | "epoll_pwait2" | "poll" | "ppoll" | "select" | "pselect6" => {
            Kind::Poll
        }
        "io_getevents" | "io_pgetevents" | "io_uring_enter" => Kind::Poll,
        "accept" | "accept4" | "connect" | "recvfrom" | "recvmsg" | "recvmmsg" | "sendto" | "sendmsg"
        | "sendmmsg" => Kind::Network,
        "read" | "write" | "readv" | "writev" | "sendfile" | "splice" | "ioctl" | "fcntl" => {
            return by_descriptor(descriptor);
        }
        "fsync" | "fdatasync" | "sync" | "pread64" | "pwrite64" | "ftruncate" | "fallocate" | "flock"
        | "open" | "openat" | "openat2" | "close" | "getdents64" | "newfstatat" | "statx" | "unlinkat"
        | "renameat2" => Kind::File,
        _ => return None,
    };
    Some(kind)
}

fn by_descriptor(descriptor: &str) -> Option<Kind> {
    match descriptor {
        "socket" => Some(Kind::Network),
        "eventpoll" => Some(Kind::Poll),
        "file" => Some(Kind::File),
        "pipe" => Some(Kind::Other),
        _ => None,
    }
}

/// By the kernel function that a thread waits in.
fn by_kernel_function(function: &str) -> Option<Kind> {
    let has = |parts: &[&str]| parts.iter().any(|part| function.contains(part));
    if function.is_empty() {
        None
    } else if has(&["futex"]) {
        Some(Kind::Futex)
    } else if has(&["nanosleep"]) {
        Some(Kind::Sleeping)
    } else if has(&["ep_poll", "epoll_wait", "poll_schedule", "do_poll", "do_select", "io_cqring_wait"]) {
        Some(Kind::Poll)
    } else if has(&["inet_", "tcp_", "udp_", "unix_", "skb_", "sk_wait", "sock_"]) {
        Some(Kind::Network)
    } else if has(&[
        "folio",
        "page",
        "io_schedule",
        "bio_",
        "blk_",
        "jbd2",
        "ext4",
        "xfs",
        "btrfs",
        "nfs",
        "fuse",
    ]) {
        Some(Kind::File)
    } else if has(&[
        "rwsem",
        "mutex",
        "kernel_clone",
        "pipe",
        "do_wait",
        "sigtimedwait",
        "sigsuspend",
        "do_signal_stop",
        "ptrace_stop",
    ]) {
        Some(Kind::Other)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use rgops_protocol::reply::Known;

    use super::*;

    fn point(state: char, number: Option<u32>, descriptor: &str, wchan: &str) -> ThreadPoint {
        ThreadPoint {
            time_ns: 0,
            tid: 1,
            running_ns: 0,
            runnable_ns: 0,
            state,
            system_call: match number {
                Some(number) => Known::Value(SystemCall::Number { number, first_argument: 3 }),
                None => Known::unavailable("permission denied", ""),
            },
            descriptor: descriptor.into(),
            wchan: wchan.into(),
        }
    }

    #[test]
    fn calls_are_recognized_on_both_architectures() {
        for (architecture, numbers) in [
            (Architecture::X86_64, [202, 230, 281, 45, 0, 0, 0, 74, 61]),
            (Architecture::Aarch64, [98, 115, 22, 207, 63, 63, 63, 82, 260]),
        ] {
            let descriptors = ["", "", "eventpoll", "socket", "socket", "file", "pipe", "file", ""];
            let kinds: Vec<Kind> = numbers
                .iter()
                .zip(descriptors)
                .filter_map(|(number, descriptor)| {
                    waiting(&point('S', Some(*number), descriptor, ""), architecture)
                })
                .collect();
            let expected = [
                Kind::Futex,
                Kind::Sleeping,
                Kind::Poll,
                Kind::Network,
                Kind::Network,
                Kind::File,
                Kind::Other,
                Kind::File,
                Kind::Other,
            ];
            assert_eq!(kinds, expected, "{architecture:?}");
        }
    }

    #[test]
    fn a_hidden_call_is_derived_from_the_kernel_function_or_unknown() {
        let kind = |state, wchan| waiting(&point(state, None, "", wchan), Architecture::X86_64);
        assert_eq!(kind('S', "futex_do_wait"), Some(Kind::Futex));
        assert_eq!(kind('S', "futex_wait_queue"), Some(Kind::Futex));
        assert_eq!(kind('S', "hrtimer_nanosleep"), Some(Kind::Sleeping));
        assert_eq!(kind('S', "ep_poll"), Some(Kind::Poll));
        assert_eq!(kind('S', "do_epoll_wait"), Some(Kind::Poll));
        assert_eq!(kind('S', "inet_csk_accept"), Some(Kind::Network));
        assert_eq!(kind('D', "folio_wait_bit_common"), Some(Kind::File));
        assert_eq!(kind('S', ""), Some(Kind::Unknown));
        assert_eq!(kind('R', ""), None);
    }

    #[test]
    fn an_uninterruptible_wait_is_for_a_file_only_in_a_page_fault_or_file_function() {
        let kind = |number, wchan| waiting(&point('D', Some(number), "", wchan), Architecture::X86_64);
        assert_eq!(kind(435, "kernel_clone"), Some(Kind::Other)); // posix_spawn's parent
        assert_eq!(kind(9, "rwsem_down_write_slowpath"), Some(Kind::Other)); // mmap
        assert_eq!(kind(9, "folio_wait_bit_common"), Some(Kind::File));
        assert_eq!(kind(9999, ""), Some(Kind::Other));
        let not_in_one = Known::Value(SystemCall::NotInOne);
        let fault = ThreadPoint { system_call: not_in_one, ..point('D', None, "", "") };
        assert_eq!(waiting(&fault, Architecture::X86_64), Some(Kind::File));
    }
}
