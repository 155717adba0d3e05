//! Keeps a copy of a profile that was fetched or taken, where pprof does: in `$PPROF_TMPDIR`, else `~/pprof`, else the
//! temporary directory. Only its owner can read it.

use std::path::{Path, PathBuf};

use rgops_inspect::output::{Numbered, OutputFile, make_directory};
use rgops_pprof::environment::Nothing;
use rgops_pprof::report::{self, Format, Request};
use rgops_pprof::{Profile, Settings, Stop};

use crate::terminal;

/// Saves the profile and says where; if that fails, says why. Returns the path.
pub(crate) fn save(profile: &Profile) -> Option<PathBuf> {
    let saved = directory().and_then(|directory| write(profile, &directory));
    match saved {
        Ok(path) => {
            terminal::say(&format!("Saved profile in {}", path.display()));
            Some(path)
        }
        Err(why) => {
            terminal::say(&format!("Could not save profile: {why}"));
            None
        }
    }
}

fn write(profile: &Profile, directory: &Path) -> Result<PathBuf, String> {
    let names = Numbered::plain(&file_name(profile), ".pb.gz");
    let mut file = OutputFile::create_free(directory, names).map_err(|error| error.to_string())?;
    let whole = Request { format: Format::Proto, argument: None, settings: Settings::default() };
    report::write(profile, &whole, &Nothing, Stop::never(), &mut file).map_err(|error| error.to_string())?;
    file.keep().map_err(|error| error.to_string())
}

/// `pprof.PROGRAM.TYPE.TYPE.`, before the number.
fn file_name(profile: &Profile) -> String {
    let file = profile.mappings.first().map_or("", |mapping| profile.text(mapping.file));
    let program = file.rsplit('/').next().unwrap_or_default();
    let types = profile.sample_types.iter().map(|sample_type| profile.text(sample_type.kind));
    std::iter::once("pprof")
        .chain(Some(program).filter(|program| !program.is_empty()))
        .chain(types)
        .fold(String::new(), |name, part| name + part + ".")
}

/// The first of pprof's directories that there is, or that can be made.
fn directory() -> Result<PathBuf, String> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = set(if cfg!(windows) { "USERPROFILE" } else { "HOME" });
    let places = [set("PPROF_TMPDIR"), home.map(|home| home.join("pprof")), Some(std::env::temp_dir())];
    for place in places.into_iter().flatten() {
        match make_directory(&place) {
            Ok(()) => return Ok(place),
            Err(error) => terminal::say(&format!("Could not use temp dir {}: {error}", place.display())),
        }
    }
    Err("there is no directory for it".to_owned())
}
