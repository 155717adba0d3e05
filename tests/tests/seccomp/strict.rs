//! Only the stated calls are allowed; any other call kills the program.

use std::os::unix::process::ExitStatusExt as _;

use rgops_inspect::client::ClientError;
use rgops_protocol::error::Code;
use rgops_protocol::reply::tasks::TasksPart;
use rgops_protocol::reply::trace::TracePart;
use rgops_protocol::request::{Request, TasksRequest, TraceRequest};
use rgops_tests::asking::ask;
use rgops_tests::listing::Listing;

use crate::answers::{find, heap_samples, is_whole, run_other_commands};
use crate::target::{TASKS, start};

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
