//! The page.

use maud::{Markup, html};
use rgops_inspect::text::duration;

use super::groups::{Group, groups, pattern};
use super::model::{Frame, Lock, Ring, Stacks};
use crate::pages::frame::{place, shown};

/// The most groups, and frames of each, that are shown.
const MOST_GROUPS: usize = 500;
const MOST_FRAMES: usize = 256;
/// The most ids that are listed.
const MOST_IDS: usize = 20;

/// The whole content.
pub(super) fn content(stacks: &Stacks, missing: &[String]) -> Markup {
    let groups = groups(&stacks.threads);
    html! {
        @for ring in &stacks.deadlocks { (deadlock(ring, stacks)) }
        @if !missing.is_empty() { div.notes role="status" { @for why in missing { p { (why) } } } }
        @if !stacks.locks.is_empty() { (locks(stacks)) }
        p.summary {
            (stacks.threads.len()) " threads, " (groups.len()) " different. Behind each is the innermost call of your code."
        }
        div.groups { @for group in groups.iter().take(MOST_GROUPS) { (self::group(group)) } }
        @if groups.len() > MOST_GROUPS { p.summary { "and " (groups.len() - MOST_GROUPS) " more" } }
    }
}

fn name_of(tid: u32, stacks: &Stacks) -> String {
    let thread = stacks.threads.iter().find(|thread| thread.tid == tid);
    thread.map_or_else(|| format!("thread {tid}"), |thread| format!("thread {tid} {}", shown(&thread.name)))
}

fn deadlock(ring: &Ring, stacks: &Stacks) -> Markup {
    html! {
        section.problem.deadlock role="alert" {
            h2 {
                @if ring.is_certain { "Deadlock: " } @else { "Possible deadlock: " }
                (ring.threads.len()) " threads wait for each other"
            }
            ol {
                @for (at, tid) in ring.threads.iter().enumerate().take(MOST_IDS) {
                    @let next = ring.threads.get((at + 1) % ring.threads.len().max(1)).copied().unwrap_or(*tid);
                    li { a href={ "#thread-" (tid) } { (name_of(*tid, stacks)) } " waits for " (name_of(next, stacks)) }
                }
            }
        }
    }
}

fn locks(stacks: &Stacks) -> Markup {
    html! {
        section aria-labelledby="locks" {
            h2 #locks { "Locks that threads wait for" }
            ul { @for lock in stacks.locks.iter().take(MOST_GROUPS) { li { (waited(lock, stacks)) } } }
        }
    }
}

fn waited(lock: &Lock, stacks: &Stacks) -> Markup {
    html! {
        (lock.kind) @if let Some(address) = lock.address { " " code { (format!("{address:#x}")) } } ": "
        (ids(&lock.threads)) " wait"
        @if let [holder] = lock.held_by.as_slice() { ", held by " (name_of(*holder, stacks)) }
        @else if !lock.held_by.is_empty() { ", held by " (ids(&lock.held_by)) }
        @if let Some(why) = &lock.holder_unknown_because { "; holder unavailable (" (why) ")" }
    }
}

/// Ids as links to their threads.
fn ids(tids: &[u32]) -> Markup {
    html! {
        @for (at, tid) in tids.iter().take(MOST_IDS).enumerate() {
            @if at > 0 { ", " } a href={ "#thread-" (tid) } { (tid) }
        }
        @if tids.len() > MOST_IDS { " and " (tids.len() - MOST_IDS) " more" }
    }
}

fn group(group: &Group<'_>) -> Markup {
    let first = group.first;
    let name = if group.tids.len() > 1 { pattern(&first.name) } else { first.name.clone() };
    // Where an idle thread waits in a library is what its state says already.
    let inmost = first.frames.first().filter(|_| first.activity != "idle" && first.role != "agent");
    let own = first.frames.iter().find(|frame| frame.is_own()).or(inmost);
    html! {
        details.group #{ "thread-" (first.tid) } {
            summary {
                @if group.tids.len() > 1 { span.count { (group.tids.len()) " ×" } }
                span.what { (shown(&name)) }
                span.state.busy[first.activity != "idle" && first.role != "agent"] { (first.state) }
                span.muted { (first.role.replace('_', " ")) @if let Some(ns) = group.cpu_ns { " · CPU " (duration(ns as u64)) } }
                @if let Some(own) = own { span.place-of { (function(own)) } }
            }
            p.facts {
                @if group.tids.len() > 1 { "threads " } @else { "thread " }
                (shown(&group.tids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")))
                @if let Some(seconds) = first.waiting_seconds { " · has waited for " (duration((seconds * 1e9) as u64)) }
            }
            @for tid in group.tids.iter().skip(1) { span #{ "thread-" (tid) } {} }
            @if let Some(why) = &first.not_captured_because { p.empty { "stack unavailable (" (why) ")" } }
            ol.frames { @for frame in first.frames.iter().take(MOST_FRAMES) { (line(frame)) } }
            @if first.frames.len() > MOST_FRAMES { p.empty { (first.frames.len() - MOST_FRAMES) " outer frames are left out" } }
        }
    }
}

fn line(frame: &Frame) -> Markup {
    html! {
        li.own[frame.is_own()] {
            span.call { (function(frame)) }
            @if frame.inlined { " " span.inlined { "inlined" } }
            @if let Some(file) = &frame.file { " " span.place { (place(file, frame.line)) } }
        }
    }
}

fn function(frame: &Frame) -> String {
    match (&frame.function, &frame.module) {
        (Some(function), _) => shown(function),
        (None, Some(module)) => {
            let module = module.rsplit('/').next().unwrap_or_default();
            format!("{}+{:#x}", shown(module), frame.module_offset)
        }
        (None, None) => format!("{:#x}", frame.module_offset),
    }
}
