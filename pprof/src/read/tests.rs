//! What is read, and what is refused with which reason.

use std::io::Write as _;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::profile::Ids;
use crate::profile::sketch::{lines, sketch};
use crate::write::encode_profile;

/// Fields of a message, for files that no writer makes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut message = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        message.push(length as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend_from_slice(bytes);
    message
}

/// One sample type, function and location, with `more` fields.
fn file(more: &[Vec<u8>]) -> Vec<u8> {
    let texts = ["", "cpu", "ns", "main"].map(|text| field(6, text.as_bytes()));
    let tables =
        [field(1, &[8, 1, 16, 2]), field(5, &[8, 9, 16, 3]), field(4, &[8, 200, 1, 34, 4, 8, 9, 16, 7])];
    [&tables[..], more, &texts[..]].concat().concat()
}

fn why(bytes: &[u8]) -> String {
    read_profile(bytes).map(|_| ()).expect_err("it is to be refused").to_string()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("a Vec takes all");
    encoder.finish().expect("a Vec takes all")
}

#[test]
fn what_is_written_is_read_again() {
    let mut profile =
        sketch(&["main;f+g;h 3,30 key=text bytes:1024:kb", "main;f+g 1,-5", " 1,1", "main;f+g 1,7 a=b"]);
    profile.ids = Ids { locations: vec![70, u64::MAX, 5], functions: vec![4, 3, 2, 1], mappings: vec![12] };
    (profile.time_ns, profile.duration_ns, profile.period) = (-5, 6, 7);
    profile.comments = vec![profile.texts.intern("one"), profile.texts.intern("two")];
    profile.doc_url = profile.texts.intern("https://example.org");
    let read = read_profile(&encode_profile(&profile)).expect("it was just written");
    assert_eq!(lines(&read), lines(&profile));
    assert_eq!(
        (read.ids.clone(), read.time_ns, read.duration_ns, read.period),
        (profile.ids.clone(), -5, 6, 7)
    );
    assert_eq!((read.text(read.comments[1]), read.text(read.doc_url)), ("two", "https://example.org"));
    assert_eq!((read.locations[0].address, read.mappings[0].limit), (profile.locations[0].address, 0x9000));
    assert_eq!(read.text(read.functions[1].file), profile.text(profile.functions[1].file));
    assert_eq!(encode_profile(&read), encode_profile(&profile), "tables keep their order");
}

#[test]
fn columns_and_messages_say_the_same() {
    let bytes = encode_profile(&sketch(&["main;f+g 3,30 key=text n:5", "main;f+g;h 1,1", "h 2,2 z=1 a=2"]));
    let from_messages = crate::Profile::from_proto(&read(&bytes).expect("it was just written"));
    let columns = read_profile(&bytes).expect("it was just written");
    assert_eq!(lines(&columns), lines(&from_messages));
    assert_eq!(encode_profile(&columns), encode_profile(&from_messages));
}

#[test]
fn what_google_pprof_accepts_is_accepted() {
    // Numbers not packed, packed and mixed; a mapping that is missing; unknown fields and groups; text that is not UTF-8.
    let samples = [
        field(2, &[8, 200, 1, 16, 5]),
        field(2, &[10, 4, 200, 1, 200, 1, 8, 200, 1, 18, 1, 6]),
        field(2, &[16, 7, 26, 2, 8, 1, 26, 4, 8, 3, 16, 4]),
        field(4, &[8, 3, 16, 77, 24, 1]),
        vec![0xa3, 1, 8, 1, 18, 2, b'x', b'y', 0xa4, 1, 0xa8, 1, 9, 0xb5, 1, 1, 2, 3, 4],
    ];
    let mut bytes = file(&samples);
    bytes.extend(field(6, &[0xff, b'a']));
    let profile = read_profile(&bytes).expect("pprof accepts it");
    assert_eq!(lines_of(&profile), ["main 5", "main;main;main 6", " 7 main=\u{fffd}a"]);
    assert_eq!((profile.id_of_location(profile.stack(0)[0]), profile.locations[1].mapping), (200, None));
    for packed in [gzip(&bytes), [gzip(&bytes[..40]), gzip(&bytes[40..])].concat()] {
        assert_eq!(lines_of(&read_profile(&packed).expect("gzip")), lines_of(&profile));
    }
}

