//! A flame graph as an SVG file, drawn by `inferno`.

use std::io;

use inferno::flamegraph::color::{BasicPalette, Palette};
use inferno::flamegraph::{Direction, Options, from_lines};

use super::collapsed::folded;
use super::speedscope::name;
use super::written::{notices, stacks};
use crate::error::ReportError;
use crate::flame::{Graph, NodeKind, Stacks, Tree, View};
use crate::refine::Refined;
use crate::stop::Stop;

/// The most frames. A picture of more cannot be read, and browsers are slow with it.
const FRAMES: usize = 20_000;
/// The most bytes of folded stacks, from which the picture is made: deep stacks have fewer frames.
const BYTES: usize = 24 << 20;
/// The most characters of a name.
const NAME: usize = 300;

/// Writes an SVG file that can be zoomed and searched in a browser. It has at most 20,000 frames, the heaviest; what is
/// left out is drawn as one frame per caller, so that sums are exact, and counted in the notices. In a comparison the
/// widths are those of the profile, and the colours show what changed against its base.
///
/// # Errors
/// [`ReportError`].
pub fn flame(refined: &Refined, stop: Stop<'_>, to: &mut dyn io::Write) -> Result<Vec<String>, ReportError> {
    let stacks = stacks(refined, stop)?;
    let (folded, left_out) = bounded(&stacks, FRAMES, BYTES, stop)?;
    let mut options = Options::default();
    options.title = name(refined);
    options.subtitle = subtitle(refined, left_out);
    options.count_name = if refined.unit == "count" { refined.kind.clone() } else { refined.unit.clone() };
    options.colors = Palette::Basic(BasicPalette::Aqua);
    options.hash = true;
    options.direction = Direction::Inverted;
    let mut notices = notices(refined, stacks.cut(), 0);
    if left_out > 0 {
        notices.push(format!("{left_out} frames with small values are left out; sums are exact"));
    }
    if stacks.is_empty() || stacks.sums().0 == 0 {
        return Err(ReportError::NoMatch("no samples: there is nothing to draw".to_owned()));
    }
    let mut to = Guarded { to, stop };
    from_lines(&mut options, folded.iter().map(String::as_str), &mut to)?;
    Ok(notices)
}

fn subtitle(refined: &Refined, left_out: usize) -> Option<String> {
    let mut parts = refined.active_filters.clone();
    if left_out > 0 {
        parts.push(format!("{left_out} frames left out"));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Folded stacks of a tree of at most `frames` frames, fewer if they have more than `bytes`. Also how many frames are
/// left out.
fn bounded(
    stacks: &Stacks<'_>,
    mut frames: usize,
    bytes: usize,
    stop: Stop<'_>,
) -> Result<(Vec<String>, usize), ReportError> {
    loop {
        let view = View { most: frames, ..View::default() };
        let graph = Graph::new(stacks, view, stop)?;
        if let Some(lines) = lines(stacks, &graph.below, bytes) {
            return Ok((lines, graph.below.left_out));
        }
        frames /= 2;
    }
}

/// The folded stacks of a tree, or `None` if they have more than `bytes`.
fn lines(stacks: &Stacks<'_>, tree: &Tree, bytes: usize) -> Option<Vec<String>> {
    let is_diff = stacks.is_diff();
    let names: Vec<String> = tree
        .nodes
        .iter()
        .map(|node| match node.kind {
            NodeKind::Root => String::new(),
            NodeKind::Frame(place) => short(&folded(&stacks.text(place.frame()))),
            NodeKind::LeftOut(frames) => format!("… {frames} frames left out"),
        })
        .collect();
    let (mut written, mut lines) = (0, Vec::new());
    for (at, node) in tree.nodes.iter().enumerate() {
        let (plus, minus) = match node.kind {
            NodeKind::LeftOut(_) => (node.plus, node.minus),
            _ => (node.self_plus, node.self_minus),
        };
        if (plus, minus) == (0, 0) {
            continue;
        }
        let mut path = Vec::new();
        let mut up = at;
        while up != 0 {
            path.push(&*names[up]);
            written += names[up].len() + 1;
            if written > bytes {
                return None;
            }
            up = tree.nodes[up].parent as usize;
        }
        path.reverse();
        let path = if path.is_empty() { "(no stack)".to_owned() } else { path.join(";") };
        lines.push(if is_diff { format!("{path} {minus} {plus}") } else { format!("{path} {plus}") });
    }
    Some(lines)
}

fn short(name: &str) -> String {
    match name.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// A writer that fails when the work is to end.
struct Guarded<'a> {
    to: &'a mut dyn io::Write,
    stop: Stop<'a>,
}

impl io::Write for Guarded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stop.check().map_err(io::Error::other)?;
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

    use super::*;
    use crate::profile::Profile;

    #[test]
    fn deep_stacks_have_fewer_frames_so_that_the_text_is_bounded() {
        let mut profile = Profile::default();
        for depth in 1..200u32 {
            for frame in 0..depth {
                let name = profile.texts.intern(&format!("{frame:0100}"));
                if profile.functions.len() as u32 <= frame {
                    profile.functions.push(crate::profile::Function { name, ..Default::default() });
                    let function = crate::profile::FunctionId(frame);
                    let lines = vec![crate::profile::Line { function, line: 0, column: 0 }];
                    profile.locations.push(crate::profile::Location { lines, ..Default::default() });
                }
            }
            let stack: Vec<_> = (0..depth).rev().map(crate::profile::LocationId).collect();
            let stack = profile.stacks.intern(&stack);
            profile.samples.push(stack, 0, &[]);
        }
        let stacks = Stacks::new(&profile, |_| 1, Stop::never()).unwrap();
        let (lines, left_out) = bounded(&stacks, 1000, 1 << 20, Stop::never()).unwrap();
        assert_eq!((lines.len(), left_out), (126, 199 - 125));
        let sum: u64 =
            lines.iter().map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum();
        assert_eq!(sum, 199);
    }
}
