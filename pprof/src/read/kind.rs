//! What a file is that is no profile, for a better reason than that it is damaged.

/// The bytes that are looked at.
pub(super) const PEEKED_BYTES: usize = 64;

const LEGACY: &str =
    "a legacy profile, of before profile.proto; convert it: pprof -proto -output=profile.pb.gz FILE";

/// What the first bytes of profiles in older formats are.
const LEGACY_STARTS: [&[u8]; 12] = [
    b"heap profile:",
    b"heapz ",
    b"--- heap",
    b"--- contention",
    b"--- mutex",
    b"--- thread",
    b"--- growth",
    b"--- Memory map",
    b"goroutine profile:",
    b"threadcreate profile:",
    b"MAPPED_LIBRARIES:",
    b"--- threadz",
];

/// What the file is that begins with `start`, if it is known not to be a profile of today.
pub(super) fn other_than_a_profile(start: &[u8]) -> Option<&'static str> {
    let is_legacy = |start: &[u8]| LEGACY_STARTS.iter().any(|legacy| start.starts_with(legacy));
    // gperftools' CPU profile: machine words 0, 3, 0, then the period.
    let is_gperftools = start.starts_with(&[0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        || start.starts_with(&[0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
    if is_gperftools || is_legacy(start) {
        return Some(LEGACY);
    }
    let others: [(&[u8], &str); 5] = [
        (b"PERFILE2", "a file of perf record; convert it: perf_to_profile -i perf.data -o profile.pb.gz"),
        (b"\x7fELF", "an executable or a library; pass a profile behind it"),
        (b"<!DOCTYPE", "a web page; is the address that of a profile?"),
        (b"<html", "a web page; is the address that of a profile?"),
        (b"{\"", "JSON"),
    ];
    others.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, what)| *what)
}
