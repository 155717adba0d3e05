//! The settings in `RGOPS_DEBUG`.

use std::ffi::OsStr;
use std::time::Duration;

use rgops_protocol::discovery::DEBUG_VARIABLE;

use crate::collect::schedtrace::INTERVAL_MS;

/// What to print, and the error if a part is invalid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Time between two lines; `None` prints none.
    pub(super) schedtrace: Option<Duration>,
    /// Also prints a line for each worker.
    pub(super) detail: bool,
    /// One line that reports an invalid part. That part has no effect.
    pub(super) error: Option<String>,
}

impl Settings {
    /// Parses the variable's value; unset or empty requests nothing.
    pub(crate) fn parse(value: Option<&OsStr>) -> Settings {
        let mut settings = Settings::default();
        let Some(value) = value else { return settings };
        for word in value.to_string_lossy().split(',').map(str::trim).filter(|word| !word.is_empty()) {
            if let Err(why) = settings.take(word) {
                settings.error = Some(format!(
                    "rgops: {DEBUG_VARIABLE}: {why}; write {DEBUG_VARIABLE}=schedtrace=1000[,scheddetail=1]"
                ));
            }
        }
        settings
    }

    /// Whether there is anything to print.
    pub(crate) fn has_output(&self) -> bool {
        self.schedtrace.is_some() || self.error.is_some()
    }

    fn take(&mut self, word: &str) -> Result<(), String> {
        // The message repeats only the first 40 characters of a wrong value, escaped.
        let shown: String = word.chars().take(40).flat_map(char::escape_default).collect();
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        match (name, value.parse::<u32>()) {
            ("schedtrace", Ok(0)) => self.schedtrace = None,
            ("schedtrace", Ok(ms)) if INTERVAL_MS.contains(&ms) => {
                self.schedtrace = Some(Duration::from_millis(ms.into()));
            }
            ("schedtrace", _) => {
                let (least, most) = INTERVAL_MS.into_inner();
                return Err(format!("{shown} is not a number of milliseconds from {least} to {most}"));
            }
            ("scheddetail", Ok(0 | 1)) => self.detail = value == "1",
            ("scheddetail", _) => return Err(format!("{shown} is neither 0 nor 1")),
            _ => return Err(format!("{shown} is unknown")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn parse(value: &str) -> Settings {
        Settings::parse(Some(OsStr::new(value)))
    }

    #[test]
    fn valid_settings_are_parsed() {
        assert_eq!(Settings::parse(None), Settings::default());
        assert_eq!(parse(""), Settings::default());
        let second = Some(Duration::from_secs(1));
        assert_eq!(parse("schedtrace=1000"), Settings { schedtrace: second, ..Settings::default() });
        let both = Settings { schedtrace: second, detail: true, error: None };
        assert_eq!(parse(" scheddetail=1 ,schedtrace=1000,"), both);
        assert_eq!(parse("schedtrace=0,scheddetail=0"), Settings::default());
    }

    #[test]
    fn an_invalid_part_is_reported_in_one_line_and_the_rest_is_applied() {
        for (wrong, says) in [
            ("schedtrace=abc", "schedtrace=abc is not a number of milliseconds from 10 to 3600000"),
            ("schedtrace=9", "is not a number of milliseconds"),
            ("schedtrace", "schedtrace is not a number of milliseconds"),
            ("schedtrace=-5", "is not a number of milliseconds"),
            ("scheddetail=2", "scheddetail=2 is neither 0 nor 1"),
            ("gctrace=1", "gctrace=1 is unknown"),
            ("x\ny\u{1b}[2J", "x\\ny\\u{1b}[2J is unknown"),
        ] {
            let settings = parse(wrong);
            let error = settings.error.unwrap();
            assert!(error.contains(says) && error.lines().count() == 1, "{error}");
            assert!(error.starts_with("rgops: RGOPS_DEBUG: ") && error.len() < 200, "{error}");
            assert_eq!(settings.schedtrace, None);
        }
        let half = parse("schedtrace=500,nonsense");
        assert_eq!(half.schedtrace, Some(Duration::from_millis(500)));
        assert!(half.error.is_some());
    }
}
