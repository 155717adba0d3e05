//! The profiles: always the same for the same shape.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use rgops_pprof::Profile;
use rgops_pprof::profile::{Function, FunctionId, Line, Location, LocationId, Mapping, MappingId, ValueType};
use rgops_pprof::write::write_profile;

/// What a profile is like.
pub struct Shape {
    pub name: &'static str,
    pub samples: usize,
    functions: u32,
    locations: u32,
    /// How many stacks samples are cut from; none: each sample has its own.
    stacks: usize,
    depth: std::ops::Range<usize>,
}

/// A profile that was written.
pub struct Written {
    pub path: PathBuf,
    /// Uncompressed.
    pub bytes: u64,
}

impl Shape {
    /// A program of a usual size for a long time: few stacks, cut at random depths. A million samples are 98 MB.
    pub fn many_samples(samples: usize) -> Shape {
        Shape { name: "many samples", samples, functions: 2500, locations: 8000, stacks: 5000, depth: 20..61 }
    }

    /// A large program: nearly every sample has a stack of its own. A hundred thousand samples are 22 MB.
    pub fn many_stacks(samples: usize) -> Shape {
        Shape {
            name: "many stacks",
            samples,
            functions: 40_000,
            locations: 120_000,
            stacks: 0,
            depth: 20..66,
        }
    }

    /// Writes it into `directory`.
    pub fn write(&self, directory: &Path) -> Written {
        let name = format!("{}-{}.pb.gz", self.name.replace(' ', "-"), self.samples);
        let path = directory.join(name);
        let mut to = BufWriter::new(File::create(&path).expect("the directory can be written"));
        write_profile(&self.profile(), &mut to).expect("the disk is not full");
        drop(to);
        // The last four bytes of a gzip file are the size of what is in it.
        let bytes = std::fs::read(&path).expect("it was just written");
        let size = bytes.last_chunk().map_or(0, |size| u32::from_le_bytes(*size));
        Written { path, bytes: u64::from(size) }
    }

    fn profile(&self) -> Profile {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let mut profile = Profile::default();
        let text = |profile: &mut Profile, text: &str| profile.texts.intern(text);
        for (kind, unit) in [("samples", "count"), ("cpu", "nanoseconds")] {
            let of = ValueType { kind: text(&mut profile, kind), unit: text(&mut profile, unit) };
            profile.sample_types.push(of);
        }
        (profile.period_type, profile.period) = (profile.sample_types[1], 10_000_000);
        let file = text(&mut profile, "/usr/bin/large");
        profile.mappings.push(Mapping {
            start: 0x40_0000,
            limit: 0x4000_0000,
            file,
            has_functions: true,
            has_filenames: true,
            has_line_numbers: true,
            ..Mapping::default()
        });
        for at in 0..self.functions {
            let module = at / 40;
            let name = format!("large::module_{module}::worker_{}::handle_request_{at}", at % 7);
            let (name, file) =
                (text(&mut profile, &name), text(&mut profile, &format!("src/module_{module}.rs")));
            profile.functions.push(Function { name, system_name: name, file, start_line: 1 });
        }
        for at in 0..self.locations {
            let lines = vec![Line {
                function: FunctionId(at % self.functions),
                line: i64::from(at % 500) + 1,
                column: 0,
            }];
            let (mapping, address) = (Some(MappingId(0)), 0x40_0000 + u64::from(at) * 24);
            profile.locations.push(Location { mapping, address, lines, is_folded: false });
        }
        let deepest = self.depth.end - 1;
        // From the root; samples have them from the leaf.
        let stack = |random: &mut Random, depth: usize| -> Vec<LocationId> {
            (0..depth).map(|level| self.frame(random, level)).collect()
        };
        let stacks: Vec<Vec<LocationId>> = (0..self.stacks).map(|_| stack(&mut random, deepest)).collect();
        let no_labels = profile.label_sets.intern(&[]);
        for _ in 0..self.samples {
            let depth = self.depth.start + random.below(self.depth.len() as u64) as usize;
            let mut frames = if stacks.is_empty() {
                stack(&mut random, depth)
            } else {
                stacks[random.below(stacks.len() as u64) as usize][..depth].to_vec()
            };
            frames.reverse();
            let count = random.below(4) as i64 + 1;
            let stack = profile.stacks.intern(&frames);
            profile.samples.push(stack, no_labels, &[count, count * 10_000_000]);
        }
        profile
    }
}

impl Shape {
    /// A frame at a distance from the root: one of few near it, one of all far from it, as in programs.
    fn frame(&self, random: &mut Random, level: usize) -> LocationId {
        let choices = u64::from(self.locations).min(2 << (level / 2));
        let choice = random.below(choices) * 7919 + level as u64 * 104_729;
        LocationId((choice % u64::from(self.locations)) as u32)
    }
}

/// Numbers of Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}
