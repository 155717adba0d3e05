//! `proto`: the profile as a file, after its filters.

use std::io::{self, Write};

use crate::refine::Refined;
use crate::write::write_profile;

/// Writes the profile as a `.pb.gz` file. With `divide_by`, all values are divided.
///
/// # Errors
/// If `to` cannot be written.
pub fn write(refined: &Refined, to: &mut dyn Write) -> io::Result<()> {
    if refined.settings.divide_by == 1.0 {
        return write_profile(&refined.profile, to);
    }
    let mut profile = refined.profile.clone();
    for value in &mut profile.samples.values {
        *value = refined.divided(*value);
    }
    write_profile(&profile, to)
}
