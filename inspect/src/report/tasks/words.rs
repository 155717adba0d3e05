//! States and kinds in a word, as the screen, the JSON and the filters have them.

use rgops_protocol::reply::tasks::RuntimeKind;

use crate::tasks::model::State;

/// A state in a word.
pub(super) fn state(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Scheduled => "scheduled",
        State::Idle => "idle",
        State::Complete => "complete",
    }
}

/// A kind of runtime in a word.
pub(super) fn runtime_kind(kind: RuntimeKind) -> &'static str {
    match kind {
        RuntimeKind::CurrentThread => "current_thread",
        RuntimeKind::MultiThread => "multi_thread",
        RuntimeKind::LocalSet => "local_set",
    }
}
