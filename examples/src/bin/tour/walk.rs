//! The stations of the tour.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use rgops::exit::Exit;
use tokio::time::sleep;

use crate::page::Page;
use crate::program::Program;
use crate::screen::Screen;
use crate::{Arguments, binaries};

/// The CPU profile of the shop, which is shown in the browser at the end.
const CPU_PROFILE: &str = "shop.pb.gz";

/// Runs all commands; the exit code reports whether every command ended as expected.
///
/// # Errors
/// When a program cannot be built or started.
pub(crate) async fn walk(arguments: &Arguments, files: &Path) -> io::Result<ExitCode> {
    let folder = binaries::folder().await?;
    let guide = Guide { rgops: folder.join("rgops"), lines: arguments.lines };
    let mut failed = Vec::new();
    failed.extend(guide.a_service_under_load(&folder, arguments.load, files).await?);
    failed.extend(guide.a_program_that_leaks(&folder, files).await?);
    failed.extend(guide.a_program_that_hangs(&folder).await?);
    failed.extend(guide.tasks_that_wait_for_each_other(&folder).await?);
    failed.extend(guide.targets_that_do_not_answer(&folder).await?);
    let page = Page::open(&guide.rgops, &files.join(CPU_PROFILE)).await?;
    failed.extend(page.check().await);
    if failed.is_empty() {
        println!("\nThat was all: every command answered.");
        page.show().await;
        return Ok(ExitCode::SUCCESS);
    }
    println!("\nThese commands did not behave as expected:");
    for command in failed {
        println!("  {command}");
    }
    Ok(ExitCode::FAILURE)
}

struct Guide {
    rgops: PathBuf,
    lines: usize,
}

impl Guide {
    async fn a_service_under_load(&self, folder: &Path, load: u32, files: &Path) -> io::Result<Vec<String>> {
        let shop =
            Program::start(folder, "shop", &["--load", &load.to_string(), "--connections", "4"], false, true)
                .await?;
        // Wait until there are sessions, orders and warm code.
        sleep(Duration::from_secs(2)).await;
        let pid = shop.pid().to_string();
        let path = |name: &str| files.join(name).display().to_string();
        let (profile, heap, trace) = (path(CPU_PROFILE), path("shop.heap.pb.gz"), path("shop.pftrace"));
        let screens: [(&[&str], &str); 14] = [
            (&[], "Every Rust process of this host; * marks those with an agent."),
            (&[&pid, "2s"], "One process in detail: its parent, CPU over two seconds, memory, sockets."),
            (&["tree"], "The same processes as a tree: shop is a child of this tour."),
            (&["version", &pid], "How it was built: what to know before reading a profile."),
            (&["stats", &pid], "The runtime's workers, its tasks, and what the agent itself cost."),
            (&["memstats", &pid], "What resident memory consists of, then all memory statistics."),
            (
                &["stack", &pid],
                "Where every thread is, with workers labeled; a plain release build, no frame pointers.",
            ),
            (
                &["tasks", &pid],
                "Every Tokio task and the await it is at: connections, the load generator, housekeeping.",
            ),
            (
                &["schedtrace", &pid, "--interval", "500ms", "--count", "3"],
                "What the schedulers do, as GODEBUG=schedtrace shows it for Go.",
            ),
            (
                &["pprof-cpu", &pid, "--duration", "5s", "--output", &profile],
                "Where the CPU goes: search, similarity and checksums; a pprof file for every tool that reads them.",
            ),
            (
                &["pprof", "-peek", "most_similar$", "-rust", &profile],
                "The same file in the analyser: who calls a function, and what it calls. Without a format: a prompt.",
            ),
            (
                &["pprof-heap", &pid, "-alloc_space", "--output", &heap],
                "Which code allocates, sampled by the wrapper around the allocator at almost no cost.",
            ),
            (
                &["trace", &pid, "--duration", "2s", "--output", &trace],
                "What each thread did over time; ui.perfetto.dev opens the file.",
            ),
            (&["stats", &pid, "--json"], "Every command also prints JSON, with a versioned schema."),
        ];
        let mut failed = Vec::new();
        for (arguments, see) in screens {
            failed.extend(self.show(&Screen { arguments, exit: Exit::Success, see }).await?);
        }
        for line in shop.stop().await? {
            println!("\nshop ends; its load generator reports:\n  {line}");
        }
        Ok(failed)
    }

