//! Makes the whole graph of a profile.

use crate::refine::Refined;

use super::{Frames, Graph, GraphError, Options, Weights, Work, sums, tree};

impl<'p> Graph<'p> {
    /// The whole graph of a profile: all nodes, and all calls that `options` asks for.
    ///
    /// # Errors
    /// If it was stopped, or does not fit the memory.
    pub fn of(refined: &'p Refined, options: Options, work: &mut Work<'_>) -> Result<Graph<'p>, GraphError> {
        let settings = &refined.settings;
        let trim = (settings.trim_path.as_str(), settings.source_path.as_str());
        let frames = Frames::new(&refined.profile, options.object_names, Some(trim));
        let weights = Weights::by_stack(refined, work)?;
        if options.is_tree {
            return tree::of(refined, frames, &weights, options, work);
        }
        let nodes = sums::nodes(&frames, &weights, work)?;
        let mut graph = Graph { frames, nodes, edges: Vec::new(), tags: Vec::new() };
        graph.edges = sums::edges(&graph.frames, &weights, None, options.calls, work)?;
        if options.has_tags {
            graph.tags = sums::tags(refined, &graph.frames, work)?;
        }
        Ok(graph)
    }
}
