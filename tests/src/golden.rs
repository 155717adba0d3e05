//! The async stacks of a program as text that is the same in every run and build: without addresses, ids, descriptors
//! and the build folder.

use std::collections::HashMap;
use std::fmt::Write as _;

use rgops_inspect::tasks::model::{
    AsyncStack, Location, Node, NodeKind, Resource, ResourceKind, Task, Tasks,
};

/// All tasks, by runtime, then sorted by their text.
pub fn text(tasks: &Tasks) -> String {
    let mut text = String::new();
    let futures: HashMap<u64, &str> = tasks.tasks.iter().map(|task| (task.header_avma, name(task))).collect();
    for (number, runtime) in tasks.runtimes.iter().enumerate() {
        let _ = writeln!(text, "runtime {}", runtime.name);
        let mut own: Vec<&Task> = tasks.tasks.iter().filter(|task| task.runtime == number).collect();
        // Numbers follow the order of the text, so the text is first written without numbers.
        own.sort_by_cached_key(|task| {
            let mut writer = Writer { futures: &futures, numbers: None };
            (writer.task(task), task.id)
        });
        let mut writer = Writer { futures: &futures, numbers: Some(HashMap::new()) };
        for task in own {
            let _ = write!(text, "\n{}", writer.task(task));
        }
        text.push('\n');
    }
    text
}

fn name(task: &Task) -> &str {
    task.future.as_ref().map_or("a future without a name", |name| &name.short)
}

struct Writer<'t> {
    futures: &'t HashMap<u64, &'t str>,
    /// A number for each address.
    numbers: Option<HashMap<u64, usize>>,
}

impl Writer<'_> {
    fn task(&mut self, task: &Task) -> String {
        let mut text = format!("task {} [{:?}]\n", name(task), task.state);
        match &task.stack {
            AsyncStack::Decoded(node) => self.node(&mut text, node, 1),
            AsyncStack::Cut(node, why) => {
                self.node(&mut text, node, 1);
                let _ = writeln!(text, "  cut: {why}");
            }
            other => {
                let _ = writeln!(text, "  {other:?}");
            }
        }
        for held in &task.holds {
            let held = self.resource(held);
            let _ = writeln!(text, "  holds {held}");
        }
        text
    }

    fn node(&mut self, text: &mut String, node: &Node, depth: usize) {
        let at = match &node.location {
            Some(Location::Await { file, line }) => format!(" at {}:{line}", path(file)),
            Some(other) => format!(" {other:?}"),
            None => String::new(),
        };
        let kind = match node.kind {
            NodeKind::Select => " [select]",
            NodeKind::Join => " [join]",
            _ => "",
        };
        let waits = match &node.waits_on {
            Some(resource) => format!(": {}", self.resource(resource)),
            None => String::new(),
        };
        let _ = writeln!(text, "{:2$}{}{kind}{at}{waits}", "", node.name.short, depth * 2);
        for child in &node.children {
            self.node(text, child, depth + 1);
        }
        if node.children_left_out > 0 {
            let _ = writeln!(text, "{:1$}and {2} more", "", depth * 2 + 2, node.children_left_out);
        }
    }

    fn resource(&mut self, resource: &Resource) -> String {
        let detail = match resource.detail.as_deref() {
            Some(detail) if detail.starts_with("fd ") => " (fd)".to_owned(),
            Some(detail) => format!(" ({detail})"),
            None => String::new(),
        };
        let which = match resource.kind {
            ResourceKind::Task => {
                format!(" {}", self.futures.get(&resource.avma).unwrap_or(&"in no list"))
            }
            _ if resource.avma == 0 || resource.kind == ResourceKind::BlockingTask => String::new(),
            _ => match &mut self.numbers {
                Some(numbers) => {
                    let next = numbers.len() + 1;
                    format!(" {}", numbers.entry(resource.avma).or_insert(next))
                }
                None => String::new(),
            },
        };
        format!("{:?}{which}{detail}", resource.kind)
    }
}

/// A source file without its location on this machine.
fn path(file: &str) -> &str {
    if let Some((_, rest)) = file.split_once("/registry/src/") {
        return rest.split_once('/').map_or(rest, |(_, rest)| rest);
    }
    if let Some((_, rest)) = file.split_once("/rustc/") {
        return rest.split_once('/').map_or(rest, |(_, rest)| rest);
    }
    file.split_once("tests/targets/")
        .and_then(|(_, rest)| rest.split_once('/'))
        .map_or(file, |(_, rest)| rest)
}
