//! A profile of anybody, compressed or not, and reports of it with all filters: it is read within its memory, or refused
//! with the reason; what is accepted can be written, read again, merged and reported.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rgops_pprof::environment::Nothing;
use rgops_pprof::report::{Request, write};
use rgops_pprof::write::encode_profile;
use rgops_pprof::{Format, Limits, Settings, Stop, merge, read_profile, read_profile_within};

const FORMATS: [Format; 9] = [
    Format::Top,
    Format::Tree,
    Format::Traces,
    Format::Tags,
    Format::Raw,
    Format::Dot,
    Format::Callgrind,
    Format::TopProto,
    Format::Json,
];
const OPTIONS: [(&str, &str); 12] = [
    ("focus", "a|{{"),
    ("ignore", "^b"),
    ("hide", "c"),
    ("show", "[^d]"),
    ("show_from", "e"),
    ("prune_from", "f"),
    ("tagfocus", "1kb:9mb"),
    ("tagignore", "a=b"),
    ("tagroot", "a,b"),
    ("tagleaf", "bytes"),
    ("noinlines", "true"),
    ("mean", "true"),
];

fuzz_target!(|bytes: &[u8]| {
    // The first bytes choose the report.
    let [format, options, more, bytes @ ..] = bytes else { return };
    let limits = Limits { memory_bytes: 64 << 20, decompressed_bytes: 64 << 20, ..Limits::default() };
    let Ok(profile) = read_profile_within(bytes, limits) else { return };
    let again = read_profile(&encode_profile(&profile)).expect("what is accepted can be written");
    assert_eq!(again.samples, profile.samples);

    let mut settings = Settings::default();
    let chosen = u16::from_le_bytes([*options, *more]);
    for (bit, (name, value)) in OPTIONS.iter().enumerate() {
        if chosen >> bit & 1 == 1 {
            settings.set(name, value).expect("it is an option");
        }
    }
    let mut merged = merge::combine(vec![again, profile.clone()]).unwrap_or(profile);
    merge::with_program(&mut merged, "", "");
    merge::finish(&mut merged, false, Stop::never()).expect("it is not stopped");
    let format = FORMATS[usize::from(*format) % FORMATS.len()];
    let request = Request { format, argument: None, settings };
    // An error is an answer, too.
    let _ = write(&merged, &request, &Nothing, Stop::never(), &mut std::io::sink());
});
