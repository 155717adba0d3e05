//! Masks for differences between machines or moments that are not numbers. The subject of the screen stays.

use rgops_tests::masks;

/// Only numbers differ.
pub(super) fn unmasked(text: &str) -> String {
    text.to_owned()
}

/// A table whose columns are as wide as their content.
pub(super) fn wide_as_content(text: &str) -> String {
    masks::columns(&masks::numbers(text))
}

/// Threads and runtimes, with the threads sorted by name. Without `--all` only the answering thread: any other may or
/// may not have used a CPU meanwhile.
pub(super) fn threads(text: &str) -> String {
    let text = wide_as_content(&any_machine(text));
    let is_short = text.contains(" more threads in ");
    let is_row = |line: &&str| line.trim_start().starts_with("N  ");
    let mut rows: Vec<&str> = text.split_inclusive('\n').filter(is_row).collect();
    rows.retain(|row| !is_short || row.contains("rgops-agent"));
    rows.sort_unstable();
    let mut sorted = String::new();
    for line in text.split_inclusive('\n').filter(|line| !is_row(line)) {
        sorted.push_str(line);
        if line.contains("tid  thread") {
            sorted.push_str(&rows.concat());
        }
    }
    sorted
}

/// Stacks with the program's own frames. Frames of Tokio and the C library become `…`.
pub(super) fn own_frames(text: &str) -> String {
    let is_place = |line: &str| line.trim_start_matches(' ').starts_with('\t');
    let is_own = |line: &str| OWN.iter().any(|program| line.trim_start().starts_with(program));
    let text = &agents_by_name(text);
    let mut short = String::new();
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let is_frame =
            lines.peek().is_some_and(|next| is_place(next)) && !is_place(line) && !line.starts_with("thread");
        // Of whom and how many frames are folded depends on the versions of the libraries.
        if line.starts_with("… ") && line.contains(" frame") {
            if !short.ends_with("…\n") {
                short.push_str("…\n");
            }
            continue;
        }
        if !is_frame {
            short.push_str(line);
            continue;
        }
        let place = lines.next().unwrap_or_default();
        if is_own(line) {
            short.push_str(line);
            short.push_str(place);
        } else if !short.ends_with("…\n") {
            short.push_str("…\n");
        }
    }
    // Closures with the same code are merged into one function, which has the name of either.
    let short = short.replace("stuck::mutex::{{closure}}", "stuck::all_workers::{{closure}}");
    // The agent's threads come and go: the number at the end of the first line varies.
    match short.split_once(" UTC; ") {
        Some((first, rest)) => format!("{first} UTC\n{}", rest.split_once('\n').unwrap_or_default().1),
        None => short,
    }
}

/// The agent's threads as one line with their names. What each of them does at the moment differs in each run: while
/// one answers, another may or may not wait.
fn agents_by_name(text: &str) -> String {
    let is_thread =
        |line: &str| line.contains(" [") && line.contains("]: ") && !line.starts_with(['\t', ' ']);
    let (mut short, mut names, mut is_agent) = (String::new(), Vec::new(), false);
    for line in text.split_inclusive('\n') {
        if is_thread(line) {
            is_agent = line.contains("(agent)");
            let words = line.split([' ', ',']).filter(|word| is_agent && word.starts_with("rgops-"));
            names.extend(words.map(str::to_owned));
        }
        // What follows the threads is not theirs.
        is_agent &= !line.starts_with("note: ");
        if !is_agent {
            short.push_str(line);
        }
    }
    names.sort_unstable();
    if !names.is_empty() {
        short.push_str(&format!("threads of the agent: {}\n", names.join(", ")));
    }
    short
}

/// Prefixes of the programs' own functions.
const OWN: [&str; 2] = ["stuck::", "leaky::"];

