//! The difference between two module lists.

use rgops_protocol::reply::Module;

/// The difference between two module lists.
pub(crate) struct Refreshed {
    /// For the samples so far: loaded and unloaded modules. It excludes modules where one
    /// replaced the other, because the time of the change is not known.
    pub(crate) until_now: Vec<Module>,
    /// The address ranges of those excluded.
    pub(crate) replaced: Vec<std::ops::Range<u64>>,
    /// For the samples from now on.
    pub(crate) from_now: Vec<Module>,
}

impl Refreshed {
    pub(crate) fn new(old: &[Module], new: &[Module]) -> Refreshed {
        let is_replaced = |module: &Module, others: &[Module]| {
            let overlaps =
                |other: &Module| other.start_avma < module.end_avma && module.start_avma < other.end_avma;
            others.iter().any(|other| other != module && overlaps(other))
        };
        let gone = old.iter().filter(|module| !new.contains(module));
        let (lost, apart): (Vec<&Module>, Vec<&Module>) = gone.partition(|module| is_replaced(module, new));
        let (taken, kept): (Vec<&Module>, Vec<&Module>) =
            new.iter().partition(|module| is_replaced(module, old));
        Refreshed {
            until_now: kept.into_iter().chain(apart.iter().copied()).cloned().collect(),
            replaced: lost.iter().chain(&taken).map(|module| module.start_avma..module.end_avma).collect(),
            from_now: new.iter().chain(apart).cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(path: &str, start_avma: u64) -> Module {
        Module {
            path: path.to_owned(),
            build_id: Vec::new(),
            start_avma,
            end_avma: start_avma + 10,
            bias: start_avma,
            has_unwind_data: true,
        }
    }

    #[test]
    fn a_module_that_replaces_another_is_certain_only_from_now_on() {
        let old = [module("stays", 10), module("goes", 20), module("former", 30)];
        let new = [module("stays", 10), module("latter", 35), module("comes", 50)];
        let refreshed = Refreshed::new(&old, &new);
        let names = |modules: &[Module]| modules.iter().map(|one| one.path.clone()).collect::<Vec<_>>();
        assert_eq!(names(&refreshed.until_now), ["stays", "comes", "goes"]);
        assert_eq!(refreshed.replaced, [30..40, 35..45]);
        assert_eq!(names(&refreshed.from_now), ["stays", "latter", "comes", "goes"]);
    }
}
