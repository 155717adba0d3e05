//! A native frame as text.

use std::fmt::Write as _;

use crate::report::screen::Screen;
use crate::symbols::{Frame, Origin, shown_path};
use crate::text::{elided, escape};

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
    let _ = writeln!(text, "{before}{on}{}{inlined}{off}", escape(&elided(&frame.name())));
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
