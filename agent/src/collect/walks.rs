//! The texts of notes about stacks that end early.

/// Why stacks end before the root, and the fix.
pub(super) fn callers_hidden() -> &'static str {
    if rgops_capture::stack_bounds::is_denied() {
        "a seccomp filter denies rt_sigprocmask, which is needed to read stacks: only innermost frames are known; \
         allow it"
    } else if cfg!(target_env = "musl") {
        "a frame without unwind data or frame pointer hides its callers; Rust's musl has no such data; build for \
         a gnu target"
    } else {
        "a frame without unwind data or frame pointer hides its callers"
    }
}

/// The number of stacks with unknown bounds to report, and the reason. If a seccomp filter denies the system call,
/// all bounds are unknown; [`callers_hidden`] then reports the filter instead.
pub(super) fn unknown_stacks(count: u64) -> (u64, &'static str) {
    let count = if rgops_capture::stack_bounds::is_denied() { 0 } else { count };
    (
        count,
        "they are on a stack whose bounds are unknown, such as a coroutine's: only the part that certainly exists \
         is read",
    )
}
