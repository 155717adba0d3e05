//! Saved configs, in the user's directory of configurations, in the form of pprof's `settings.json`.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rgops_inspect::output::open_private;
use rgops_pprof::Settings;
use rgops_pprof::settings::{Kind, Opt};
use rgops_web::{Config, ConfigStore};
use serde_json::{Map, Value, json};

/// The file, and that which replaces it when it is complete.
const FILE: &str = "pprof.json";
const NEW_FILE: &str = "pprof.json.new";
/// The most bytes of the file.
const MAX_BYTES: u64 = 1 << 20;

/// Configs in a file.
pub(super) struct Configs {
    directory: PathBuf,
    /// One change at a time.
    changes: Mutex<()>,
}

impl Configs {
    /// Those of the user: in `$XDG_CONFIG_HOME/rgops`, otherwise in `~/.config/rgops`.
    pub(super) fn of_user() -> Option<Configs> {
        let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let configurations = match cfg!(windows) {
            true => variable("APPDATA")?,
            false => variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")))?,
        };
        Some(Configs { directory: configurations.join("rgops"), changes: Mutex::default() })
    }

    fn read(&self) -> io::Result<Vec<Config>> {
        match fs::symlink_metadata(self.directory.join(FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            _ => {}
        }
        let mut text = String::new();
        let size = open_private(&self.directory, FILE)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
        if size as u64 > MAX_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is larger than 1 MB"));
        }
        let file: Value = serde_json::from_str(&text).map_err(io::Error::other)?;
        let configs = file["configs"].as_array().into_iter().flatten();
        Ok(configs.filter_map(|config| of_json(config.as_object()?)).collect())
    }

    fn write(&self, configs: &[Config]) -> io::Result<()> {
        let configs: Vec<Value> = configs.iter().map(to_json).collect();
        let mut text =
            serde_json::to_string_pretty(&json!({ "configs": configs })).map_err(io::Error::other)?;
        text.push('\n');
        let mut file = open_private(&self.directory, NEW_FILE)?;
        file.set_len(0)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        // Nobody else can write in the directory: it was checked when the file was opened.
        fs::rename(self.directory.join(NEW_FILE), self.directory.join(FILE))
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Config>) -> Result<(), String>) -> Result<(), String> {
        let _one = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut configs = self.load()?;
        change(&mut configs)?;
        self.write(&configs).map_err(|error| self.told("written", &error))
    }

    fn told(&self, what: &str, error: &io::Error) -> String {
        format!("{} cannot be {what}: {error}", self.directory.join(FILE).display())
    }
}

impl ConfigStore for Configs {
    fn load(&self) -> Result<Vec<Config>, String> {
        self.read().map_err(|error| self.told("read", &error))
    }

    fn save(&self, config: Config) -> Result<(), String> {
        self.change(|configs| {
            match configs.iter_mut().find(|of| of.name == config.name) {
                Some(of) => *of = config,
                None => configs.push(config),
            }
            Ok(())
        })
    }

    fn delete(&self, name: &str) -> Result<(), String> {
        self.change(|configs| {
            let before = configs.len();
            configs.retain(|config| config.name != name);
            if configs.len() == before { Err(format!("there is no config {name:?}")) } else { Ok(()) }
        })
    }
}

/// A config as pprof writes it: the options are members beside the name, of their own types.
fn to_json(config: &Config) -> Value {
    let mut members = Map::new();
    members.insert("name".to_owned(), Value::from(&*config.name));
    for (name, value) in &config.options {
        let typed = match Opt::find(name).map(|option| option.kind) {
            Some(Kind::Bool) => value.parse().map(Value::Bool).ok(),
            Some(Kind::Integer) => value.parse::<i64>().map(Value::from).ok(),
            Some(Kind::Float) => value.parse::<f64>().map(Value::from).ok(),
            _ => None,
        };
        members.insert(name.clone(), typed.unwrap_or_else(|| Value::from(&**value)));
    }
    Value::Object(members)
}

/// A config that was read. What is not an option, or has a value that the option does not take, is left out.
fn of_json(members: &Map<String, Value>) -> Option<Config> {
    let name = members.get("name")?.as_str()?.to_owned();
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    let options = members.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?)));
    let is_option = |(name, value): &(String, String)| Settings::default().set(name, value).is_ok();
    Some(Config { name, options: options.filter(is_option).collect() })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

    use super::*;

    fn config(name: &str, options: &[(&str, &str)]) -> Config {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config { name: name.to_owned(), options: options.collect() }
    }

    #[test]
    fn configs_are_kept_in_a_file_of_the_user() {
        let root = std::env::temp_dir().join(format!("rgops-configs-{}", std::process::id()));
        let configs = Configs { directory: root.join("config/rgops"), changes: Mutex::default() };
        fs::create_dir_all(root.join("config")).unwrap();
        assert_eq!(configs.load(), Ok(Vec::new()));
        assert!(!configs.directory.exists(), "reading makes no file");
        let all = [
            config("a \"b\"\n", &[("focus", "main"), ("nodefraction", "0.5"), ("trim", "false")]),
            config("b", &[("nodecount", "20")]),
        ];
        for config in all.iter().rev() {
            configs.save(config.clone()).unwrap();
        }
        configs.save(all[1].clone()).unwrap();
        assert_eq!(configs.load().unwrap(), [all[1].clone(), all[0].clone()]);
        let text = fs::read_to_string(configs.directory.join(FILE)).unwrap();
        assert!(text.contains("\"nodefraction\": 0.5") && text.contains("\"trim\": false"), "{text}");
        configs.delete("b").unwrap();
        assert!(configs.delete("b").unwrap_err().contains("no config"));
        assert_eq!(configs.load().unwrap(), [all[0].clone()]);
        fs::write(configs.directory.join(FILE), "{").unwrap();
        assert!(configs.save(all[1].clone()).unwrap_err().contains("cannot be read"));
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_file_of_pprof_is_read() {
        let text = r#"{"name":"x","unit":"minimum","sort":"flat","nodecount":-1,"trim":true,"focus":"main","color":"red","mean":3}"#;
        let read = of_json(serde_json::from_str::<Value>(text).unwrap().as_object().unwrap()).unwrap();
        let names: Vec<&str> = read.options.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["focus", "nodecount", "sort", "trim", "unit"]);
    }
}
