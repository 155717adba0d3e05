//! Locks that a task keeps in a future which it does not poll now.

use std::fmt::Write as _;

use super::names::{location, type_name};
use super::report::TasksReport;
use super::shapes::Shapes;
use super::view::View;
use crate::report::screen::Screen;
use crate::tasks::graph::Deadlock;
use crate::tasks::model::{Location, Resource, ResourceKind, SetAside, Task};

/// The future that keeps a lock, with numbers for its texts, and the kind of lock.
pub(super) type AsideShape = ((usize, usize), Option<(usize, u32)>, ResourceKind, bool);

impl TasksReport {
    /// `  keeps Mutex 0x7f…: in shop::refresh at src/refresh.rs:5, which the task does not poll now`.
    pub(super) fn set_aside(&self, text: &mut Screen, group: &[usize], view: &View) {
        for (number, first) in self.task(group[0]).set_aside.iter().enumerate() {
            if text.is_cut() {
                return;
            }
            let all = group.iter().filter_map(|task| self.task(*task).set_aside.get(number));
            let is_one = all.into_iter().all(|one| one.resource.avma == first.resource.avma);
            let what = match is_one {
                true => self.resource(&first.resource),
                false => format!("a {} each", super::names::kind(first.resource.kind)),
            };
            let _ = writeln!(text, "  keeps {what}: {}", owner(first, view.verbose));
        }
    }

    /// What makes the places of two tasks different besides their stacks.
    pub(super) fn aside_shapes<'t>(&'t self, task: &'t Task, shapes: &mut Shapes<'t>) -> Vec<AsideShape> {
        let shape = |aside: &'t SetAside| {
            let at = match &aside.location {
                Some(Location::Await { file, line }) => Some((shapes.text(file), *line)),
                _ => None,
            };
            (shapes.name(&aside.future), at, aside.resource.kind, aside.is_given)
        };
        task.set_aside.iter().map(shape).collect()
    }

    /// The future of a task that keeps the resource without being polled.
    pub(super) fn aside_of(&self, task: usize, resource: &Resource) -> Option<&SetAside> {
        self.task(task).set_aside.iter().find(|aside| aside.resource.avma == resource.avma)
    }

    /// Whether a link of a deadlock is known only by a guard in the memory of a suspended function.
    pub(super) fn rests_on_a_guard(&self, resource: usize) -> bool {
        let waited = &self.graph.resources[resource];
        let is_given =
            |holder: &usize| self.aside_of(*holder, &waited.resource).is_some_and(|aside| aside.is_given);
        waited.resource.kind != ResourceKind::Task && !waited.holders.iter().any(is_given)
    }

    /// Whether a task waits for what it keeps in a future that it does not poll.
    pub(super) fn is_futurelock(&self, deadlock: &Deadlock) -> bool {
        match deadlock.ring.as_slice() {
            [(task, resource)] => self.aside_of(*task, &self.graph.resources[*resource].resource).is_some(),
            _ => false,
        }
    }
}

/// The future that keeps a lock, and why the lock is not released.
pub(super) fn owner(aside: &SetAside, verbose: bool) -> String {
    let name = type_name(&aside.future, verbose);
    let at = location(aside.location.as_ref(), verbose);
    match aside.is_given {
        true => format!("it was given to {name}{at}, which the task has not polled since"),
        false => format!("in {name}{at}, which the task does not poll now"),
    }
}
