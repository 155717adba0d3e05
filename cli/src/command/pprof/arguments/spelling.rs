//! pprof's spelling of options, `-focus=x`, `-focus x` and `-mean=false`, as clap understands it: `--focus=x`.

use std::ffi::{OsStr, OsString};

use super::table::{self, Takes};

/// The hidden option with the name of a switch that is `=false`.
pub(super) const OFF: &str = "switched-off";
/// The hidden option with the name of a format that rgops does not make.
pub(super) const REPLACED: &str = "not-made";
/// The hidden option with a switch and its value that is neither true nor false: `--cum=2`.
pub(super) const NEITHER: &str = "neither-true-nor-false";

/// Rewrites the words after `rgops pprof`; the words of other commands stay as they are.
pub(crate) fn accept_spelling_of_pprof(words: Vec<OsString>) -> Vec<OsString> {
    if words.get(1).is_none_or(|word| word != "pprof") {
        return words;
    }
    let mut accepted = Vec::with_capacity(words.len());
    let mut words = words.into_iter();
    accepted.extend(words.by_ref().take(2));
    while let Some(word) = words.next() {
        if word == "--" {
            accepted.push(word);
            accepted.extend(words);
            break;
        }
        let Some((name, value)) = option(&word) else {
            accepted.push(word);
            continue;
        };
        let Some(flag) = table::find(&name) else {
            // clap says which option is near.
            accepted.push(match table::instead_of(&name) {
                Some(_) => long(REPLACED, Some(name.as_ref())),
                None => long(&name, value.as_deref()),
            });
            continue;
        };
        if flag.takes == Takes::Switch {
            let is_on = match &value {
                None => Some(true),
                Some(value) => value.to_str().and_then(boolean),
            };
            if let Some(is_on) = is_on {
                // The last one holds.
                let (on, off) = (long(flag.name, None), long(OFF, Some(flag.name.as_ref())));
                accepted.retain(|word| *word != on && *word != off);
                accepted.push(if is_on { on } else { off });
                continue;
            }
            accepted.push(long(NEITHER, Some(&long(flag.name, value.as_deref()))));
            continue;
        }
        let value = match flag.takes {
            Takes::Value(_) if value.is_none() => words.next(),
            Takes::Address if value.is_none() => {
                let rest = words.as_slice();
                let is_address = rest.len() > 1 && rest[0].to_str().is_some_and(is_address);
                if is_address { words.next() } else { None }
            }
            _ => value,
        };
        accepted.push(long(flag.name, value.as_deref()));
    }
    accepted
}

/// The name and the value of `-NAME`, `--NAME` and `-NAME=VALUE`. Options of one letter are ours: `-h`, `-o FILE`.
fn option(word: &OsStr) -> Option<(String, Option<OsString>)> {
    let bytes = word.as_encoded_bytes();
    let bare = bytes.strip_prefix(b"--").or(bytes.strip_prefix(b"-"))?;
    if bare.len() < 2 || bare.starts_with(b"-") || bare.starts_with(b"=") {
        return None;
    }
    let end = bare.iter().position(|byte| *byte == b'=').unwrap_or(bare.len());
    let name = std::str::from_utf8(&bare[..end]).ok()?.to_owned();
    // The text of the word from behind the `=` on; it is UTF-8 or ends with what is not.
    let value = (end < bare.len()).then(|| match std::str::from_utf8(&bare[end + 1..]) {
        Ok(value) => OsString::from(value),
        Err(_) => after_equals(word),
    });
    Some((name, value))
}

#[cfg(unix)]
fn after_equals(word: &OsStr) -> OsString {
    use std::os::unix::ffi::OsStrExt as _;

    let bytes = word.as_bytes();
    let start = bytes.iter().position(|byte| *byte == b'=').map_or(bytes.len(), |at| at + 1);
    OsStr::from_bytes(&bytes[start..]).to_owned()
}

#[cfg(not(unix))]
fn after_equals(word: &OsStr) -> OsString {
    let word = word.to_string_lossy();
    word.split_once('=').map_or("", |(_, value)| value).into()
}

/// The values of Go's `strconv.ParseBool`.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn long(name: &str, value: Option<&OsStr>) -> OsString {
    let mut word = OsString::from(format!("--{name}"));
    if let Some(value) = value {
        word.push("=");
        word.push(value);
    }
    word
}

/// Whether this is `[HOST]:[PORT]`, where a page can be.
fn is_address(word: &str) -> bool {
    let Some((host, port)) = word.rsplit_once(':') else { return false };
    let is_host = |character: char| character.is_ascii_alphanumeric() || "-.:[]".contains(character);
    port.bytes().all(|byte| byte.is_ascii_digit()) && host.chars().all(is_host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(line: &str) -> String {
        let words = accept_spelling_of_pprof(line.split(' ').map(OsString::from).collect());
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn both_spellings_are_one() {
        for (line, wanted) in [
            ("rgops pprof -top --cum f", "rgops pprof --top --cum f"),
            ("rgops pprof -focus -x f -mean=false", "rgops pprof --focus=-x f --switched-off=mean"),
            ("rgops pprof --sample-index 1 f", "rgops pprof --sample_index=1 f"),
            ("rgops pprof -o out -h", "rgops pprof -o out -h"),
            ("rgops pprof -fcous x -png", "rgops pprof --fcous x --not-made=png"),
            ("rgops pprof -top -- -top", "rgops pprof --top -- -top"),
            ("rgops pprof - -focus", "rgops pprof - --focus"),
            // An address only if a source follows it.
            ("rgops pprof -http :80 f", "rgops pprof --http=:80 f"),
            ("rgops pprof -http localhost:80", "rgops pprof --http localhost:80"),
            ("rgops pprof -http a:b c", "rgops pprof --http a:b c"),
            ("rgops pprof -mean=0 -mean --mean=x", "rgops pprof --mean --neither-true-nor-false=--mean=x"),
            ("rgops stack -http", "rgops stack -http"),
        ] {
            assert_eq!(accepted(line), wanted, "{line}");
        }
    }
}
