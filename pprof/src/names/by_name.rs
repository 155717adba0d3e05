//! Origins for columns beside names.

use std::collections::HashMap;

use super::apply::apply;
use super::origin::{Origin, Origins};
use crate::profile::{FunctionId, Profile};
use crate::settings::Settings;
use crate::stop::{Stop, Stopped};

/// The origin of each function by the name that reports show with these settings: for columns beside names. If several
/// functions have one name, it is that of the first.
///
/// # Errors
/// [`Stopped`].
pub fn origins_by_name(
    profile: &Profile,
    settings: &Settings,
    stop: Stop<'_>,
) -> Result<HashMap<String, Origin>, Stopped> {
    let origins = Origins::new(profile, stop)?;
    let shown = apply(profile, settings, stop)?;
    let mut by_name = HashMap::new();
    for (function, id) in shown.functions.iter().zip(0..) {
        let name = shown.text(function.name);
        if !by_name.contains_key(name) {
            by_name.insert(name.to_owned(), origins.of(FunctionId(id)).clone());
        }
    }
    Ok(by_name)
}
