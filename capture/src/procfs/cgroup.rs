//! The cgroup of the process, version 2 or 1: memory and CPU limits, and current usage.
//!
//! The files are found through `/proc/thread-self/cgroup` (which group) and `/proc/thread-self/mountinfo` (where
//! it is mounted), see cgroups(7). A limit applies to a group and all groups below it. So the ancestors
//! are read too, up to the mount point, and the lowest limit counts.

use std::io;
use std::path::{Path, PathBuf};

use super::file::{SMALL_FILE_BYTES, number, unexpected};

/// Version 1 writes "no limit" as the largest multiple of the page size below 2^63.
const V1_NO_LIMIT: u64 = 1 << 62;
/// The maximum number of levels read; systemd and Kubernetes nest fewer than ten groups.
const MAX_DEPTH: usize = 32;

/// A controller's directory for this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    directory: PathBuf,
    mount_point: PathBuf,
    version: Version,
}

/// The cgroup version of a group's hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// One hierarchy per controller.
    V1,
    /// The unified hierarchy.
    V2,
}

/// Memory usage and limits of a group, in bytes.
#[derive(Debug)]
pub struct Memory {
    /// The version of the hierarchy.
    pub version: Version,
    /// Current usage, including the page cache.
    pub current: io::Result<u64>,
    /// Highest usage.
    pub peak: io::Result<u64>,
    /// The lowest limit; `None`: no limit.
    pub limit: io::Result<Option<u64>>,
    /// The memory left under the lowest limit; `None`: no limit.
    pub headroom: io::Result<Option<u64>>,
    /// Swap usage.
    pub swap: io::Result<u64>,
    /// Page cache that can be reclaimed.
    pub inactive_file: io::Result<u64>,
}

/// CPU limit and throttling of a group.
#[derive(Debug)]
pub struct Cpu {
    /// The quota in thousandths of a CPU; `None`: no limit.
    pub quota_milli: io::Result<Option<u64>>,
    /// The number of periods in which the group was throttled.
    pub throttled_periods: io::Result<u64>,
}

impl Group {
    /// The group of this process for `controller` (`memory`, `cpu`).
    pub fn of(controller: &str) -> io::Result<Group> {
        let cgroup = super::file::read("/proc/thread-self/cgroup", SMALL_FILE_BYTES)?;
        let mountinfo = super::file::read("/proc/thread-self/mountinfo", 4 * 1024 * 1024)?;
        locate(&cgroup, &mountinfo, controller).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("no mounted cgroup has the {controller} controller"),
            )
        })
    }

    /// The directory with the group's files.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Memory usage and limits.
    pub fn memory(&self) -> Memory {
        let (current, peak, limit) = match self.version {
            Version::V2 => ("memory.current", "memory.peak", "memory.max"),
            Version::V1 => ("memory.usage_in_bytes", "memory.max_usage_in_bytes", "memory.limit_in_bytes"),
        };
        let stat = self.read(&self.directory, "memory.stat");
        let in_stat = |name: &str| match &stat {
            Ok(text) => number(text, name).ok_or_else(|| unexpected(name)),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        };
        let levels = self.levels().filter_map(|directory| {
            let limit = limit_value(&self.read(directory, limit).ok()?)?;
            Some((limit, self.read(directory, current).ok()?.trim().parse::<u64>().ok()?))
        });
        let levels: Vec<(u64, u64)> = levels.collect();
        // The root group has no limit file, so it has no limit.
        let is_limited = |minimum: Option<u64>| match self.read(&self.directory, current) {
            Ok(_) => Ok(minimum),
            Err(error) => Err(error),
        };
        Memory {
            version: self.version,
            current: self.read_number(current),
            peak: self.read_number(peak),
            limit: is_limited(levels.iter().map(|(limit, _)| *limit).min()),
            headroom: is_limited(levels.iter().map(|(limit, used)| limit.saturating_sub(*used)).min()),
            swap: match self.version {
                Version::V2 => self.read_number("memory.swap.current"),
                Version::V1 => in_stat("swap"),
            },
            inactive_file: match self.version {
                Version::V2 => in_stat("inactive_file"),
                Version::V1 => in_stat("total_inactive_file"),
            },
        }
    }

    /// CPU quota and throttling.
    pub fn cpu(&self) -> Cpu {
        let quotas = self.levels().filter_map(|directory| match self.version {
            Version::V2 => quota_of_cpu_max(&self.read(directory, "cpu.max").ok()?),
            Version::V1 => quota_milli(
                &self.read(directory, "cpu.cfs_quota_us").ok()?,
                &self.read(directory, "cpu.cfs_period_us").ok()?,
            ),
        });
        let quota = quotas.min();
        let stat = self.read(&self.directory, "cpu.stat");
        Cpu {
            quota_milli: Ok(quota),
            throttled_periods: stat.and_then(|text| {
                // The root group's cpu.stat does not have this line: it cannot be throttled.
                number(&text, "nr_throttled")
                    .ok_or_else(|| unexpected("nr_throttled (the root cgroup has none)"))
            }),
        }
    }

    fn levels(&self) -> impl Iterator<Item = &Path> {
        self.directory
            .ancestors()
            .take_while(|directory| directory.starts_with(&self.mount_point))
            .take(MAX_DEPTH)
    }

    fn read(&self, directory: &Path, file: &str) -> io::Result<String> {
        let path = directory.join(file);
        super::file::read(&path.to_string_lossy(), SMALL_FILE_BYTES)
    }

    fn read_number(&self, file: &str) -> io::Result<u64> {
        let text = self.read(&self.directory, file)?;
        text.trim().parse().map_err(|_| unexpected("number"))
    }
}

