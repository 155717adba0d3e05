//! The peak memory of a program, measured by a parent with little memory of its own.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Runs the program in the arguments after the output file.
pub(crate) fn measure(mut arguments: impl Iterator<Item = OsString>) {
    let file = arguments.next().expect("a file");
    let mut command = Command::new(arguments.next().expect("a program"));
    command.args(arguments);
    // SAFETY: prctl(2) is async-signal-safe. The child dies with this process, which the test kills.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
    #[expect(clippy::zombie_processes, reason = "wait4(2) below")]
    let child = command.spawn().expect("it starts");
    let mut status = 0;
    // SAFETY: all zeros is a valid rusage.
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid for writes, and nothing else waits for the child.
    let waited = unsafe { libc::wait4(child.id().cast_signed(), &raw mut status, 0, &raw mut used) };
    assert!(waited > 0, "{}", std::io::Error::last_os_error());
    std::fs::write(file, format!("{status} {}", used.ru_maxrss)).expect("it can be written");
}
