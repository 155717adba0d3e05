//! Recommendations come from one task that owns its model. Requests reach it by a channel and get the answer by
//! another.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::catalogue::{Catalogue, PRODUCTS, mix};

/// The sender to the task.
#[derive(Debug, Clone)]
pub(crate) struct Recommender {
    questions: mpsc::Sender<Question>,
}

struct Question {
    session: u64,
    answer: oneshot::Sender<Vec<String>>,
}

/// Maximum number of queued questions. When the queue is full, the requests wait.
const QUEUE: usize = 64;
/// Maximum number of sessions in the model.
const MAX_REMEMBERED: usize = 10_000;

impl Recommender {
    /// Starts the task; it ends when the last `Recommender` is dropped.
    pub(crate) fn start(catalogue: Arc<Catalogue>) -> Recommender {
        let (questions, queue) = mpsc::channel(QUEUE);
        tokio::spawn(answer_questions(catalogue, queue));
        Recommender { questions }
    }

    /// Titles for this session; `None` if the task has ended.
    pub(crate) async fn ask(&self, session: u64) -> Option<Vec<String>> {
        let (answer, answered) = oneshot::channel();
        self.questions.send(Question { session, answer }).await.ok()?;
        answered.await.ok()
    }
}

async fn answer_questions(catalogue: Arc<Catalogue>, mut queue: mpsc::Receiver<Question>) {
    let mut seen: HashMap<u64, u64> = HashMap::new();
    while let Some(Question { session, answer }) = queue.recv().await {
        if seen.len() > MAX_REMEMBERED {
            seen.clear();
        }
        let visits = seen.entry(session).or_default();
        *visits += 1;
        // The request may have been cancelled.
        let _ = answer.send(recommend(&catalogue, session, *visits));
        tokio::task::yield_now().await;
    }
}

/// A random walk over similar products.
#[inline(never)]
fn recommend(catalogue: &Catalogue, session: u64, visits: u64) -> Vec<String> {
    let mut product = mix(session) as usize % PRODUCTS;
    let mut titles = Vec::new();
    for step in 0..3 {
        let near = catalogue.most_similar(product, 4);
        let Some(next) = near.get(mix(session ^ visits ^ step) as usize % 4) else { break };
        titles.push(next.title.clone());
        product = next.id;
    }
    titles
}