/// Parses a memory limit; `None` when there is no limit.
fn limit_value(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|limit| *limit < V1_NO_LIMIT)
}

fn quota_of_cpu_max(text: &str) -> Option<u64> {
    let (quota, period) = text.trim().split_once(' ')?;
    quota_milli(quota, period)
}

/// The quota in thousandths of a CPU; `max` and `-1` mean no quota.
fn quota_milli(quota: &str, period: &str) -> Option<u64> {
    let quota: u64 = quota.trim().parse().ok()?;
    quota.checked_mul(1000)?.checked_div(period.trim().parse().ok()?)
}

fn locate(cgroup: &str, mountinfo: &str, controller: &str) -> Option<Group> {
    // `hierarchy:controllers:path`; the unified hierarchy's line lists no controllers.
    let lines = cgroup.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':');
        Some((parts.next()?, parts.next()?, parts.next()?))
    });
    let mut unified = None;
    for (hierarchy, controllers, path) in lines {
        if controllers.split(',').any(|name| name == controller) {
            let (root, mount_point) = mount(mountinfo, "cgroup", Some(controller))?;
            return Some(group(path, &root, mount_point, Version::V1));
        }
        if hierarchy == "0" {
            unified = Some(path);
        }
    }
    let (root, mount_point) = mount(mountinfo, "cgroup2", None)?;
    Some(group(unified?, &root, mount_point, Version::V2))
}

/// The root and the mount point of the hierarchy, from proc(5)'s `mountinfo`:
/// `36 35 98:0 ROOT MOUNTPOINT options - TYPE source superoptions`.
fn mount(mountinfo: &str, kind: &str, controller: Option<&str>) -> Option<(String, PathBuf)> {
    mountinfo.lines().find_map(|line| {
        let (front, back) = line.split_once(" - ")?;
        let mut back = back.split(' ');
        if back.next()? != kind {
            return None;
        }
        let options = back.nth(1).unwrap_or_default();
        if controller.is_some_and(|wanted| !options.split(',').any(|option| option == wanted)) {
            return None;
        }
        let mut front = front.split(' ').skip(3);
        Some((front.next()?.to_owned(), PathBuf::from(unescape(front.next()?))))
    })
}

