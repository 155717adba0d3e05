//! Removes what a granularity does not tell apart.

use crate::profile::{Profile, TextId};
use crate::settings::{Granularity, Settings};

/// Empties names, files, lines and addresses that the granularity of `settings` does not tell apart. Locations that
/// become equal stay apart: reports sum up what is equal.
pub(super) fn aggregate(profile: &mut Profile, settings: &Settings) {
    let has_inlined = !settings.noinlines;
    // Which of name, file, line and address are told apart.
    let (name, file, line, address) = match settings.granularity {
        Granularity::Addresses if has_inlined => return,
        Granularity::Addresses => (true, true, true, true),
        Granularity::Lines => (true, true, true, false),
        Granularity::FileFunctions => (true, true, false, false),
        Granularity::Files => (false, true, false, false),
        Granularity::Functions | Granularity::Default => (true, false, false, false),
    };
    for mapping in &mut profile.mappings {
        mapping.has_inline_frames &= has_inlined;
        mapping.has_functions &= name;
        mapping.has_filenames &= file;
        mapping.has_line_numbers &= line;
    }
    for function in &mut profile.functions {
        if !name {
            (function.name, function.system_name) = (TextId::EMPTY, TextId::EMPTY);
        }
        if !file {
            function.file = TextId::EMPTY;
        }
    }
    for location in &mut profile.locations {
        if !has_inlined && location.lines.len() > 1 {
            location.lines.drain(..location.lines.len() - 1);
        }
        for of in &mut location.lines {
            if !line {
                of.line = 0;
            }
            if !line || !settings.showcolumns {
                of.column = 0;
            }
        }
        if !address {
            location.address = 0;
        }
    }
}
