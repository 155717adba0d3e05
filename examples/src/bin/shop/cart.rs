//! Carts by session, behind a lock with many readers and few writers.

use std::collections::HashMap;

use serde::Serialize;
use tokio::sync::RwLock;

use crate::catalogue::Catalogue;

/// All carts.
#[derive(Debug, Default)]
pub(crate) struct Carts(RwLock<HashMap<u64, Vec<usize>>>);

/// One cart, as shown.
#[derive(Debug, Serialize)]
pub(crate) struct CartPage {
    pub(crate) session: u64,
    pub(crate) products: Vec<usize>,
    pub(crate) total_cents: u64,
}

/// The maximum size of a cart: requests come from outside.
const MAX_PRODUCTS: usize = 50;

impl Carts {
    pub(crate) async fn add(&self, session: u64, product: usize) {
        let mut carts = self.0.write().await;
        let cart = carts.entry(session).or_default();
        if cart.len() < MAX_PRODUCTS {
            cart.push(product);
        }
    }

    pub(crate) async fn page(&self, catalogue: &Catalogue, session: u64) -> CartPage {
        let products = self.0.read().await.get(&session).cloned().unwrap_or_default();
        let total_cents = total_cents(catalogue, &products);
        CartPage { session, products, total_cents }
    }

    /// Removes the cart, because it is paid for or its session has ended.
    pub(crate) async fn take(&self, session: u64) -> Vec<usize> {
        self.0.write().await.remove(&session).unwrap_or_default()
    }
}

/// The total price of the products.
pub(crate) fn total_cents(catalogue: &Catalogue, products: &[usize]) -> u64 {
    products.iter().filter_map(|&id| catalogue.product(id)).map(|product| product.price_cents).sum()
}
