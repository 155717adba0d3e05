//! The help of the prompt: all commands and options, or one of them.

use rgops_pprof::settings::{Kind, OPTIONS, Opt};

use super::commands;

/// The options that pprof does not have.
pub(super) const OPTIONS_OF_OURS: &[&str] = &["rust", "generics", "monomorphs"];

/// The option of the prompt that is not an option of reports.
const OUTPUT: (&str, &str) = ("output", "Output filename for file-based outputs");

/// What `help` prints.
pub(super) fn overview() -> String {
    let line = |name: &str, about: &str| format!("    {name:<16} {about}\n");
    let mut text = "  Commands:\n".to_owned();
    for command in commands::OF_PPROF {
        text.push_str(&line(command.name, command.description));
    }
    text.push_str(&line("o/options", "List options and their current values"));
    text.push_str(&line("q/quit/exit/^D", "Exit pprof"));
    text.push_str("\n  Commands that only rgops has:\n");
    for command in commands::OURS {
        text.push_str(&line(command.name, command.description));
    }
    text.push_str("\n  Options:\n");
    let mut options: Vec<String> = OPTIONS
        .iter()
        .filter(|option| !matches!(option.kind, Kind::Choice(_)) && !OPTIONS_OF_OURS.contains(&option.name))
        .map(|option| line(option.name, option.help))
        .collect();
    options.push(line(OUTPUT.0, OUTPUT.1));
    options.sort();
    text.extend(options);
    text.push_str("\n  Options that only rgops has:\n");
    for option in OPTIONS.iter().filter(|option| OPTIONS_OF_OURS.contains(&option.name)) {
        text.push_str(&line(option.name, option.help));
    }
    text.push_str("\n  Option groups (only set one per group):\n");
    for option in OPTIONS {
        if let Kind::Choice(words) = option.kind {
            text.push_str(&line(option.name, ""));
            for word in words {
                text.push_str(&format!("  {}", line(word, first_line(choice(word)))));
            }
        }
    }
    text.push_str("  :   Clear focus/ignore/hide/tagfocus/tagignore\n\n");
    text.push_str("  type \"help <cmd|option>\" for more information\n");
    text
}

/// What `help NAME` prints, if there is such a command or option.
pub(super) fn of(name: &str, sample_types: &[String]) -> Option<String> {
    if let Some(command) = commands::find(name) {
        return Some(command.help());
    }
    let mut text = match Opt::find(name) {
        _ if name == OUTPUT.0 => OUTPUT.1.to_owned(),
        Some(Opt { kind: Kind::Choice(words), help, .. }) => {
            format!("{help}\nOne of {}.", words.join(", "))
        }
        Some(option) => format!("{}{}", option.help, more(name)),
        None if Opt::of_choice(name).is_some() => choice(name).to_owned(),
        None => return None,
    };
    if name == "sample_index" {
        text.push_str(&format!("\nOr use sample_index=name, with name in [{}].", sample_types.join(" ")));
    }
    text.push_str("\n\n");
    Some(text)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// The help of a choice.
fn choice(word: &str) -> &'static str {
    match word {
        "flat" => "Sort entries based on own weight",
        "cum" => "Sort entries based on cumulative weight",
        "functions" => {
            "Aggregate at the function level.\nIgnores the filename where the function was defined."
        }
        "filefunctions" => {
            "Aggregate at the function level.\nTakes into account the filename where the function was defined."
        }
        "files" => "Aggregate at the file level.",
        "lines" => "Aggregate at the source code line level.",
        "addresses" => "Aggregate at the address level.\nIncludes functions' addresses in the output.",
        _ => "",
    }
}

/// What `help OPTION` prints below its first line.
fn more(option: &str) -> &'static str {
    match option {
        "drop_negative" => "\nDo not show any locations with values <0.",
        "call_tree" => "\nTreat locations reached through different paths as separate.",
        "relative_percentages" => {
            "\nIf unset, percentages are relative to full graph before focusing\n\
             to facilitate comparison with original graph."
        }
        "unit" => {
            "\nScale the sample values to this unit.\n\
             For time-based profiles, use seconds, milliseconds, nanoseconds, etc.\n\
             For memory profiles, use megabytes, kilobytes, bytes, etc.\n\
             Using auto will scale each value independently to the most natural unit."
        }
        "intel_syntax" => "\nOnly applicable to commands `disasm` and `weblist`",
        "nodecount" => {
            "\nUses heuristics to limit the number of locations to be displayed.\n\
             On graphs, dotted edges represent paths through nodes that have been removed."
        }
        "trim" => "\nSet to false to get the full profile, without any trimming.",
        "focus" => {
            "\nDiscard samples that do not include a node matching this regexp.\n\
             Matching includes the function name, filename or object name."
        }
        "ignore" => {
            "\nIf set, discard samples that include a node matching this regexp.\n\
             Matching includes the function name, filename or object name."
        }
        "prune_from" => {
            "\nIf set, any frames matching the specified regexp and any frames\n\
             below it will be dropped from each sample."
        }
        "hide" => {
            "\nDiscard nodes that match this location.\n\
             Other nodes from samples that include this location will be shown.\n\
             Matching includes the function name, filename or object name."
        }
        "show" => {
            "\nIf set, only show nodes that match this location.\n\
             Matching includes the function name, filename or object name."
        }
        "show_from" => {
            "\nIf set, all frames above the highest match are dropped from every sample.\n\
             Matching includes the function name, filename or object name."
        }
        "tagroot" => "\nA comma-separated list of label keys.\nThe first key creates frames at the new root.",
        "tagleaf" => "\nA comma-separated list of label keys.\nThe last key creates frames at the new leaf.",
        "tagfocus" | "tagignore" => {
            "\nUse name=value syntax to limit the matching to a specific tag.\n\
             Numeric tag filter examples: 1kb, 1kb:10kb, memory=32mb:\n\
             String tag filter examples: foo, foo.*bar, mytag=foo.*bar"
        }
        "tagshow" => "\nDiscard tags that do not match this regexp",
        "taghide" => "\nDiscard tags that match this regexp",
        "divide_by" => "\nDivide all samples values by a constant, eg the number of processors or jobs.",
        "mean" => {
            "\nFor memory profiles, report average memory per allocation.\n\
             For time-based profiles, report average time per event."
        }
        "sample_index" => {
            "\nProfiles contain multiple values per sample.\n\
             Use sample_index=i to select the ith value (starting at 0)."
        }
        _ => "",
    }
}
