//! The daily report: a blocking job on Tokio's pool, because it reads and sorts everything.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::catalogue::Catalogue;
use crate::database::Order;

/// Sales by product as CSV, best first.
#[inline(never)]
pub(crate) fn sales_by_product(catalogue: &Catalogue, orders: &[Order]) -> String {
    let mut sales: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
    for order in orders {
        for &id in &order.products {
            let price = catalogue.product(id).map_or(0, |product| product.price_cents);
            let (count, cents) = sales.entry(id).or_default();
            *count += 1;
            *cents += price;
        }
    }
    let mut best: Vec<_> = sales.into_iter().collect();
    best.sort_by_key(|&(id, (_, cents))| (std::cmp::Reverse(cents), id));
    let total: u64 = orders.iter().map(|order| order.total_cents).sum();
    write_csv(catalogue, &best, total)
}

#[inline(never)]
fn write_csv(catalogue: &Catalogue, sales: &[(usize, (u64, u64))], total_cents: u64) -> String {
    let mut csv = format!("product,title,sold,cents\n,total,,{total_cents}\n");
    for (id, (count, cents)) in sales {
        let title = catalogue.product(*id).map_or("", |product| product.title.as_str());
        // Writing into a String cannot fail.
        let _ = writeln!(csv, "{id},{title},{count},{cents}");
    }
    csv
}
