//! Which source files are shown that only a profile names.
//!
//! A name in a profile may be chosen to mislead root into printing the file of somebody else. So the name and the file
//! that was really opened must be those of source code, and root is shown what everybody may read, and what is in a
//! directory of sources and belongs to its owner.

use std::path::{Component, Path, PathBuf};

use crate::files::Checked;

/// Endings of the names of source files; none that configurations have, too.
const ENDINGS: [&str; 42] = [
    "rs", "go", "c", "cc", "cpp", "cxx", "c++", "h", "hh", "hpp", "hxx", "h++", "inl", "tcc", "ipp", "s",
    "asm", "m", "mm", "y", "yy", "l", "ll", "py", "pyx", "java", "kt", "scala", "js", "mjs", "ts", "zig",
    "d", "swift", "nim", "cr", "hs", "ml", "f", "f90", "cu", "pl",
];
/// Where C++ has headers without an ending.
const OF_THE_SYSTEM: [&str; 4] = ["/usr/include/", "/usr/local/include/", "/usr/lib/gcc/", "/usr/lib/llvm-"];

/// Where sources are expected.
#[derive(Debug, Clone, Default)]
pub(super) struct Directories {
    /// Toolchains and registries: the sources of everybody.
    pub(super) of_tools: Vec<PathBuf>,
    /// Those that the user named by `source_path`.
    #[cfg_attr(not(unix), expect(dead_code, reason = "files have no mode there"))]
    pub(super) named: Vec<PathBuf>,
    /// The working directory.
    #[cfg_attr(not(unix), expect(dead_code, reason = "files have no mode there"))]
    pub(super) working: PathBuf,
}

impl Directories {
    /// Whether a path is named like source code.
    pub(super) fn is_source(&self, path: &Path) -> bool {
        if let Some(ending) = path.extension() {
            let ending = ending.to_str().map(str::to_ascii_lowercase);
            return ending.is_some_and(|ending| ENDINGS.contains(&&*ending));
        }
        let is_of_system = OF_THE_SYSTEM.iter().any(|place| path.to_string_lossy().starts_with(place));
        let is_of_tools = self.of_tools.iter().any(|tools| path.starts_with(tools));
        let leads_out = path.components().any(|part| part == Component::ParentDir);
        path.file_name().is_some() && (is_of_system || is_of_tools) && !leads_out
    }

    /// Whether the text of an opened file may be shown.
    ///
    /// # Errors
    /// Why not, behind the path of the file.
    pub(super) fn may_show(&self, file: &Checked) -> Result<(), String> {
        let Some(path) = file.real_path() else { return self.may_root_see(file, None) };
        let is_known = self.is_source(&path) || self.resolved_is_source(&path);
        match is_known {
            true => self.may_root_see(file, Some(&path)),
            false => Err("is not shown: it is not named like source code".to_owned()),
        }
    }

    /// The directories of the tools may be behind links.
    fn resolved_is_source(&self, path: &Path) -> bool {
        let resolved = self.of_tools.iter().filter_map(|tools| tools.canonicalize().ok()).collect();
        Directories { of_tools: resolved, ..Directories::default() }.is_source(path)
    }

    #[cfg(unix)]
    fn may_root_see(&self, file: &Checked, path: Option<&Path>) -> Result<(), String> {
        if !rustix::process::geteuid().is_root() {
            return Ok(());
        }
        let Some((owner, mode)) = file.owner_and_mode() else { return Ok(()) };
        self.may_show_to_root(owner, mode, path)
    }

    #[cfg(not(unix))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as on Unix")]
    fn may_root_see(&self, _: &Checked, _: Option<&Path>) -> Result<(), String> {
        Ok(())
    }

    #[cfg(unix)]
    fn may_show_to_root(&self, owner: u32, mode: u32, path: Option<&Path>) -> Result<(), String> {
        use std::os::unix::fs::MetadataExt as _;
        let passes = |directory: &Path| directory.metadata().is_ok_and(|found| found.mode() & 0o001 != 0);
        let is_public = mode & 0o004 != 0 && path.is_none_or(|path| path.ancestors().skip(1).all(passes));
        let is_below = |directory: &PathBuf| {
            let directory = directory.canonicalize().ok()?;
            path.is_some_and(|path| path.starts_with(&directory)).then_some(directory)
        };
        let is_of_owner = |directory: PathBuf| {
            let found = directory.metadata();
            owner == 0 || found.is_ok_and(|found| found.uid() == owner && found.mode() & 0o022 == 0)
        };
        let mut trees = self.of_tools.iter().chain(&self.named).filter_map(is_below);
        // `/` is not where anybody works.
        let working = is_below(&self.working).filter(|directory| directory.parent().is_some());
        match is_public || trees.any(is_of_owner) || owner == 0 && working.is_some() {
            true => Ok(()),
            false => Err("may be read only by its owner or group, and only the profile names it; pass \
                          -source_path with the directory of the sources"
                .to_owned()),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_source_code_are_opened() {
        let directories =
            Directories { of_tools: vec!["/home/me/.rustup/toolchains".into()], ..Directories::default() };
        let is = |path: &str| directories.is_source(Path::new(path));
        assert!(is("/x/a.rs") && is("/usr/include/c++/12/vector") && is("/x/a.S"));
        assert!(is("/home/me/.rustup/toolchains/stable/lib/vector"));
        for path in [
            "/etc/shadow",
            "/tmp/mal/include/etc/shadow",
            "/usr/include/../../etc/shadow",
            "/home/me/.ssh/id_rsa",
            "/x/key.pem",
            "/x/.env",
            "/x/db.in",
            "/x/secrets.inc",
        ] {
            assert!(!is(path), "{path}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn root_is_shown_what_everybody_may_read_and_trees_of_sources() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        let root = std::env::temp_dir().join(format!("rgops-permitted-{}", std::process::id()));
        std::fs::create_dir_all(root.join("private/src")).unwrap();
        let root = root.canonicalize().unwrap();
        let mode = |path: &str, mode| {
            std::fs::set_permissions(root.join(path), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        mode("", 0o755);
        mode("private/src", 0o755);
        mode("private", 0o700);
        let own = root.metadata().unwrap().uid();
        let (public, private) = (root.join("a.py"), root.join("private/src/a.py"));
        let none = Directories::default();
        let of_user = Directories { named: vec![root.clone()], ..Directories::default() };
        let working = Directories { working: root.clone(), ..Directories::default() };
        let everywhere = Directories { working: "/".into(), ..Directories::default() };
        let may =
            |of: &Directories, owner, mode, path: &Path| of.may_show_to_root(owner, mode, Some(path)).is_ok();
        assert!(may(&none, 1234, 0o644, &public) && !may(&none, 1234, 0o600, &public));
        assert!(!may(&none, 1234, 0o644, &private), "its directory is closed");
        assert!(may(&of_user, own, 0o600, &private) && !may(&of_user, 1234, 0o600, &private));
        assert!(may(&working, 0, 0o600, &private) && !may(&working, 1234, 0o600, &private));
        assert!(!may(&everywhere, 0, 0o600, &private));
        let why = none.may_show_to_root(1234, 0o600, Some(&public)).unwrap_err();
        assert!(why.contains("only by its owner") && why.contains("-source_path"), "{why}");
        std::fs::remove_dir_all(&root).unwrap();
    }
}
