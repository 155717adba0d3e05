//! States and kinds as text, for the screen, the JSON and the filters.

use rgops_protocol::reply::tasks::RuntimeKind;

use crate::tasks::model::State;

/// A state as text.
pub(super) fn state(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Scheduled => "scheduled",
        State::Idle => "idle",
        State::Complete => "complete",
    }
}

/// A kind of runtime as text.
pub(super) fn runtime_kind(kind: RuntimeKind) -> &'static str {
    match kind {
        RuntimeKind::CurrentThread => "current_thread",
        RuntimeKind::MultiThread => "multi_thread",
        RuntimeKind::LocalSet => "local_set",
    }
}
