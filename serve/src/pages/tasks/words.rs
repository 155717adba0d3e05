//! Resources and tasks in words.

use super::model::{Resource, Task};
use crate::pages::frame::shown;

/// What a resource is: `Mutex 0x7f…`, `task 8`, `TCP 127.0.0.1:1 → 127.0.0.1:2`.
pub(super) fn resource(resource: &Resource) -> String {
    let kind = match &*resource.kind {
        "task" => match resource.task {
            Some(id) => return format!("task {id}"),
            None => "a task",
        },
        "io" => match &resource.socket {
            Some(socket) => {
                let peer = socket.peer.as_ref().map(|peer| format!(" → {peer}")).unwrap_or_default();
                return shown(&format!("{} {}{peer}", socket.protocol, socket.local));
            }
            None => "I/O",
        },
        "blocking_task" => "a blocking task",
        "mutex" => "Mutex",
        "rw_lock_read" => "RwLock (read)",
        "rw_lock_write" => "RwLock (write)",
        "semaphore" => "Semaphore",
        "notify" => "Notify",
        "channel" => "channel",
        "barrier" => "Barrier",
        "once_cell" => "OnceCell",
        "timer" => "timer",
        other => other,
    };
    let detail = resource.detail.as_ref().map(|detail| format!(" ({})", shown(detail))).unwrap_or_default();
    match &*resource.kind {
        "timer" | "io" | "other" => format!("{kind}{detail}"),
        _ => format!("{kind} {:#x}{detail}", resource.address),
    }
}

/// The name of a task's future.
pub(super) fn future(task: &Task) -> String {
    task.future.as_deref().map_or_else(|| "unknown future".to_owned(), shown)
}

/// The last parts of a path, for a box: `shop::cart::add` is `cart::add`.
pub(super) fn short(name: &str) -> String {
    let parts: Vec<&str> = name.split("::").collect();
    let from = parts.len().saturating_sub(2);
    shown(&parts.get(from..).unwrap_or_default().join("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_have_words() {
        let of = |kind: &str| Resource { kind: kind.to_owned(), address: 0x10, ..Resource::default() };
        assert_eq!(resource(&of("mutex")), "Mutex 0x10");
        assert_eq!(resource(&Resource { task: Some(8), ..of("task") }), "task 8");
        assert_eq!(resource(&Resource { detail: Some("in 3s".to_owned()), ..of("timer") }), "timer (in 3s)");
        assert_eq!(short("a::b::c"), "b::c");
    }
}
