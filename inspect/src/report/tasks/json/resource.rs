//! A resource that a task waits on or holds.

use serde::Serialize;

use crate::processes::Connection;
use crate::report::tasks::report::TasksReport;
use crate::report::tasks::sockets::{has_peer, protocol};
use crate::tasks::model::{Resource, ResourceKind};

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct JsonResource<'a> {
    /// `task`, `blocking_task`, `mutex`, `rw_lock_read`, `rw_lock_write`, `semaphore`, `notify`,
    /// `channel`, `barrier`, `once_cell`, `timer`, `io` or `other`.
    kind: &'static str,
    /// 0 if unknown.
    address: u64,
    /// The id, if it is a task.
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<u64>,
    detail: Option<&'a str>,
    /// The socket of the descriptor, if it is one of TCP or UDP and was found; otherwise absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    socket: Option<JsonSocket>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonSocket {
    /// `tcp` or `udp`.
    protocol: &'static str,
    /// Address and port.
    local: String,
    /// `null` if it has no peer.
    peer: Option<String>,
    /// As in `rgops PID`: `ESTABLISHED`, `LISTEN`, …; `UDP`.
    state: &'static str,
}

impl From<&Connection> for JsonSocket {
    fn from(socket: &Connection) -> JsonSocket {
        JsonSocket {
            protocol: protocol(socket),
            local: socket.local.to_string(),
            peer: has_peer(socket).then(|| socket.remote.to_string()),
            state: socket.state,
        }
    }
}

impl TasksReport {
    pub(super) fn json_resource<'a>(&self, resource: &'a Resource) -> JsonResource<'a> {
        let task = self.by_header.get(&resource.avma).filter(|_| resource.kind == ResourceKind::Task);
        JsonResource {
            kind: resource_kind(resource.kind),
            address: resource.avma,
            task: task.map(|index| self.task(*index).id),
            detail: resource.detail.as_deref(),
            socket: self.socket(resource).map(JsonSocket::from),
        }
    }
}

fn resource_kind(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Task => "task",
        ResourceKind::BlockingTask => "blocking_task",
        ResourceKind::Mutex => "mutex",
        ResourceKind::RwLockRead => "rw_lock_read",
        ResourceKind::RwLockWrite => "rw_lock_write",
        ResourceKind::Semaphore => "semaphore",
        ResourceKind::Notify => "notify",
        ResourceKind::Channel => "channel",
        ResourceKind::Barrier => "barrier",
        ResourceKind::OnceCell => "once_cell",
        ResourceKind::Timer => "timer",
        ResourceKind::Io => "io",
        ResourceKind::Other => "other",
    }
}
