//! Programs in sandboxes: what the agent does if a seccomp filter denies the calls it needs, as `docs/SECURITY.md`
//! states ("Sandboxes"). The program sets the filters itself, before or after it listens, on all its threads.
#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashSet;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt as _;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use rgops_agent::{Command, Options};
use rgops_inspect::client::ClientError;
use rgops_protocol::error::Code;
use rgops_protocol::reply::StackEnd;
use rgops_protocol::reply::memstats::MemstatsReply;
use rgops_protocol::reply::pprof_heap::{HeapStack, PprofHeapPart};
use rgops_protocol::reply::stack::{Capture, ThreadStack};
use rgops_protocol::reply::stats::StatsReply;
use rgops_protocol::reply::tasks::TasksPart;
use rgops_protocol::reply::trace::TracePart;
use rgops_protocol::reply::version::VersionReply;
use rgops_protocol::request::{
    MemstatsRequest, PprofHeapRequest, Request, StatsRequest, TasksRequest, TraceRequest, VersionRequest,
};
use rgops_tests::asking::ask;
use rgops_tests::itself::{self, Itself};
use rgops_tests::listing::Listing;
use rgops_tests::running::rgops;
use rgops_tests::seccomp::{Filter, Scope, Verdict};

/// The lists also contain the calls that it needs ([`WRAPPER`]).
#[global_allocator]
static ALLOCATOR: rgops_agent::alloc::Sampling<std::alloc::System> =
    rgops_agent::alloc::Sampling::new(std::alloc::System);
const HEAP_RATE: u64 = 4096;

const DEPTH: u64 = 30;
const TASKS: usize = 20;

#[inline(never)]
fn deep(depth: u64, last: &mut dyn FnMut()) -> u64 {
    if depth == 0 {
        last();
        return 0;
    }
    black_box(deep(depth - 1, last)) + 1
}

fn spin() {
    let mut number = 1u64;
    for step in 0..1_000_000u64 {
        number = number.wrapping_mul(33).wrapping_add(black_box(step));
    }
    black_box(number);
}

/// Starts short-lived threads that allocate: each takes a slot of the wrapper, and has a stack to walk.
fn allocate() {
    let blocks = || drop(black_box((0..64).map(|_| vec![1u8; 1000]).collect::<Vec<_>>()));
    let thread = std::thread::Builder::new().name("allocates".into());
    thread.spawn(move || deep(DEPTH, &mut || blocks())).unwrap().join().unwrap();
    std::thread::sleep(Duration::from_millis(1));
}

/// Installs the filter with this name.
fn enforce(name: &str) {
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
const WRAPPER: &[(&str, libc::c_long)] = calls![tgkill SYS_tgkill];

#[test]
fn the_documented_calls_are_these() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/SECURITY.md")).unwrap();
    for (name, _) in AGENT.iter().chain(RESTORES).chain(CAPTURES).chain(WRAPPER) {
        assert!(text.contains(&format!("`{name}`")), "{name} is not stated");
    }
}

