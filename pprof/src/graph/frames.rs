//! Which node each frame of a location is.

use std::collections::HashMap;

use crate::paths::{clean, trimmed};
use crate::profile::{LocationId, Profile, TextId, Texts};

use super::Info;

/// The distinct [`Info`]s of a profile, and those of each location.
#[derive(Debug)]
pub struct Frames<'p> {
    /// The profile.
    pub profile: &'p Profile,
    /// Names of source files, as reports show them.
    pub files: Texts,
    /// The infos, each once.
    pub infos: Vec<Info>,
    /// Of all locations, one after the other: their infos, innermost first.
    of_locations: Vec<u32>,
    /// Where each location ends in `of_locations`.
    ends: Vec<usize>,
}

impl<'p> Frames<'p> {
    /// The frames of all locations. `object_names`: code of different object files is apart. `trim` shortens the paths
    /// of source files; it has the `trim_path` and the `source_path` of [`Settings`](crate::Settings).
    pub fn new(profile: &'p Profile, object_names: bool, trim: Option<(&str, &str)>) -> Frames<'p> {
        let shortened = |path: TextId| {
            let path = profile.text(path);
            trim.map_or(path, |(trim_path, source_path)| trimmed(path, trim_path, source_path))
        };
        let mut files = Texts::new();
        let file_of: Vec<TextId> = profile
            .functions
            .iter()
            .map(|function| match shortened(function.file) {
                "" => TextId::EMPTY,
                file => files.intern(&clean(file)),
            })
            .collect();
        let mut known: HashMap<Info, u32> = HashMap::new();
        let mut frames =
            Frames { profile, files, infos: Vec::new(), of_locations: Vec::new(), ends: Vec::new() };
        for location in &profile.locations {
            let object = location.mapping.map_or(TextId::EMPTY, |mapping| profile.mapping(mapping).file);
            let mut add = |info: Info| {
                let next = frames.infos.len() as u32;
                let id = *known.entry(info).or_insert(next);
                if id == next {
                    frames.infos.push(info);
                }
                frames.of_locations.push(id);
            };
            if location.lines.is_empty() {
                add(Info { address: location.address, object, ..Info::default() });
            }
            for line in &location.lines {
                let function = profile.function(line.function);
                let mut info = Info {
                    name: function.name,
                    file: file_of.get(line.function.0 as usize).copied().unwrap_or_default(),
                    address: location.address,
                    line: line.line,
                    column: line.column,
                    ..Info::default()
                };
                if object_names || info.name.is_empty() {
                    (info.object, info.start_line) = (object, function.start_line);
                }
                add(info);
            }
            frames.ends.push(frames.of_locations.len());
        }
        frames
    }

    /// The infos of a location by number, innermost first. All but the last are inlined.
    pub fn of(&self, location: LocationId) -> &[u32] {
        let at = location.0 as usize;
        let start = if at == 0 { 0 } else { self.ends.get(at - 1).copied().unwrap_or(0) };
        let end = self.ends.get(at).copied().unwrap_or(start);
        self.of_locations.get(start..end).unwrap_or_default()
    }

    /// By info: whether it is inlined somewhere.
    pub(super) fn inlined(&self) -> Vec<bool> {
        let mut inlined = vec![false; self.infos.len()];
        let mut start = 0;
        for end in &self.ends {
            for info in self.of_locations.get(start..end.saturating_sub(1)).unwrap_or_default() {
                inlined[*info as usize] = true;
            }
            start = *end;
        }
        inlined
    }
}
