//! `rgops pprof` in the scripts. Its options have one dash, too (`-top`, `-focus=`), which clap does not know. A word
//! without a dash is `cpu`, `heap` or a file, and behind `cpu` and `heap` a program.

use std::fmt::Write as _;

use clap::{Arg, Command};

/// The name of the command.
const NAME: &str = "pprof";

// Bash splits words at `=`: `-focus=x` is three. Without words of ours, `-o default` completes files, and quotes them.
const BASH: &str = r#"
_rgops_pprof() {
    local word="$2" before="${COMP_WORDS[COMP_CWORD-1]}" earlier="${COMP_WORDS[COMP_CWORD-2]}" file
    local with_values=" VALUES "
    COMPREPLY=()
    [[ ${COMP_WORDS[COMP_CWORD]} == = || $before == = || $with_values == *" $before "* ]] && return
    case "$word" in
        --*) COMPREPLY=($(compgen -W "TWO" -- "$word")) ;;
        -*)
            COMPREPLY=($(compgen -W "ONE" -- "$word"))
            [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null ;;
        *)
            if [[ ($before == cpu || $before == heap) && $earlier != = && $with_values != *" $earlier "* ]]; then
                COMPREPLY=($(compgen -W "$(rgops completions targets 2>/dev/null | cut -f1)" -- "$word"))
            elif [[ cpu == "$word"* || heap == "$word"* ]]; then
                COMPREPLY=($(compgen -W "cpu heap" -- "$word"))
                compopt -o filenames 2>/dev/null || return
                while IFS= read -r file; do COMPREPLY+=("$file"); done < <(compgen -f -- "$word")
            fi ;;
    esac
}
"#;

const ZSH: &str = r#"
_rgops_sources() {
    local with_values=" VALUES "
    if [[ ${words[CURRENT-1]} == (cpu|heap) && $with_values != *" ${words[CURRENT-2]} "* ]]; then
        _rgops_targets
        return
    fi
    local -a kinds=('cpu:a CPU profile of a program' 'heap:a heap profile of a program')
    local found=1
    _describe -t kinds 'profile of a program with an agent' kinds && found=0
    _files && found=0
    return found
}
"#;

const FISH: &str = r#"
function __rgops_pprof_has_target
    set -l words (commandline -opc)
    contains -- "$words[-1]" cpu heap
    and not contains -- "$words[-2]" VALUES
end
"#;

/// The function that completes words of the command in bash.
pub(super) fn bash(line: &Command) -> String {
    let mut one = String::from("-o -h");
    let mut two = String::new();
    for arg in options(line) {
        let (name, end) = (arg.get_long().unwrap_or_default(), if has_value(arg) { "=" } else { "" });
        // Writing to a string never fails.
        let _ = write!(one, " -{name}{end}");
        let _ = write!(two, " --{name}");
    }
    BASH.replace("VALUES", &with_values(line)).replace("ONE", &one).replace("TWO", two.trim_start())
}

/// The function that completes sources in zsh.
pub(super) fn zsh(line: &Command) -> String {
    ZSH.replace("VALUES", &with_values(line))
}

/// The lines of the script for zsh, with those about the command changed.
pub(super) fn change_zsh(text: &str) -> String {
    let mut changed = String::with_capacity(text.len());
    let mut is_inside = false;
    for line in text.lines() {
        match line {
            "(pprof)" => is_inside = true,
            "&& ret=0" => is_inside = false,
            _ => {}
        }
        if !is_inside {
            changed.push_str(line);
        } else if line.starts_with("_arguments ") {
            // Not `-s`: it takes `-top` for `-t -o -p`.
            changed.push_str(r"_arguments -S -C : \");
        } else if let Some(sources) = line.strip_prefix("'*::sources -- ") {
            // With two colons there are no options behind a source.
            changed.push_str("'*:sources -- ");
            changed.push_str(&sources.replace(":_files'", ":_rgops_sources'"));
        } else {
            for start in ["'--", "'*--"] {
                if let Some(rest) = line.strip_prefix(start) {
                    changed.push_str(start.trim_end_matches('-'));
                    let _ = writeln!(changed, "-{rest}");
                }
            }
            changed.push_str(line);
        }
        changed.push('\n');
    }
    changed
}

/// The lines about the command for fish; `targets` completes programs.
pub(super) fn fish(line: &Command, targets: &str) -> String {
    let mut text = FISH.replace("VALUES", &with_values(line));
    for arg in options(line) {
        let (name, help) = (arg.get_long().unwrap_or_default(), arg.get_help().map(ToString::to_string));
        let help = help.unwrap_or_default().replace('\\', r"\\").replace('\'', r"\'").replace('\n', " ");
        let value = if has_value(arg) { " -r" } else { "" };
        let _ = writeln!(
            text,
            "complete -c rgops -n \"__fish_rgops_using_subcommand {NAME}\" -o {name} -d '{help}'{value}"
        );
    }
    for (condition, what) in [
        ("__rgops_pprof_has_target", targets),
        ("not __rgops_pprof_has_target", "-a \"cpu heap\" -d 'A profile of a program with an agent'"),
    ] {
        let condition = format!("__fish_rgops_using_subcommand {NAME}; and {condition}");
        let _ = writeln!(text, "complete -c rgops -n \"{condition}\" {what}");
    }
    text
}

/// Both spellings of the options that take a value in the next word.
fn with_values(line: &Command) -> String {
    let names = options(line).filter(|arg| has_value(arg)).filter_map(Arg::get_long);
    let spellings: Vec<String> = names.map(|name| format!("-{name} --{name}")).collect();
    format!("-o {}", spellings.join(" "))
}

fn options(line: &Command) -> impl Iterator<Item = &Arg> {
    let command = line.get_subcommands().find(|command| command.get_name() == NAME);
    let arguments = command.into_iter().flat_map(Command::get_arguments);
    arguments.filter(|arg| arg.get_long().is_some() && !arg.is_hide_set())
}

/// Whether a value must follow; an address may be left out.
fn has_value(arg: &Arg) -> bool {
    arg.get_action().takes_values() && !arg.is_require_equals_set()
}
