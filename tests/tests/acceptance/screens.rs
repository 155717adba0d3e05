//! Every screen is as in `snapshots/`: on a pipe, on terminals of 80 and 140 columns, and the shape of its JSON, of
//! programs that are in a known state. Places that print the same text share one copy.

use std::path::Path;
use std::process::Command;

use rgops_tests::directory::Directory;
use rgops_tests::running::Running;
use rgops_tests::snapshot::{Snapshots, replaced, with_visible_colours};
use rgops_tests::{built, masks, program, terminal};
use serde_json::Value;

/// What one of its programs shows, and what is done with the text besides masking numbers.
struct Screens {
    snapshots: Snapshots,
    pid: String,
    folder: Directory,
}

/// Makes a screen the same in every run.
type Steady = fn(&str) -> String;

impl Screens {
    fn of(name: &str, program: &str, arguments: &[&str]) -> (Screens, Running) {
        let folder = Directory::private();
        let mut command = Command::new(built::release(program));
        command.args(arguments).env("RGOPS_DIR", folder.path());
        let mut running = Running::run(&mut command);
        if program == "stuck" {
            assert_eq!(running.line(), "ready");
        }
        let snapshots = Snapshots::of(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/acceptance/snapshots").join(name),
        );
        let pid = running.pid().to_string();
        (Screens { snapshots, pid, folder }, running)
    }

    /// The command and options, as `stack --all`, on a pipe and on both terminals.
    fn show(&mut self, command: &str, steady: Steady) {
        let name = command.replace(" --", " ").replace(' ', "-");
        let (pid, folder) = (self.pid.clone(), self.folder.path().to_str().unwrap().to_owned());
        let take = || forms(command, &pid, &folder, steady);
        self.snapshots.compare_one_of(&name, take);
    }

    /// The shape of its JSON.
    fn shape(&mut self, command: &str) {
        let name = format!("{}-json", command.replace(" --", " ").replace(' ', "-"));
        let (pid, folder) = (self.pid.clone(), self.folder.path().to_str().unwrap().to_owned());
        self.snapshots.compare_one_of(&name, || {
            let output = program::finished(&mut rgops(&format!("{command} --json"), &pid, &folder));
            let text = String::from_utf8_lossy(&output.stdout);
            // schedtrace prints a line an interval.
            let json = serde_json::from_str(&text)
                .or_else(|_| serde_json::from_str(text.lines().next().unwrap_or_default()));
            let json = json.unwrap_or_else(|error| panic!("{error}: {output:?}"));
            let json = own_entry(&json, &pid).unwrap_or(&json);
            format!("$ rgops {command} --json\n{}", masks::shape(json))
        });
    }
}

fn rgops(command: &str, pid: &str, folder: &str) -> Command {
    let mut rgops = Command::new(built::release("rgops"));
    let mut words = command.split(' ');
    let name = words.next().unwrap_or_default();
    rgops.arg(name).args(Some(pid).filter(|_| !lists_all(name))).args(words);
    if ["pprof-cpu", "pprof-heap", "trace"].iter().any(|name| command.starts_with(name)) {
        rgops.args(["--force", "--output", &format!("{folder}/file")]);
    }
    rgops.env("RGOPS_DIR", folder).env_remove("RGOPS_TOKEN").env_remove("NO_COLOR").env_remove("COLUMNS");
    rgops
}

/// Whether a command is about all processes.
fn lists_all(command: &str) -> bool {
    ["list", "tree"].contains(&command)
}

