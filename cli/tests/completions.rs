//! The completion scripts in the real shells.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is typed after `rgops `, and what each shell offers; bash completes other files by itself.
const LINES: &[(&str, &str)] = &[
    ("pprof -to", "-token-file -tools -top -topproto -total_delay"),
    ("pprof f -to", "-token-file -tools -top -topproto -total_delay"),
    ("pprof --to", "--token-file --tools --top --topproto --total_delay"),
    ("pprof -sample_i", "-sample_index"),
    ("pprof c", "checkout.pb cpu"),
    ("pprof -top c", "checkout.pb cpu"),
    ("pprof -focus cpu c", "checkout.pb cpu"),
    ("pprof cpu ", "4711 4712"),
    ("pprof -top -seconds 5 heap 47", "4711 4712"),
    ("stack 47", "4711 4712"),
    ("sta", "stack stats"),
    ("pprof-c", "pprof-cpu"),
    ("pprof-cpu 47", "4711 4712"),
];

const RGOPS: &str = "#!/bin/sh
printf '4711\\tshop $(touch pwned) `touch pwned`\\n4712\\tb:c; touch pwned\\n'
";

const BASH: &str = r#"
compopt() { :; }
while IFS= read -r line; do
    COMP_WORDS=(rgops $line)
    [[ $line == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _rgops_with_targets rgops "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
    printf '%s\n' "${COMPREPLY[@]}" end
done
"#;

const FISH: &str = r#"
while read -l line
    set line (string replace -r '_$' ' ' -- $line)
    complete -C "rgops $line" | string replace -r '\t.*' ''
    echo end
end
"#;

/// Keys are sent to a zsh of its own, after it shows that it reads them.
const ZSH: &str = r#"
zmodload zsh/zpty || { cat >/dev/null; exit 0; }
cat >$HOME/setup <<'END'
autoload -U compinit; compinit -u -d $HOME/dump
source $HOME/script
compadd() {
    if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
        local -a hits
        builtin compadd -A hits "$@"
        (( $#hits )) && print -rl -- $hits >>$HOME/found
    fi
    builtin compadd "$@"
}
mark() { print end >>$HOME/found }
zle -N mark
bindkey '^G' mark
TMOUT=60
zle-line-init() { print READY }
zle -N zle-line-init
unsetopt beep
END
zpty z zsh -f -i
zpty -w z "source $HOME/setup"
zpty -r z text '*READY*'
while IFS= read -r line; do zpty -w -n z "rgops $line"$'\t\x07\x15'; done
zpty -w z exit
while zpty -r z text; do :; done
cat $HOME/found
"#;

struct Home(PathBuf);

impl Home {
    fn new(shell: &str) -> Home {
        let home = std::env::temp_dir().join(format!("rgops-completions-{shell}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(home.join("files")).unwrap();
        fs::create_dir_all(home.join("bin")).unwrap();
        for file in ["a b.pb", "checkout.pb", "$(touch pwned).pb"] {
            fs::write(home.join("files").join(file), "").unwrap();
        }
        let rgops = home.join("bin/rgops");
        fs::write(&rgops, RGOPS).unwrap();
        fs::set_permissions(&rgops, fs::Permissions::from_mode(0o755)).unwrap();
        Home(home)
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let path = format!("{}:{}", self.0.join("bin").display(), std::env::var("PATH").unwrap());
        for variable in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "ZDOTDIR"] {
            command.env(variable, &self.0);
        }
        command.env("PATH", path).env("TERM", "dumb").current_dir(self.0.join("files"));
        command
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What `shell` offers for each of `lines`, sorted; nothing if it is not installed. `driver` reads lines, and writes
/// words, and `end` behind those of a line.
fn offered(shell: &str, arguments: &[&str], driver: &str, lines: &[&str]) -> Option<Vec<String>> {
    let home = Home::new(shell);
    let script = home.command(env!("CARGO_BIN_EXE_rgops")).args(["completions", shell]).output().unwrap();
    fs::write(home.0.join("script"), script.stdout).unwrap();
    fs::write(home.0.join("driver"), driver).unwrap();
    let source = match shell {
        // The zsh that it starts reads the script.
        "zsh" => format!("source {}/driver", home.0.display()),
        _ => format!("source {0}/script; source {0}/driver", home.0.display()),
    };
    let child = home
        .command(shell)
        .args(arguments)
        .args(["-c", &source])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: {shell} is not installed");
        return None;
    };
    write(&mut child, shell, lines);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!has_run(&home.0), "{shell}: a name was carried out");
    let mut found = vec![Vec::new()];
    for line in text.lines() {
        match line {
            "end" => found.push(Vec::new()),
            word => found.last_mut().unwrap().push(word.trim_end_matches('=').to_owned()),
        }
    }
    found.pop();
    let sorted = found.into_iter().map(|mut words: Vec<String>| {
        words.sort();
        words.retain(|word| !word.is_empty());
        words.join(" ")
    });
    let sorted: Vec<String> = sorted.collect();
    if shell == "zsh" && sorted.is_empty() && output.status.success() {
        eprintln!("skipped: this zsh has no zpty");
        return None;
    }
    assert_eq!(sorted.len(), lines.len(), "{shell}: {text}\n{}", String::from_utf8_lossy(&output.stderr));
    Some(sorted)
}

fn write(child: &mut std::process::Child, shell: &str, lines: &[&str]) {
    use std::io::Write as _;

    let mut input = child.stdin.take().unwrap();
    for line in lines {
        // `read` of fish drops blanks at ends.
        let line = match (shell, line.strip_suffix(' ')) {
            ("fish", Some(start)) => format!("{start}_"),
            _ => (*line).to_owned(),
        };
        writeln!(input, "{line}").unwrap();
    }
}

fn has_run(home: &Path) -> bool {
    home.join("pwned").exists() || home.join("files/pwned").exists()
}

fn check(shell: &str, arguments: &[&str], driver: &str, more: &[(&str, &str)]) {
    let table: Vec<(&str, &str)> = LINES.iter().chain(more).copied().collect();
    let lines: Vec<&str> = table.iter().map(|(line, _)| *line).collect();
    let Some(offered) = offered(shell, arguments, driver, &lines) else { return };
    for ((line, wanted), offered) in table.iter().zip(&offered) {
        assert_eq!(offered, wanted, "{shell}: rgops {line}");
    }
}

#[test]
fn bash_offers_options_sources_and_targets_of_pprof() {
    check(
        "bash",
        &["--norc"],
        BASH,
        &[
            ("pprof -output c", ""),
            ("pprof -output = c", ""),
            ("pprof a", ""),
            ("pprof ", "$(touch pwned).pb a b.pb checkout.pb cpu heap"),
        ],
    );
}

#[test]
fn fish_offers_options_sources_and_targets_of_pprof() {
    check(
        "fish",
        &["--no-config"],
        FISH,
        &[
            ("pprof -output c", "checkout.pb"),
            ("pprof -output=c", "-output=checkout.pb"),
            ("pprof a", "a b.pb"),
            ("pprof ", "$(touch pwned).pb a b.pb checkout.pb cpu heap"),
        ],
    );
}

#[test]
fn zsh_offers_options_sources_and_targets_of_pprof() {
    check(
        "zsh",
        &["-f"],
        ZSH,
        &[
            ("pprof -output c", "checkout.pb"),
            ("pprof -focus=c", "checkout.pb"),
            ("pprof a", r"a\ b.pb"),
            ("pprof ", r"\$\(touch\ pwned\).pb a\ b.pb checkout.pb cpu heap"),
        ],
    );
}
