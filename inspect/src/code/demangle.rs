//! Readable names in place of the linker's.

use rgops_pprof::Profile;

use super::mode::Demangle;
use crate::symbols;

/// Demangles the names of functions that have only the linker's name; all of them again if `is_forced`.
pub(super) fn demangle(profile: &mut Profile, how: Demangle, is_forced: bool) {
    for at in 0..profile.functions.len() {
        let function = profile.functions[at];
        let is_plain = function.name.is_empty() || function.name == function.system_name || is_forced;
        if function.system_name.is_empty() || !is_plain {
            continue;
        }
        let system_name = profile.text(function.system_name);
        let name = match how {
            Demangle::None => system_name.to_owned(),
            Demangle::Readable => symbols::demangle(system_name),
        };
        profile.functions[at].name = profile.texts.intern(&name);
    }
}
