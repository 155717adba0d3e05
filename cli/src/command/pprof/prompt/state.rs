//! What the prompt remembers between commands: the options, and how one is set by name.

use rgops_pprof::Settings;
use rgops_pprof::profile::{Profile, sample_type_position};
use rgops_pprof::settings::{Kind, OPTIONS, Opt};

use super::help::OPTIONS_OF_OURS;

/// The options of the prompt, and the sample types of its profile.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) settings: Settings,
    /// The file for the next reports; empty for the screen.
    pub(super) output: String,
    pub(super) sample_types: Vec<String>,
    default_sample_type: String,
}

/// The most sample types that can be chosen by name here. A file may have millions, all of one long name.
const MAX_SAMPLE_TYPES: usize = 1000;

/// What is kept of the name of a sample type.
const MAX_NAME_BYTES: usize = 1024;

fn beginning(name: &str) -> String {
    name[..name.floor_char_boundary(MAX_NAME_BYTES)].to_owned()
}

impl State {
    pub(super) fn new(profile: &Profile, settings: Settings) -> State {
        let kinds = profile.sample_types.iter().take(MAX_SAMPLE_TYPES);
        let sample_types = kinds.map(|of| beginning(profile.text(of.kind))).collect();
        let default_sample_type = beginning(profile.text(profile.default_sample_type));
        State { settings, output: String::new(), sample_types, default_sample_type }
    }

    /// Sets an option, or makes a choice if `name` is one. `value` is `None` if the line has only the name.
    ///
    /// `None`: there is no such option.
    pub(super) fn set(&mut self, name: &str, value: Option<&str>) -> Option<Result<(), String>> {
        if name == "output" {
            return Some(
                value.ok_or_else(|| needs_value(name)).map(|value| value.clone_into(&mut self.output)),
            );
        }
        if let Some(option) = Opt::find(name) {
            return Some(self.set_option(option, value));
        }
        let option = Opt::of_choice(name)?;
        // pprof refuses a choice without `=true`, although it says `cum` and `lines` are options.
        let is_chosen = matches!(value, None | Some("1" | "t" | "T" | "true" | "TRUE" | "True"));
        Some(if is_chosen { self.store(option, name) } else { Err(format!("unknown config field {name:?}")) })
    }

    fn set_option(&mut self, option: &Opt, value: Option<&str>) -> Result<(), String> {
        let Some(value) = value.or((option.kind == Kind::Bool).then_some("")) else {
            return Err(needs_value(option.name));
        };
        match option.kind {
            Kind::Bool => match value.to_lowercase().as_str() {
                "true" | "t" | "yes" | "y" | "1" | "" => self.store(option, "true"),
                "false" | "f" | "no" | "n" | "0" => self.store(option, "false"),
                _ => Err(format!("illegal value {value:?} for bool variable")),
            },
            Kind::Integer => match value.parse::<i64>() {
                Ok(_) => self.store(option, value),
                Err(error) => {
                    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
                    let why = match error.kind() {
                        PosOverflow | NegOverflow => "value out of range",
                        _ => "invalid syntax",
                    };
                    Err(format!("strconv.Atoi: parsing {value:?}: {why}"))
                }
            },
            Kind::Float => match value.parse::<f64>() {
                Ok(number) if number.is_finite() => self.store(option, value),
                Ok(_) => Err(format!("strconv.ParseFloat: parsing {value:?}: value out of range")),
                Err(_) => Err(format!("strconv.ParseFloat: parsing {value:?}: invalid syntax")),
            },
            Kind::Text if option.name == "sample_index" => {
                let at = sample_type_position(&self.sample_types, &self.default_sample_type, value)?;
                let kind = self.sample_types.get(at).cloned().unwrap_or_default();
                self.store(option, &kind)
            }
            Kind::Text => self.store(option, value),
            Kind::Choice(words) if !words.contains(&value) => {
                Err(format!("invalid {:?} value {value:?}", option.name))
            }
            Kind::Choice(_) => self.store(option, value),
        }
    }

    fn store(&mut self, option: &Opt, value: &str) -> Result<(), String> {
        self.settings.set(option.name, value).map_err(|error| error.to_string())
    }

    /// What `options` prints: pprof's options by name, then ours.
    pub(super) fn options(&self) -> String {
        let mut of_pprof = vec![line("output", quoted(&self.output), "")];
        let mut ours = Vec::new();
        for option in OPTIONS.iter().filter(|option| option.name != "source_path") {
            let value = self.settings.value(option.name).unwrap_or_default();
            let (value, comment) = match option.kind {
                Kind::Choice(words) => {
                    let mut words = words.to_vec();
                    words.sort_unstable();
                    let value = if value.is_empty() { "(default)".to_owned() } else { value };
                    (value, format!("//: [{}]", words.join(" | ")))
                }
                _ if option.name == "sample_index" => {
                    let value = if value.is_empty() {
                        self.sample_types.last().cloned().unwrap_or_default()
                    } else {
                        value
                    };
                    (value, format!("//: [{}]", self.sample_types.join(" | ")))
                }
                Kind::Integer if value == "-1" => (value, "//: default".to_owned()),
                _ => (quoted(&value), String::new()),
            };
            let lines = if OPTIONS_OF_OURS.contains(&option.name) { &mut ours } else { &mut of_pprof };
            lines.push(line(option.name, value, &comment));
        }
        of_pprof.sort();
        of_pprof.extend(ours);
        of_pprof.join("\n")
    }
}

fn needs_value(name: &str) -> String {
    format!("please specify a value, e.g. {name}=<val>")
}

fn quoted(value: &str) -> String {
    if value.is_empty() { "\"\"".to_owned() } else { value.to_owned() }
}

fn line(name: &str, value: String, comment: &str) -> String {
    format!("  {name:<25} = {value:<20} {comment}")
}
