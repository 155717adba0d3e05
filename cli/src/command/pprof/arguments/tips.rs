//! The option that was probably meant by an unknown one: only one that differs by a slip of the finger.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::spelling::NEITHER;
use super::table::flags;

/// The error about the command line `words` with a tip in the spelling of the user, or without one if no option is near.
pub(crate) fn with_tip_of_pprof(mut error: clap::Error, words: &[OsString]) -> clap::Error {
    if words.get(1).is_none_or(|word| word != "pprof") {
        return error;
    }
    if error.kind() == ErrorKind::ValueValidation {
        name_the_switch(&mut error);
    }
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let Some(ContextValue::String(invalid)) = error.get(ContextKind::InvalidArg) else { return error };
    let name = invalid.trim_start_matches('-').to_owned();
    // `-name` and `--name` are one option; `spelling` has made them `--name`.
    let has_one_dash = words.iter().filter_map(|word| word.to_str()).any(|word| {
        let bare = word.strip_prefix('-').filter(|bare| !bare.starts_with('-'));
        bare.is_some_and(|bare| bare.split('=').next() == Some(name.as_str()))
    });
    let dashes = if has_one_dash && name.len() > 1 { "-" } else { "--" };
    error.remove(ContextKind::SuggestedArg);
    if has_one_dash {
        error.insert(ContextKind::InvalidArg, ContextValue::String(format!("-{name}")));
        error.remove(ContextKind::Suggested);
    }
    if let Some(near) = nearest(&name) {
        error.insert(ContextKind::SuggestedArg, ContextValue::String(format!("{dashes}{near}")));
    }
    error
}

/// The error about the hidden option of [`NEITHER`] becomes one about the switch.
fn name_the_switch(error: &mut clap::Error) {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let (option, word) = (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue));
    let is_neither = option.strip_prefix("--").is_some_and(|option| option.starts_with(NEITHER));
    if let Some((switch, value)) = word.split_once('=').filter(|_| is_neither) {
        error.insert(ContextKind::InvalidArg, ContextValue::String(switch.to_owned()));
        error.insert(ContextKind::InvalidValue, ContextValue::String(value.to_owned()));
    }
}

/// The option whose name is nearest.
fn nearest(name: &str) -> Option<&'static str> {
    // Longer names are none, and would take long.
    let name = name.get(..64).map_or(name, |_| "").replace('-', "_");
    let most = if name.chars().count() <= 4 { 1 } else { 2 };
    let all = flags().into_iter().map(|flag| (distance(&name, &flag.name.replace('-', "_")), flag.name));
    all.filter(|(distance, _)| *distance <= most).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// How many letters must be inserted, removed, replaced or exchanged with the next one.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let mut least = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                let before: &Vec<usize> = &before;
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_slip_of_the_finger_has_a_tip() {
        assert_eq!([distance("tpo", "top"), distance("focus", "fcous"), distance("", "ab")], [1, 1, 2]);
        for (name, near) in
            [("tpo", "top"), ("fcous", "focus"), ("topp", "top"), ("sample_idx", "sample_index")]
        {
            assert_eq!(nearest(name).unwrap_or_default(), near, "{name}");
        }
        for name in ["nosuch", "x", "frobnicate", &"é".repeat(1000)] {
            assert_eq!(nearest(name), None, "{name}");
        }
        assert_eq!(nearest("token_fil"), Some("token-file"));
    }
}
