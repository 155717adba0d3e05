//! The wait-for graph as a picture, laid out here: boxes are tasks and resources, arrows say who waits for what and who
//! holds it. What is in a deadlock is red.

use std::collections::{HashMap, HashSet};

use maud::{Markup, PreEscaped, html};
use rgops_pprof::Stop;
use rgops_pprof::report::svg::{Edge, Node, Picture, Use};
use rgops_web::shell::visible;

use super::model::{Resource, Tasks, Waited};
use super::words;

/// The most resources, and waiters and holders of each, that are drawn.
const MOST_RESOURCES: usize = 60;
const MOST_EACH: usize = 12;
/// More waiters than this with the same future are one box.
const CROWD: usize = 3;
/// The size of letters, in pixels.
const FONT: f64 = 13.0;

/// The picture; `None` if no task waits for another one.
pub(super) fn picture(tasks: &Tasks) -> Option<Markup> {
    let mut drawing = Drawing::new(tasks);
    let mut waited: Vec<&Waited> = tasks.resources.iter().filter(|waited| is_shared(waited)).collect();
    waited.sort_by_key(|waited| !drawing.is_deadlocked(&waited.resource));
    let left_out = waited.len().saturating_sub(MOST_RESOURCES);
    for waited in waited.iter().take(MOST_RESOURCES) {
        drawing.draw(waited);
    }
    let Drawing { nodes, edges, cut, .. } = drawing;
    if nodes.is_empty() {
        return None;
    }
    let mut picture = Picture::arrange("", Vec::new(), nodes, edges, Stop::never()).ok()?;
    picture.about = format!("Wait-for graph: {} boxes, {} arrows", picture.nodes.len(), picture.edges.len());
    Some(html! {
        div.waits tabindex="0" role="group" aria-label="Wait-for graph, which can be scrolled" {
            (PreEscaped(picture.svg(Use::Page)))
        }
        p.summary {
            "Dashed boxes are resources. An arrow leads from a task to what it waits for, and from there to the task that holds it. "
            @if left_out > 0 { (left_out) " resources are left out. " }
            @if cut > 0 { (cut) " more waiters or holders are left out. " }
        }
    })
}

/// Whether it says something about two tasks.
fn is_shared(waited: &Waited) -> bool {
    !waited.waiters.is_empty() && waited.waiters.len() + waited.holders.len() > 1
}

struct Drawing<'a> {
    tasks: &'a Tasks,
    /// A task and what it waits for, in a deadlock.
    ring: HashSet<(u64, Resource)>,
    /// Who holds something that is waited for.
    holders: HashSet<u64>,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    /// The boxes of tasks.
    at: HashMap<u64, usize>,
    /// Waiters and holders that are left out.
    cut: usize,
}

