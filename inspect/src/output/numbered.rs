//! Default names of files.

/// Names that differ by a number: `BEFORE001AFTER`, `BEFORE002AFTER`, …
#[derive(Debug, Clone)]
pub struct Numbered {
    before: String,
    after: &'static str,
}

impl Numbered {
    /// `rgops.PROGRAM.PID` + `kinds` + `.NNN` + `after`, like the names of profiles that pprof fetches. The
    /// program's name comes from the program: characters that are unsafe in a file name become `_`.
    pub fn new(program: &str, pid: u32, kinds: &str, after: &'static str) -> Numbered {
        let harmless = |character: char| match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => character,
            _ => '_',
        };
        let program: String = program.chars().map(harmless).take(64).collect();
        Numbered { before: format!("rgops.{program}.{pid}{kinds}."), after }
    }

    /// `before` + `NNN` + `after`: names of pprof, such as `profile001.svg`. Characters that are unsafe in a file name
    /// become `_`, and long names are cut.
    pub fn plain(before: &str, after: &'static str) -> Numbered {
        let harmless = |character: char| match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => character,
            _ => '_',
        };
        Numbered { before: before.chars().map(harmless).take(160).collect(), after }
    }

    /// The name with this number.
    pub fn name(&self, number: u32) -> String {
        format!("{}{number:03}{}", self.before, self.after)
    }
}
