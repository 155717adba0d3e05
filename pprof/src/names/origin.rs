//! Where a function is from: its crate, the version, and whether it is the program's own.

use std::collections::{HashMap, HashSet};

use super::class::Class;
use super::{c, crates, go, paths};
use crate::profile::{Function, FunctionId, MappingId, Profile};
use crate::stop::{Stop, Stopped};

/// Functions between two questions whether to stop.
const AT_A_TIME: usize = 1024;

/// Where a function is from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Origin {
    /// The crate as in paths: `tokio_util`, not `tokio-util`. For other code the library: `libc`. May be empty.
    pub krate: Box<str>,
    /// `1.54.1`; for a git dependency its revision, for `std` the release or the commit of rustc. May be empty.
    pub version: Box<str>,
    /// What kind of code it is.
    pub class: Class,
}

impl Origin {
    /// From what one function says of itself: its name, its source file and its object file, each may be empty.
    /// [`Origins`] knows more, because it sees the whole profile.
    pub fn of(name: &str, file: &str, object: &str) -> Origin {
        let origin = |krate: &str, version: &str, class| Origin {
            krate: krate.replace('-', "_").into(),
            version: version.into(),
            class,
        };
        if c::is_kernel(name, object) {
            return origin("kernel", "", Class::Kernel);
        }
        if let Some((package, version, class)) = go::of(name, file) {
            return Origin { krate: package.into(), version: version.into(), class };
        }
        let krate = crates::of_name(name);
        if let Some(place) = paths::of_file(file) {
            let krate = if place.krate.is_empty() { krate } else { place.krate };
            let class = match place.class {
                Class::Own if crates::is_std(krate) => Class::Std,
                Class::Own if !file.ends_with(".rs") => Class::Unknown,
                Class::Dependency if crates::is_runtime(krate) => Class::Runtime,
                class => class,
            };
            if class != Class::Unknown {
                return origin(krate, place.version, class);
            }
        }
        if crates::is_std(krate) && c::library(name, object).is_none() {
            return origin(krate, "", Class::Std);
        }
        if crates::is_runtime(krate) {
            return origin(krate, "", Class::Runtime);
        }
        if let Some((library, class)) = c::library(name, object) {
            return origin(library, "", class);
        }
        origin(krate, "", Class::Unknown)
    }
}

/// The origins of all functions of a profile, each distinct one once.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    distinct: Vec<Origin>,
    by_function: Vec<u32>,
}

impl Origins {
    /// Looks at each function once. A crate without a source file is the program's own if another function of it is,
    /// or if it has a `main` or the name of the program.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn new(profile: &Profile, stop: Stop<'_>) -> Result<Origins, Stopped> {
        stop.check()?;
        let objects = objects(profile);
        let object = |at: usize| objects.get(at).copied().flatten().map(|id| profile.mapping(id).file);
        let of = |at: usize, function: &Function| {
            let object = object(at).map_or("", |file| profile.text(file));
            Origin::of(profile.text(function.name), profile.text(function.file), object)
        };
        let mut own: HashSet<Box<str>> = HashSet::new();
        let mut dependencies: HashMap<Box<str>, Box<str>> = HashMap::new();
        let mut found: Vec<Origin> = Vec::with_capacity(profile.functions.len());
        for (at, function) in profile.functions.iter().enumerate() {
            if at % AT_A_TIME == 0 {
                stop.check()?;
            }
            let origin = of(at, function);
            match origin.class {
                Class::Own => drop(own.insert(origin.krate.clone())),
                Class::Dependency if !origin.version.is_empty() => {
                    dependencies.entry(origin.krate.clone()).or_insert_with(|| origin.version.clone());
                }
                Class::Unknown if profile.text(function.name).ends_with("::main") => {
                    own.insert(origin.krate.clone());
                }
                _ => {}
            }
            found.push(origin);
        }
        if let Some(program) = profile.mappings.first() {
            own.insert(c::file_name(profile.text(program.file)).replace('-', "_").into());
        }
        let mut known: HashMap<Origin, u32> = HashMap::new();
        let mut origins = Origins::default();
        for (at, mut origin) in found.into_iter().enumerate() {
            if at % AT_A_TIME == 0 {
                stop.check()?;
            }
            if origin.class == Class::Unknown && !origin.krate.is_empty() {
                if let Some(version) = dependencies.get(&origin.krate) {
                    (origin.class, origin.version) = (Class::Dependency, version.clone());
                } else if own.contains(&origin.krate) {
                    origin.class = Class::Own;
                }
            }
            let next = u32::try_from(origins.distinct.len()).unwrap_or(u32::MAX);
            let number = *known.entry(origin).or_insert_with_key(|origin| {
                origins.distinct.push(origin.clone());
                next
            });
            origins.by_function.push(number);
        }
        Ok(origins)
    }

    /// Where a function of this profile is from.
    ///
    /// # Panics
    /// If it is not of this profile.
    pub fn of(&self, function: FunctionId) -> &Origin {
        &self.distinct[self.by_function[function.0 as usize] as usize]
    }

    /// The distinct origins.
    pub fn distinct(&self) -> &[Origin] {
        &self.distinct
    }
}

