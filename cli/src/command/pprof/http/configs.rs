//! Saved configs, in the user's directory of configurations, in the form of pprof's `settings.json`.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rgops_inspect::output::open_private;
use rgops_pprof::Settings;
use rgops_pprof::settings::{Kind, Opt};
use rgops_web::{Config, ConfigStore};
use serde_json::{Map, Value};

/// The file, and the one that is locked while it is changed: the file itself is replaced.
const FILE: &str = "pprof.json";
const LOCK: &str = "pprof.json.lock";
/// How long another analyser may keep the lock.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);
/// The most bytes of the file.
const MAX_BYTES: u64 = 1 << 20;

/// Configs in a file.
pub(super) struct Configs {
    directory: PathBuf,
}

impl Configs {
    /// Those of the user: in `$XDG_CONFIG_HOME/rgops`, otherwise in `~/.config/rgops`.
    pub(super) fn of_user() -> Option<Configs> {
        let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let configurations = match cfg!(windows) {
            true => variable("APPDATA")?,
            false => variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")))?,
        };
        Some(Configs { directory: configurations.join("rgops") })
    }

    /// The file: an object, in which `configs` is a list.
    fn read(&self) -> io::Result<Map<String, Value>> {
        match fs::symlink_metadata(self.directory.join(FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Map::new()),
            _ => {}
        }
        let mut text = String::new();
        let size = open_private(&self.directory, FILE)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
        if size as u64 > MAX_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is larger than 1 MB"));
        }
        let broken = |why: &str| {
            let why = format!("{why}; move it away, and configs can be saved again");
            io::Error::new(io::ErrorKind::InvalidData, why)
        };
        let file: Map<String, Value> = serde_json::from_str(&text)
            .map_err(|error| broken(&format!("it is not what was saved: {error}")))?;
        match file.get("configs") {
            None | Some(Value::Array(_)) => Ok(file),
            Some(_) => Err(broken("its member configs is not a list")),
        }
    }

    /// Replaces the file when the new one is complete. The lock is held, and the new one has a name of this process.
    fn write(&self, file: &Map<String, Value>) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(file).map_err(io::Error::other)?;
        text.push('\n');
        if text.len() as u64 > MAX_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it would be larger than 1 MB"));
        }
        let name = format!("{FILE}.{}.new", std::process::id());
        let mut new = open_private(&self.directory, &name)?;
        let new = new
            .set_len(0)
            .and_then(|()| new.write_all(text.as_bytes()))
            .and_then(|()| new.sync_all())
            // Nobody else can write in the directory: it was checked when the file was opened.
            .and_then(|()| fs::rename(self.directory.join(&name), self.directory.join(FILE)));
        if new.is_err() {
            let _ = fs::remove_file(self.directory.join(&name));
        }
        new
    }

    /// Changes the list of configs. Nobody else changes it meanwhile: threads and processes wait for the lock, which
    /// ends with the file that has it.
    fn change(&self, change: impl FnOnce(&mut Vec<Value>) -> Result<(), String>) -> Result<(), String> {
        let _lock = self.lock().map_err(|error| self.told("changed", &error))?;
        let mut file = self.read().map_err(|error| self.told("read", &error))?;
        let mut configs = match file.remove("configs") {
            Some(Value::Array(configs)) => configs,
            _ => Vec::new(),
        };
        change(&mut configs)?;
        file.insert("configs".to_owned(), Value::Array(configs));
        self.write(&file).map_err(|error| self.told("written", &error))
    }

    fn lock(&self) -> io::Result<File> {
        let lock = open_private(&self.directory, LOCK)?;
        let end = Instant::now() + PATIENCE;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if Instant::now() < end => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "another program is changing it; try again",
                    ));
                }
            }
        }
    }

    fn told(&self, what: &str, error: &io::Error) -> String {
        format!("{} cannot be {what}: {error}", self.directory.join(FILE).display())
    }
}

/// The name of a config in the file.
fn name_of(config: &Value) -> Option<&str> {
    config.get("name").and_then(Value::as_str)
}

impl ConfigStore for Configs {
    fn load(&self) -> Result<Vec<Config>, String> {
        let file = self.read().map_err(|error| self.told("read", &error))?;
        let configs = file.get("configs").and_then(Value::as_array).into_iter().flatten();
        Ok(configs.filter_map(|config| of_json(config.as_object()?)).collect())
    }

    fn save(&self, config: Config) -> Result<(), String> {
        self.change(|configs| {
            let mut members = to_json(&config);
            match configs.iter_mut().find(|of| name_of(of) == Some(&*config.name)) {
                Some(of) => {
                    // Options of newer versions survive; those that are known have their first values if not written.
                    for (name, value) in of.as_object().into_iter().flatten() {
                        if name != "name" && Opt::find(name).is_none() {
                            members.insert(name.clone(), value.clone());
                        }
                    }
                    *of = Value::Object(members);
                }
                None => configs.push(Value::Object(members)),
            }
            Ok(())
        })
    }

    fn delete(&self, name: &str) -> Result<(), String> {
        self.change(|configs| {
            let before = configs.len();
            configs.retain(|config| name_of(config) != Some(name));
            if configs.len() == before { Err(format!("there is no config {name:?}")) } else { Ok(()) }
        })
    }
}

/// A config as pprof writes it: the options are members beside the name, of their own types.
fn to_json(config: &Config) -> Map<String, Value> {
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
    members
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
        let configs = Configs { directory: root.join("config/rgops") };
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
        let why = configs.save(all[1].clone()).unwrap_err();
        assert!(why.contains("cannot be read") && why.contains("move it away"), "{why}");
        assert_eq!(fs::read_to_string(configs.directory.join(FILE)).unwrap(), "{", "what is broken is left");
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn analysers_do_not_lose_configs_of_each_other() {
        let root = std::env::temp_dir().join(format!("rgops-configs-two-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        // Each has files of its own, as processes have.
        std::thread::scope(|scope| {
            for at in 0..4 {
                let configs = Configs { directory: root.join("rgops") };
                scope.spawn(move || {
                    for of in 0..8 {
                        configs.save(config(&format!("{at}-{of}"), &[("focus", "main")])).unwrap();
                    }
                });
            }
        });
        let configs = Configs { directory: root.join("rgops") };
        assert_eq!(configs.load().unwrap().len(), 32);
        let left: Vec<_> =
            fs::read_dir(root.join("rgops")).unwrap().map(|of| of.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn what_newer_versions_saved_survives() {
        let root = std::env::temp_dir().join(format!("rgops-configs-new-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        let configs = Configs { directory: root.join("rgops") };
        configs.save(config("a", &[])).unwrap();
        let newer = r#"{"version":9,"configs":[{"name":"a","colour":{"of":["sky"]},"focus":"x"},{"name":"b","colour":1},7]}"#;
        fs::write(configs.directory.join(FILE), newer).unwrap();
        configs.save(config("a", &[("hide", "y")])).unwrap();
        let text = fs::read_to_string(configs.directory.join(FILE)).unwrap();
        let saved = r#"{"configs":[{"colour":{"of":["sky"]},"hide":"y","name":"a"},{"colour":1,"name":"b"},7],"version":9}"#;
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            serde_json::from_str::<Value>(saved).unwrap()
        );
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
