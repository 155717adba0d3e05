//! What a page is asked, and what it answers.

use maud::Markup;
use rgops_pprof::environment::Environment;
use rgops_pprof::report::ReportError;
use rgops_pprof::{Profile, Settings, Stop, Stopped};

use crate::query::{BadQuery, Query};

/// What a page is made of. Pages are made on a thread that may block.
pub(crate) struct Ask<'a> {
    /// The profile.
    pub(crate) profile: &'a Profile,
    /// Source files and instructions.
    pub(crate) environment: &'a (dyn Environment + Send + Sync),
    /// The address of the page: options, and parameters of the view.
    pub(crate) query: &'a Query,
    /// Whether somebody still waits for it: long loops ask it.
    pub(crate) stop: Stop<'a>,
}

impl Ask<'_> {
    /// The options of the address, as pages have them: each value is in the unit that fits it. A report has one unit for
    /// all of its values, that of the smallest; pages do that only if they are asked for a unit.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = self.query.settings.clone();
        if settings.unit == "minimum" {
            settings.unit = "auto".to_owned();
        }
        settings
    }
}

/// A view's part of a page; `layout` has the rest.
pub(crate) struct Page {
    /// What it shows, if that is more than the name of the view: a function.
    pub(crate) title: String,
    /// The lines of the details: file, type, duration, what is left out.
    pub(crate) legend: Vec<String>,
    /// What to tell the user about the options: `Focus expression matched no samples`.
    pub(crate) notes: Vec<String>,
    /// The content of `main`.
    ///
    /// No `style` attribute and no script in it: browsers would not apply them (see `server::headers`). Style sheets and
    /// modules are assets; data for a module is a [`data`] block, or the view's data route.
    pub(crate) body: Markup,
    /// Names of assets: modules, in this order.
    pub(crate) modules: &'static [&'static str],
    /// Names of assets: style sheets.
    pub(crate) styles: &'static [&'static str],
    /// Whether it takes the whole window: a graph, instead of a document.
    pub(crate) is_full: bool,
}

impl Page {
    /// A page with this content, and nothing else.
    pub(crate) fn of(body: Markup) -> Page {
        Page {
            title: String::new(),
            legend: Vec::new(),
            notes: Vec::new(),
            body,
            modules: &[],
            styles: &[],
            is_full: false,
        }
    }
}

/// Data for a module: JSON in an element with this id that browsers do not show and do not run.
///
/// # Errors
/// [`PageError::Internal`] if it cannot be written as JSON.
pub(crate) fn data<T: serde::Serialize>(id: &str, data: &T) -> Result<Markup, PageError> {
    let json = json(data)?;
    Ok(maud::html! { script id=(id) type="application/json" { (maud::PreEscaped(json)) } })
}

/// As JSON in which no character ends or begins an element of HTML.
///
/// # Errors
/// [`PageError::Internal`] if it cannot be written as JSON.
pub(crate) fn json<T: serde::Serialize>(data: &T) -> Result<String, PageError> {
    escaped_json(data).map_err(|error| PageError::Internal(error.to_string()))
}

/// The same, with the error of `serde_json`.
///
/// # Errors
/// If it cannot be written as JSON.
pub(crate) fn escaped_json<T: serde::Serialize>(data: &T) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string(data)?;
    // Outside of strings JSON has none of these, and inside they can be written as numbers.
    Ok(json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
}

/// Why there is no page.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum PageError {
    /// The address asks for something that does not fit: a pattern that is none, a function that is not there.
    #[error("{0}")]
    Request(String),
    /// There is no such page.
    #[error("there is no page {0}")]
    NotFound(String),
    /// Nobody waits any more.
    #[error("the page was closed before it was done")]
    Stopped,
    /// An error of ours.
    #[error("{0}")]
    Internal(String),
}

impl From<ReportError> for PageError {
    fn from(error: ReportError) -> PageError {
        match error {
            ReportError::Stopped(_) => PageError::Stopped,
            ReportError::Write(_) => PageError::Internal(error.to_string()),
            _ => PageError::Request(error.to_string()),
        }
    }
}

impl From<Stopped> for PageError {
    fn from(_: Stopped) -> PageError {
        PageError::Stopped
    }
}

impl From<BadQuery> for PageError {
    fn from(error: BadQuery) -> PageError {
        PageError::Request(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_does_not_end_its_element() {
        let written = data("d", &["</script><b>&\u{2028}"]).expect("a list of texts is JSON").into_string();
        assert_eq!(written.matches("</script>").count(), 1);
        assert_eq!(written.matches("<").count(), 2);
        let json = written.split_once('>').and_then(|(_, rest)| rest.strip_suffix("</script>"));
        let read: Vec<String> = serde_json::from_str(json.expect("it is in an element")).expect("it is JSON");
        assert_eq!(read, ["</script><b>&\u{2028}"]);
    }
}