#[test]
#[ignore = "started by other tests"]
fn sandboxed() {
    if !itself::is_target() {
        return;
    }
    let name = std::env::var("RGOPS_TEST_FILTER").unwrap();
    let begun = Arc::new(Barrier::new(4));
    for (name, work) in [
        ("spins", spin as fn()),
        ("sleeps", || std::thread::sleep(Duration::from_secs(1000))),
        ("starts threads", allocate),
    ] {
        let begun = begun.clone();
        let work = move || {
            deep(DEPTH, &mut || {
                begun.wait();
                loop {
                    work();
                }
            });
        };
        std::thread::Builder::new().name(name.into()).spawn(work).unwrap();
    }
    // From here on, all have their names, and have made their initial system calls.
    begun.wait();
    let is_before = std::env::var_os("RGOPS_TEST_BEFORE").is_some();
    if is_before {
        enforce(&name);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for _ in 0..TASKS {
        runtime.spawn(std::future::pending::<()>());
    }
    let mut options = Options::default().watch(runtime.handle(), "tasks").heap_rate(HEAP_RATE);
    if name == "strict, no captures" {
        let captures = [Command::PprofCpu, Command::Stack, Command::Trace, Command::Tasks, Command::Read];
        options = captures.into_iter().fold(options, Options::deny);
    }
    let agent = rgops_agent::listen(options).unwrap();
    if !is_before {
        enforce(&name);
    }
    itself::wait_for_input(&agent);
    // SAFETY: ends the process without waiting for its threads.
    unsafe { libc::_exit(0) };
}

fn start(filter: &str, is_before: bool) -> Itself {
    let mut variables = vec![("RGOPS_TEST_FILTER", filter)];
    if is_before {
        variables.push(("RGOPS_TEST_BEFORE", "1"));
    }
    Itself::start_with("sandboxed", &variables)
}

/// Prints the result of `listen` under a filter; the program's descriptors must not change.
#[test]
#[ignore = "started by other tests"]
fn sandboxed_before_it_listens() {
    if !itself::is_target() {
        return;
    }
    let descriptors = || {
        let entries = std::fs::read_dir("/proc/self/fd").unwrap();
        // The last descriptor belongs to this iterator.
        let mut open: Vec<_> =
            entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok()).collect();
        open.pop();
        open
    };
    enforce(&std::env::var("RGOPS_TEST_FILTER").unwrap());
    let before = descriptors();
    let result = match rgops_agent::listen(Options::default()) {
        Ok(agent) => {
            agent.close();
            "listened".to_owned()
        }
        Err(error) => format!("{error:?}: {error}"),
    };
    assert_eq!(descriptors(), before);
    println!("\nready {}", result.replace('\n', " "));
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn listen_gets_its_own_table_by_another_call_or_fails_with_the_reason() {
    for (filter, expected) in [
        ("close_range ENOSYS", "listened"),
        ("no own table", "close_range and unshare are denied"),
        ("lies", "its own descriptor table, but did not"),
        ("lies about unshare", "its own descriptor table, but did not"),
        ("getrandom", "getrandom(2) failed"),
    ] {
        let target = Itself::start_with("sandboxed_before_it_listens", &[("RGOPS_TEST_FILTER", filter)]);
        let result = target.address().to_owned();
        assert!(result.contains(expected), "{filter}: {result}");
        assert!(expected == "listened" || result.starts_with("Thread("), "{filter}: {result}");
        target.end();
    }
}

/// The agent also works with a descriptor table from the other call.
#[test]
fn on_an_older_kernel_everything_works() {
    let target = start("close_range ENOSYS", true);
    let threads = target.dump();
    assert!(is_whole(find(&threads, "spins")) && is_whole(find(&threads, "sleeps")), "{threads:#?}");
    assert_eq!(Listing::of(target.address(), 16).tasks.len(), TASKS);
    target.end();
}

#[test]
fn a_removed_socket_is_recreated_with_the_stated_calls() {
    let mut target = start("strict", false);
    let inode = |path: &str| {
        std::fs::symlink_metadata(path).ok().map(|file| std::os::unix::fs::MetadataExt::ino(&file))
    };
    let former = inode(target.address());
    std::fs::remove_dir_all(std::path::Path::new(target.address()).parent().unwrap()).unwrap();
    rgops_tests::waiting::until("the socket is recreated", || {
        let now = inode(target.address());
        (now.is_some() && now != former && rgops_tests::asking::connect(target.address()).is_ok())
            .then_some(())
    });
    assert!(target.is_running());
    target.end();
}

fn find<'t>(threads: &'t [ThreadStack], name: &str) -> &'t ThreadStack {
    threads.iter().find(|thread| thread.name == name).unwrap()
}

fn is_whole(thread: &ThreadStack) -> bool {
    thread.stack.end == StackEnd::Root && thread.stack.frames.len() > DEPTH as usize
}

#[test]
fn without_process_vm_readv_everything_works() {
    for is_before in [true, false] {
        let target = start("no process_vm_readv", is_before);
        let threads = target.dump();
        assert!(is_whole(find(&threads, "spins")) && is_whole(find(&threads, "sleeps")), "{threads:#?}");
        let listing = Listing::of(target.address(), 16);
        assert_eq!((listing.tasks.len(), listing.read()), (TASKS, TASKS));
        let screen = rgops(&["tasks", target.address()]);
        assert_eq!(screen.code, 0, "{screen:?}");
        assert!(screen.output.contains(&format!("\n{TASKS} tasks [scheduled]: ")), "{screen:?}");
        assert!(screen.output.contains("\n20 with an async stack"), "{screen:?}");
        let profile = target.profile(300);
        let whole = profile.samples.iter().filter(|sample| sample.stack.end == StackEnd::Root).count();
        assert!(whole > 0 && whole * 10 >= profile.samples.len() * 9, "{whole} of {}", profile.samples.len());
        target.end();
    }
}

#[test]
fn without_the_stack_check_only_leaves_are_known_and_the_reason_is_reported() {
    for (filter, is_before) in [("probe EPERM", true), ("probe EPERM", false), ("probe ENOSYS", false)] {
        let target = start(filter, is_before);
        let profile = target.profile(300);
        let tid = profile.thread("spins").tid;
        let own: Vec<_> = profile.samples.iter().filter(|sample| sample.tid == tid).collect();
        assert!(!own.is_empty());
        for sample in own {
            assert_eq!((sample.stack.frames.len(), sample.stack.end), (1, StackEnd::Lost));
        }
        let reason = "a seccomp filter denies rt_sigprocmask";
        assert!(profile.notes.iter().any(|note| note.why.contains(reason)), "{:?}", profile.notes);
        let (threads, notes) = target.dump_and_notes();
        let spins = find(&threads, "spins");
        assert_eq!((spins.stack.frames.len(), spins.stack.end), (1, StackEnd::Lost));
        assert!(notes.iter().any(|note| note.why.contains(reason)), "{notes:?}");
        target.end();
    }
}

