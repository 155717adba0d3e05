//! Parses the dumps of jemalloc's own profiler (`heap_v2`, jemalloc(3) `prof.dump`) and makes their numbers unbiased.
//!
//! A block of `s` bytes is sampled with probability `1 - exp(-s / rate)`. A dump has only sums per stack, so the rule
//! (`AdjustSamples` of jeprof) uses the mean size for all blocks, which is exact if a stack allocates blocks of one
//! size. Since 5.3 (`opt.prof_unbias`), jemalloc writes its sums so that this rule is also unbiased for mixed
//! sizes.

use rgops_protocol::reply::Module;
use rgops_protocol::reply::pprof_heap::Estimate;

/// Limits of a dump: a program has a few thousand stacks, and jemalloc keeps 128 frames.
const MAX_STACKS: usize = 1 << 20;
const MAX_FRAMES: usize = 1024;
const MAX_MODULES: usize = 4096;

/// Why a text is not a dump of jemalloc.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DumpError {
    /// The first line names another format.
    #[error("jemalloc's dump begins with {0:?}, not heap_v2/RATE")]
    Header(String),
    /// A line that cannot be parsed.
    #[error("line {line} of jemalloc's dump cannot be parsed: {text:?}")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// Start of the line.
        text: String,
    },
    /// More stacks than the limit.
    #[error("jemalloc's dump has more than {MAX_STACKS} stacks")]
    TooLarge,
}

/// A dump with unbiased numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Dump {
    /// Mean bytes between two samples.
    pub(super) mean_bytes: u64,
    pub(super) stacks: Vec<DumpStack>,
    /// The mappings with code, as modules without build-ids.
    pub(super) modules: Vec<Module>,
    /// Whether freed allocations are also counted (`opt.prof_accum`).
    pub(super) has_allocated: bool,
}

/// One stack of a dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DumpStack {
    /// Return addresses, leaf first.
    pub(super) frames: Vec<u64>,
    pub(super) live: Estimate,
    /// Zero if jemalloc does not count it.
    pub(super) allocated: Estimate,
}

/// Reads a dump.
pub(super) fn parse(text: &str) -> Result<Dump, DumpError> {
    let mut lines = text.lines().enumerate();
    let header = lines.next().map_or("", |(_, line)| line);
    let rate = header.strip_prefix("heap_v2/").and_then(|rate| rate.trim().parse::<u64>().ok());
    let Some(mean_bytes) = rate else { return Err(DumpError::Header(beginning(header))) };
    let mut dump = Dump { mean_bytes, ..Dump::default() };
    let mut frames: Option<Vec<u64>> = None;
    let mut in_mappings = false;
    for (number, line) in lines {
        let wrong = || DumpError::Line { line: number + 1, text: beginning(line) };
        if in_mappings {
            add_mapping(&mut dump.modules, line);
        } else if line.starts_with("MAPPED_LIBRARIES:") {
            in_mappings = true;
        } else if let Some(addresses) = line.strip_prefix('@') {
            if dump.stacks.len() >= MAX_STACKS {
                return Err(DumpError::TooLarge);
            }
            frames = Some(addresses_of(addresses).ok_or_else(wrong)?);
        } else if let Some(counts) = line.trim_start().strip_prefix("t*:") {
            let counts = counts_of(counts).ok_or_else(wrong)?;
            // Before the first stack: the sums over all stacks.
            if let Some(frames) = frames.take() {
                let [live, allocated] = counts.map(|(count, bytes)| estimate(count, bytes, mean_bytes));
                dump.has_allocated |= allocated.samples > 0;
                dump.stacks.push(DumpStack { frames, live, allocated });
            }
        } else if !(line.trim().is_empty() || line.trim_start().starts_with('t')) {
            return Err(wrong());
        }
    }
    Ok(dump)
}

fn beginning(line: &str) -> String {
    line.chars().take(60).collect()
}

fn addresses_of(text: &str) -> Option<Vec<u64>> {
    let mut frames = Vec::new();
    for word in text.split_ascii_whitespace() {
        let address = u64::from_str_radix(word.strip_prefix("0x")?, 16).ok()?;
        if frames.len() < MAX_FRAMES {
            frames.push(address);
        }
    }
    Some(frames)
}

/// ` 13: 6688 [0: 0]`: live and accumulated counts and bytes.
fn counts_of(text: &str) -> Option<[(u64, u64); 2]> {
    let (live, accumulated) = text.split_once('[')?;
    let pair = |text: &str| {
        let (count, bytes) = text.split_once(':')?;
        Some((count.trim().parse().ok()?, bytes.trim().parse().ok()?))
    };
    Some([pair(live)?, pair(accumulated.trim_end().strip_suffix(']')?)?])
}

/// The estimate for a number of sampled blocks and their total bytes.
fn estimate(count: u64, bytes: u64, mean_bytes: u64) -> Estimate {
    if count == 0 {
        return Estimate::default();
    }
    let size = bytes as f64 / count as f64;
    let probability = if mean_bytes <= 1 { 1.0 } else { -(-size.max(1.0) / mean_bytes as f64).exp_m1() };
    let variance = (1.0 - probability) / (probability * probability) * count as f64;
    Estimate {
        samples: count,
        objects_milli: (count as f64 * 1000.0 / probability).round() as u64,
        bytes: (bytes as f64 / probability).round() as u64,
        objects_variance: variance.round() as u64,
        bytes_variance: (variance * size * size / 65536.0).round() as u64,
    }
}