/// The top table of a profile with the one function that does all the work. The other sampled functions and the
/// explanation of the sums vary by chance.
pub(super) fn profile(text: &str) -> String {
    let is_row = |line: &str| line.split_whitespace().filter(|word| word.ends_with('%')).count() == 3;
    let mut short = String::new();
    for line in without_notes(text).split_inclusive('\n').filter(|line| !line.starts_with("Dropped ")) {
        if !is_row(line) || line.contains("flat%") {
            // The text after the second `;` depends on what this machine could not sample.
            let parts: Vec<&str> = line.trim_end_matches('\n').split("; ").take(2).collect();
            short.push_str(&(parts.join("; ") + "\n"));
        } else if line.contains("spin_forever") || line.contains("remember_request") {
            short.push_str(&(right_aligned(line) + "…\n"));
        }
    }
    short.replace("( ", "(")
}

/// A row whose first five cells are numbers, aligned to the right.
fn right_aligned(row: &str) -> String {
    let (mut aligned, mut rest) = (String::new(), row);
    for _ in 0..5 {
        let begin = rest.find(|c| c != ' ').unwrap_or(rest.len());
        let end = rest[begin..].find(' ').map_or(rest.len(), |length| begin + length);
        let mask = if rest[..end].ends_with('%') { "N%" } else { "N" };
        aligned.push_str(&format!("{mask:>end$}"));
        rest = &rest[end..];
    }
    aligned + rest
}

/// The lines of `schedtrace`. Task ids depend on the tasks that the agent spawned before.
pub(super) fn schedulers(text: &str) -> String {
    let is_task = |name: &str| name.strip_prefix('T').is_some_and(|id| id.parse::<u64>().is_ok());
    let lines = text.split_inclusive('\n').map(|line| match line.split_once(':') {
        Some((name, rest)) if is_task(name) => format!("TN:{rest}"),
        _ => line.to_owned(),
    });
    lines.collect()
}

/// The table of threads, sorted by name: the original order is by CPU time, and a cell may be `-` in one run and a
/// number in another.
pub(super) fn threads_by_name(text: &str) -> String {
    let is_cell = |word: &&str| *word == "-" || word.ends_with('%');
    let is_row = |line: &str| line.split_whitespace().rev().take(8).filter(is_cell).count() == 8;
    let name = |line: &str| line.find("  ").map_or(line, |end| &line[..end]).to_owned();
    let mut rows: Vec<String> = text.lines().filter(|line| is_row(line)).map(name).collect();
    rows.sort();
    let mut short = String::new();
    for line in without_notes(text).split_inclusive('\n').filter(|line| !is_row(line)) {
        short.push_str(line);
        if line.starts_with("thread ") {
            rows.iter().for_each(|row| short.push_str(&format!("{row}  …\n")));
        }
    }
    short
}

/// Removes the notes: on a busy machine they report losses.
fn without_notes(text: &str) -> String {
    let is_note = |line: &&str| line.starts_with("note: ") || line.contains("note{/}: ");
    text.split_inclusive('\n').filter(|line| !is_note(line)).collect()
}

/// Removes what depends on the machine: the values of the cgroup, the CPU quota, the user.
pub(super) fn any_machine(text: &str) -> String {
    let (mut masked, mut is_cgroup) = (String::new(), false);
    for line in text.split_inclusive('\n') {
        if line.starts_with('[') || line == "\n" {
            is_cgroup = line.starts_with("[cgroup]");
        }
        let name = line.split(':').next().unwrap_or_default();
        let is_masked = ["cpu quota", "username"].contains(&name) || is_cgroup && line.contains(':');
        match is_masked {
            true => masked.push_str(&format!("{name}: …\n")),
            false => masked.push_str(line),
        }
    }
    masked
}

/// The details of a process on any machine, with its threads sorted by name: the original order is by CPU time.
pub(super) fn details(text: &str) -> String {
    let mut lines: Vec<String> = any_machine(text).split_inclusive('\n').map(str::to_owned).collect();
    let is_thread = |line: &String| line.starts_with("thread:");
    if let Some(first) = lines.iter().position(is_thread) {
        let end = first + lines[first..].iter().take_while(|line| is_thread(line)).count();
        lines[first..end].sort_by_key(|line| line.split(": ").next().map(str::to_owned));
    }
    lines.concat()
}