impl<'a> Drawing<'a> {
    fn new(tasks: &'a Tasks) -> Drawing<'a> {
        let links = tasks.deadlocks.iter().flat_map(|deadlock| &deadlock.ring);
        let ring = links.map(|link| (link.task, link.waits_on.clone())).collect();
        let holders =
            tasks.resources.iter().filter(|waited| is_shared(waited) && waited.resource.kind != "task");
        let holders = holders.flat_map(|waited| waited.holders.iter().copied()).collect();
        Drawing { tasks, ring, holders, nodes: Vec::new(), edges: Vec::new(), at: HashMap::new(), cut: 0 }
    }

    fn is_deadlocked(&self, resource: &Resource) -> bool {
        self.ring.iter().any(|(_, of)| of == resource)
    }

    fn in_ring(&self, task: u64) -> bool {
        self.ring.iter().any(|(of, _)| *of == task)
    }

    /// The box of a task.
    fn task(&mut self, id: u64) -> usize {
        if let Some(at) = self.at.get(&id) {
            return *at;
        }
        let task = self.tasks.task(id);
        let name = task.map_or_else(String::new, |task| words::short(&words::future(task)));
        let name = visible(&name).into_owned();
        let mut node = boxed(format!("task {id}"), vec![format!("task {id}"), name], self.in_ring(id));
        node.link = format!("#task-{id}");
        self.nodes.push(node);
        self.at.insert(id, self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    /// Of tasks with one future that wait for the same, many are one box: the name, and how many. The others are alone;
    /// so is who holds something that others wait for, or is in a deadlock.
    fn crowds(&self, waiters: &[u64]) -> (Vec<(String, usize)>, Vec<u64>) {
        let name = |id: &u64| {
            let is_special = self.in_ring(*id) || self.holders.contains(id);
            let task = self.tasks.task(*id).filter(|_| !is_special)?;
            Some(visible(&words::short(&words::future(task))).into_owned())
        };
        let mut names: Vec<(String, usize)> = Vec::new();
        for of in waiters.iter().filter_map(name) {
            match names.iter_mut().find(|(known, _)| *known == of) {
                Some((_, count)) => *count += 1,
                None => names.push((of, 1)),
            }
        }
        names.retain(|(_, count)| *count > CROWD);
        let is_single = |id: &&u64| name(id).is_none_or(|of| !names.iter().any(|(known, _)| *known == of));
        let single = waiters.iter().filter(is_single).copied().collect();
        (names, single)
    }

    fn draw(&mut self, waited: &Waited) {
        let is_task = waited.resource.kind == "task";
        let is_red = self.is_deadlocked(&waited.resource);
        let to = match (is_task, waited.holders.first()) {
            (true, Some(task)) => self.task(*task),
            _ => {
                let words = visible(&words::resource(&waited.resource)).into_owned();
                let lines = words.split_inclusive(' ').map(|word| word.trim().to_owned()).collect();
                let mut node = boxed(words, lines, is_red);
                node.is_tag = true;
                self.nodes.push(node);
                self.nodes.len() - 1
            }
        };
        let first = |task: &u64, of: &Drawing<'_>| !of.in_ring(*task);
        let mut waiters = waited.waiters.clone();
        waiters.sort_by_key(|task| first(task, self));
        let word = if is_task { "joins" } else { "waits for" };
        let (crowds, single) = self.crowds(&waiters);
        for (name, count) in crowds.iter().take(MOST_EACH) {
            let count = format!("{count} tasks");
            self.nodes.push(boxed(format!("{count} {name}"), vec![count, name.clone()], false));
            let from = self.nodes.len() - 1;
            self.edges.push(edge(from, to, word, false, false));
        }
        for waiter in single.iter().take(MOST_EACH) {
            let is_of_ring = self.ring.contains(&(*waiter, waited.resource.clone()));
            let from = self.task(*waiter);
            self.edges.push(edge(from, to, word, is_of_ring, false));
        }
        let mut holders = if is_task { Vec::new() } else { waited.holders.clone() };
        holders.sort_by_key(|task| first(task, self));
        for holder in holders.iter().take(MOST_EACH) {
            let is_of_ring = is_red && self.in_ring(*holder);
            let holder = self.task(*holder);
            self.edges.push(edge(to, holder, "held by", is_of_ring, true));
        }
        self.cut += single.len().saturating_sub(MOST_EACH) + holders.len().saturating_sub(MOST_EACH);
    }
}

fn boxed(name: String, lines: Vec<String>, is_red: bool) -> Node {
    let mut node = Node::named(&name);
    (node.lines, node.font_size, node.score) = (lines, FONT, if is_red { 1.0 } else { 0.0 });
    node
}

fn edge(from: usize, to: usize, label: &str, is_red: bool, is_residual: bool) -> Edge {
    let score = if is_red { 0.2 } else { 0.0 };
    Edge { from, to, label: vec![label.to_owned()], weight: if is_red { 10 } else { 1 }, score, is_residual }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadlock_is_drawn_and_names_are_escaped() {
        let mutex = |address| serde_json::json!({"kind": "mutex", "address": address});
        let waited = |address, waiter, holder| serde_json::json!({"kind": "mutex", "address": address, "waiters": [waiter], "holders": [holder]});
        let tasks: Tasks = serde_json::from_value(serde_json::json!({
            "tasks": [{"id": 1, "future": "a::<b>\u{202e}"}, {"id": 2, "future": "c"}],
            "resources": [waited(16, 1, 2), waited(32, 2, 1)],
            "deadlocks": [{"ring": [{"task": 1, "waits_on": mutex(16)}, {"task": 2, "waits_on": mutex(32)}]}],
        }))
        .expect("the shape of the document");
        let svg = picture(&tasks).expect("there is something to draw").into_string();
        assert_eq!(svg.matches("class=\"node heat-10\"").count(), 2, "{svg}");
        assert_eq!(svg.matches("class=\"edge").count(), 4);
        assert!(svg.contains("&lt;b&gt;\\x{202e}") && !svg.contains("<b>"), "{svg}");
    }
}
