//! What is said of stacks that end early.

/// Why stacks end before the root, and what mends it.
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

/// Of how many stacks it has to be said that nothing was known of them, and what. Where a filter denies the question
/// nothing is known of any, and [`callers_hidden`] says that.
pub(super) fn unknown_stacks(count: u64) -> (u64, &'static str) {
    let count = if rgops_capture::stack_bounds::is_denied() { 0 } else { count };
    (
        count,
        "they are on a stack whose bounds are unknown, such as a coroutine's: only the part that certainly exists \
         is read",
    )
}
