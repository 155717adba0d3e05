//! Which frames of a stack people read: those of the program, and what says in which call of a library it is. Runs of
//! frames of std, runtimes and the C library become one line.

use std::collections::BTreeSet;

use crate::symbols::{Frame, Origin, file_name, own_frame};
use crate::text::counted;

/// A line of a stack.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Frame(&'a Frame, Origin),
    /// How many frames are not shown, and whose they are.
    Folded(String),
}

/// The lines of a stack, innermost first. All frames stay if `verbose`.
pub(super) fn lines(frames: &[Frame], verbose: bool) -> Vec<Line<'_>> {
    let origins: Vec<Origin> = frames.iter().map(Origin::of).collect();
    let keep: Vec<bool> =
        (0..frames.len()).map(|place| verbose || is_kept(frames, &origins, place)).collect();
    let mut lines = Vec::new();
    let mut place = 0;
    while place < frames.len() {
        if keep[place] {
            lines.push(Line::Frame(&frames[place], origins[place]));
            place += 1;
            continue;
        }
        let end = (place..frames.len()).find(|at| keep[*at]).unwrap_or(frames.len());
        let whose: BTreeSet<&str> = (place..end).map(|at| whose(&frames[at], origins[at])).collect();
        let whose = whose.into_iter().collect::<Vec<_>>().join(", ");
        lines.push(Line::Folded(format!("{} of {whose}", counted((end - place) as u64, "frame"))));
        place = end;
    }
    lines
}

/// The innermost frame of the program, or else of what it depends on.
pub(super) fn program_frame(frames: &[Frame]) -> Option<&Frame> {
    own_frame(frames).or_else(|| frames.iter().find(|frame| Origin::of(frame) == Origin::Dependency))
}

/// The leaf, every frame of the program and of unknown code, what the innermost of them calls, and the innermost
/// function of a runtime if there is none.
fn is_kept(frames: &[Frame], origins: &[Origin], place: usize) -> bool {
    let is_shown = |at: usize| match origins[at] {
        Origin::Own | Origin::Dependency | Origin::Unknown => true,
        Origin::Native => !is_system(&frames[at]),
        Origin::Std | Origin::Runtime => false,
    };
    if place == 0 || is_shown(place) {
        return true;
    }
    match origins.iter().position(|origin| origin.is_of_program() || *origin == Origin::Unknown) {
        Some(first) => place + 1 == first,
        None => origins.iter().position(|origin| *origin == Origin::Runtime) == Some(place),
    }
}

/// A function of the C library, or one that starts a thread or a program.
fn is_system(frame: &Frame) -> bool {
    const STARTS: [&str; 6] = ["main", "_start", "__libc_start_main", "start_thread", "clone", "__clone3"];
    let of_libc = frame.module.as_deref().map(file_name).is_some_and(|module| {
        ["libc.so", "libc-", "libpthread", "ld-linux", "ld-musl", "libm.so", "[vdso]"]
            .iter()
            .any(|start| module.starts_with(start))
    });
    of_libc || frame.function.as_deref().is_some_and(|name| STARTS.contains(&name))
}

/// `tokio`, `std`, `libc`.
fn whose(frame: &Frame, origin: Origin) -> &'static str {
    match origin {
        Origin::Std => "std",
        Origin::Runtime => Origin::runtime_of(frame).unwrap_or("the runtime"),
        _ => "libc",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(functions: &[&str], verbose: bool) -> Vec<String> {
        let frames: Vec<Frame> = functions.iter().map(|name| Frame::named(name)).collect();
        let line = |line: &Line<'_>| match line {
            Line::Frame(frame, _) => frame.name(),
            Line::Folded(text) => format!("… {text}"),
        };
        lines(&frames, verbose).iter().map(line).collect()
    }

    const STACK: [&str; 10] = [
        "syscall",
        "std::sys::pal::unix::futex::futex_wait",
        "std::sys::sync::mutex::futex::Mutex::lock_contended",
        "std::sync::poison::mutex::Mutex<T>::lock",
        "shop::reserve",
        "core::ops::function::FnOnce::call_once",
        "shop::main::{{closure}}",
        "tokio::runtime::task::core::Core<T,S>::poll",
        "std::panicking::try",
        "start_thread",
    ];

    #[test]
    fn runs_of_libraries_are_one_line_and_the_call_that_waits_is_shown() {
        assert_eq!(
            shown(&STACK, false),
            [
                "syscall",
                "… 2 frames of std",
                "std::sync::poison::mutex::Mutex<T>::lock",
                "shop::reserve",
                "… 1 frame of std",
                "shop::main::{{closure}}",
                "… 3 frames of libc, std, tokio",
            ]
        );
        assert_eq!(shown(&STACK, true).len(), STACK.len());
    }

    #[test]
    fn a_stack_without_the_programs_code_keeps_its_leaf_and_the_runtimes_function() {
        let stack =
            ["read", "std::fs::read", "tokio::fs::read::read", "tokio::runtime::task::raw::poll", "clone"];
        assert_eq!(
            shown(&stack, false),
            ["read", "… 1 frame of std", "tokio::fs::read::read", "… 2 frames of libc, tokio"]
        );
        assert_eq!(shown(&[], false), Vec::<String>::new());
    }
}
