//! Profiles as files: gzip around the protobuf message; what is read may not grow without bound.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use prost::Message as _;

use super::proto::Profile;
use crate::output::{Numbered, OutputError, OutputFile};

/// A profile may not be larger than this when decompressed; a gzip file of a few kilobytes could
/// otherwise fill the memory.
const MAX_PROFILE_BYTES: u64 = 512 * 1024 * 1024;

/// First bytes of a gzip file (RFC 1952, 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Why bytes are no profile.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The gzip envelope is broken.
    #[error("the profile cannot be decompressed: {0}")]
    Decompress(#[source] io::Error),
    /// It is larger than [`read`] takes.
    #[error("the profile is larger than {} MB when decompressed", MAX_PROFILE_BYTES >> 20)]
    TooLarge,
    /// The bytes are no `profile.proto` message.
    #[error("not a pprof profile: {0}")]
    Decode(#[from] prost::DecodeError),
    /// It refers to something that is not in it.
    #[error("not a valid pprof profile: {0}")]
    Invalid(String),
}

/// A profile as the bytes of a `.pb.gz` file.
pub fn encode(profile: &Profile) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // A Vec takes every write, so neither of the two can fail.
    let _ = encoder.write_all(&profile.encode_to_vec());
    encoder.finish().unwrap_or_default()
}

/// Reads a profile, compressed or not, and checks that it refers to nothing it does not have.
///
/// # Errors
/// [`ReadError`].
pub fn read(bytes: &[u8]) -> Result<Profile, ReadError> {
    read_up_to(bytes, MAX_PROFILE_BYTES)
}

fn read_up_to(bytes: &[u8], limit: u64) -> Result<Profile, ReadError> {
    let profile = if bytes.starts_with(&GZIP_MAGIC) {
        let mut raw = Vec::new();
        MultiGzDecoder::new(bytes).take(limit + 1).read_to_end(&mut raw).map_err(ReadError::Decompress)?;
        if raw.len() as u64 > limit {
            return Err(ReadError::TooLarge);
        }
        Profile::decode(raw.as_slice())?
    } else {
        Profile::decode(bytes)?
    };
    check(&profile).map_err(ReadError::Invalid)?;
    Ok(profile)
}

fn check(profile: &Profile) -> Result<(), String> {
    use std::collections::HashSet;
    if profile.sample_type.is_empty() {
        return Err("it has no sample type".to_owned());
    }
    if profile.string_table.first().is_some_and(|first| !first.is_empty()) {
        return Err("its first text is not empty".to_owned());
    }
    let texts = profile.string_table.len() as i64;
    let text = |index: i64| {
        if (0..texts.max(1)).contains(&index) { Ok(()) } else { Err(format!("text {index} is missing")) }
    };
    let functions: HashSet<u64> = profile.function.iter().map(|function| function.id).collect();
    let mappings: HashSet<u64> = profile.mapping.iter().map(|mapping| mapping.id).collect();
    let locations: HashSet<u64> = profile.location.iter().map(|location| location.id).collect();
    let tables = [
        ("function", functions.len(), profile.function.len(), functions.contains(&0)),
        ("mapping", mappings.len(), profile.mapping.len(), mappings.contains(&0)),
        ("location", locations.len(), profile.location.len(), locations.contains(&0)),
    ];
    for (what, distinct, all, has_zero) in tables {
        if distinct != all || has_zero {
            return Err(format!("two {what}s have the same id, or one has id 0"));
        }
    }
    for value_type in profile.sample_type.iter().chain(&profile.period_type) {
        text(value_type.r#type)?;
        text(value_type.unit)?;
    }
    for mapping in &profile.mapping {
        text(mapping.filename)?;
        text(mapping.build_id)?;
    }
    for function in &profile.function {
        text(function.name)?;
        text(function.system_name)?;
        text(function.filename)?;
    }
    for location in &profile.location {
        if location.mapping_id != 0 && !mappings.contains(&location.mapping_id) {
            return Err(format!("mapping {} is missing", location.mapping_id));
        }
        if let Some(line) = location.line.iter().find(|line| !functions.contains(&line.function_id)) {
            return Err(format!("function {} is missing", line.function_id));
        }
    }
    for sample in &profile.sample {
        if sample.value.len() != profile.sample_type.len() {
            return Err(format!(
                "a sample has {} values for {} types",
                sample.value.len(),
                profile.sample_type.len()
            ));
        }
        if let Some(missing) = sample.location_id.iter().find(|id| !locations.contains(id)) {
            return Err(format!("location {missing} is missing"));
        }
        for label in &sample.label {
            text(label.key)?;
            text(label.str)?;
            text(label.num_unit)?;
        }
    }
    Ok(())
}

/// Writes `bytes` to the file `path` names, readable by its owner only (mode 0600). An existing file is an
/// error unless `replace`. Returns where it is: links are followed.
///
/// # Errors
/// Whatever [`OutputFile`] says; nothing is left half written.
pub fn save(path: &Path, bytes: &[u8], replace: bool) -> Result<PathBuf, OutputError> {
    let mut file = OutputFile::create(path, replace)?;
    // It never fails: what goes wrong is told by `keep`.
    let _ = file.write_all(bytes);
    file.keep()
}

/// Names for a CPU profile nobody named: `rgops.NAME.PID.samples.cpu.NNN.pb.gz`.
pub fn cpu_file_names(program: &str, pid: u32) -> Numbered {
    Numbered::new(program, pid, ".samples.cpu", ".pb.gz")
}

/// The same for a heap profile: `rgops.NAME.PID.alloc_objects.….inuse_space.NNN.pb.gz`.
pub fn heap_file_names(program: &str, pid: u32) -> Numbered {
    Numbered::new(program, pid, ".alloc_objects.alloc_space.inuse_objects.inuse_space", ".pb.gz")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

    use super::*;

    #[test]
    fn a_bomb_and_dangling_references_are_refused() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![0u8; (1 << 20) + 1]).unwrap();
        assert!(matches!(read_up_to(&encoder.finish().unwrap(), 1 << 20), Err(ReadError::TooLarge)));
        assert!(matches!(read(b"\x1f\x8bgarbage"), Err(ReadError::Decompress(_))));
        let mut profile =
            Profile { sample_type: vec![super::super::proto::ValueType::default()], ..Default::default() };
        profile.sample.push(super::super::proto::Sample {
            location_id: vec![9],
            value: vec![1],
            label: vec![],
        });
        assert!(matches!(read(&encode(&profile)), Err(ReadError::Invalid(_))));
    }
}
