//! `comments`: what was written into the profile for people.

use std::io::{self, Write};

use crate::profile::Profile;

/// Writes all comments, one a line.
///
/// # Errors
/// If `to` cannot be written.
pub fn write(profile: &Profile, to: &mut dyn Write) -> io::Result<()> {
    profile.comments.iter().try_for_each(|comment| writeln!(to, "{}", profile.text(*comment)))
}
