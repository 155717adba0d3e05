//! One call is denied: the rest works, and the reason is reported.

use rgops_inspect::client::ClientError;
use rgops_protocol::error::Code;
use rgops_protocol::reply::StackEnd;
use rgops_protocol::reply::stack::Capture;
use rgops_tests::itself::Itself;
use rgops_tests::listing::Listing;
use rgops_tests::running::rgops;

use crate::answers::{find, is_whole};
use crate::target::{TASKS, start};

#[test]
fn listen_gets_its_own_table_by_another_call_or_fails_with_the_reason() {
    for (filter, expected) in [
        ("close_range ENOSYS", "listened"),
        ("no own table", "close_range and unshare are denied"),
        ("lies", "its own descriptor table, but did not"),
        ("lies about unshare", "its own descriptor table, but did not"),
        ("getrandom", "getrandom(2) failed"),
    ] {
        let target =
            Itself::start_with("target::sandboxed_before_it_listens", &[("RGOPS_TEST_FILTER", filter)]);
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
