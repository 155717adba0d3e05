//! Names from the program itself: the addresses to ask `/symbol` for, and what its answer says. The caller sends them.

use std::collections::{BTreeMap, HashMap};

use rgops_pprof::Profile;
use rgops_pprof::profile::{Function, FunctionId, Line, MappingId};

use super::mode::Mode;

/// Addresses that are asked for, and bytes of an answer that are read.
const MOST_ADDRESSES: usize = 100_000;
const MOST_BYTES: usize = 32 << 20;
/// Requests, one a mapping.
const MOST_REQUESTS: usize = 64;
/// Characters of a name.
const LONGEST_NAME: usize = 16 << 10;

/// A request to `/symbol` with the addresses of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteRequest {
    /// The mapping.
    pub mapping: MappingId,
    /// What to POST: `0x4005a0+0x4005b0`.
    pub body: String,
}

/// The address of `/symbol` beside the one that a profile was fetched from: `http://host/debug/pprof/symbol` for
/// `http://host/debug/pprof/heap?seconds=1`.
pub fn symbol_url(source: &str) -> Option<String> {
    let (scheme, rest) = source.split_once("://")?;
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.is_empty() {
        return None;
    }
    let symbol = match path.rsplit_once('/') {
        Some((directory, _)) if directory.split('/').any(|part| part == "pprof") => {
            format!("{directory}/symbol")
        }
        _ => "symbolz".to_owned(),
    };
    Some(format!("{scheme}://{host}/{symbol}"))
}

/// The requests for the locations without names, one a mapping; with [`Mode::is_forced`] of all locations. A profile of
/// very many mappings has requests for some of them.
pub fn remote_requests(profile: &Profile, mode: Mode) -> Vec<RemoteRequest> {
    let mut by_mapping: BTreeMap<MappingId, Vec<String>> = BTreeMap::new();
    for location in profile.locations.iter().filter(|location| wants(location, mode)).take(MOST_ADDRESSES) {
        if let Some(mapping) = location.mapping {
            by_mapping.entry(mapping).or_default().push(format!("{:#x}", location.address));
        }
    }
    let each = by_mapping.into_iter().take(MOST_REQUESTS);
    each.map(|(mapping, addresses)| RemoteRequest { mapping, body: addresses.join("+") }).collect()
}

fn wants(location: &rgops_pprof::profile::Location, mode: Mode) -> bool {
    location.address != 0 && (location.lines.is_empty() || mode.is_forced)
}

/// Names the locations of a mapping by the answer to its request: lines of an address and a name. Returns how many got a
/// name.
pub fn apply_remote(profile: &mut Profile, mapping: MappingId, mode: Mode, answer: &[u8]) -> usize {
    let answer = String::from_utf8_lossy(answer.get(..MOST_BYTES).unwrap_or(answer)).into_owned();
    let mut names: HashMap<u64, &str> = HashMap::new();
    for line in answer.lines().take(MOST_ADDRESSES) {
        let Some((address, name)) = line.trim().split_once([' ', '\t']) else { continue };
        let Some(digits) = address.strip_prefix("0x") else { continue };
        let Ok(address) = u64::from_str_radix(digits, 16) else { continue };
        let name = name.trim_start();
        let end = name.char_indices().nth(LONGEST_NAME).map_or(name.len(), |(end, _)| end);
        if !name.is_empty() {
            names.insert(address, name.get(..end).unwrap_or(name));
        }
    }
    let mut functions: HashMap<&str, FunctionId> = HashMap::new();
    let mut named = 0;
    for at in 0..profile.locations.len() {
        let location = &profile.locations[at];
        if location.mapping != Some(mapping) || !wants(location, mode) {
            continue;
        }
        let Some(name) = names.get(&location.address).copied() else { continue };
        let function = *functions.entry(name).or_insert_with(|| {
            let id = FunctionId(profile.functions.len() as u32);
            let name = profile.texts.intern(name);
            profile.functions.push(Function { name, system_name: name, ..Function::default() });
            id
        });
        profile.locations[at].lines = vec![Line { function, line: 0, column: 0 }];
        named += 1;
    }
    if named > 0
        && let Some(of) = profile.mappings.get_mut(mapping.0 as usize)
    {
        of.has_functions = true;
        (of.has_filenames, of.has_line_numbers, of.has_inline_frames) = (false, false, false);
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;
    use rgops_pprof::profile::{Location, Mapping};

    #[test]
    fn an_answer_names_the_addresses_that_were_asked_for() {
        let mappings = vec![Mapping { limit: 0x9000, ..Mapping::default() }];
        let mut profile = Profile { mappings, ..Profile::default() };
        let at = |address| Location { mapping: Some(MappingId(0)), address, ..Location::default() };
        profile.locations = vec![at(0x1000), at(0x2000), at(0)];
        let requests = remote_requests(&profile, Mode::default());
        assert_eq!(requests.iter().map(|request| &*request.body).collect::<Vec<_>>(), ["0x1000+0x2000"]);
        let answer = b"num_symbols: 1\n0x1000\tmain.main\n0x3000 other\nnonsense\n0xzz x\n";
        assert_eq!(apply_remote(&mut profile, MappingId(0), Mode::default(), answer), 1);
        let line = profile.locations[0].lines[0];
        assert_eq!(profile.text(profile.function(line.function).name), "main.main");
        assert!(profile.locations[1].lines.is_empty() && profile.mappings[0].has_functions);
        assert_eq!(remote_requests(&profile, Mode::default())[0].body, "0x2000");
    }

    #[test]
    fn requests_are_few() {
        let mut profile = Profile::default();
        for at in 0..1000 {
            profile.mappings.push(Mapping::default());
            let mapping = Some(MappingId(at));
            profile.locations.push(Location { mapping, address: 1, ..Location::default() });
        }
        assert_eq!(remote_requests(&profile, Mode::default()).len(), MOST_REQUESTS);
    }

    #[test]
    fn the_address_of_symbol_is_beside_that_of_the_profile() {
        let of = |source| symbol_url(source).unwrap_or_default();
        assert_eq!(of("http://h:1/debug/pprof/heap?gc=1"), "http://h:1/debug/pprof/symbol");
        assert_eq!(of("http://h/pprof/profile"), "http://h/pprof/symbol");
        assert_eq!(of("http://h/profilez"), "http://h/symbolz");
        assert_eq!(symbol_url("file.pb.gz"), None);
    }
}
