//! Why names of a module are incomplete.

use rgops_dwarf::LeftOut;

use crate::symbols::frame::Frame;

/// A sentence about units that are left out; `None` when there are none.
pub(super) fn left_out(left_out: &LeftOut) -> Option<String> {
    let reason = left_out.reason();
    match left_out.units() {
        0 => None,
        1 => Some(format!("a unit of its debug information is left out: {reason}")),
        count => Some(format!("{count} units of its debug information are left out; one reason: {reason}")),
    }
}

/// With line tables only, rustc writes `run` where full debug information has `shop::checkout::run`.
pub(super) fn short_names() -> (String, String) {
    (
        "inlined functions have short names (debug = \"line-tables-only\")".to_owned(),
        "in the program's Cargo.toml, under [profile.release]: debug = 1".to_owned(),
    )
}

pub(super) fn is_rust_file(frame: &Frame) -> bool {
    frame.file.as_deref().is_some_and(|file| file.ends_with(".rs"))
}
