//! A trace taken by `rgops trace`: the threads of its JSON, and its file.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::running::{Running, rgops};

/// A trace. Its file is removed when dropped.
#[derive(Debug)]
pub struct Traced {
    /// What the command printed.
    pub json: Value,
    /// The file it wrote.
    pub file: PathBuf,
}

impl Traced {
    /// Traces a program for `seconds`, with CPU samples at `hz` (0: no samples).
    ///
    /// # Panics
    /// When the command fails.
    pub fn take(target: &Running, seconds: u32, hz: u32) -> Traced {
        static FILES: AtomicU32 = AtomicU32::new(0);
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let file = format!("rgops-traced-{}-{number}.perfetto-trace", std::process::id());
        let file: PathBuf = std::env::temp_dir().join(file);
        let (pid, seconds, hz) = (target.pid().to_string(), seconds.to_string(), hz.to_string());
        let output = file.display().to_string();
        let answer = rgops(&[
            "trace",
            &pid,
            "--json",
            "--duration",
            &seconds,
            "--hz",
            &hz,
            "--output",
            &output,
            "--force",
        ]);
        assert!([0, 6].contains(&answer.code), "{answer:?}");
        Traced { json: answer.json(), file }
    }

    /// The thread with this name.
    ///
    /// # Panics
    /// When there is none.
    pub fn thread(&self, name: &str) -> &Value {
        let thread = self.threads().iter().find(|thread| thread["name"] == name);
        thread.unwrap_or_else(|| panic!("no {name} in {:#}", self.json))
    }

    /// All threads.
    ///
    /// # Panics
    /// When the JSON has none.
    pub fn threads(&self) -> &[Value] {
        self.json["threads"].as_array().expect("a list")
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

/// The share of these kinds of time in a thread's life, 0 to 1.
///
/// # Panics
/// When a time is missing.
pub fn share(thread: &Value, kinds: &[&str]) -> f64 {
    let time = |name: &str| thread[format!("{name}_ns")].as_f64().expect("a time");
    kinds.iter().map(|kind| time(kind)).sum::<f64>() / time("life")
}
