//! Which line of a stack is shown: the innermost one of the program itself.

use super::finding::{Concerned, Place};
use super::seen::SeenThread;
use crate::symbols::{Frame, own_frame, without_closures};

/// The innermost frame of the program's own code; without one, the innermost frame with a name.
pub fn place(frames: &[Frame]) -> Option<Place> {
    let own = own_frame(frames).or_else(|| frames.iter().find(|frame| frame.function.is_some()));
    own.or(frames.first()).map(|frame| Place {
        function: without_closures(&frame.name()).to_owned(),
        file: frame.file.as_deref().map(str::to_owned),
        line: frame.line,
    })
}

impl Concerned {
    /// A thread, with the line that it is in.
    pub(super) fn thread(thread: &SeenThread) -> Concerned {
        let polls = match (thread.task, &thread.task_name) {
            (Some(task), Some(name)) => format!(", polls task {task} {name}"),
            (Some(task), None) => format!(", polls task {task}"),
            (None, _) => String::new(),
        };
        Concerned {
            who: format!("thread {} {}", thread.tid, thread.name),
            does: format!("{}{polls}", thread.state),
            threads: vec![thread.tid],
            tasks: thread.task.into_iter().collect(),
            place: place(&thread.frames),
        }
    }
}
