//! The settings that a format overrides.

use crate::format::Format;
use crate::settings::{Granularity, Settings};

/// The most nodes of a graph if the user does not say.
const NODES_OF_A_GRAPH: i64 = 80;

/// The most nodes that we draw: a picture of more is of tens of megabytes.
const MOST_DRAWN: i64 = 5000;

/// The settings as `format` needs them: pprof's overrides, and ours for the formats that pprof does not have.
pub(super) fn of(settings: &Settings, format: Format) -> Settings {
    let mut settings = settings.clone();
    let mut trim = settings.trim;
    match format {
        Format::Disasm => {
            trim = false;
            settings.granularity = Granularity::Addresses;
            // Otherwise each inlined frame of an instruction counts the instruction again.
            settings.noinlines = true;
        }
        Format::Weblist => {
            trim = false;
            settings.granularity = Granularity::Addresses;
            settings.noinlines = false;
        }
        Format::Peek => trim = false,
        Format::List => {
            trim = false;
            settings.granularity = Granularity::Lines;
        }
        Format::Top | Format::TopProto | Format::Json => all_unless_said(&mut settings, 0),
        Format::Collapsed | Format::Speedscope | Format::Flame | Format::Firefox => trim = false,
        _ => all_unless_said(&mut settings, NODES_OF_A_GRAPH),
    }
    if matches!(format, Format::Proto | Format::Raw | Format::Callgrind) {
        trim = false;
        settings.granularity = Granularity::Addresses;
    }
    if matches!(format, Format::Flame | Format::Speedscope | Format::Firefox)
        && settings.granularity == Granularity::Default
    {
        settings.granularity = Granularity::FileFunctions;
    }
    if !trim {
        settings.nodecount = 0;
        settings.nodefraction = 0.0;
        settings.edgefraction = 0.0;
    }
    if format == Format::Svg && !(1..=MOST_DRAWN).contains(&settings.nodecount) {
        settings.nodecount = MOST_DRAWN;
    }
    settings
}

fn all_unless_said(settings: &mut Settings, nodes: i64) {
    if settings.nodecount == -1 {
        settings.nodecount = nodes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_override_what_would_make_them_wrong() {
        let asked = Settings { granularity: Granularity::Files, ..Settings::default() };
        let of = |format| {
            let made = of(&asked, format);
            (made.nodecount, made.nodefraction, made.granularity, made.noinlines)
        };
        assert_eq!(of(Format::Top), (0, 0.005, Granularity::Files, false));
        assert_eq!(of(Format::Tree), (80, 0.005, Granularity::Files, false));
        assert_eq!(of(Format::Peek), (0, 0.0, Granularity::Files, false));
        assert_eq!(of(Format::List), (0, 0.0, Granularity::Lines, false));
        assert_eq!(of(Format::Disasm), (0, 0.0, Granularity::Addresses, true));
        assert_eq!(of(Format::Raw), (0, 0.0, Granularity::Addresses, false));
        assert_eq!(of(Format::Flame), (0, 0.0, Granularity::Files, false));
    }
}
