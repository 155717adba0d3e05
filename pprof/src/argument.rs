//! The argument of a report.

use crate::error::ReportError;
use crate::pattern::Pattern;

/// The regular expression that is the argument of a report.
pub(crate) fn pattern(text: &str) -> Result<Pattern, ReportError> {
    Pattern::new(text).map_err(|why| ReportError::Option(format!("parsing argument regexp {text}: {why}")))
}
