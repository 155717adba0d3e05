//! Names of system calls by number, with the names of strace. Only calls that can block for long; others keep their
//! number.

use rgops_protocol::reply::Module;

/// The architecture that defines the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Architecture {
    /// `arch/x86/entry/syscalls/syscall_64.tbl` of Linux.
    X86_64,
    /// `include/uapi/asm-generic/unistd.h` of Linux.
    Aarch64,
    /// Without a table here: calls keep their numbers.
    Other,
}

impl Architecture {
    /// That of the inspected process, from the names of its loader and libraries. If those do not show it, as in a
    /// static program: that of `rgops`.
    pub fn of(modules: &[Module]) -> Architecture {
        let any = |mark: &str| modules.iter().any(|module| module.path.contains(mark));
        if any("aarch64") {
            Architecture::Aarch64
        } else if any("x86_64") || any("x86-64") || cfg!(target_arch = "x86_64") {
            Architecture::X86_64
        } else if cfg!(target_arch = "aarch64") {
            Architecture::Aarch64
        } else {
            Architecture::Other
        }
    }
}

/// The name of a system call: `futex`, `epoll_wait`; `system call 999` if it is not in the tables.
pub fn name(architecture: Architecture, number: u32) -> String {
    let table = match architecture {
        Architecture::X86_64 => X86_64,
        Architecture::Aarch64 => AARCH64,
        Architecture::Other => &[],
    };
    let found = table.iter().chain(SINCE_2019).find(|(known, _)| *known == number);
    match found {
        Some((_, name)) if architecture != Architecture::Other => (*name).to_owned(),
        _ => format!("system call {number}"),
    }
}

/// Since Linux 5.1, new calls have the same number on all architectures.
const SINCE_2019: &[(u32, &str)] = &[
    (425, "io_uring_setup"),
    (426, "io_uring_enter"),
    (434, "pidfd_open"),
    (435, "clone3"),
    (437, "openat2"),
    (441, "epoll_pwait2"),
    (449, "futex_waitv"),
    (454, "futex_wake"),
    (455, "futex_wait"),
];

const X86_64: &[(u32, &str)] = &[
    (0, "read"),
    (1, "write"),
    (2, "open"),
    (3, "close"),
    (7, "poll"),
    (9, "mmap"),
    (10, "mprotect"),
    (11, "munmap"),
    (16, "ioctl"),
    (17, "pread64"),
    (18, "pwrite64"),
    (19, "readv"),
    (20, "writev"),
    (23, "select"),
    (24, "sched_yield"),
    (28, "madvise"),
    (34, "pause"),
    (35, "nanosleep"),
    (40, "sendfile"),
    (42, "connect"),
    (43, "accept"),
    (44, "sendto"),
    (45, "recvfrom"),
    (46, "sendmsg"),
    (47, "recvmsg"),
    (56, "clone"),
    (57, "fork"),
    (58, "vfork"),
    (59, "execve"),
    (60, "exit"),
    (61, "wait4"),
    (65, "semop"),
    (70, "msgrcv"),
    (72, "fcntl"),
    (73, "flock"),
    (74, "fsync"),
    (75, "fdatasync"),
    (77, "ftruncate"),
    (101, "ptrace"),
    (128, "rt_sigtimedwait"),
    (130, "rt_sigsuspend"),
    (162, "sync"),
    (202, "futex"),
    (208, "io_getevents"),
    (217, "getdents64"),
    (219, "restart_syscall"),
    (220, "semtimedop"),
    (230, "clock_nanosleep"),
    (232, "epoll_wait"),
    (247, "waitid"),
    (257, "openat"),
    (262, "newfstatat"),
    (263, "unlinkat"),
    (270, "pselect6"),
    (271, "ppoll"),
    (275, "splice"),
    (281, "epoll_pwait"),
    (285, "fallocate"),
    (288, "accept4"),
    (299, "recvmmsg"),
    (307, "sendmmsg"),
    (310, "process_vm_readv"),
    (316, "renameat2"),
    (318, "getrandom"),
    (332, "statx"),
    (333, "io_pgetevents"),
];

const AARCH64: &[(u32, &str)] = &[
    (4, "io_getevents"),
    (22, "epoll_pwait"),
    (25, "fcntl"),
    (29, "ioctl"),
    (32, "flock"),
    (35, "unlinkat"),
    (46, "ftruncate"),
    (47, "fallocate"),
    (56, "openat"),
    (57, "close"),
    (61, "getdents64"),
    (63, "read"),
    (64, "write"),
    (65, "readv"),
    (66, "writev"),
    (67, "pread64"),
    (68, "pwrite64"),
    (71, "sendfile"),
    (72, "pselect6"),
    (73, "ppoll"),
    (76, "splice"),
    (79, "newfstatat"),
    (81, "sync"),
    (82, "fsync"),
    (83, "fdatasync"),
    (93, "exit"),
    (95, "waitid"),
    (98, "futex"),
    (101, "nanosleep"),
    (115, "clock_nanosleep"),
    (117, "ptrace"),
    (124, "sched_yield"),
    (128, "restart_syscall"),
    (133, "rt_sigsuspend"),
    (137, "rt_sigtimedwait"),
    (188, "msgrcv"),
    (192, "semtimedop"),
    (193, "semop"),
    (202, "accept"),
    (203, "connect"),
    (206, "sendto"),
    (207, "recvfrom"),
    (211, "sendmsg"),
    (212, "recvmsg"),
    (215, "munmap"),
    (220, "clone"),
    (221, "execve"),
    (222, "mmap"),
    (226, "mprotect"),
    (233, "madvise"),
    (242, "accept4"),
    (243, "recvmmsg"),
    (260, "wait4"),
    (269, "sendmmsg"),
    (270, "process_vm_readv"),
    (276, "renameat2"),
    (278, "getrandom"),
    (291, "statx"),
    (292, "io_pgetevents"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_strace_and_depend_on_the_architecture() {
        assert_eq!(name(Architecture::X86_64, 202), "futex");
        assert_eq!(name(Architecture::Aarch64, 98), "futex");
        assert_eq!(name(Architecture::Aarch64, 202), "accept");
        assert_eq!(name(Architecture::X86_64, 441), "epoll_pwait2");
        assert_eq!(name(Architecture::X86_64, 9999), "system call 9999");
        assert_eq!(name(Architecture::Other, 441), "system call 441");
    }
}
