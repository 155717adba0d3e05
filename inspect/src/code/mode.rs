//! How a profile gets its names: the value of `-symbolize`.

/// How a profile gets its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    /// From files of this host, the process and the servers in `DEBUGINFOD_URLS`.
    pub is_local: bool,
    /// From the program, if the profile was fetched from it.
    pub is_remote: bool,
    /// Also where the profile has names.
    pub is_forced: bool,
    /// How names are made readable; `None` leaves the profile as it is.
    pub demangle: Option<Demangle>,
}

/// How names are made readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demangle {
    /// Not: the linker's names.
    None,
    /// As people write them. pprof's `full` and `templates`, which tell C++ parameters apart, are this one too.
    Readable,
}

impl Default for Mode {
    fn default() -> Mode {
        Mode { is_local: true, is_remote: true, is_forced: false, demangle: Some(Demangle::Readable) }
    }
}

impl Mode {
    /// Nothing is changed.
    pub const NONE: Mode = Mode { is_local: false, is_remote: false, is_forced: false, demangle: None };

    /// Reads `none`, `local`, `fastlocal`, `remote`, `force` and `demangle=…`, separated by `:`; the empty text is the
    /// default. Words that are not known are returned with it.
    pub fn parse(text: &str) -> (Mode, Vec<String>) {
        let (mut mode, mut unknown) = (Mode::default(), Vec::new());
        for word in text.split(':').map(str::to_ascii_lowercase) {
            match &*word {
                "" | "demangle=default" => {}
                "none" | "no" => return (Mode::NONE, unknown),
                "local" | "fastlocal" => (mode.is_local, mode.is_remote) = (true, false),
                "remote" => (mode.is_local, mode.is_remote) = (false, true),
                "force" => mode.is_forced = true,
                "demangle=none" => (mode.demangle, mode.is_forced) = (Some(Demangle::None), true),
                "demangle=full" | "demangle=templates" => {
                    (mode.demangle, mode.is_forced) = (Some(Demangle::Readable), true);
                }
                _ => unknown.push(word),
            }
        }
        (mode, unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_choose_where_names_come_from() {
        let of = |text| Mode::parse(text).0;
        assert_eq!(of(""), Mode::default());
        assert_eq!((of("none"), of("local:none")), (Mode::NONE, Mode::NONE));
        assert!(of("Local").is_local && !of("local").is_remote && of("remote:force").is_forced);
        assert_eq!(of("demangle=none").demangle, Some(Demangle::None));
        assert_eq!(Mode::parse("fast").1, ["fast"]);
    }
}