fn lines_of(profile: &crate::Profile) -> Vec<String> {
    lines(profile)
}

#[test]
fn zstd_is_decompressed() {
    let bytes = file(&[field(2, &[8, 200, 1, 16, 5])]);
    let frame =
        |bytes: &[u8]| ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest);
    let skipped = [0x51, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let zstd = [frame(&bytes[..30]), skipped.to_vec(), frame(&bytes[30..])].concat();
    assert_eq!(lines_of(&read_profile(&zstd).expect("zstd")), ["main 5"]);
    assert!(why(&zstd[..zstd.len() - 3]).starts_with("the profile cannot be decompressed"));
}

#[test]
fn files_of_many_parts_are_read_and_those_of_countless_empty_ones_are_refused() {
    let bytes = file(&[field(2, &[8, 200, 1, 16, 5])]);
    let zstd =
        |bytes: &[u8]| ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest);
    let skipped = [0x51, 0x2a, 0x4d, 0x18, 0, 0, 0, 0];
    let why_not =
        "the profile cannot be decompressed: more than 10000 of its parts have less than 1024 bytes";
    for (empty, whole) in
        [(gzip(b""), gzip(&bytes)), (zstd(b""), zstd(&bytes)), (skipped.to_vec(), zstd(&bytes))]
    {
        let begun = if whole.starts_with(&[0x1f]) { gzip(b"") } else { zstd(b"") };
        let many = [begun.clone(), empty.repeat(9_990), whole.clone()].concat();
        assert_eq!(lines_of(&read_profile(&many).expect("a few thousand parts")), ["main 5"]);
        assert_eq!(why(&[begun, empty.repeat(10_001), whole].concat()), why_not);
    }
    let whole = gzip(&bytes);
    assert!(matches!(read(&[gzip(b"").repeat(10_001), whole].concat()), Err(ReadError::Decompress(_))));
    // A byte each is as slow.
    let long = file(&[field(15, &[0; 20_000])]);
    assert_eq!(why(&long.iter().flat_map(|byte| gzip(&[*byte])).collect::<Vec<_>>()), why_not);
}

#[test]
fn the_beginning_of_a_file_is_decompressed() {
    for file in [b"main;f 12".to_vec(), gzip(b"main;f 12")] {
        assert_eq!(read_beginning(&file, 6).expect("it is not damaged"), b"main;f");
        assert_eq!(read_beginning(&file, 60).expect("it is not damaged"), b"main;f 12");
    }
    assert!(read_beginning(b"", 6).is_err() && read_beginning(b"\x1f\x8b\x08", 6).is_err());
}

#[test]
fn a_thousand_sample_types_are_enough() {
    let types = |count: usize| file(&vec![field(1, &[]); count]);
    assert!(why(&types(1001)).ends_with("it has more than 1000 sample types"));
    assert_eq!(read_profile(&types(900)).expect("that is few").samples.len(), 0);
}

#[test]
fn what_is_damaged_is_refused_with_the_reason() {
    let with = |more: &[Vec<u8>]| why(&file(more)).replace("not a valid pprof profile: ", "");
    assert_eq!(with(&[field(2, &[8, 200, 1])]), "a sample has no values");
    assert_eq!(
        with(&[field(2, &[16, 1]), field(2, &[16, 1, 16, 2])]),
        "a sample has 2 values, others have 1"
    );
    assert_eq!(with(&[field(2, &[16, 1, 16, 2])]), "samples have 2 values for 1 sample types");
    assert_eq!(with(&[field(2, &[8, 5, 16, 1])]), "location 5 is missing");
    assert_eq!(with(&[field(4, &[8, 200, 1])]), "two locations have the id 200");
    assert_eq!(with(&[field(4, &[16, 1])]), "a location has the id 0");
    assert_eq!(with(&[field(5, &[8, 9])]), "two functions have the id 9");
    assert_eq!(with(&[field(3, &[8, 1]), field(3, &[8, 1])]), "two mappings have the id 1");
    assert_eq!(with(&[field(4, &[8, 1, 34, 2, 8, 8])]), "function 8 is missing");
    assert_eq!(with(&[field(5, &[8, 1, 16, 44])]), "string 44 is missing");
    assert_eq!(with(&[field(2, &[16, 1, 26, 4, 8, 1, 16, 99])]), "string 99 is missing");
    assert_eq!(with(&[vec![72, 5, 72, 6]]), "concatenated profiles detected");
    assert_eq!(with(&[field(2, &[10, 1, 0x80])]), "it is cut short");
    assert_eq!(with(&[field(6, b"first")]), "its first string is not empty");
    assert_eq!(with(&[vec![16, 5]]), "a field is of another type");
    assert_eq!(with(&[field(9, b"x")]), "a field is of another type");
    assert_eq!(with(&[vec![0xa3, 1]]), "it is cut short");
    assert_eq!(why(b""), "not a valid pprof profile: it is empty");
    assert_eq!(why(b"\x1f\x8b\x08"), "the profile cannot be decompressed: unexpected end of file");
    assert!(
        why(b"--- contentionz 1 ---").contains("legacy profile") && why(b"PERFILE2").contains("perf record")
    );
}

