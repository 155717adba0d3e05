//! A native frame as text.

use std::fmt::Write as _;

use crate::report::screen::Screen;
use crate::symbols::Frame;
use crate::text::{elided, escape};

/// The format of a Go traceback: the function, then its file, line and offset. Each line starts with `before`.
pub(in crate::report) fn write_frame(text: &mut Screen, frame: &Frame, before: &str) {
    let inlined = if frame.is_inlined { " (inlined)" } else { "" };
    let _ = writeln!(text, "{before}{}{inlined}", escape(&elided(&frame.name())));
    let offset = match frame.function_offset {
        Some(offset) if !frame.is_inlined => format!(" +{offset:#x}"),
        _ => String::new(),
    };
    match (&frame.file, &frame.module) {
        (Some(file), _) => {
            let line = frame.line.map(|line| format!(":{line}")).unwrap_or_default();
            let _ = writeln!(text, "{before}\t{}{line}{offset}", escape(file));
        }
        (None, Some(module)) if frame.function_offset.is_some() => {
            let _ = writeln!(text, "{before}\t{}{offset}", escape(module));
        }
        _ => {}
    }
}