#[test]
fn without_timers_there_is_no_profile_and_the_reason_is_reported() {
    for (filter, is_before, error) in [
        ("timer EPERM", true, "Operation not permitted"),
        ("timer EPERM", false, "Operation not permitted"),
        ("timer ENOSYS", false, "Function not implemented"),
    ] {
        let target = start(filter, is_before);
        match target.try_profile(99, 100) {
            Err(ClientError::Agent(refused)) => {
                assert_eq!(refused.code(), Code::Unsupported);
                let text = format!("{refused:?}");
                assert!(text.contains(&format!("cannot create a CPU timer: {error}")), "{text}");
                assert!(
                    text.contains("allow rt_sigaction and timer_create in the seccomp profile"),
                    "{text}"
                );
            }
            other => panic!("{other:?}"),
        }
        assert!(target.dump().iter().filter(|thread| !thread.is_agent).any(is_whole));
        target.end();
    }
}

#[test]
fn without_directed_signals_running_threads_are_listed_with_the_reason() {
    for is_before in [true, false] {
        let target = start("queue EPERM", is_before);
        let threads = target.dump();
        let Capture::Failed { reason } = &find(&threads, "spins").capture else { panic!("{threads:#?}") };
        assert!(reason.contains("cannot be signalled: Operation not permitted"), "{reason}");
        assert!(target.profile(300).thread("spins").weight > 0);
        target.end();
    }
}

/// Runs every command that captures no stack.
fn run_other_commands(target: &Itself) {
    let stats = target.ask::<StatsReply>(&Request::Stats(StatsRequest { window_ms: 50 })).unwrap();
    stats.end.unwrap();
    target.ask::<MemstatsReply>(&Request::Memstats(MemstatsRequest {})).unwrap().end.unwrap();
    target.ask::<VersionReply>(&Request::Version(VersionRequest {})).unwrap().end.unwrap();
}

/// Number of sampled blocks, and of those with a complete stack.
fn heap_samples(target: &Itself) -> (u64, u64) {
    let request = Request::PprofHeap(PprofHeapRequest { duration_ms: 0, interval_ms: 0, live: false });
    let answer = target.ask::<PprofHeapPart>(&request).unwrap();
    answer.end.unwrap();
    let mut whole_stacks = HashSet::new();
    let (mut samples, mut whole) = (0, 0);
    for part in answer.parts {
        match part {
            PprofHeapPart::Stacks(stacks) => {
                let is_whole = |stack: &&HeapStack| stack.stack.end == StackEnd::Root;
                whole_stacks.extend(stacks.iter().filter(is_whole).map(|stack| stack.id));
            }
            PprofHeapPart::Buckets(buckets) => {
                for bucket in buckets {
                    samples += bucket.allocated.samples;
                    whole += if whole_stacks.contains(&bucket.stack) { bucket.allocated.samples } else { 0 };
                }
            }
            _ => {}
        }
    }
    (samples, whole)
}

#[test]
fn a_strict_list_with_the_stated_calls_is_enough_for_every_command() {
    let mut target = start("strict", false);
    for _ in 0..3 {
        let profile = target.profile(200);
        assert!(profile.thread("spins").weight > 0);
        let threads = target.dump();
        assert!(is_whole(find(&threads, "spins")) && is_whole(find(&threads, "sleeps")), "{threads:#?}");
        let request = Request::Trace(TraceRequest { duration_ms: 200, hz: 99, interval_us: 5000 });
        target.ask::<TracePart>(&request).unwrap().end.unwrap();
        let listing = Listing::of(target.address(), 16);
        assert_eq!((listing.tasks.len(), listing.read()), (TASKS, TASKS));
        assert!(listing.summary.current_tasks.is_none(), "{:?}", listing.summary);
        run_other_commands(&target);
        let (samples, whole) = heap_samples(&target);
        assert!(samples > 0 && whole * 10 >= samples * 9, "{whole} of {samples}");
    }
    assert!(target.is_running());
    target.end();
}

#[test]
fn denied_captures_make_none_of_their_calls() {
    let mut target = start("strict, no captures", false);
    for _ in 0..3 {
        run_other_commands(&target);
        let refused = ask::<TasksPart>(
            target.address(),
            &Request::Tasks(TasksRequest { max_cell_bytes: 1, max_depth: 1 }),
        );
        assert!(
            matches!(refused.unwrap().end, Err(ClientError::Agent(error)) if error.code() == Code::NotAllowed)
        );
        assert!(
            matches!(target.try_profile(99, 100), Err(ClientError::Agent(error)) if error.code() == Code::NotAllowed)
        );
    }
    assert!(target.is_running());
    target.end();
}

/// As stated, the first capture ends the program.
#[test]
fn a_list_that_kills_for_the_calls_of_a_capture_kills() {
    let target = start("strict, no timers", false);
    run_other_commands(&target);
    assert!(target.try_profile(99, 100).is_err());
    let (status, _) = target.death();
    assert_eq!(status.signal(), Some(libc::SIGSYS));
}