/// A line of `/proc/self/maps`. Mappings of one file become one module, code or not.
fn add_mapping(modules: &mut Vec<Module>, line: &str) {
    let mut words = line.split_ascii_whitespace();
    let (Some(range), Some(_), Some(offset)) = (words.next(), words.next(), words.next()) else { return };
    let Some(path_at) = line.find('/') else { return };
    let path = &line[path_at..];
    let hexadecimal = |text: &str| u64::from_str_radix(text, 16).ok();
    let Some((start, end)) = range.split_once('-') else { return };
    let (Some(start), Some(end), Some(offset)) = (hexadecimal(start), hexadecimal(end), hexadecimal(offset))
    else {
        return;
    };
    if let Some(module) = modules.last_mut()
        && module.path == path
        && module.end_avma <= start
    {
        module.end_avma = end;
    } else if modules.len() < MAX_MODULES {
        // Position-independent code is linked at 0. Other executables start at 4 MiB on x86_64 and aarch64, far
        // below the addresses that the kernel chooses for position-independent code.
        let bias = if start < 1 << 32 { 0 } else { start.saturating_sub(offset) };
        modules.push(Module {
            path: path.to_owned(),
            build_id: Vec::new(),
            start_avma: start,
            end_avma: end,
            bias,
            has_unwind_data: true,
        });
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const DUMP: &str = "\
heap_v2/524288
  t*: 3: 1048640 [0: 0]
  t0: 3: 1048640 [0: 0]
@ 0x55d5c0001010 0x55d5c0002020
  t*: 2: 64 [4: 128]
  t0: 2: 64 [4: 128]
@ 0x55d5c0003030
  t*: 1: 1048576 [0: 0]

MAPPED_LIBRARIES:
55d5c0000000-55d5c0001000 r--p 00000000 fd:00 1 /usr/bin/service
55d5c0001000-55d5c0009000 r-xp 00001000 fd:00 1 /usr/bin/service
7f0000000000-7f0000001000 rw-p 00000000 00:00 0
7f0000100000-7f0000200000 r-xp 00000000 fd:00 2 /lib/libc.so.6
";

    #[test]
    fn a_dump_has_the_numbers_of_jeprof() {
        let dump = parse(DUMP).unwrap();
        assert_eq!((dump.mean_bytes, dump.has_allocated), (524_288, true));
        let [small, large] = &dump.stacks[..] else { panic!("{dump:?}") };
        assert_eq!(small.frames, [0x55d5_c000_1010, 0x55d5_c000_2020]);
        // 32 bytes each: 2 / (1 - exp(-32 / 524288)) = 32769 blocks.
        assert_eq!((small.live.objects_milli / 1000, small.live.bytes), (32_769, 1_048_608));
        assert_eq!(small.allocated.bytes, 2 * small.live.bytes);
        // A MiB is not sampled with probability exp(-2).
        assert_eq!(large.live.bytes, (1_048_576.0 / (1.0 - (-2.0_f64).exp())).round() as u64);
        let modules: Vec<_> = dump.modules.iter().map(|module| (module.path.as_str(), module.bias)).collect();
        assert_eq!(modules, [("/usr/bin/service", 0x55d5_c000_0000), ("/lib/libc.so.6", 0x7f00_0010_0000)]);
        assert_eq!(dump.modules[0].end_avma, 0x55d5_c000_9000);
    }

    /// A dump written by jemalloc 5.3.1, of a program that had allocated and freed a million blocks of 32 bytes,
    /// of 256 and of 4096 each (benches/heap/subject, `lg_prof_sample:14,prof_accum:true`).
    #[test]
    fn a_real_dump_has_the_allocations_of_the_program() {
        let dump = parse(include_str!("../../fixtures/jemalloc.heap")).unwrap();
        assert_eq!((dump.mean_bytes, dump.has_allocated, dump.stacks.len()), (16_384, true, 6));
        for size in [32.0, 256.0, 4096.0] {
            let stack = dump.stacks.iter().find(|stack| {
                let found = stack.allocated.bytes as f64 * 1000.0 / stack.allocated.objects_milli as f64;
                stack.allocated.samples > 1000 && (found / size - 1.0).abs() < 0.01
            });
            let Estimate { objects_milli, bytes, .. } = stack.unwrap().allocated;
            let deviation = stack.unwrap().allocated.objects_deviation();
            let off = (objects_milli as f64 / 1000.0 - 1e6) / deviation;
            assert!(off.abs() < 3.0, "{size}: {objects_milli} thousandths, {off} deviations");
            assert!((bytes as f64 / (size * 1e6) - 1.0).abs() < 0.1, "{size}: {bytes}");
        }
        let program = &dump.modules[0];
        assert_eq!((program.path.as_str(), program.bias), ("/usr/bin/subject", program.start_avma));
        let in_program = |avma: &u64| (program.start_avma..program.end_avma).contains(avma);
        assert!(dump.stacks.iter().all(|stack| stack.frames.iter().any(in_program)));
    }

    #[test]
    fn a_damaged_dump_is_ignored_or_refused_with_its_line() {
        assert!(matches!(parse("heap profile: 1: 2"), Err(DumpError::Header(_))));
        assert!(matches!(parse(""), Err(DumpError::Header(_))));
        let wrong = parse("heap_v2/1\n@ 0x1 oops\n").unwrap_err();
        assert_eq!(wrong, DumpError::Line { line: 2, text: "@ 0x1 oops".to_owned() });
        // Truncated or damaged at any position, it is parsed or refused.
        for end in 0..DUMP.len() {
            let _ = parse(&DUMP[..end]);
            let mut bent = DUMP.as_bytes().to_vec();
            for byte in [b'-', b'9', b'\n', b'/', 0xff] {
                bent[end] = byte;
                let _ = parse(&String::from_utf8_lossy(&bent));
            }
        }
        let huge = format!("heap_v2/524288\n@ 0x1\n  t*: {0}: {0} [{0}: {0}]\n", u64::MAX);
        assert_eq!(parse(&huge).unwrap().stacks.len(), 1);
    }
}
