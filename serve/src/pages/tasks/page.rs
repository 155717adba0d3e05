//! The page.

use maud::{Markup, html};

use super::groups::{Group, groups};
use super::model::{Deadlock, Node, Tasks};
use super::picture::picture;
use super::words;
use crate::pages::frame::{place, shown};

/// The most groups, deadlocks and ids that are shown.
const MOST_GROUPS: usize = 500;
const MOST_DEADLOCKS: usize = 10;
const MOST_IDS: usize = 20;
/// How deep an async stack is shown, and how many of its futures.
const MOST_DEPTH: usize = 64;
const MOST_NODES: usize = 200;

/// The whole content.
pub(super) fn content(tasks: &Tasks, missing: &[String]) -> Markup {
    let groups = groups(tasks);
    let modules = tasks.debug_information.iter().filter(|module| !module.note.is_empty());
    html! {
        @for deadlock in tasks.deadlocks.iter().take(MOST_DEADLOCKS) { (self::deadlock(deadlock, tasks)) }
        @if tasks.deadlocks.len() > MOST_DEADLOCKS { p.summary { (tasks.deadlocks.len() - MOST_DEADLOCKS) " more deadlocks" } }
        div.notes role="status" hidden[missing.is_empty() && tasks.no_memory.is_none()] {
            @for why in missing { p { (why) } }
            @if let Some(no_memory) = &tasks.no_memory {
                p { "async stacks unavailable (" (no_memory.reason) @if !no_memory.fix.is_empty() { "; fix: " (no_memory.fix) } ")" }
            }
        }
        @if let Some(picture) = picture(tasks) {
            section aria-labelledby="waits" { h2 #waits { "Who waits for whom" } (picture) }
        }
        section aria-labelledby="tasks" {
            h2 #tasks { "Tasks" }
            p.summary {
                (tasks.tasks.len()) " tasks, " (groups.len()) " different"
                @for runtime in tasks.runtimes.iter().take(MOST_IDS) {
                    " · runtime " (shown(&runtime.name)) " (" (runtime.kind) ", " (runtime.workers) " workers)"
                }
            }
            div.groups { @for group in groups.iter().take(MOST_GROUPS) { (self::group(group, tasks)) } }
            @if groups.len() > MOST_GROUPS { p.summary { "and " (groups.len() - MOST_GROUPS) " more" } }
        }
        @for module in modules.take(MOST_IDS) {
            p.summary { (shown(&module.module)) ": " (module.note) @if !module.fix.is_empty() { "; fix: " (module.fix) } }
        }
    }
}

fn deadlock(deadlock: &Deadlock, tasks: &Tasks) -> Markup {
    let name = |id: u64| tasks.task(id).map(words::future).unwrap_or_default();
    html! {
        section.problem.deadlock role="alert" {
            h2 {
                @if let [_] = deadlock.ring.as_slice() { "Deadlock: a task waits for itself" }
                @else { "Deadlock: " (deadlock.ring.len()) " tasks wait for each other" }
            }
            ol {
                @for link in deadlock.ring.iter().take(MOST_IDS) {
                    @let same = |waited: &&super::model::Waited| waited.resource == link.waits_on;
                    @let holders = tasks.resources.iter().find(same).map_or(&[][..], |waited| &waited.holders);
                    li {
                        a href={ "#task-" (link.task) } { "task " (link.task) } " " code { (name(link.task)) }
                        " waits for " (words::resource(&link.waits_on))
                        @if link.waits_on.kind != "task" && !holders.is_empty() { ", held by " (ids(holders)) }
                    }
                }
            }
            @if !deadlock.also.is_empty() { p { (ids(&deadlock.also)) " in cycles with these" } }
            @if !deadlock.behind.is_empty() { p { (ids(&deadlock.behind)) " behind them" } }
        }
    }
}

/// Ids as links to their tasks.
fn ids(ids: &[u64]) -> Markup {
    html! {
        @for (at, id) in ids.iter().take(MOST_IDS).enumerate() {
            @if at > 0 { ", " } a href={ "#task-" (id) } { "task " (id) }
        }
        @if ids.len() > MOST_IDS { " and " (ids.len() - MOST_IDS) " more" }
    }
}

fn group(group: &Group<'_>, tasks: &Tasks) -> Markup {
    let first = group.first;
    let stack = tasks.stack(first);
    html! {
        details.group #{ "task-" (first.id) } open[group.is_deadlocked] {
            summary {
                @if group.tasks.len() > 1 { span.count { (group.tasks.len()) " ×" } }
                span.what { (words::future(first)) }
                span.state.busy[first.state == "running" || first.state == "scheduled"] { (first.state) }
                @if group.is_deadlocked { span.state.stuck { "deadlock" } }
                @if let Some(waits_on) = first.waits_on.first() {
                    span.place-of { "waits for " (words::resource(waits_on)) @if group.tasks.len() > 1 { " …" } }
                }
            }
            p.facts {
                @for (at, task) in group.tasks.iter().take(MOST_IDS).enumerate() {
                    @if at > 0 { ", " }
                    @if task.id == first.id { "task " (task.id) } @else { span #{ "task-" (task.id) } { "task " (task.id) } }
                }
                @if group.tasks.len() > MOST_IDS { " and " (group.tasks.len() - MOST_IDS) " more" }
                @if tasks.runtimes.len() > 1 { " · runtime " (shown(&first.runtime)) }
            }
            @match stack {
                Some(stack) => { @let mut room = MOST_NODES; ul.frames { (node(stack, 0, &mut room)) } },
                None => p.empty { "async stack unavailable (" (first.stack_lacks.as_deref().unwrap_or("it could not be read")) ")" },
            }
        }
    }
}

fn node(of: &Node, depth: usize, room: &mut usize) -> Markup {
    *room = room.saturating_sub(1);
    let is_own =
        of.file.as_ref().is_some_and(|file| !file.contains("/registry/src/") && !file.contains("/rustc/"));
    // A chain of awaits is not indented: only a future that waits for several is.
    let is_chain = of.children.len() == 1;
    let children = html! {
        @if depth < MOST_DEPTH {
            @for child in &of.children { @if *room > 0 { (node(child, depth + 1, room)) } }
        }
        @if of.children_left_out > 0 { li.empty { (of.children_left_out) " more" } }
    };
    html! {
        li.own[is_own] {
            span.call { (shown(&of.name)) }
            @if let Some(file) = &of.file { " " span.place { (place(file, of.line)) } }
            @if !is_chain && !of.children.is_empty() { ul { (children) } }
        }
        @if is_chain || of.children.is_empty() { (children) }
    }
}
