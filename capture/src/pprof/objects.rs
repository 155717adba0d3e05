//! The loaded objects that samples are attributed to: from `/proc/self/maps` where the native engine
//! also reads it, otherwise from the loader.

use rgops_protocol::reply::Module;

/// Adds new objects. Known ones stay, unless a new object overlaps them.
pub(super) fn add(known: &mut Vec<Module>, now: Vec<Module>) {
    let overlaps =
        |one: &Module, other: &Module| one.start_avma < other.end_avma && other.start_avma < one.end_avma;
    known.retain(|gone| !now.iter().any(|module| overlaps(gone, module)));
    known.extend(now);
}

/// The current objects. If they cannot be read the list is empty, and samples keep their bare addresses.
#[cfg(native_engine)]
pub(super) fn list() -> Vec<Module> {
    crate::modules::list().unwrap_or_default()
}

/// The current objects. Takes the loader's lock.
#[cfg(not(native_engine))]
pub(super) fn list() -> Vec<Module> {
    use findshlibs::{Segment as _, SharedLibrary as _, TargetSharedLibrary};
    let mut modules = Vec::new();
    TargetSharedLibrary::each(|library| {
        let code = || library.segments().filter(|segment| segment.is_code());
        let starts = code().map(|segment| segment.actual_virtual_memory_address(library).0);
        let ends = code().map(|segment| segment.actual_virtual_memory_address(library).0 + segment.len());
        let (Some(start), Some(end)) = (starts.min(), ends.max()) else { return };
        modules.push(Module {
            path: library.name().to_string_lossy().into_owned(),
            build_id: library.id().map(|id| id.as_bytes().to_vec()).unwrap_or_default(),
            start_avma: start as u64,
            end_avma: end as u64,
            bias: library.virtual_memory_bias().0 as u64,
            has_unwind_data: true,
        });
    });
    modules
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(start_avma: u64, path: &str) -> Module {
        let (path, build_id) = (path.to_owned(), Vec::new());
        Module { path, build_id, start_avma, end_avma: start_avma + 10, bias: 0, has_unwind_data: true }
    }

    #[test]
    fn objects_stay_known_until_others_replace_them() {
        let mut known = vec![module(0, "program"), module(20, "a.so"), module(40, "b.so")];
        add(&mut known, vec![module(0, "program"), module(45, "c.so")]);
        let paths: Vec<&str> = known.iter().map(|module| &*module.path).collect();
        assert_eq!(paths, ["a.so", "program", "c.so"]);
    }

    #[test]
    fn this_program_is_among_its_objects() {
        let here = this_program_is_among_its_objects as *const () as u64;
        assert!(list().iter().any(|module| (module.start_avma..module.end_avma).contains(&here)));
    }
}
