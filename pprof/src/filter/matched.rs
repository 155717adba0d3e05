//! Which functions and mappings a regular expression matches.

use crate::pattern::Pattern;
use crate::profile::{Line, Location, Profile, TextId};
use crate::stop::{Stop, Stopped};

/// Functions between two questions whether to stop.
const AT_A_TIME: usize = 256;

/// By text, function and mapping: whether it matches.
pub(crate) struct Matched {
    functions: Vec<bool>,
    mappings: Vec<bool>,
}

impl Matched {
    /// Asks `pattern` for each name of a function, each file of functions and each object file.
    pub(crate) fn new(profile: &Profile, pattern: &Pattern, stop: Stop<'_>) -> Result<Matched, Stopped> {
        let mut known: Vec<Option<bool>> = vec![None; profile.texts.len()];
        let mut is_match = |id: TextId| match known.get_mut(id.0 as usize) {
            Some(known) => *known.get_or_insert_with(|| pattern.is_match(profile.text(id))),
            None => false,
        };
        let asked = |at: usize| if at.is_multiple_of(AT_A_TIME) { stop.check() } else { Ok(()) };
        let mut functions = Vec::with_capacity(profile.functions.len());
        for (at, of) in profile.functions.iter().enumerate() {
            asked(at)?;
            functions.push(is_match(of.name) || is_match(of.file));
        }
        let mut mappings = Vec::with_capacity(profile.mappings.len());
        for (at, of) in profile.mappings.iter().enumerate() {
            asked(at)?;
            mappings.push(is_match(of.file));
        }
        Ok(Matched { functions, mappings })
    }

    /// Whether the name or the file of the function of a line matches.
    pub(crate) fn line(&self, line: &Line) -> bool {
        self.functions.get(line.function.0 as usize).copied().unwrap_or(false)
    }

    /// Whether the object file of a location matches.
    pub(crate) fn mapping(&self, location: &Location) -> bool {
        location
            .mapping
            .is_some_and(|mapping| self.mappings.get(mapping.0 as usize).copied().unwrap_or(false))
    }

    /// Whether anything of a location matches.
    pub(crate) fn location(&self, location: &Location) -> bool {
        location.lines.iter().any(|line| self.line(line)) || self.mapping(location)
    }
}
