//! The table of options as clap has it, for parsing, `--help`, the manual page and completions.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueHint};
use rgops_pprof::Settings;
use rgops_pprof::settings::{Kind, Opt};

use super::Arguments;
use super::spelling::{OFF, REPLACED};
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
                ("symbolize", _) => arg.value_parser(how_to_symbolize),
                (name, Takes::Value(_)) if Opt::find(name).is_some_and(|it| it.kind != Kind::Text) => {
                    arg.value_parser(move |text: &str| number_of(name, text))
                }
                _ => arg,
            };
            command = command.arg(arg);
        }
        // What only `spelling` writes: switches that are `=false`, and formats that rgops does not make.
        let hidden = |name: &'static str| Arg::new(name).long(name).hide(true).action(ArgAction::Append);
        command.arg(hidden(OFF)).arg(hidden(REPLACED))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Arguments::augment_args(command)
    }
}

fn number_of(name: &str, text: &str) -> Result<String, String> {
    match Settings::default().set(name, text) {
        Ok(()) => Ok(text.to_owned()),
        Err(_) => Err(format!("it takes {}", Opt::find(name).map(Opt::takes).unwrap_or_default())),
    }
}

fn how_to_symbolize(text: &str) -> Result<String, String> {
    let known = |word: &str| {
        matches!(word, "" | "none" | "no" | "local" | "fastlocal" | "remote" | "force")
            || word
                .strip_prefix("demangle=")
                .is_some_and(|how| matches!(how, "none" | "full" | "templates" | "default"))
    };
    match text.to_ascii_lowercase().split(':').find(|word| !known(word)) {
        None => Ok(text.to_ascii_lowercase()),
        Some(word) => Err(format!(
            "{word:?} is not none, local, fastlocal, remote, force or demangle=none|full|templates"
        )),
    }
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
