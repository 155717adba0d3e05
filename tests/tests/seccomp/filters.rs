//! The filters, and the calls that `docs/SECURITY.md` states.

use rgops_tests::seccomp::{Filter, Scope, Verdict};

/// Installs the filter with this name.
pub(super) fn enforce(name: &str) {
    let deny = |call, errno| {
        Filter::new().call(call, Verdict::Fail(errno)).enforce(Scope::AllThreads, Verdict::Allow)
    };
    let deny_probe = |errno| {
        let filter = Filter::new().call_with(libc::SYS_rt_sigprocmask, u32::MAX, Verdict::Fail(errno));
        filter.enforce(Scope::AllThreads, Verdict::Allow);
    };
    match name {
        "no process_vm_readv" => deny(libc::SYS_process_vm_readv, libc::EPERM),
        "probe EPERM" => deny_probe(libc::EPERM),
        "probe ENOSYS" => deny_probe(libc::ENOSYS),
        "timer EPERM" => deny(libc::SYS_timer_create, libc::EPERM),
        "timer ENOSYS" => deny(libc::SYS_timer_create, libc::ENOSYS),
        "queue EPERM" => deny(libc::SYS_rt_tgsigqueueinfo, libc::EPERM),
        "strict" => allow_only(&[PROGRAM, AGENT, RESTORES, CAPTURES, WRAPPER]),
        "close_range ENOSYS" => deny(libc::SYS_close_range, libc::ENOSYS),
        "no own table" => {
            let filter = Filter::new().call(libc::SYS_close_range, Verdict::Fail(libc::EPERM));
            filter
                .call(libc::SYS_unshare, Verdict::Fail(libc::EPERM))
                .enforce(Scope::AllThreads, Verdict::Allow);
        }
        // Reports success without making the call.
        "lies" => {
            let filter = Filter::new().call(libc::SYS_close_range, Verdict::Fail(0));
            filter.call(libc::SYS_unshare, Verdict::Fail(0)).enforce(Scope::AllThreads, Verdict::Allow);
        }
        "lies about unshare" => {
            let filter = Filter::new().call(libc::SYS_close_range, Verdict::Fail(libc::ENOSYS));
            filter.call(libc::SYS_unshare, Verdict::Fail(0)).enforce(Scope::AllThreads, Verdict::Allow);
        }
        "getrandom" => deny(libc::SYS_getrandom, libc::EPERM),
        "strict, no captures" => allow_only(&[PROGRAM, AGENT, WRAPPER]),
        "strict, no timers" => {
            let timer = |call: &&(&str, libc::c_long)| call.0 != "timer_create";
            let captures: Vec<_> = CAPTURES.iter().filter(timer).copied().collect();
            allow_only(&[PROGRAM, AGENT, &captures, WRAPPER]);
        }
        other => panic!("no filter {other}"),
    }
}

/// Every other call ends the process.
fn allow_only(lists: &[&[(&str, libc::c_long)]]) {
    let calls = lists.iter().copied().flatten();
    let filter = calls.fold(Filter::new(), |filter, (_, number)| filter.call(*number, Verdict::Allow));
    filter.enforce(Scope::AllThreads, Verdict::Kill);
}

/// System calls by name and number.
macro_rules! calls {
    ($($name:ident $number:ident),* $(,)?) => { &[$((stringify!($name), libc::$number)),*] };
}

/// The calls of the target itself, whose threads sleep and compute.
const PROGRAM: &[(&str, libc::c_long)] = calls![
    exit_group SYS_exit_group, clock_nanosleep SYS_clock_nanosleep, restart_syscall SYS_restart_syscall,
];

/// The calls of a listening agent for commands that capture no stack.
#[rustfmt::skip]
const AGENT: &[(&str, libc::c_long)] = calls![
    read SYS_read, pread64 SYS_pread64, write SYS_write, close SYS_close, openat SYS_openat,
    fcntl SYS_fcntl, newfstatat SYS_newfstatat, statx SYS_statx, getdents64 SYS_getdents64,
    readlink SYS_readlink,
    mmap SYS_mmap, mprotect SYS_mprotect, munmap SYS_munmap, mremap SYS_mremap, madvise SYS_madvise,
    brk SYS_brk,
    epoll_wait SYS_epoll_wait, epoll_ctl SYS_epoll_ctl, accept4 SYS_accept4, getsockopt SYS_getsockopt,
    recvfrom SYS_recvfrom, sendto SYS_sendto, shutdown SYS_shutdown,
    clone3 SYS_clone3, clone SYS_clone, set_robust_list SYS_set_robust_list, rseq SYS_rseq,
    sched_getaffinity SYS_sched_getaffinity, sigaltstack SYS_sigaltstack, prctl SYS_prctl,
    futex SYS_futex, exit SYS_exit, gettid SYS_gettid, getpid SYS_getpid, geteuid SYS_geteuid,
    clock_gettime SYS_clock_gettime, getrandom SYS_getrandom, rt_sigprocmask SYS_rt_sigprocmask,
];

/// The additional calls to recreate a removed socket.
const RESTORES: &[(&str, libc::c_long)] = calls![
    socket SYS_socket, bind SYS_bind, listen SYS_listen, connect SYS_connect, fchmod SYS_fchmod,
    chmod SYS_chmod, mkdir SYS_mkdir, unlink SYS_unlink, flock SYS_flock,
    inotify_init1 SYS_inotify_init1, inotify_add_watch SYS_inotify_add_watch,
];

/// The additional calls of captures.
const CAPTURES: &[(&str, libc::c_long)] = calls![
    rt_sigaction SYS_rt_sigaction, rt_sigreturn SYS_rt_sigreturn, timer_create SYS_timer_create,
    timer_settime SYS_timer_settime, timer_delete SYS_timer_delete,
    rt_tgsigqueueinfo SYS_rt_tgsigqueueinfo, process_vm_readv SYS_process_vm_readv,
    get_robust_list SYS_get_robust_list,
];

/// The additional calls of the allocator wrapper on the program's threads, besides those in `AGENT`.
pub(super) const WRAPPER: &[(&str, libc::c_long)] = calls![tgkill SYS_tgkill];

#[test]
fn the_documented_calls_are_these() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/SECURITY.md")).unwrap();
    for (name, _) in AGENT.iter().chain(RESTORES).chain(CAPTURES).chain(WRAPPER) {
        assert!(text.contains(&format!("`{name}`")), "{name} is not stated");
    }
}
