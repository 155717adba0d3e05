//! Requests at a fixed rate, whether or not earlier ones were answered. The latency counts from the moment when a
//! request was due, so a server that stops for a second cannot hide it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::server::Server;

/// Requests at a time.
const AT_ONCE: usize = 128;

/// Longer is a failure.
const DEADLINE: Duration = Duration::from_secs(10);

pub struct Load(Vec<JoinHandle<Results>>);

#[derive(Default)]
pub struct Results {
    /// Ascending.
    pub latencies: Vec<Duration>,
    pub failures: u64,
    pub first_failure: Option<String>,
}

impl Load {
    pub fn start(server: &Server, rate: u64, time: Duration) -> Load {
        let (began, next, all) = (Instant::now(), Arc::new(AtomicU64::new(0)), rate * time.as_secs());
        let one = |_| {
            let (server, next) = (server.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                let mut results = Results::default();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= all {
                        return results;
                    }
                    let due = began + Duration::from_secs_f64(number as f64 / rate as f64);
                    tokio::time::sleep_until(due).await;
                    let answer = tokio::time::timeout(DEADLINE, server.request()).await;
                    match answer.unwrap_or_else(|_| Err("timed out".to_owned())) {
                        Ok(_) => results.latencies.push(due.elapsed()),
                        Err(error) => {
                            results.failures += 1;
                            results.first_failure.get_or_insert(error);
                        }
                    }
                }
            })
        };
        Load((0..AT_ONCE).map(one).collect())
    }

    pub async fn finished(self) -> Results {
        let mut all = Results::default();
        for task in self.0 {
            let Ok(results) = task.await else { continue };
            all.latencies.extend(results.latencies);
            all.failures += results.failures;
            all.first_failure = all.first_failure.or(results.first_failure);
        }
        all.latencies.sort_unstable();
        all
    }
}

impl Results {
    pub fn percentile(&self, share: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get((last as f64 * share) as usize).copied().unwrap_or_default()
    }
}
