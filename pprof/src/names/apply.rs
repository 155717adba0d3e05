//! The `rust` preset on a whole profile: short names, and stacks without frames of std and of runtimes.

use std::collections::HashMap;

use super::class::Class;
use super::crates;
use super::origin::Origins;
use super::short::{hash, short};
use crate::profile::{Function, Ids, Lists, LocationId, Profile, Samples, TextId};
use crate::settings::Settings;
use crate::stop::{Stop, Stopped};

/// Steps between two questions whether to stop.
const STEPS: usize = 4096;

/// The profile as Rust developers read it, if `settings.rust` is on and there is a Rust function in it; otherwise the
/// same. Every sample stays, with its values and labels: totals are the same.
///
/// * **Names** are [`short()`]: functions that differ only in type parameters become one, unless `settings.generics`
///   (parameters in full) or `settings.monomorphs` (in full only where two would become one; where that is not
///   enough, with the hash of the symbol: `parse [01234567]`).
/// * **Frames** of the classes [`Class::Std`] and [`Class::Runtime`] are left out, so their values are those of the
///   function that called them: time in `Vec::push`, in `malloc` or in `Mutex::lock` is time of the line that calls
///   it, a closure that `Iterator::map` calls is called by the function around it, and a stack begins at `main` or at
///   the future of a task. Frames of the kernel stay.
/// * A stack of nothing else keeps its leaf: an idle worker stays visible as `epoll_wait`.
///
/// # Errors
/// [`Stopped`].
pub fn apply(profile: &Profile, settings: &Settings, stop: Stop<'_>) -> Result<Profile, Stopped> {
    if !settings.rust || !profile.functions.iter().any(|function| is_rust(profile, function)) {
        return Ok(profile.clone());
    }
    let mut to = Profile {
        stacks: Lists::new(),
        locations: Vec::new(),
        samples: Samples::default(),
        ids: Ids { locations: Vec::new(), ..profile.ids.clone() },
        ..profile.clone()
    };
    let origins = Origins::new(profile, stop)?;
    rename(profile, &mut to, settings, stop)?;
    fold(profile, &mut to, &origins, stop)?;
    Ok(to)
}

/// Whether the function is certainly Rust's.
fn is_rust(profile: &Profile, function: &Function) -> bool {
    let name = profile.text(function.name);
    profile.text(function.file).ends_with(".rs")
        || ["{{closure}}", "{closure#"].iter().any(|word| name.contains(word))
        || matches!(crates::of_name(name), "core" | "alloc")
        || (name.starts_with("_R") && rustc_demangle::try_demangle(name).is_ok())
        || hash(name).is_some()
}

/// Sets the names of `to.functions`.
fn rename(profile: &Profile, to: &mut Profile, settings: &Settings, stop: Stop<'_>) -> Result<(), Stopped> {
    let mut shorts: HashMap<TextId, TextId> = HashMap::new();
    // How many names have become this one.
    let mut monomorphs: HashMap<TextId, u32> = HashMap::new();
    for (at, function) in profile.functions.iter().enumerate() {
        if at % STEPS == 0 {
            stop.check()?;
        }
        if let std::collections::hash_map::Entry::Vacant(new) = shorts.entry(function.name) {
            let name = to.texts.intern(&short(profile.text(function.name), settings.generics));
            new.insert(name);
            *monomorphs.entry(name).or_default() += 1;
        }
    }
    if settings.monomorphs {
        apart(profile, to, &mut shorts, &monomorphs, stop)?;
    }
    for (function, before) in to.functions.iter_mut().zip(&profile.functions) {
        function.name = shorts.get(&before.name).copied().unwrap_or(before.name);
    }
    Ok(())
}

/// Gives names that have become one their parameters back, and a hash where these are the same.
fn apart(
    profile: &Profile,
    to: &mut Profile,
    shorts: &mut HashMap<TextId, TextId>,
    monomorphs: &HashMap<TextId, u32>,
    stop: Stop<'_>,
) -> Result<(), Stopped> {
    let shared = |name: &TextId, of: &HashMap<TextId, u32>| of.get(name).is_some_and(|count| *count > 1);
    let mut full: HashMap<TextId, u32> = HashMap::new();
    for (at, (name, shown)) in shorts.iter_mut().enumerate() {
        if at % STEPS == 0 {
            stop.check()?;
        }
        if shared(shown, monomorphs) {
            *shown = to.texts.intern(&short(profile.text(*name), true));
            *full.entry(*shown).or_default() += 1;
        }
    }
    for (name, shown) in shorts.iter_mut() {
        if shared(shown, &full)
            && let Some(hash) = hash(profile.text(*name))
        {
            let with_hash = format!("{} [{}]", to.texts.get(*shown), &hash[..8]);
            *shown = to.texts.intern(&with_hash);
        }
    }
    Ok(())
}

/// Sets the locations, stacks and samples of `to`.
fn fold(profile: &Profile, to: &mut Profile, origins: &Origins, stop: Stop<'_>) -> Result<(), Stopped> {
    let mut locations =
        Locations { shown: vec![Shown::NotAsked; profile.locations.len()], leaves: HashMap::new() };
    let mut new_stacks = Vec::with_capacity(profile.stacks.len());
    let mut stack: Vec<LocationId> = Vec::new();
    let mut steps = 0;
    for old in profile.stacks.iter() {
        stack.clear();
        for location in old {
            steps += 1;
            if steps % STEPS == 0 {
                stop.check()?;
            }
            stack.extend(locations.shown(*location, profile, to, origins));
        }
        if let (true, Some(leaf)) = (stack.is_empty(), old.first()) {
            stack.push(locations.leaf(*leaf, profile, to));
        }
        new_stacks.push(to.stacks.intern(&stack));
    }
    to.samples = profile.samples.clone();
    for stack in &mut to.samples.stacks {
        *stack = new_stacks.get(*stack as usize).copied().unwrap_or(*stack);
    }
    Ok(())
}

/// What an old location has become.
#[derive(Clone, Copy)]
enum Shown {
    NotAsked,
    LeftOut,
    Location(LocationId),
}

/// New locations, by old ones.
struct Locations {
    shown: Vec<Shown>,
    /// With the innermost line alone.
    leaves: HashMap<LocationId, LocationId>,
}

impl Locations {
    /// The location without lines of std and of runtimes; `None` if nothing is left.
    fn shown(
        &mut self,
        id: LocationId,
        profile: &Profile,
        to: &mut Profile,
        origins: &Origins,
    ) -> Option<LocationId> {
        let known = self.shown.get_mut(id.0 as usize)?;
        if matches!(known, Shown::NotAsked) {
            let mut location = profile.location(id).clone();
            let had_names = !location.lines.is_empty();
            location
                .lines
                .retain(|line| !matches!(origins.of(line.function).class, Class::Std | Class::Runtime));
            *known = if had_names && location.lines.is_empty() {
                Shown::LeftOut
            } else {
                to.locations.push(location);
                Shown::Location(LocationId(to.locations.len() as u32 - 1))
            };
        }
        match known {
            Shown::Location(id) => Some(*id),
            _ => None,
        }
    }

    /// The location with its innermost line alone.
    fn leaf(&mut self, id: LocationId, profile: &Profile, to: &mut Profile) -> LocationId {
        *self.leaves.entry(id).or_insert_with(|| {
            let mut location = profile.location(id).clone();
            location.lines.truncate(1);
            to.locations.push(location);
            LocationId(to.locations.len() as u32 - 1)
        })
    }
}
