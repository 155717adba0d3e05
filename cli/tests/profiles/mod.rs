//! Profiles for tests.

use std::fs;
use std::path::{Path, PathBuf};

use rgops_pprof::proto::{Function, Line, Location, Mapping, Profile, Sample, ValueType};
use rgops_pprof::write::{Tables, encode};

/// Writes a profile of `main`, which calls these functions with these values. A sample is a millisecond, or a value
/// below that.
pub(crate) fn profile(path: &Path, functions: &[(String, i64)], seconds: i64) -> PathBuf {
    let mut tables = Tables::new();
    let filename = tables.text("/bin/shop");
    let program = tables.add_mapping(Mapping {
        memory_start: 0x1000,
        memory_limit: 0x9000_0000,
        filename,
        has_functions: true,
        ..Mapping::default()
    });
    let location = |name: &str, address: u64, tables: &mut Tables| {
        let name = tables.text(name);
        let function_id = tables.add_function(Function { name, system_name: name, ..Function::default() });
        let line = vec![Line { function_id, line: 1, column: 0 }];
        tables.add_location(Location { mapping_id: program, address, line, ..Location::default() })
    };
    let main = location("shop::main", 0x2000, &mut tables);
    let sample = functions.iter().zip(1..).map(|((name, value), at)| Sample {
        location_id: vec![location(name, 0x2000 + 16 * at, &mut tables), main],
        value: vec![(value / 1_000_000).max(1), *value],
        label: Vec::new(),
    });
    let sample = sample.collect();
    let kind = |kind: &str, unit: &str, tables: &mut Tables| ValueType {
        r#type: tables.text(kind),
        unit: tables.text(unit),
    };
    let sample_type = vec![kind("samples", "count", &mut tables), kind("cpu", "nanoseconds", &mut tables)];
    let duration_nanos = seconds * 1_000_000_000;
    let profile = Profile { sample_type, sample, duration_nanos, ..tables.into_profile(Some(program)) };
    fs::write(path, encode(&profile)).unwrap();
    path.to_owned()
}