/// Decodes spaces, tabs and backslashes, which `mountinfo` writes as octal escapes (`\040`).
fn unescape(path: &str) -> String {
    path.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
}

fn group(path: &str, root: &str, mount_point: PathBuf, version: Version) -> Group {
    // In a container without a cgroup namespace, the path is the host's and the mount shows only the
    // part below `root`. For a path outside the mount, only the top of the mount is visible.
    let below = Path::new(path).strip_prefix(root).unwrap_or(Path::new(""));
    let is_plain = below.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    let directory = if is_plain { mount_point.join(below) } else { mount_point.clone() };
    Group { directory, mount_point, version }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 /docker/ab /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

    #[test]
    fn version_1_controllers_win_in_a_hybrid_system() {
        let cgroup = "4:memory:/docker/ab/job\n1:cpu,cpuacct:/\n0::/x\n";
        let memory = locate(cgroup, HYBRID, "memory").unwrap();
        assert_eq!(memory.directory, Path::new("/sys/fs/cgroup/memory/job"));
        assert_eq!(memory.version, Version::V1);
        assert_eq!(locate(cgroup, HYBRID, "cpu").unwrap().directory, Path::new("/sys/fs/cgroup/cpu,cpuacct"));
        let unified = locate("0::/x\n", HYBRID, "memory").unwrap();
        assert_eq!(
            (unified.directory.to_str().unwrap(), unified.version),
            ("/sys/fs/cgroup/unified/x", Version::V2)
        );
    }

    #[test]
    fn a_path_outside_the_mount_falls_back_to_its_root() {
        let group = locate("0::/../other\n", HYBRID, "memory").unwrap();
        assert_eq!(group.directory, Path::new("/sys/fs/cgroup/unified"));
    }

    #[test]
    fn the_lowest_limit_of_the_ancestors_counts() {
        let top = std::env::temp_dir().join(format!("rgops-cgroup-{}", std::process::id()));
        let leaf = top.join("slice/leaf");
        std::fs::create_dir_all(&leaf).unwrap();
        for (directory, limit, current) in
            [(&leaf, "max", "100"), (&top.join("slice"), "1000", "900"), (&top, "max", "5000")]
        {
            std::fs::write(directory.join("memory.max"), limit).unwrap();
            std::fs::write(directory.join("memory.current"), current).unwrap();
        }
        std::fs::write(leaf.join("memory.stat"), "anon 1\ninactive_file 40\n").unwrap();
        std::fs::write(leaf.join("cpu.max"), "max 100000\n").unwrap();
        std::fs::write(top.join("slice/cpu.max"), "150000 100000\n").unwrap();
        std::fs::write(leaf.join("cpu.stat"), "usage_usec 1\nnr_throttled 3\n").unwrap();
        let group = Group { directory: leaf, mount_point: top.clone(), version: Version::V2 };
        let memory = group.memory();
        assert_eq!(memory.limit.unwrap(), Some(1000));
        assert_eq!(memory.headroom.unwrap(), Some(100));
        assert_eq!(memory.current.unwrap(), 100);
        assert_eq!(memory.inactive_file.unwrap(), 40);
        assert!(memory.swap.is_err());
        let cpu = group.cpu();
        assert_eq!(cpu.quota_milli.unwrap(), Some(1500));
        assert_eq!(cpu.throttled_periods.unwrap(), 3);
        std::fs::remove_dir_all(top).unwrap();
    }

    #[test]
    fn no_limit_is_distinguished_from_a_limit() {
        assert_eq!(limit_value("9223372036854771712\n"), None);
        assert_eq!(limit_value("max\n"), None);
        assert_eq!(limit_value("4096\n"), Some(4096));
        assert_eq!(quota_milli("-1\n", "100000\n"), None);
        assert_eq!(quota_milli("50000", "0"), None);
    }
}
