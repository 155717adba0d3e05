//! A simulated database: a pool of connections behind a semaphore, each behind a lock, with latencies of a few
//! milliseconds.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};

use crate::catalogue::{checksum, mix};

/// Orders kept for the report. Older ones are dropped.
const MAX_ORDERS: usize = 20_000;

/// An order.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Order {
    pub(crate) number: u64,
    pub(crate) session: u64,
    pub(crate) products: Vec<usize>,
    pub(crate) total_cents: u64,
    pub(crate) signature: u64,
}

/// A pool of connections.
#[derive(Debug)]
pub(crate) struct Database {
    /// Counts the idle connections: a query waits here when all are in use.
    idle: Semaphore,
    connections: Mutex<Vec<Connection>>,
    /// The table that every order is written to.
    orders: Mutex<VecDeque<Order>>,
}

#[derive(Debug)]
struct Connection {
    queries: u64,
}

impl Database {
    pub(crate) fn open(connections: usize) -> Database {
        Database {
            idle: Semaphore::new(connections),
            connections: Mutex::new((0..connections).map(|_| Connection { queries: 0 }).collect()),
            orders: Mutex::new(VecDeque::new()),
        }
    }

    /// Books an order in one transaction: reserve, pay, insert.
    #[tracing::instrument(level = "info", skip_all, fields(session, products = products.len()))]
    pub(crate) async fn check_out(
        &self,
        session: u64,
        products: Vec<usize>,
        total_cents: u64,
    ) -> Option<Order> {
        let (mut connection, _permit) = self.connection().await?;
        connection.query(Duration::from_millis(3)).await;
        let signature = sign_payment(session, total_cents);
        connection.query(Duration::from_millis(5)).await;
        let order = self.insert(session, products, total_cents, signature).await;
        self.connections.lock().await.push(connection);
        Some(order)
    }

    /// A copy of all orders, for the report.
    pub(crate) async fn orders(&self) -> Vec<Order> {
        self.orders.lock().await.iter().cloned().collect()
    }

    async fn connection(&self) -> Option<(Connection, SemaphorePermit<'_>)> {
        let permit = self.idle.acquire().await.ok()?;
        // A cancelled request kept its connection: open a new one instead.
        let connection = self.connections.lock().await.pop().unwrap_or(Connection { queries: 0 });
        Some((connection, permit))
    }

    async fn insert(&self, session: u64, products: Vec<usize>, total_cents: u64, signature: u64) -> Order {
        let mut orders = self.orders.lock().await;
        // The row lock is held during a round trip, as in real services.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let number = orders.back().map_or(1, |last| last.number + 1);
        let order = Order { number, session, products, total_cents, signature };
        orders.push_back(order.clone());
        if orders.len() > MAX_ORDERS {
            orders.pop_front();
        }
        order
    }
}

impl Connection {
    async fn query(&mut self, latency: Duration) {
        self.queries += 1;
        // Up to twice the latency, as in a database with other users.
        let jitter = latency.mul_f64((mix(self.queries) % 1000) as f64 / 1000.0);
        tokio::time::sleep(latency + jitter).await;
    }
}

#[inline(never)]
fn sign_payment(session: u64, total_cents: u64) -> u64 {
    let mut message = [0; 64];
    message[..8].copy_from_slice(&session.to_le_bytes());
    message[8..16].copy_from_slice(&total_cents.to_le_bytes());
    checksum(&message, 20_000)
}
