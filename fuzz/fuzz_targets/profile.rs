//! A profile of anybody, compressed or not, and all reports of it with all filters, with source files and instructions
//! that are made up: it is read within its memory, or refused with the reason; what is accepted can be written, read
//! again, merged and reported.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use rgops_pprof::environment::{Code, CodeFrame, Environment, Instruction, ObjectFile};
use rgops_pprof::report::{Request, write};
use rgops_pprof::write::encode_profile;
use rgops_pprof::{Format, Limits, Settings, Stop, merge, read_profile, read_profile_within};

const FORMATS: [(Format, Option<&str>); 21] = [
    (Format::Top, None),
    (Format::Tree, None),
    (Format::Peek, Some("")),
    (Format::Traces, None),
    (Format::Tags, None),
    (Format::Comments, None),
    (Format::Raw, None),
    (Format::Proto, None),
    (Format::TopProto, None),
    (Format::Dot, None),
    (Format::Svg, None),
    (Format::Callgrind, None),
    (Format::Json, Some("tree")),
    (Format::List, Some(".")),
    (Format::Disasm, Some(".")),
    (Format::Disasm, Some("0x10")),
    (Format::Weblist, Some("")),
    (Format::Flame, None),
    (Format::Collapsed, None),
    (Format::Speedscope, None),
    (Format::Firefox, None),
];
const OPTIONS: [(&str, &str); 16] = [
    ("focus", "a|{{"),
    ("ignore", "^b"),
    ("hide", "c"),
    ("show", "[^d]"),
    ("show_from", "e"),
    ("prune_from", "f"),
    ("tagfocus", "1kb:9mb"),
    ("tagignore", "a=b,c"),
    ("tagroot", "a,b"),
    ("tagleaf", "bytes"),
    ("noinlines", "true"),
    ("mean", "true"),
    ("rust", "true"),
    ("call_tree", "true"),
    ("divide_by", "3"),
    ("taghide", "t"),
];

/// Every source file has three lines, and every object file an instruction at each fourth address.
struct Made;

impl Environment for Made {
    fn source(&self, file: &str, _: &Settings) -> Result<String, String> {
        if file.is_empty() { Err("it has no name".to_owned()) } else { Ok("one\n\ttwo\r\nthree".to_owned()) }
    }

    fn code(
        &self,
        mapping: &ObjectFile<'_>,
        is_wanted: Option<&dyn Fn(&str) -> bool>,
        address: Option<u64>,
        _: Stop<'_>,
    ) -> Result<Vec<Code>, String> {
        let start = address.unwrap_or(mapping.mapping.start);
        let code = Code { names: vec!["a".to_owned()], start, end: start.saturating_add(16), bias: 0 };
        Ok(if is_wanted.is_some_and(|is_wanted| is_wanted("a")) || address.is_some() {
            vec![code]
        } else {
            Vec::new()
        })
    }

    fn bias(&self, mapping: &ObjectFile<'_>) -> Result<u64, String> {
        if mapping.path.is_empty() { Err("it has no name".to_owned()) } else { Ok(mapping.mapping.start) }
    }

    fn instructions(
        &self,
        mapping: &ObjectFile<'_>,
        start: u64,
        end: u64,
        _: bool,
        _: Stop<'_>,
    ) -> Result<Vec<Instruction>, String> {
        let frame = |function: &str, line| CodeFrame {
            function: function.into(),
            system_name: "".into(),
            file: mapping.path.into(),
            line,
        };
        let frames: Arc<[CodeFrame]> = Arc::new([frame("b", 2), frame("a", start as i64 % 5)]);
        let addresses =
            (0..64).map_while(|at| start.checked_add(4 * at)).take_while(|address| *address < end);
        let each =
            addresses.map(|address| Instruction { address, text: "nop".to_owned(), frames: frames.clone() });
        Ok(each.collect())
    }
}

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
    let (format, argument) = FORMATS[usize::from(*format) % FORMATS.len()];
    let request = Request { format, argument: argument.map(str::to_owned), settings };
    // An error is an answer, too.
    let _ = write(&merged, &request, &Made, Stop::never(), &mut std::io::sink());
});