    async fn a_program_that_leaks(&self, folder: &Path, files: &Path) -> io::Result<Vec<String>> {
        // The cache is full after 2 s, so from then on it does not look like a leak.
        let options = ["--leak", "8MiB", "--cache", "16MiB", "--fill", "8MiB"];
        let leaky = Program::start(folder, "leaky", &options, true, true).await?;
        sleep(Duration::from_secs(3)).await;
        let pid = leaky.pid().to_string();
        let heap = files.join("leaky.heap.pb.gz").display().to_string();
        let screens: [(&[&str], &str); 4] = [
            (
                &["leaks", &pid, "--duration", "8s"],
                "The line that leaks, and how certain that is; not the full cache, not the churn.",
            ),
            (
                &["pprof-heap", &pid, "--output", &heap],
                "Memory in use, by the code that allocated it: leak and cache.",
            ),
            (&["memstats", &pid], "How much of resident memory that is, and how much is reclaimable."),
            (&["gc", &pid], "Free memory is returned to the system; leaky allows that, shop would refuse."),
        ];
        let mut failed = Vec::new();
        for (arguments, see) in screens {
            failed.extend(self.show(&Screen { arguments, exit: Exit::Success, see }).await?);
        }
        for line in leaky.stop().await? {
            println!("\nleaky ends, and reports what it really held:\n  {line}");
        }
        Ok(failed)
    }

    async fn a_program_that_hangs(&self, folder: &Path) -> io::Result<Vec<String>> {
        let stuck = Program::start(folder, "stuck", &["--all-workers"], true, true).await?;
        let pid = stuck.pid().to_string();
        let screens: [(&[&str], &str); 3] = [
            (
                &["stack", &pid],
                "No worker is free, so nothing inside the runtime could answer; the agent names stuck::spin_forever.",
            ),
            (
                &["tasks", &pid],
                "The tasks that block the workers come first; the others were woken and wait for a worker.",
            ),
            (
                &["stats", &pid],
                "The workers are busy all the time, though Tokio's own counter stands still, and tasks queue.",
            ),
        ];
        let mut failed = Vec::new();
        for (arguments, see) in screens {
            failed.extend(self.show(&Screen { arguments, exit: Exit::Success, see }).await?);
        }
        stuck.stop().await?;
        Ok(failed)
    }

    async fn tasks_that_wait_for_each_other(&self, folder: &Path) -> io::Result<Vec<String>> {
        let stuck = Program::start(folder, "stuck", &["--async-deadlock"], true, true).await?;
        let pid = stuck.pid().to_string();
        let screen = Screen {
            arguments: &["tasks", &pid],
            exit: Exit::Success,
            see: "All threads are idle, so rgops stack shows no cause; rgops tasks names the deadlock.",
        };
        let failed = self.show(&screen).await?;
        stuck.stop().await?;
        Ok(failed.into_iter().collect())
    }

    async fn targets_that_do_not_answer(&self, folder: &Path) -> io::Result<Vec<String>> {
        let silent = Program::start(folder, "split", &[], true, false).await?;
        let pid = silent.pid().to_string();
        let no_agent = Screen {
            arguments: &["stack", &pid],
            exit: Exit::NotFound,
            see: "A program without an agent: the error states the fix.",
        };
        let no_process = Screen {
            arguments: &["stack", "no-such-program"],
            exit: Exit::NotFound,
            see: "A mistyped name: what, why, and what to type next.",
        };
        let mut failed = Vec::new();
        failed.extend(self.show(&no_agent).await?);
        failed.extend(self.show(&no_process).await?);
        silent.stop().await?;
        Ok(failed)
    }

    /// Shows one command; returns it if it failed.
    async fn show(&self, screen: &Screen<'_>) -> io::Result<Option<String>> {
        let fine = screen.show(&self.rgops, self.lines).await?;
        Ok((!fine).then(|| screen.typed()))
    }
}
