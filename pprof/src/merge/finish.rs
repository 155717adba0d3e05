//! What is done to a profile before and behind its merge.

use crate::filter;
use crate::pattern::Pattern;
use crate::profile::{Mapping, MappingId, Profile, TextId};
use crate::stop::{Stop, Stopped};

/// What pprof does to each profile that it fetches: one without mappings gets one, for all locations; the program, which
/// is the first mapping, gets the file name `program`, if that is not empty, and `build_id`, if it has none.
pub fn with_program(profile: &mut Profile, program: &str, build_id: &str) {
    if profile.mappings.is_empty() {
        profile.mappings.push(Mapping::default());
        profile.ids.mappings.clear();
        for location in &mut profile.locations {
            location.mapping = Some(MappingId(0));
        }
    }
    let (program, build_id) = (profile.texts.intern(program), profile.texts.intern(build_id));
    if let Some(first) = profile.mappings.first_mut() {
        if !program.is_empty() {
            first.file = program;
        }
        if first.build_id.is_empty() {
            first.build_id = build_id;
        }
    }
}

/// What pprof does to the merged profile when it has names: drops the frames that the profile says are not interesting,
/// unless `all_frames` is set, and forgets mappings without a build-id that are named by a URL.
///
/// # Errors
/// If `stop` says so.
pub fn finish(profile: &mut Profile, all_frames: bool, stop: Stop<'_>) -> Result<(), Stopped> {
    if all_frames {
        (profile.drop_frames, profile.keep_frames) = (TextId::EMPTY, TextId::EMPTY);
    }
    // pprof ignores expressions that are none.
    let whole = |id: TextId| Pattern::new(&format!("^({})$", profile.text(id)));
    if !profile.drop_frames.is_empty()
        && let Ok(drop) = whole(profile.drop_frames)
    {
        if profile.keep_frames.is_empty() {
            filter::drop_frames(profile, &drop, None, stop)?;
        } else if let Ok(keep) = whole(profile.keep_frames) {
            filter::drop_frames(profile, &drop, Some(&keep), stop)?;
        }
    }
    let texts = profile.texts.clone();
    for mapping in &mut profile.mappings {
        if mapping.build_id.is_empty() && is_url(texts.get(mapping.file)) {
            mapping.file = TextId::EMPTY;
        }
    }
    Ok(())
}

/// Whether a text begins with a scheme.
fn is_url(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}