/// By function: the mapping of the first location that has it.
fn objects(profile: &Profile) -> Vec<Option<MappingId>> {
    let mut objects = vec![None; profile.functions.len()];
    for location in &profile.locations {
        for line in &location.lines {
            if let Some(object @ None) = objects.get_mut(line.function.0 as usize) {
                *object = location.mapping;
            }
        }
    }
    objects
}

#[cfg(test)]
mod tests {
    use super::super::by_name::origins_by_name;
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn where_functions_are_from() {
        let tokio = "/r/.cargo/registry/src/index.crates.io-1/tokio-1.54.1/src/runtime/task/core.rs";
        let serde = "/r/.cargo/registry/src/index.crates.io-1/serde_json-1.0.1/src/de.rs";
        let core = "/rustc/0123456789abcdef0123456789abcdef01234567/library/core/src/ops/function.rs";
        for (name, file, object, expected) in [
            ("tokio::runtime::task::core::poll", tokio, "", ("tokio", "1.54.1", Class::Runtime)),
            ("serde_json::de::from_str", serde, "", ("serde_json", "1.0.1", Class::Dependency)),
            ("core::ops::FnOnce::call_once", core, "", ("core", "012345678", Class::Std)),
            ("shop::load::start", "/home/me/shop/src/load.rs", "", ("shop", "", Class::Own)),
            ("<shop::Cart as core::fmt::Display>::fmt", "shop/src/cart.rs", "", ("shop", "", Class::Own)),
            ("core::fmt::write", "", "", ("core", "", Class::Std)),
            ("regex::exec", "", "", ("regex", "", Class::Unknown)),
            ("epoll_wait", "../sysdeps/epoll_wait.c", "/lib/libc.so.6", ("libc", "", Class::Std)),
            ("std::vector<int>::push_back", "", "/lib/libx.so", ("libx", "", Class::Dependency)),
            ("_rjem_malloc", "", "/usr/bin/shop", ("jemalloc", "", Class::Runtime)),
            ("main.(*Server).Serve", "/src/main.go", "", ("main", "", Class::Own)),
            ("schedule", "", "[kernel.kallsyms]", ("kernel", "", Class::Kernel)),
            ("", "", "", ("", "", Class::Unknown)),
        ] {
            let origin = Origin::of(name, file, object);
            assert_eq!((&*origin.krate, &*origin.version, origin.class), expected, "{name}");
        }
    }

    #[test]
    fn a_profile_knows_the_crates_of_functions_without_files() {
        let mut profile = Profile::default();
        for (name, file) in [
            ("shop::load::start", "/home/me/shop/src/load.rs"),
            ("shop::load::inner", ""),
            ("regex::exec", "/r/.cargo/registry/src/index.crates.io-1/regex-1.2.3/src/lib.rs"),
            ("regex::compile", ""),
            ("tool::main", ""),
            ("tool::work", ""),
            ("other::work", ""),
        ] {
            let (name, file) = (profile.texts.intern(name), profile.texts.intern(file));
            profile.functions.push(Function { name, file, ..Function::default() });
        }
        let origins = Origins::new(&profile, Stop::never()).expect("nothing stops it");
        let classes: Vec<Class> = (0..7).map(|at| origins.of(FunctionId(at)).class).collect();
        use Class::{Dependency, Own, Unknown};
        assert_eq!(classes, [Own, Own, Dependency, Dependency, Own, Own, Unknown]);
        assert_eq!(&*origins.of(FunctionId(3)).version, "1.2.3");
        assert_eq!(origins.distinct().len(), 4);
        let by_name = origins_by_name(&profile, &Settings::default(), Stop::never());
        assert_eq!(by_name.expect("nothing stops it")["regex::compile"].class, Dependency);
    }
}
