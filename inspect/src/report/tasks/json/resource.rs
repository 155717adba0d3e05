//! A resource that a task waits on or holds.

use serde::Serialize;

use crate::report::tasks::report::TasksReport;
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
}

impl TasksReport {
    pub(super) fn json_resource<'a>(&self, resource: &'a Resource) -> JsonResource<'a> {
        let task = self.by_header.get(&resource.avma).filter(|_| resource.kind == ResourceKind::Task);
        JsonResource {
            kind: resource_kind(resource.kind),
            address: resource.avma,
            task: task.map(|index| self.task(*index).id),
            detail: resource.detail.as_deref(),
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
