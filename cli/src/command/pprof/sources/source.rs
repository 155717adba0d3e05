//! What a word on the command line means.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::command::pprof::texts::without_secret;
use crate::exit::{Exit, Failure};

/// Where a profile comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
    /// An address, as written.
    Url(String),
    /// A CPU profile of a program with an agent.
    Cpu(String),
    /// A heap profile of a program with an agent.
    Heap(String),
    /// A word that is no file and nothing else: opening it fails, as opening a file may, and others are used.
    Missing(PathBuf),
}

/// Sources, and the executable to use for names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The sources.
    pub(crate) sources: Vec<Source>,
    /// The executable that was named before them.
    pub(crate) binary: Option<PathBuf>,
}

impl Wanted {
    /// The process of this host that is profiled, if it was named by its pid.
    pub(crate) fn process(&self) -> Option<u32> {
        match &self.sources[..] {
            [Source::Cpu(target) | Source::Heap(target)] => target.parse().ok(),
            _ => None,
        }
    }
}

/// What all words of the command line mean together: `[BINARY] SOURCE…`, `cpu TARGET` or `TARGET cpu`.
///
/// # Errors
/// If a word is nothing of these.
pub(crate) fn parse(words: &[OsString]) -> Result<Wanted, Failure> {
    if let [first, second] = words
        && !(is_file(first) && is_file(second))
    {
        let target = taken(first, second).or_else(|| taken(second, first));
        if let Some(source) = target {
            check_target(&source)?;
            return Ok(Wanted { sources: vec![source], binary: None });
        }
    }
    // As pprof: a first word that is an executable, before others.
    match words {
        [first, rest @ ..] if !rest.is_empty() && is_executable(Path::new(first)) => {
            Ok(Wanted { binary: Some(first.into()), ..parse_each(rest)? })
        }
        _ => parse_each(words),
    }
}

/// What each word means alone.
///
/// # Errors
/// If a word is nothing of these.
pub(crate) fn parse_each(words: &[OsString]) -> Result<Wanted, Failure> {
    let sources = words.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    if sources.iter().filter(|source| **source == Source::Stdin).count() > 1 {
        return Err(Failure::new(
            Exit::Usage,
            "cannot open the sources",
            "- is there twice, and standard input can be read once",
            "save it to a file first",
        ));
    }
    Ok(Wanted { sources, binary: None })
}

fn one(word: &OsString) -> Result<Source, Failure> {
    if word == "-" {
        return Ok(Source::Stdin);
    }
    let path = Path::new(word);
    let text = word.to_str();
    match std::fs::metadata(path) {
        Ok(found) if is_socket(&found) => {
            Ok(text.map_or(Source::Missing(path.to_owned()), |text| Source::Cpu(text.to_owned())))
        }
        Ok(_) => Ok(Source::File(path.to_owned())),
        Err(_) => match text {
            Some(text) if is_pid(text) => Ok(Source::Cpu(text.to_owned())),
            Some(text) if is_url(text) => Ok(Source::Url(text.to_owned())),
            _ => misused(path).map_or(Ok(Source::Missing(path.to_owned())), Err),
        },
    }
}

/// Why a word cannot be meant as a source at all.
fn misused(path: &Path) -> Option<Failure> {
    let word = without_secret(&path.display().to_string());
    let wrong = |what: String, why: &str, fix: String| Some(Failure::new(Exit::Usage, what, why, fix));
    match word.as_str() {
        "" => {
            let fix = "pass a pprof file, a URL, or cpu TARGET; is a variable of the shell empty?".to_owned();
            wrong("cannot open a source".to_owned(), "the word is empty", fix)
        }
        "cpu" | "heap" => {
            let fix = format!(
                "rgops pprof {word} PID_OR_NAME; ./{word} is a file, and several pids are several sources"
            );
            wrong(format!("cannot take a {word} profile"), "it needs one target, and no other source", fix)
        }
        _ if word.starts_with('…') => {
            let fix =
                "write it as http://USER:PASSWORD@HOST:PORT/PATH; in a password / is %2F, @ is %40, : is %3A"
                    .to_owned();
            wrong(format!("cannot open {word}"), "it is not a file or a URL", fix)
        }
        _ if word.starts_with(':') => {
            let fix = format!("write the host, too: localhost{word}");
            wrong(format!("cannot open {word}"), "it has no host", fix)
        }
        _ => None,
    }
}

/// Why [`Source::Missing`] cannot be opened.
pub(super) fn missing(path: &Path) -> Failure {
    let word = without_secret(&path.display().to_string());
    let is_path = word.contains('/') || word.contains('.');
    Failure::new(
        Exit::Usage,
        format!("cannot open {word}"),
        match std::fs::metadata(path) {
            Err(error) if is_path => error.to_string(),
            _ => "there is no such file, and it is not a URL, host:port or pid".to_owned(),
        },
        match is_path {
            _ if word.starts_with('-') => {
                format!("an option goes before --; for a file with this name: ./{}", for_shell(&word))
            }
            true => "pass a pprof file, a URL, or cpu TARGET".to_owned(),
            false => format!("for a process with this name: rgops pprof cpu {}", for_shell(&word)),
        },
    )
}

