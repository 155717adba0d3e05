//! Views in the browser.

use super::commands::View;
use super::line::Call;
use crate::command::pprof::http;
use crate::command::pprof::opened::Opened;
use crate::exit::Failure;

/// Shows a view with the options of `call`, and returns its address.
///
/// # Errors
/// If there is no server for it.
pub(super) fn show(view: View, call: &Call, opened: &Opened) -> Result<String, Failure> {
    let route = match view {
        View::Graph => "graph",
        View::Flame => "flamegraph",
        View::Source => "source",
    };
    http::show(opened, &call.settings, route, call.argument.as_deref())
}
