//! The comment at the top of a configuration: what it is for, which programs are seen, and what to run next.

use super::quoted::{quoted, word};
use super::setup::Setup;

/// Programs that are named.
const MAX_NAMED: usize = 40;

/// The lines of the comment, without the marks of one. `what` is a sentence; `next` are steps after those that `rgops
/// serve` needs, each a command or a sentence.
pub(super) fn heading(setup: &Setup, what: &[&str], next: &[&str]) -> Vec<String> {
    let mut lines: Vec<String> = what.iter().map(|line| (*line).to_owned()).collect();
    lines.push(String::new());
    lines.extend(seen(setup));
    lines.push(String::new());
    let token_file = word(&setup.token_file);
    lines.push("Next:".to_owned());
    if !setup.has_token_file {
        lines.push(format!("  (umask 077; head -c 32 /dev/urandom | base64 > {token_file})"));
    }
    lines.push(format!("  rgops serve {} --token-file {token_file}", setup.address.serve_arguments()));
    lines.extend(next.iter().map(|step| format!("  {step}")));
    if setup.address.is_in_the_open() {
        lines.push(String::new());
        lines.push(
            "Other machines can read the token and the profiles on their way: put a proxy with".to_owned(),
        );
        lines
            .push("TLS before rgops serve, and make this again with --address https://HOST:PORT.".to_owned());
    }
    lines
}

/// Which programs are seen.
pub(super) fn seen(setup: &Setup) -> Vec<String> {
    let programs = &setup.programs;
    if programs.is_empty() {
        return vec![
            "No program with an agent is seen now. Programs of other users are seen by root.".to_owned(),
        ];
    }
    let mut lines = vec![format!("Programs with an agent, {} now:", programs.len())];
    let named = programs.iter().take(MAX_NAMED);
    lines.extend(named.map(|seen| format!("  {:>7}  {}", seen.pid, quoted(&seen.name))));
    if let Some(more @ 1..) = programs.len().checked_sub(MAX_NAMED) {
        lines.push(format!("  and {more} more"));
    }
    lines
}

/// Lines as a comment, each behind `mark`.
pub(super) fn comment(mark: &str, lines: &[String]) -> String {
    lines.iter().map(|line| format!("{mark} {line}").trim_end().to_owned() + "\n").collect()
}

/// What a scraper of another user does to read the token.
pub(super) fn copy_of_the_token(setup: &Setup, user: &str) -> String {
    let token_file = word(&setup.token_file);
    format!("install -m 400 -o {user} {token_file} COPY   (if it runs as {user}; name COPY below)")
}