/// `word` as the shell needs it.
fn for_shell(word: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "-_./:=@%+,".contains(it);
    match word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// An agent is asked without a user and a password, and not by HTTP; what has them is not shown.
fn check_target(source: &Source) -> Result<(), Failure> {
    let (Source::Cpu(target) | Source::Heap(target)) = source else { return Ok(()) };
    let is_secret = target.contains('@') && !Path::new(target).exists();
    if target.is_empty() || target.contains("://") || is_secret {
        let what = "cannot take a profile of this target";
        let why =
            format!("{:?} is not a pid, a process name, a socket path or host:port", without_secret(target));
        let fix = "for a URL: rgops pprof URL; for an agent over TCP: host:port and --token-file FILE";
        return Err(Failure::new(Exit::Usage, what, why, fix));
    }
    Ok(())
}

/// A profile of ours: `kind` is `cpu` or `heap`.
fn taken(kind: &OsString, target: &OsString) -> Option<Source> {
    let target = target.to_str()?.to_owned();
    match kind.to_str()? {
        "cpu" => Some(Source::Cpu(target)),
        "heap" => Some(Source::Heap(target)),
        _ => None,
    }
}

fn is_file(word: &OsString) -> bool {
    std::fs::metadata(word).is_ok_and(|found| found.is_file())
}

fn is_pid(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether it has a scheme, or is `HOST:PORT` or `HOST:PORT/PATH` or `HOST/PATH`, as pprof takes them.
fn is_url(text: &str) -> bool {
    if text.split_once("://").is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty()) {
        return true;
    }
    let authority = text.split('/').next().unwrap_or_default();
    authority.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(unix)]
fn is_socket(found: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;

    found.file_type().is_socket()
}

#[cfg(not(unix))]
fn is_socket(_: &std::fs::Metadata) -> bool {
    false
}

/// Whether the file begins as an ELF file does.
fn is_executable(path: &Path) -> bool {
    use std::io::Read as _;

    let mut magic = [0; 4];
    std::fs::metadata(path).is_ok_and(|found| found.is_file())
        && std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok()
        && magic == *b"\x7fELF"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_one_thing() {
        let parsed = |words: &[&str]| {
            parse(&words.iter().map(OsString::from).collect::<Vec<_>>()).map(|wanted| wanted.sources).ok()
        };
        assert_eq!(parsed(&["cpu", "shop"]), Some(vec![Source::Cpu("shop".into())]));
        assert_eq!(parsed(&["10.0.0.7:7777", "heap"]), Some(vec![Source::Heap("10.0.0.7:7777".into())]));
        assert_eq!(parsed(&["4711"]), Some(vec![Source::Cpu("4711".into())]));
        for url in ["http://a/b", "localhost:6060", "a:1/debug/pprof/heap", "[::1]:80", "https+insecure://a"]
        {
            assert_eq!(parsed(&[url]), Some(vec![Source::Url(url.into())]), "{url}");
        }
        assert_eq!(
            parsed(&["-", "Cargo.toml"]),
            Some(vec![Source::Stdin, Source::File("Cargo.toml".into())])
        );
        for wrong in
            [&["", "Cargo.toml"][..], &["-", "-"], &["cpu"], &["Cargo.toml", "heap", "1"], &["://"], &[":80"]]
        {
            assert_eq!(parsed(wrong), None, "{wrong:?}");
        }
        for missing in ["shop", "nowhere/file.pb.gz"] {
            assert_eq!(parsed(&[missing]), Some(vec![Source::Missing(missing.into())]));
        }
        let own = std::env::current_exe().map(OsString::from).unwrap_or_default();
        let wanted = parse(&[own.clone(), "-".into()]).unwrap_or_default();
        assert_eq!(wanted, Wanted { sources: vec![Source::Stdin], binary: Some(own.into()) });
    }

    #[test]
    fn advice_about_a_word_can_be_pasted() {
        for (word, fix) in [
            ("shop", "for a process with this name: rgops pprof cpu shop"),
            ("my shop;x", "for a process with this name: rgops pprof cpu 'my shop;x'"),
            ("it's", r"for a process with this name: rgops pprof cpu 'it'\''s'"),
            ("-cum", "an option goes before --; for a file with this name: ./-cum"),
            ("-output=a b.svg", "an option goes before --; for a file with this name: ./'-output=a b.svg'"),
        ] {
            assert_eq!(missing(Path::new(word)).fix, fix);
        }
    }
}