/// The parts of memory on any machine. A size below one kilobyte has only one form.
pub(super) fn memory(text: &str) -> String {
    wide_as_content(&any_machine(text)).replace("N (N bytes)", "N bytes")
}

/// The first entry of `leaks`, with the program's own frames. The other allocating line, and lines that grew a
/// little, have too few samples to be listed in each run.
pub(super) fn growth(text: &str) -> String {
    let (mut short, mut rows, mut stacks) = (String::new(), 0, 0);
    for line in wide_as_content(&own_frames(text)).split_inclusive('\n') {
        let is_row = line.contains("N of N  ");
        rows += usize::from(is_row);
        stacks += usize::from(line.starts_with("N. "));
        let is_stack = ["N. ", "   ", "…", "\n"].iter().any(|start| line.starts_with(start));
        if line.contains("chance") || is_stack && stacks > 1 {
            // Removes the empty line before it.
            short.truncate(short.trim_end_matches('\n').len() + 1);
        } else if is_row || line.contains("  per minute  ") {
            short.push_str(if rows > 1 { "" } else { line.trim_start_matches(' ') });
        } else {
            short.push_str(line);
        }
    }
    short.replace("  > N%", "  N%").replace("compared line grew", "compared lines grew")
}

/// The result of `gc`, and the resident memory. It differs in each run which counters of the allocator change, and in
/// which direction.
pub(super) fn released(text: &str) -> String {
    let is_kept = |line: &&str| ["[", "rss:"].iter().any(|start| line.starts_with(start));
    let kept = text.split_inclusive('\n').filter(is_kept).collect::<String>();
    masks::numbers(&kept).replace("(-N", "(±N").replace("(+N", "(±N")
}

/// A row of a list of all processes, without the tree branches before it, and with each column as wide as its
/// content.
pub(super) fn row(text: &str) -> String {
    let row = text.trim_start_matches([' ', '│', '├', '└', '─']);
    masks::numbers(row).split_whitespace().collect::<Vec<_>>().join(" ") + "\n"
}

#[test]
fn the_first_line_that_grew_is_kept_and_the_others_are_not() {
    let (first, second) = ("N  N of N  leaky::a (leak.rs:N)\n", "N  N of N  leaky::b (leak.rs:N)\n");
    let stacks =
        ["\nN. leaky::a\n   leaky::a\n   \tleak.rs:N\n", "\nN. leaky::b\n   leaky::b\n   \tleak.rs:N\n"];
    let with = |rows: &str, stacks: &str| format!("{rows}{stacks}Watching\n");
    let one = with(first, stacks[0]);
    assert_eq!(growth(&one), one);
    assert_eq!(growth(&with(&[first, second].concat(), &stacks.concat())), one);
    assert_eq!(growth(&with(first, &format!("{}\nN line grew, by chance\n", stacks[0]))), one);
}

#[test]
fn the_threads_of_the_agent_are_the_same_whatever_they_do() {
    let apart = "thread 1 [idle]: a (main)\n\tx\n\nthread 2 [running]: rgops-agent (agent), cpu 1\n\tf\n\n\
                 thread 3 [futex wait]: rgops-epoll (agent), cpu 0\n\tg\n";
    let together = "thread 1 [idle]: a (main)\n\tx\n\n\
                    2 threads [running]: rgops-agent, rgops-epoll (agent) 2 3, cpu 1\n";
    let masked = "thread 1 [idle]: a (main)\n\tx\n\nthreads of the agent: rgops-agent, rgops-epoll\n";
    assert_eq!((agents_by_name(apart), agents_by_name(together)), (masked.to_owned(), masked.to_owned()));
    let noted = format!("{together}note: x missing\n");
    assert!(agents_by_name(&noted).contains("note: x missing\n"));
}
