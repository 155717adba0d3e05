//! A drawing as text for Graphviz.

use std::io::{self, Write};

use super::{Drawing, DrawnEdge, DrawnNode, Nodelet};

impl Drawing {
    /// Writes the text of `pprof -dot`.
    ///
    /// # Errors
    /// If `to` cannot be written.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let title = if self.title.is_empty() { "unnamed" } else { &self.title };
        writeln!(to, "digraph \"{title}\" {{")?;
        writeln!(to, "node [style=filled fillcolor=\"#f8f8f8\"]")?;
        self.write_legend(to)?;
        for (id, node) in (1..).zip(&self.nodes) {
            self.write_node(id, node, to)?;
            self.write_nodelets(id, node, to)?;
        }
        for edge in &self.edges {
            self.write_edge(edge, to)?;
        }
        writeln!(to, "}}")
    }

    fn write_legend(&self, to: &mut dyn Write) -> io::Result<()> {
        let Some(first) = self.legend.first() else { return Ok(()) };
        let lines: Vec<String> = self.legend.iter().map(|line| escaped(line)).collect();
        write!(to, "subgraph cluster_L {{ \"{}\" [shape=box fontsize=16", escaped(first))?;
        write!(to, " label=\"{}\\l\"", lines.join("\\l"))?;
        if !self.title.is_empty() {
            write!(to, " tooltip=\"{}\"", self.title)?;
        }
        writeln!(to, "] }}")
    }

    fn write_node(&self, id: usize, node: &DrawnNode, to: &mut dyn Write) -> io::Result<()> {
        let mut label: String = node.lines.iter().map(|line| escaped(line) + "\\n").collect();
        let flat = self.value(node.flat);
        let mut cum = flat.clone();
        label.push_str(&if node.flat == 0 {
            "0".to_owned()
        } else {
            format!("{flat} ({})", self.share(node.flat))
        });
        if node.cum != node.flat {
            cum = self.value(node.cum);
            label.push_str(if node.flat == 0 { " " } else { "\\n" });
            label.push_str(&format!("of {cum} ({})", self.share(node.cum)));
        }
        writeln!(
            to,
            "N{id} [label=\"{label}\" id=\"node{id}\" fontsize={} shape=box tooltip=\"{} ({cum})\" color=\"{}\" \
             fillcolor=\"{}\"]",
            node.font_size,
            escaped(&node.name),
            node.color,
            node.fill
        )
    }

    fn write_nodelets(&self, id: usize, node: &DrawnNode, to: &mut dyn Write) -> io::Result<()> {
        for nodelet in &node.nodelets {
            let (name, number, weight) = (&nodelet.name, nodelet.number, self.value(nodelet.weight));
            writeln!(
                to,
                "N{id}_{number} [label = \"{name}\" id=\"N{id}_{number}\" fontsize=8 shape=box3d tooltip=\"{weight}\"]"
            )?;
            writeln!(
                to,
                "N{id} -> N{id}_{number} [label=\" {weight}\" weight=100 tooltip=\"{weight}\" \
                 labeltooltip=\"{weight}\"]"
            )?;
            self.write_number_nodelets(&format!("N{id}_{number}"), &nodelet.below, to)?;
        }
        self.write_number_nodelets(&format!("N{id}"), &node.number_nodelets, to)
    }

    fn write_number_nodelets(&self, above: &str, nodelets: &[Nodelet], to: &mut dyn Write) -> io::Result<()> {
        for nodelet in nodelets {
            let (name, number, weight) = (&nodelet.name, nodelet.number, self.value(nodelet.weight));
            let style = if nodelet.is_dotted { " style=\"dotted\"" } else { "" };
            writeln!(
                to,
                "N{above}_{number} [label = \"{name}\" id=\"N{above}_{number}\" fontsize=8 shape=box3d \
                 tooltip=\"{weight}\"]"
            )?;
            writeln!(
                to,
                "{above} -> N{above}_{number} [label=\" {weight}\" weight=100 tooltip=\"{weight}\" \
                 labeltooltip=\"{weight}\"{style}]"
            )?;
        }
        Ok(())
    }

    fn write_edge(&self, edge: &DrawnEdge, to: &mut dyn Write) -> io::Result<()> {
        let weight = self.value(edge.weight);
        let inline = if edge.is_inline { "\\n (inline)" } else { "" };
        write!(to, "N{} -> N{} [label=\" {weight}{inline}\"", edge.from, edge.to)?;
        if self.total != 0 {
            if edge.shortness > 1 {
                write!(to, " weight={}", edge.shortness)?;
            }
            if edge.width > 1 {
                write!(to, " penwidth={}", edge.width)?;
            }
            write!(to, " color=\"{}\"", edge.color)?;
        }
        let arrow = if edge.is_residual { "..." } else { "->" };
        let tooltip =
            format!("\"{} {arrow} {} ({weight})\"", escaped(&edge.from_name), escaped(&edge.to_name));
        write!(to, " tooltip={tooltip} labeltooltip={tooltip}")?;
        if edge.is_residual {
            write!(to, " style=\"dotted\"")?;
        }
        let has_nodelets = |node: &DrawnNode| !node.nodelets.is_empty() || !node.number_nodelets.is_empty();
        if edge.from.checked_sub(1).and_then(|at| self.nodes.get(at)).is_some_and(has_nodelets) {
            write!(to, " minlen=2")?;
        }
        writeln!(to, "]")
    }
}

/// A text within quotes; its lines are aligned at the left.
pub(super) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\l")
}