/// What the command prints on a pipe and on the terminals; places with the same text have one copy of it.
fn forms(command: &str, pid: &str, folder: &str, steady: Steady) -> String {
    let mut forms: Vec<(String, String)> = Vec::new();
    let masked = |text: String, code: i32| {
        let text = with_pid(&own_lines(command, &text, pid).replace(folder, "FOLDER"), pid);
        let text = text.replace(&workspace(), "WORKSPACE").replace(&built(), "TARGET");
        // A busy machine loses samples, which the exit code tells.
        let code = match command.split(' ').next() {
            Some("trace" | "pprof-cpu") if code == 6 => 0,
            _ => code,
        };
        format!("{}exit {code}\n", masks::numbers(&steady(&registry(&text))))
    };
    let output = program::finished(&mut rgops(command, pid, folder));
    let texts = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    forms.push(("pipe".to_owned(), masked(texts.concat(), output.status.code().unwrap())));
    for columns in [80, 140] {
        let screen = terminal::run(&mut rgops(command, pid, folder), columns);
        let text = masked(with_visible_colours(&screen.text), screen.code);
        match forms.iter_mut().find(|(_, form)| *form == text) {
            Some((places, _)) => places.push_str(&format!(", {columns} columns")),
            None => forms.push((format!("{columns} columns"), text)),
        }
    }
    let heading = |places: &str| format!("$ rgops {command} ({places})\n");
    forms.iter().map(|(places, text)| heading(places) + text).collect::<Vec<_>>().join("\n")
}

fn workspace() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_str().unwrap().to_owned()
}

/// Where the programs are.
fn built() -> String {
    built::release("rgops").parent().unwrap().to_str().unwrap().to_owned()
}

/// Paths of other people's crates without where they are on this machine.
fn registry(text: &str) -> String {
    let mut short = String::new();
    for line in text.split_inclusive('\n') {
        match line.split_once("/registry/src/") {
            Some((before, behind)) => {
                short.push_str(&before[..before.rfind(['\t', ' ', '"']).map_or(0, |at| at + 1)]);
                short.push_str("REGISTRY/");
                short.push_str(behind.split_once('/').map_or(behind, |(_, path)| path));
            }
            None => short.push_str(line),
        }
    }
    short
}

fn as_it_is(text: &str) -> String {
    text.to_owned()
}

/// A table whose columns are as wide as what is in them.
fn wide_as_content(text: &str) -> String {
    masks::columns(&masks::numbers(text))
}

/// Stacks with the program's own frames only: the others are those of this machine's Tokio and C library.
fn own_frames(text: &str) -> String {
    let mut short = String::new();
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let is_place = |line: &str| line.trim_start_matches(' ').starts_with('\t');
        let is_frame =
            lines.peek().is_some_and(|next| is_place(next)) && !is_place(line) && !line.starts_with("thread");
        let is_own = ["stuck::", "leaky::"].iter().any(|program| line.trim_start().starts_with(program));
        match (is_frame, is_own) {
            (true, true) => {
                short.push_str(line);
                short.push_str(lines.next().unwrap_or_default());
            }
            (true, false) => {
                lines.next();
                if !short.ends_with("…\n") {
                    short.push_str("…\n");
                }
            }
            // The agent's own functions are nobody's business.
            (false, _) if line.contains("rgops_agent::") => short.push_str("\t…\n"),
            (false, _) => short.push_str(line),
        }
    }
    short
}

/// The answer of a profile with the row of the one function the program is about, which is as wide as its numbers.
/// Which others are there, and whether some were left out, depends on chance; so does how the sums are explained.
fn profile(text: &str) -> String {
    let is_row = |line: &str| line.split_whitespace().filter(|word| word.ends_with('%')).count() == 3;
    let mut short = String::new();
    for line in text.split_inclusive('\n') {
        let is_function = line.contains("spin_forever") || line.contains("remember_request");
        match line {
            _ if line.starts_with("Dropped ") => {}
            _ if is_row(line) && !line.contains("flat%") => {
                if is_function {
                    let cells = line.split_whitespace().collect::<Vec<_>>().join(" ");
                    short.push_str(&format!("… {cells}\n"));
                }
            }
            _ => {
                let ends = ["; ticks that", "; without samples", "\n"];
                let end = ends.iter().filter_map(|end| line.find(end)).min().unwrap_or(line.len());
                short.push_str(&format!("{}\n", &line[..end]));
            }
        }
    }
    masks::numbers(&short).replace(" -N", " N").replace("( N%)", "(N%)")
}

