//! A native frame as text.

use std::fmt::Write as _;

use crate::report::screen::Screen;
use crate::symbols::{Frame, Origin, shown_path};
use crate::text::{counted, escape, shown_name, without_arguments};

/// How a frame is written.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::report) struct Style {
    /// Source paths as the compiler wrote them.
    pub(in crate::report) whole_paths: bool,
    /// With the colour of this origin.
    pub(in crate::report) color: Option<Origin>,
}

const BOLD: &str = "\x1b[1m";
const FAINT: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";

/// Escape sequences around text of this origin: the program's own code stands out, what is below it recedes.
pub(super) fn around(color: Option<Origin>) -> (&'static str, &'static str) {
    match color {
        Some(Origin::Own) => (BOLD, RESET),
        Some(Origin::Std | Origin::Runtime | Origin::Native) => (FAINT, RESET),
        Some(Origin::Dependency | Origin::Unknown) | None => ("", ""),
    }
}

/// The format of a Go traceback: the function, then its file, line and offset. Each line starts with `before`.
pub(in crate::report) fn write_frame(text: &mut Screen, frame: &Frame, before: &str, style: Style) {
    let inlined = if frame.is_inlined { " (inlined)" } else { "" };
    let (on, off) = around(style.color);
    let name = shown_name(&frame.name());
    let others = others(frame, &name);
    let _ = writeln!(text, "{before}{on}{name}{others}{inlined}{off}");
    let offset = match frame.function_offset {
        Some(offset) if !frame.is_inlined => format!(" +{offset:#x}"),
        _ => String::new(),
    };
    match (&frame.file, &frame.module) {
        (Some(file), _) => {
            let line = frame.line.map(|line| format!(":{line}")).unwrap_or_default();
            let file = if style.whole_paths { file } else { shown_path(file) };
            let _ = writeln!(text, "{before}\t{on}{}{line}{offset}{off}", escape(file));
        }
        (None, Some(module)) if frame.function_offset.is_some() => {
            let _ = writeln!(text, "{before}\t{on}{}{offset}{off}", escape(module));
        }
        _ => {}
    }
}

/// Characters of a name and of that of another function with its code that are shown beside each other.
const BOTH: usize = 200;

/// ` (or b, 2 more: one code)` behind the name of a function that may be another one with the same code. The same
/// function for other types is not another one.
fn others(frame: &Frame, name: &str) -> String {
    let Some(function) = frame.function.as_deref().filter(|_| !frame.is_told_by_caller) else {
        return String::new();
    };
    let function = without_arguments(function);
    let mut others = frame.aliases.iter().filter(|alias| without_arguments(alias) != function);
    let Some(first) = others.next() else { return String::new() };
    let fits = name.chars().count() + first.chars().count() <= BOTH;
    match (fits, others.count()) {
        (true, 0) => format!(" (or {}: one code)", escape(first)),
        (true, more) => format!(" (or {}, {more} more: one code)", escape(first)),
        (false, more) => format!(" (or {}: one code)", counted(more as u64 + 1, "other function")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(function: &str, aliases: &[&str]) -> String {
        let frame = Frame {
            aliases: aliases.iter().map(|alias| (*alias).into()).collect(),
            ..Frame::named(function)
        };
        others(&frame, function)
    }

    #[test]
    fn a_folded_function_is_shown_with_the_others() {
        assert_eq!(shown("a::f", &[]), "");
        assert_eq!(shown("a::f", &["b::g"]), " (or b::g: one code)");
        assert_eq!(shown("a::f", &["b::g", "c::h", "d::i"]), " (or b::g, 2 more: one code)");
        let long = "x".repeat(BOTH);
        assert_eq!(shown("a::f", &[&long, "b::g"]), " (or 2 other functions: one code)");
        assert_eq!(shown("<a::List<u8>>::push::<i8>", &["<a::List<(b::C, u8)>>::push::<b::C>"]), "");
    }
}
