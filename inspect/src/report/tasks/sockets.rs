//! The addresses of the sockets that tasks wait for, beside their descriptors.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use super::report::TasksReport;
use super::tree::{nodes, root};
use crate::processes::Connection;
use crate::tasks::model::{Resource, ResourceKind};

impl TasksReport {
    /// The descriptors that tasks wait for.
    pub(crate) fn descriptors(&self) -> BTreeSet<u32> {
        let tasks = self.tasks.tasks.iter().chain(self.tasks.block_on.values().flatten());
        let roots = tasks.filter_map(|task| root(&task.stack));
        roots.flat_map(nodes).filter_map(|node| descriptor(node.waits_on.as_ref()?)).collect()
    }

    /// The same report with the sockets of [`TasksReport::descriptors`].
    #[must_use]
    pub(crate) fn with_sockets(self, sockets: HashMap<u32, Connection>) -> TasksReport {
        TasksReport { sockets, ..self }
    }

    /// The socket that a task waits for.
    pub(super) fn socket(&self, resource: &Resource) -> Option<&Connection> {
        self.sockets.get(&descriptor(resource)?)
    }

    /// A resource's detail, with the addresses of its socket: `fd 16 (tcp 127.0.0.1:5000 → 127.0.0.1:42022)`.
    pub(super) fn detail<'r>(&self, resource: &'r Resource) -> Option<Cow<'r, str>> {
        let detail = resource.detail.as_deref()?;
        let (Some(number), Some(socket)) = (descriptor(resource), self.socket(resource)) else {
            return Some(detail.into());
        };
        let fd = format!("fd {number}");
        Some(detail.replacen(&fd, &format!("{fd} ({})", addresses(socket)), 1).into())
    }
}

/// The number in `fd 7` or `fd 7, or …`.
fn descriptor(resource: &Resource) -> Option<u32> {
    let rest =
        resource.detail.as_deref().filter(|_| resource.kind == ResourceKind::Io)?.strip_prefix("fd ")?;
    rest.split(',').next()?.parse().ok()
}

fn addresses(socket: &Connection) -> String {
    let protocol = protocol(socket);
    match (socket.state, has_peer(socket)) {
        ("LISTEN", _) => format!("{protocol} {}, listening", socket.local),
        (_, true) => format!("{protocol} {} → {}", socket.local, socket.remote),
        (_, false) => format!("{protocol} {}", socket.local),
    }
}

/// `tcp` or `udp`.
pub(super) fn protocol(socket: &Connection) -> &'static str {
    if socket.state == "UDP" { "udp" } else { "tcp" }
}

pub(super) fn has_peer(socket: &Connection) -> bool {
    socket.remote.port() != 0
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn resource(detail: &str) -> Resource {
        Resource { kind: ResourceKind::Io, avma: 0, detail: Some(detail.into()) }
    }

    #[test]
    fn the_descriptor_of_a_detail_is_read() {
        assert_eq!(descriptor(&resource("fd 16")), Some(16));
        assert_eq!(descriptor(&resource("fd 16, or what its body waits for (not decoded)")), Some(16));
        assert_eq!(descriptor(&resource("its socket")), None);
        assert_eq!(descriptor(&Resource { kind: ResourceKind::Timer, ..resource("fd 16") }), None);
    }

    #[test]
    fn a_socket_is_told_by_its_addresses() {
        let socket = |remote: &str, state| Connection {
            local: "127.0.0.1:5000".parse().unwrap(),
            remote: remote.parse().unwrap(),
            state,
        };
        let peer = socket("127.0.0.1:42022", "ESTABLISHED");
        assert_eq!(addresses(&peer), "tcp 127.0.0.1:5000 → 127.0.0.1:42022");
        assert_eq!(addresses(&socket("0.0.0.0:0", "LISTEN")), "tcp 127.0.0.1:5000, listening");
        assert_eq!(addresses(&socket("0.0.0.0:0", "UDP")), "udp 127.0.0.1:5000");
    }
}
