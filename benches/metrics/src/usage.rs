//! Memory, descriptors and threads of the server over time: they must not grow.

use std::time::Duration;

use tokio::task::JoinHandle;

pub struct Watch {
    task: JoinHandle<()>,
    seen: std::sync::mpsc::Receiver<Seen>,
}

#[derive(Clone, Copy)]
struct Seen {
    memory_mb: f64,
    descriptors: usize,
    threads: usize,
    cpu_s: f64,
}

/// In the order of time.
pub struct Usage(Vec<Seen>);

impl Watch {
    pub fn start(pid: u32) -> Watch {
        let (send, seen) = std::sync::mpsc::channel();
        let task = tokio::spawn(async move {
            loop {
                if look(pid).is_none_or(|seen| send.send(seen).is_err()) {
                    return;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        Watch { task, seen }
    }

    pub fn finished(self) -> Usage {
        self.task.abort();
        Usage(self.seen.try_iter().collect())
    }
}

fn look(pid: u32) -> Option<Seen> {
    let count = |folder: &str| Some(std::fs::read_dir(format!("/proc/{pid}/{folder}")).ok()?.count());
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // utime and stime, in hundredths of a second on every Linux.
    let ticks = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11).take(2);
    Some(Seen {
        memory_mb: resident.trim().trim_end_matches(" kB").trim().parse::<f64>().ok()? / 1024.0,
        descriptors: count("fd")?,
        threads: count("task")?,
        cpu_s: ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0,
    })
}

impl Usage {
    pub fn show(&self) {
        let (Some(first), Some(last)) = (self.0.first(), self.0.last()) else { return };
        let middle = self.0[self.0.len() / 2];
        let most = |pick: fn(&Seen) -> f64| self.0.iter().map(pick).fold(0.0, f64::max);
        println!("\nserver        at first   in the middle   at last      most");
        let row = |name: &str, pick: fn(&Seen) -> f64| {
            println!(
                "{name:<12} {:>9.1} {:>15.1} {:>9.1} {:>9.1}",
                pick(first),
                pick(&middle),
                pick(last),
                most(pick)
            );
        };
        row("RSS MB", |seen| seen.memory_mb);
        row("descriptors", |seen| seen.descriptors as f64);
        row("threads", |seen| seen.threads as f64);
        let seconds = (self.0.len() - 1).max(1) as f64;
        println!("CPU          {:>9.1} %", (last.cpu_s - first.cpu_s) / seconds * 100.0);
    }
}