/// The table of threads by their names: the rows are ordered by what each used, and their cells are empty at one time
/// and not at another. How the machine kept up is said in notes, or is not.
fn threads_by_name(text: &str) -> String {
    let is_cell = |word: &&str| *word == "-" || word.ends_with('%');
    let is_row = |line: &str| line.split_whitespace().rev().take(8).filter(is_cell).count() == 8;
    let name = |line: &str| line.find("  ").map_or(line, |end| &line[..end]).to_owned();
    let mut rows: Vec<String> = text.lines().filter(|line| is_row(line)).map(name).collect();
    rows.sort();
    let mut short = String::new();
    for line in text.split_inclusive('\n') {
        if !is_row(line) && !line.starts_with("note: ") && !line.contains("note{/}: ") {
            short.push_str(line);
        }
        if line.starts_with("thread ") {
            rows.iter().for_each(|row| short.push_str(&format!("{row}  …\n")));
        }
    }
    short
}

/// The numbers of a cgroup, or why there is none, are those of this machine; so are the quota and the user.
fn any_machine(text: &str) -> String {
    let (mut masked, mut is_cgroup) = (String::new(), false);
    for line in text.split_inclusive('\n') {
        if line.starts_with('[') || line == "\n" {
            is_cgroup = line.starts_with("[cgroup]");
        }
        let name = line.split(':').next().unwrap_or_default();
        let is_masked = ["cpu quota", "username"].contains(&name) || is_cgroup && !line.starts_with('[');
        match is_masked {
            true => masked.push_str(&format!("{name}: …\n")),
            false => masked.push_str(line),
        }
    }
    masked
}

/// The same of a table whose columns are as wide as what is in them.
fn any_wide_machine(text: &str) -> String {
    wide_as_content(&any_machine(text))
}

/// What grew: the table, and the program's own frames. How sure that is, and what else grew a little, is chance.
fn growth(text: &str) -> String {
    let text = wide_as_content(&own_frames(text)).replace("  > N%", "  N%");
    let mut short = String::new();
    for line in text.split_inclusive('\n') {
        let is_table = line.contains("  per minute  ") || line.contains("N of N  ");
        if line.contains("what chance explains") {
            short.truncate(short.trim_end_matches('\n').len() + 1);
        } else {
            short.push_str(if is_table { line.trim_start_matches(' ') } else { line });
        }
    }
    short
}

/// What a program is made of whose memory grows: how much of it is free is not known each time.
fn growing(text: &str) -> String {
    let is_kept = |line: &&str| !line.starts_with("allocator-slack:") && !line.starts_with("can be given");
    any_wide_machine(&text.split_inclusive('\n').filter(is_kept).collect::<String>())
}

/// What was given back: which counters changed, and which way, depends on what the program did meanwhile.
fn given_back(text: &str) -> String {
    let is_kept = |line: &&str| ["[", "rss:"].iter().any(|start| line.starts_with(start));
    let kept = text.split_inclusive('\n').filter(is_kept).collect::<String>();
    masks::numbers(&kept).replace("(-N", "(±N").replace("(+N", "(±N")
}

/// A line of the tree without the branches before it, which are as many as its parents.
fn tree_branch(text: &str) -> String {
    text.split_inclusive('\n').map(|line| line.find('[').map_or(line, |at| &line[at..])).collect()
}

/// The pid by its name where it is in a sentence; in a table it is a number as others.
fn with_pid(text: &str, pid: &str) -> String {
    let is_row = |line: &str| line.trim_start().starts_with(pid);
    let lines = text.split_inclusive('\n');
    lines.map(|line| if is_row(line) { line.to_owned() } else { replaced(line, pid, "PID") }).collect()
}

/// Of what is listed of all processes, the line of this one.
fn own_lines(command: &str, text: &str, pid: &str) -> String {
    if !lists_all(command) {
        return text.to_owned();
    }
    let is_own = |line: &&str| line.split(' ').any(|word| word == pid);
    let own = text.split_inclusive('\n').filter(is_own).collect::<String>();
    // A pid may be as wide as its column.
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n";
    match command {
        "list" => masks::numbers(&own).lines().map(words).collect(),
        _ => own,
    }
}

