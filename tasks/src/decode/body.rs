//! Bodies of requests and responses: a connection that sends one waits for what the body waits for, or for its socket.
//! A body is polled like a future, behind a `dyn Body` or as a type of its own.

use crate::decode::names;
use crate::decode::roles::base;
use crate::decode::value::{Value, active};
use crate::decode::walk::Walk;
use crate::model::{Node, OR_ITS_BODY, Resource, ResourceKind, TypeName};
use crate::types::{Shape, Type, TypeId};

/// Maximum depth of the search for a body.
const DEEPEST: usize = 40;

/// `dyn Future`, `dyn Body`.
pub(super) fn dyn_name(found: &Type) -> TypeName {
    let path = found.name.split("dyn ").nth(1).unwrap_or_default();
    let path = path.split(['<', ' ', '+', ')', '>', ',']).next().unwrap_or_default();
    names::of_path(&format!(
        "dyn {}",
        path.rsplit("::").next().filter(|last| !last.is_empty()).unwrap_or("Future")
    ))
}

/// Whether a value behind a `dyn` may also have nothing to wait for: then it is shown only if it waits.
pub(super) fn may_be_ready(found: &Type) -> bool {
    !found.name.contains("Future") && !found.name.contains("Stream")
}

/// Whether a body never waits.
pub(super) fn never_waits(body: &Type) -> bool {
    ["Full<", "Empty<"].iter().any(|part| body.name.contains(part))
}

/// Whether a future in the tree is known to wait for something.
pub(super) fn waits(node: &Node) -> bool {
    let mut pending = vec![node];
    while let Some(node) = pending.pop() {
        if node.waits_on.is_some() {
            return true;
        }
        pending.extend(node.children.iter().map(|child| &**child));
    }
    false
}

impl Walk<'_> {
    /// What a future without known futures in it waits on, if a body in it could also be what it waits for.
    pub(super) fn or_its_body(&mut self, value: Value<'_>, mut resource: Resource) -> Resource {
        if resource.kind == ResourceKind::Io && (self.has_body || self.sends_body(value, DEEPEST)) {
            let known = resource.detail.as_deref().unwrap_or("its socket");
            resource.detail = Some(format!("{known}{OR_ITS_BODY}").into());
        }
        resource
    }

    /// Whether a connection of hyper sends a body (`hyper/src/proto/h1/dispatch.rs`, `Dispatcher::body_rx`).
    fn sends_body(&mut self, value: Value<'_>, depth: usize) -> bool {
        let Some(depth) = depth.checked_sub(1) else { return false };
        match &value.found.shape {
            Shape::Struct { members, is_union: false } => {
                for member in members {
                    if self.content.is_exhausted() {
                        return false;
                    }
                    let at = value.avma.wrapping_add(member.offset);
                    let is_sent = match &*member.name {
                        "body_rx" => self.is_some_body(member.type_id, at, 4),
                        _ => self.sends_body_in(member.type_id, at, depth),
                    };
                    if is_sent {
                        return true;
                    }
                }
                false
            }
            Shape::Enum { .. } => {
                let content = active(self.snapshot, value);
                let Some(Some(content)) = self.known(content) else { return false };
                self.sends_body_in(content.type_id, value.avma.wrapping_add(content.offset), depth)
            }
            _ => false,
        }
    }

    fn sends_body_in(&mut self, id: TypeId, avma: u64, depth: usize) -> bool {
        let Some(found) = self.content.get(self.source, id) else { return false };
        matches!(found.shape, Shape::Struct { .. } | Shape::Enum { .. })
            && self.sends_body(Value { found: &found, avma }, depth)
    }

    /// Whether a `Pin<Box<Option<B>>>` has a body that may wait.
    fn is_some_body(&mut self, id: TypeId, avma: u64, depth: usize) -> bool {
        let (Some(found), Some(depth)) = (self.content.get(self.source, id), depth.checked_sub(1)) else {
            return false;
        };
        match &found.shape {
            Shape::Pointer { target: Some(target) } => {
                let pointer = self.snapshot.number(avma, 8);
                let Some(pointer) = self.known(pointer) else { return false };
                self.has_read(*target, pointer) && self.is_some_body(*target, pointer, depth)
            }
            Shape::Struct { members, .. } => members.first().is_some_and(|member| {
                self.is_some_body(member.type_id, avma.wrapping_add(member.offset), depth)
            }),
            Shape::Enum { .. } if base(&found.name) == "Option" => {
                let content = active(self.snapshot, Value { found: &found, avma });
                let is_some = self.known(content).flatten().is_some_and(|content| &*content.name == "Some");
                is_some && !never_waits(&found)
            }
            _ => false,
        }
    }
}
