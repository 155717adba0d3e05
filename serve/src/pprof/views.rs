//! What is ours beside Go's profiles: commands of `rgops` as text or JSON.

use std::time::Duration;

use rgops_http::ask::View;
use rgops_http::reply::{self, Reply};
use rgops_inspect::session::{
    Answer, LeaksOptions, MemstatsView, Session, SessionError, StackOptions, StackView, StatsOptions,
    StatsView, TasksOptions, TasksView, VersionView,
};
use rgops_inspect::text::escape;

/// How long `leaks` watches if nobody says.
pub(super) const LEAKS: Duration = Duration::from_secs(30);

/// The answer of a view. `seconds` is for `leaks` and `stats`.
pub(super) fn view(
    session: &mut Session,
    view: View,
    json: bool,
    seconds: Option<Duration>,
) -> Result<Reply, SessionError> {
    Ok(match view {
        View::Tasks => {
            shown(&session.tasks(&TasksOptions::default(), &mut |_| {})?, &TasksView::default(), json)
        }
        View::Threads => {
            shown(&session.stack(&StackOptions::default())?, &StackView::default().all(true), json)
        }
        View::Leaks => {
            let options = LeaksOptions::default().window(seconds.unwrap_or(LEAKS));
            shown(&session.leaks(&options, &mut |_| {})?, &Default::default(), json)
        }
        View::Stats => {
            let options = seconds.into_iter().fold(StatsOptions::default(), StatsOptions::window);
            shown(&session.stats(&options)?, &StatsView::default(), json)
        }
        View::Memstats => shown(&session.memstats()?, &MemstatsView::default(), json),
        View::Version => shown(&session.version()?, &VersionView::default(), json),
    })
}

fn shown<A: Answer>(answer: &A, view: &A::View, json: bool) -> Reply {
    if json {
        return match serde_json::to_string(&answer.json(view)) {
            Ok(document) => reply::json(document + "\n"),
            Err(error) => reply::failed(&format!("cannot write the document: {error}")),
        };
    }
    let mut text = answer.text(view).into_text();
    for gap in answer.completeness().sentences() {
        text.push_str(&format!("note: {}\n", escape(&gap)));
    }
    reply::text(text)
}