/// Of what is listed of all processes, the entry of this one, without its children.
fn own_entry<'j>(json: &'j Value, pid: &str) -> Option<&'j Value> {
    match json {
        Value::Array(entries) => entries.iter().find_map(|entry| own_entry(entry, pid)),
        Value::Object(entry) if entry.get("pid").is_some_and(|found| found.to_string() == pid) => Some(json),
        Value::Object(entry) => own_entry(entry.get("children")?, pid),
        _ => None,
    }
}

#[test]
fn a_program_that_waits() {
    let _alone = crate::alone();
    let (mut screens, _running) = Screens::of("deadlock", "stuck", &["--async-deadlock", "--workers", "1"]);
    screens.show("tasks", as_it_is);
    screens.show("tasks --all", as_it_is);
    screens.show("tasks --state running", as_it_is);
    screens.show("tasks --match sell", as_it_is);
    screens.show("tasks --dot", as_it_is);
    screens.show("tasks --verbose", own_frames);
    screens.show("stack", own_frames);
    screens.show("stack --all", own_frames);
    screens.show("stats", any_machine);
    screens.show("stats --all", any_machine);
    screens.show("version", as_it_is);
    screens.show("version --deps", as_it_is);
    screens.show("memstats", any_wide_machine);
    screens.show("memstats --verbose", any_wide_machine);
    screens.show("info", any_machine);
    screens.show("list", as_it_is);
    screens.show("tree", tree_branch);
    screens.show("schedtrace --count 1 --interval 50ms", as_it_is);
    screens.show("schedtrace --count 1 --interval 50ms --detail", as_it_is);
    for command in ["tasks", "stack", "stats", "version", "memstats", "info", "list", "tree"] {
        screens.shape(command);
    }
    screens.shape("schedtrace --count 1 --interval 50ms");
}

#[test]
fn a_program_whose_workers_are_blocked() {
    let _alone = crate::alone();
    let (mut screens, _running) =
        Screens::of("blocked", "stuck", &["--all-workers", "--lock", "--workers", "1"]);
    screens.show("stack", own_frames);
    screens.show("tasks", own_frames);
    screens.show("stats", any_machine);
    screens.show("schedtrace --count 1 --interval 50ms", as_it_is);
}

#[test]
fn threads_at_the_same_place() {
    let _alone = crate::alone();
    let (mut screens, _running) = Screens::of("mutex", "stuck", &["--mutex", "--workers", "1"]);
    screens.show("stack", own_frames);
    screens.show("stack --all", own_frames);
}

#[test]
fn a_program_that_uses_the_cpu() {
    let _alone = crate::alone();
    let (mut screens, _running) = Screens::of("spinning", "stuck", &["--all-workers", "--workers", "2"]);
    screens.show("pprof-cpu --seconds 1", profile);
    screens.show("trace --seconds 1", threads_by_name);
    screens.shape("pprof-cpu --seconds 1");
    screens.shape("trace --seconds 1");
}

#[test]
fn a_program_that_allocates() {
    let _alone = crate::alone();
    let (mut screens, _running) =
        Screens::of("leaky", "leaky", &["--leak", "4MiB", "--fill", "0", "--churn", "0"]);
    screens.show("leaks --for 3s", growth);
    screens.show("pprof-heap", profile);
    screens.show("pprof-heap --inuse-objects", profile);
    screens.show("pprof-heap --alloc-space", profile);
    screens.show("pprof-heap --seconds 1", profile);
    screens.show("memstats", growing);
    for command in ["pprof-heap", "leaks --for 3s", "memstats", "heap-rate", "gc"] {
        screens.shape(command);
    }
    screens.show("gc", given_back);
    screens.show("heap-rate", as_it_is);
    screens.show("heap-rate 512KiB", as_it_is);
    screens.show("heap-rate off", as_it_is);
}
