//! Values by address, and the addresses that a listing of source and instructions is about.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::environment::CodeFrame;
use crate::pattern::Pattern;
use crate::profile::{Location, LocationId, Profile, TextId};
use crate::refine::Refined;
use crate::stop::{Stop, Stopped};

use super::address::address_of;

/// Locations walked between two questions whether to stop.
const AT_A_TIME: usize = 1 << 16;

/// What the samples say about addresses in memory.
#[derive(Debug, Default)]
pub(super) struct Sampled {
    /// Own values.
    pub(super) flat: BTreeMap<u64, i64>,
    /// Values with what is called.
    pub(super) cum: BTreeMap<u64, i64>,
    /// The addresses of wanted functions, each with its location.
    pub(super) wanted: BTreeMap<u64, LocationId>,
    /// Names and system names of wanted functions.
    pub(super) interest: HashSet<String>,
    /// From system names to names.
    pub(super) pretty: HashMap<String, String>,
}

/// Sums up the samples. `pattern` chooses functions by their names, files or object files, or an address; all are
/// wanted without it.
pub(super) fn sampled(
    refined: &Refined,
    pattern: Option<&Pattern>,
    text: &str,
    stop: Stop<'_>,
) -> Result<Sampled, Stopped> {
    let profile = &refined.profile;
    let address = pattern.and_then(|_| address_of(text));
    let weights = by_stack(refined, stop)?;
    let addresses = addresses(profile);
    let wanted = wanted(profile, pattern, address, &addresses, stop)?;
    let mut sampled = Sampled::default();
    let mut walked = 0;
    for (stack, value) in profile.stacks.iter().zip(weights) {
        let Some(value) = value else { continue };
        walked += stack.len() + 1;
        if walked > AT_A_TIME {
            walked = 0;
            stop.check()?;
        }
        for (depth, id) in stack.iter().enumerate() {
            let at = id.0 as usize;
            let Some(address) = addresses.get(at).copied() else { continue };
            add(&mut sampled.cum, address, value);
            if depth == 0 {
                add(&mut sampled.flat, address, value);
            }
            if let Some(lines) = wanted.get(at).filter(|lines| !lines.is_empty()) {
                sampled.wanted.entry(address).or_insert(*id);
                for line in lines {
                    let Some(line) = profile.location(*id).lines.get(*line as usize) else { continue };
                    let function = profile.function(line.function);
                    for name in [function.name, function.system_name].map(|name| profile.text(name)) {
                        if !sampled.interest.contains(name) {
                            sampled.interest.insert(name.to_owned());
                        }
                    }
                }
            }
        }
    }
    for function in &profile.functions {
        let [name, system_name] = [function.name, function.system_name].map(|name| profile.text(name));
        sampled.pretty.insert(system_name.to_owned(), name.to_owned());
    }
    // Calls without a name are of no function.
    sampled.interest.remove("");
    sampled.pretty.remove("");
    Ok(sampled)
}

/// Texts of a profile as frames have them, each once.
pub(super) struct Texts<'p> {
    profile: &'p Profile,
    known: HashMap<TextId, Arc<str>>,
}

impl<'p> Texts<'p> {
    pub(super) fn new(profile: &'p Profile) -> Texts<'p> {
        Texts { profile, known: HashMap::new() }
    }

    /// The frames that the profile itself has for a location, innermost first.
    pub(super) fn frames(&mut self, location: &Location) -> Arc<[CodeFrame]> {
        let each = location.lines.iter().map(|line| {
            let function = self.profile.function(line.function);
            CodeFrame {
                function: self.text(function.name),
                system_name: self.text(function.system_name),
                file: self.text(function.file),
                line: line.line,
            }
        });
        each.collect()
    }

    fn text(&mut self, id: TextId) -> Arc<str> {
        self.known.entry(id).or_insert_with(|| Arc::from(self.profile.text(id))).clone()
    }
}

/// By stack: the sum of its samples' values, each divided by its own divisor; `None` if no sample has it.
fn by_stack(refined: &Refined, stop: Stop<'_>) -> Result<Vec<Option<i64>>, Stopped> {
    let mut sums: Vec<Option<i64>> = vec![None; refined.profile.stacks.len()];
    for (at, stack) in refined.profile.samples.stacks.iter().enumerate() {
        if at % AT_A_TIME == 0 {
            stop.check()?;
        }
        let mut value = refined.values.get(at).copied().unwrap_or(0);
        let divisor = refined.divisors.as_ref().and_then(|divisors| divisors.get(at)).copied();
        if let Some(divisor) = divisor.filter(|divisor| *divisor != 0) {
            value = value.wrapping_div(divisor);
        }
        if let Some(sum) = sums.get_mut(*stack as usize) {
            *sum = Some(sum.unwrap_or(0).wrapping_add(value));
        }
    }
    Ok(sums)
}

/// By location its address. Those without one get one behind all mappings.
fn addresses(profile: &Profile) -> Vec<u64> {
    let mut next = profile.mappings.iter().map(|mapping| mapping.limit).max().unwrap_or(0).max(1);
    let each = profile.locations.iter().map(|location| match location.address {
        0 => {
            let made = next;
            next = next.wrapping_add(1);
            made
        }
        address => address,
    });
    each.collect()
}

/// By location: the positions of the lines that are wanted.
fn wanted(
    profile: &Profile,
    pattern: Option<&Pattern>,
    address: Option<u64>,
    addresses: &[u64],
    stop: Stop<'_>,
) -> Result<Vec<Vec<u32>>, Stopped> {
    let is_match = |id| pattern.is_some_and(|pattern| pattern.is_match(profile.text(id)));
    let mut functions = Vec::with_capacity(profile.functions.len());
    for (at, function) in profile.functions.iter().enumerate() {
        if at % 4096 == 0 {
            stop.check()?;
        }
        functions.push(is_match(function.name) || is_match(function.system_name) || is_match(function.file));
    }
    let files: Vec<bool> = profile.mappings.iter().map(|mapping| is_match(mapping.file)).collect();
    let each = profile.locations.iter().zip(addresses).map(|(location, own)| {
        let count = location.lines.len() as u32;
        if pattern.is_none() || address == Some(*own) {
            // The function with code of its own.
            return count.checked_sub(1).into_iter().collect();
        }
        let is_of_file = location.mapping.is_some_and(|mapping| files.get(mapping.0 as usize) == Some(&true));
        let is_wanted = |(at, line): &(u32, &crate::profile::Line)| {
            *at == 0 && is_of_file || functions.get(line.function.0 as usize) == Some(&true)
        };
        (0..).zip(&location.lines).filter(is_wanted).map(|(at, _)| at).collect()
    });
    Ok(each.collect())
}

fn add(sums: &mut BTreeMap<u64, i64>, address: u64, value: i64) {
    let sum = sums.entry(address).or_default();
    *sum = sum.wrapping_add(value);
}
