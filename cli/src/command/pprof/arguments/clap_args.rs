//! The table of options as clap has it, for parsing, `--help`, the manual page and completions.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueHint};
use rgops_pprof::Settings;
use rgops_pprof::settings::{Kind, Opt};

use super::Arguments;
use super::spelling::{NEITHER, OFF, REPLACED};
use super::table::{Takes, flags};
use crate::arguments::memory;

fn seconds(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "it is not a whole number of seconds".to_owned())
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse::<f64>();
    number
        .ok()
        .filter(|percent| percent.is_finite() && *percent >= 0.0)
        .ok_or_else(|| "write it as 5%".to_owned())
}

impl Args for Arguments {
    fn augment_args(command: Command) -> Command {
        let mut command = command.arg(
            Arg::new("sources")
                .value_name("SOURCE")
                .num_args(0..)
                .value_parser(clap::value_parser!(std::ffi::OsString))
                .value_hint(ValueHint::AnyPath)
                .help("[BINARY] SOURCE…: files, -, URLs, host:port; or cpu TARGET, heap TARGET"),
        );
        for (place, flag) in flags().into_iter().enumerate() {
            let mut arg = Arg::new(flag.name)
                .long(flag.name)
                .help(flag.help)
                .help_heading(flag.group)
                .display_order(place)
                .action(ArgAction::Append);
            arg = match flag.takes {
                // It is there once at most, and not as `=false`: see `spelling`.
                Takes::Switch => arg.action(ArgAction::SetTrue),
                Takes::Address => {
                    arg.num_args(0..=1).require_equals(true).default_missing_value("").value_name("ADDR")
                }
                Takes::Value(name) => arg.value_name(name).allow_hyphen_values(true),
            };
            arg = match (flag.name, flag.takes) {
                ("output", _) => arg.short('o').value_hint(ValueHint::FilePath),
                ("base" | "diff_base" | "token-file" | "tls_cert" | "tls_key" | "tls_ca", _) => {
                    arg.value_hint(ValueHint::FilePath)
                }
                ("symbols", _) => arg.value_hint(ValueHint::DirPath),
                ("seconds" | "timeout", _) => arg.value_parser(seconds),
                ("fail-above", _) => arg.value_parser(percent),
                ("max-memory", _) => arg.value_parser(memory),
                (name, Takes::Value(_)) if Opt::find(name).is_some_and(|it| it.kind != Kind::Text) => {
                    arg.value_parser(move |text: &str| number_of(name, text))
                }
                _ => arg,
            };
            command = command.arg(arg);
        }
        // What only `spelling` writes: switches that are `=false` or wrong, and formats that rgops does not make.
        let hidden = |name: &'static str| Arg::new(name).long(name).hide(true).action(ArgAction::Append);
        let neither =
            hidden(NEITHER).value_parser(|_: &str| Err::<String, _>("it takes true or false".to_owned()));
        command.arg(hidden(OFF)).arg(hidden(REPLACED)).arg(neither)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Arguments::augment_args(command)
    }
}

fn number_of(name: &str, text: &str) -> Result<String, String> {
    let text = match Opt::find(name).is_some_and(|it| it.kind == Kind::Integer) {
        true => integer(text).map(|integer| integer.to_string()).unwrap_or_default(),
        false => text.to_owned(),
    };
    match Settings::default().set(name, &text) {
        Ok(()) => Ok(text),
        Err(_) => Err(format!("it takes {}", Opt::find(name).map(Opt::takes).unwrap_or_default())),
    }
}

/// A whole number as Go's `flag` takes it, by `strconv.ParseInt` with base 0: `16`, `0x10`, `0b1_0000`, `0o20`, `020`.
fn integer(text: &str) -> Option<i64> {
    let sign = text.chars().next().filter(|it| matches!(it, '-' | '+'));
    let unsigned = text.get(sign.map_or(0, char::len_utf8)..)?;
    let small = unsigned.to_ascii_lowercase();
    let (base, digits) = match small.get(..2) {
        Some("0x") => (16, &small[2..]),
        Some("0b") => (2, &small[2..]),
        Some("0o") => (8, &small[2..]),
        Some(_) if small.starts_with('0') => (8, &small[1..]),
        _ => (10, &small[..]),
    };
    let is_misplaced =
        digits.contains("__") || digits.ends_with('_') || base == 10 && digits.starts_with('_');
    if is_misplaced || !digits.starts_with(|it: char| it == '_' || it.is_digit(base)) {
        return None;
    }
    let digits = sign.map_or(String::new(), String::from) + &digits.replace('_', "");
    i64::from_str_radix(&digits, base).ok()
}

impl FromArgMatches for Arguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Arguments, clap::Error> {
        Ok(Arguments::from_matches(matches))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Arguments::from_matches(matches);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_those_of_go() {
        for (text, number) in [
            ("0x10", Some(16)),
            ("-0B11", Some(-3)),
            ("0o7", Some(7)),
            ("017", Some(15)),
            ("+1_000", Some(1000)),
            ("0x_f", Some(15)),
            ("0", Some(0)),
            ("1__0", None),
            ("_1", None),
            ("1_", None),
            ("0x", None),
            ("08", None),
            ("0x+1", None),
            ("--1", None),
            ("", None),
            ("\u{e9}1", None),
            ("9223372036854775808", None),
        ] {
            assert_eq!(integer(text), number, "{text}");
        }
    }
}
