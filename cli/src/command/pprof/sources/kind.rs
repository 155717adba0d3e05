//! What a file is that is no profile of pprof, by its beginning, and what to do with it.

/// The longest beginning that is looked at.
pub(super) const BEGINNING: usize = 4096;

/// The fix where nothing better is known.
pub(super) const PASS_ANOTHER: &str = "pass a file that rgops, pprof or another profiler wrote for pprof";

/// Why `bytes` are no profile, and the fix; `None` if nothing is known about them.
pub(super) fn of_others(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let bytes = bytes.get(..BEGINNING).unwrap_or(bytes);
    let begins = |with: &[&[u8]]| with.iter().any(|with| bytes.starts_with(with));
    Some(match () {
        () if bytes.is_empty() => ("it is empty", "take the profile again"),
        () if begins(&[b"PERFILE2"]) => (
            "it is a file of perf record, not of pprof",
            "convert it: perf_to_profile -i perf.data -o profile.pb.gz",
        ),
        () if begins(&[b"PK\x03\x04"]) => ("it is a zip archive", "unpack it, and pass a profile of it"),
        () if bytes.get(257..262) == Some(b"ustar") => {
            ("it is a tar archive", "unpack it, and pass a profile of it")
        }
        () if begins(&[b"BZh", b"\xfd7zXZ\0"]) => {
            ("it is compressed by bzip2 or xz; gzip and zstd are read", "decompress it first")
        }
        () if begins(&[b"\x7fELF"]) => {
            ("it is a program and not a profile of one", "pass the profile, too: rgops pprof BINARY PROFILE")
        }
        () if begins(&[b"go 1."]) => {
            ("it is an execution trace of Go, not a profile", "open it by go tool trace FILE")
        }
        () if is_legacy(bytes) => (
            "it is a profile as text or in a format before pprof's (?debug=1, gperftools, Java)",
            "take it again without debug=1; convert one of gperftools by pprof -proto BINARY FILE",
        ),
        () if is_html(bytes) => {
            ("it is a page (HTML), not a profile", "check the address, and whether one must log in there")
        }
        () if begins(&[b"{", b"[{", b"[\""]) && is_text(bytes) => {
            ("it is JSON, not a profile of pprof", "pass the .pb.gz file that it was made of")
        }
        () if is_text(bytes) => ("it is text, not a profile of pprof", PASS_ANOTHER),
        () => return None,
    })
}

/// The first words of `net/http/pprof?debug=1`, of gperftools and of Java, and the header of a CPU profile of
/// gperftools: 0, 3, 0, the period and 0 as words of the program.
fn is_legacy(bytes: &[u8]) -> bool {
    const WORDS: &[&str] = &[
        "heap profile:",
        "goroutine profile:",
        "threadcreate profile:",
        "--- ",
        "heap_v2/",
        "growthz ",
        "MAPPED_LIBRARIES:",
    ];
    let words = |size: usize| -> Vec<u64> {
        let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        bytes.chunks_exact(size).take(5).map(word).collect()
    };
    let is_cpu = |words: Vec<u64>| matches!(words[..], [0, 3, 0, period, 0] if period > 0);
    WORDS.iter().any(|word| bytes.starts_with(word.as_bytes())) || is_cpu(words(8)) || is_cpu(words(4))
}

fn is_html(bytes: &[u8]) -> bool {
    let begin = bytes.trim_ascii_start().get(..14).unwrap_or(bytes.trim_ascii_start()).to_ascii_lowercase();
    begin.starts_with(b"<!doctype html") || begin.starts_with(b"<html")
}

/// Whether it is UTF-8 without control characters, up to a character that is cut.
fn is_text(bytes: &[u8]) -> bool {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && text.chars().all(|it| !it.is_control() || it.is_whitespace() || it == '\u{1b}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_others_are_known() {
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        let cpu: Vec<u8> = [0_u64, 3, 0, 10_000, 0].iter().flat_map(|word| word.to_le_bytes()).collect();
        for (bytes, why) in [
            (&b""[..], "empty"),
            (b"PERFILE2....", "perf"),
            (b"PK\x03\x04....", "zip"),
            (&tar, "tar"),
            (b"\x7fELF\x02\x01", "program"),
            (b"go 1.22 trace\0\0\0", "trace"),
            (b"heap profile: 1: 2 [3: 4] @ heap/1048576\n", "debug=1"),
            (b"goroutine profile: total 7\n", "debug=1"),
            (b"--- contention:\ncycles/second=1\n", "debug=1"),
            (&cpu, "gperftools"),
            (b"\n<!DOCTYPE html><html>", "HTML"),
            (b"{\"a\": 1}", "JSON"),
            (b"main;checkout 12\n", "text"),
        ] {
            let found = of_others(bytes).map_or("", |(why, _)| why);
            assert!(found.contains(why), "{why}: {found}");
        }
        assert_eq!(of_others(b"\x0a\x04\x08\x01\x10\x02\x00"), None);
    }
}
