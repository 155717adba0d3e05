//! The tables of a profile while it is built.

use std::collections::HashMap;

use crate::proto::{Function, Location, Mapping, Profile};
use crate::write::strings::Strings;

/// Strings, functions, mappings and locations of one profile. Ids start at 1, in the order of arrival.
#[derive(Debug, Default)]
pub struct Tables {
    strings: Strings,
    mappings: Vec<Mapping>,
    locations: Vec<Location>,
    functions: Vec<Function>,
    /// By name, system name and file name.
    function_ids: HashMap<[i64; 3], u64>,
}

impl Tables {
    /// Empty tables.
    pub fn new() -> Tables {
        Tables::default()
    }

    /// The index of `text`, which is added if it is new.
    pub fn text(&mut self, text: &str) -> i64 {
        self.strings.index(text)
    }

    /// The id of the function with this name, system name and file name, if it is known.
    pub fn function_id(&self, name: i64, system_name: i64, filename: i64) -> Option<u64> {
        self.function_ids.get(&[name, system_name, filename]).copied()
    }

    /// Adds a function and sets its id, or finds the known one. Returns the id.
    pub fn add_function(&mut self, function: Function) -> u64 {
        let Function { name, system_name, filename, .. } = function;
        let id = self.functions.len() as u64 + 1;
        let known = *self.function_ids.entry([name, system_name, filename]).or_insert(id);
        if known == id {
            self.functions.push(Function { id, ..function });
        }
        known
    }

    /// Adds a mapping and sets its id.
    pub fn add_mapping(&mut self, mapping: Mapping) -> u64 {
        let id = self.mappings.len() as u64 + 1;
        self.mappings.push(Mapping { id, ..mapping });
        id
    }

    /// A mapping, to change it.
    pub fn mapping_mut(&mut self, id: u64) -> Option<&mut Mapping> {
        self.mappings.get_mut(usize::try_from(id.checked_sub(1)?).ok()?)
    }

    /// Adds a location and sets its id.
    pub fn add_location(&mut self, location: Location) -> u64 {
        let id = self.locations.len() as u64 + 1;
        self.locations.push(Location { id, ..location });
        id
    }

    /// A profile of these tables, without samples. The mapping `program` comes first, as pprof expects.
    pub fn into_profile(mut self, program: Option<u64>) -> Profile {
        if let Some(program) = self.mappings.iter().position(|mapping| Some(mapping.id) == program) {
            self.mappings[..=program].rotate_right(1);
        }
        Profile {
            mapping: self.mappings,
            location: self.locations,
            function: self.functions,
            string_table: self.strings.into_table(),
            ..Profile::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_unique_and_the_program_is_the_first_mapping() {
        let mut tables = Tables::new();
        let (name, filename) = (tables.text("main"), tables.text("main.rs"));
        assert_eq!((name, tables.text("main"), tables.text("")), (1, 1, 0));
        let function = Function { name, filename, ..Function::default() };
        assert_eq!(tables.function_id(name, 0, filename), None);
        assert_eq!((tables.add_function(function), tables.add_function(function)), (1, 1));
        assert_eq!(tables.function_id(name, 0, filename), Some(1));
        assert_eq!(tables.add_mapping(Mapping::default()), 1);
        let program = tables.add_mapping(Mapping::default());
        tables.mapping_mut(program).expect("it was added").filename = filename;
        assert!(tables.mapping_mut(0).is_none() && tables.mapping_mut(3).is_none());
        assert_eq!(tables.add_location(Location { mapping_id: program, ..Location::default() }), 1);
        let profile = tables.into_profile(Some(program));
        assert_eq!(profile.function.len(), 1);
        assert_eq!(profile.text(profile.mapping[0].filename), "main.rs");
        assert_eq!(profile.mapping[1].id, 1);
    }
}