#[test]
fn bombs_are_refused_in_no_time() {
    let zeros = gzip(&vec![0; 1 << 20]);
    let texts = gzip(&[50, 0].repeat(2 << 20));
    let padded = [vec![16, 1], field(15, &[0; 60_000])].concat();
    let samples = gzip(&field(2, &padded).repeat(600));
    let long = [&[50][..], &[0xff, 0xff, 0xff, 0xff, 0x7f]].concat();
    let start = Instant::now();
    assert_eq!(why(&zeros), "not a valid pprof profile: a field has the number 0");
    assert_eq!(
        why(&texts),
        "not a valid pprof profile: its string table repeats hundreds of thousands of strings"
    );
    assert_eq!(why(&long), "not a valid pprof profile: it is cut short");
    assert_eq!(why(&samples), "the profile is more than 200 times as large when decompressed");
    // Milliseconds; the limit is for a busy machine without optimisation.
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn memory_is_bounded() {
    let profile = sketch(&["main;f 1,1", "main;g 2,2 key=value"]);
    let bytes = encode_profile(&profile);
    let limits = |memory_bytes| Limits { memory_bytes, ..Limits::default() };
    assert!(read_profile_within(&bytes, limits(1 << 20)).is_ok());
    let error = read_profile_within(&bytes, limits(600)).map(|_| ()).expect_err("it is too small");
    assert!(matches!(error, ReadError::Memory(600)));
    let small = Limits { decompressed_bytes: 100, ..Limits::default() };
    assert!(read_profile_within(&bytes, small).is_err());
}

#[test]
fn mutations_of_profiles_never_panic() {
    let message = file(&[
        field(2, &[8, 200, 1, 16, 5]),
        field(2, &[16, 7, 26, 4, 8, 3, 16, 2]),
        field(3, &[8, 1, 40, 3]),
    ]);
    // Marsaglia's xorshift, with a fixed seed.
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    let limits = Limits { memory_bytes: 1 << 20, ..Limits::default() };
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..5000 {
        let mut bytes = message.clone();
        for _ in 0..=random(2) {
            let at = random(bytes.len());
            match random(12) {
                _ if bytes.is_empty() => {}
                3..=7 => bytes[at] = random(16) as u8,
                8..=10 => bytes[at] ^= 1 << random(8),
                0 => bytes[at] = random(256) as u8,
                1 => bytes.insert(at, random(256) as u8),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at.max(1)),
            }
        }
        match read_profile_within(&bytes, limits) {
            Ok(profile) => {
                accepted += 1;
                let again = read_profile(&encode_profile(&profile)).expect("what is accepted can be written");
                assert_eq!(lines(&again), lines(&profile));
                let settings = crate::Settings {
                    focus: "m".to_owned(),
                    tagroot: "main".to_owned(),
                    ..Default::default()
                };
                let refined =
                    crate::Refined::of(&profile, &settings, crate::Format::Top, crate::Stop::never());
                assert!(refined.is_ok() || profile.sample_types.is_empty());
            }
            Err(_) => refused += 1,
        }
    }
    assert!(accepted > 100 && refused > 100, "{accepted} accepted, {refused} refused");
}
