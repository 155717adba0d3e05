//! What the parts of a page beside its view are made from.

use crate::analyser::Analyser;
use crate::configs::Config;
use crate::query::Query;
use crate::views::View;

/// What is around a view.
pub(crate) struct Around<'a> {
    /// The profile and what is known of it.
    pub(crate) analyser: &'a Analyser,
    /// What forms send back, so that only our pages change something.
    pub(crate) token: &'a str,
    /// The view.
    pub(crate) view: &'static View,
    /// Its address.
    pub(crate) query: &'a Query,
    /// The saved configs, or why they cannot be read.
    pub(crate) configs: Result<Vec<Config>, String>,
}
