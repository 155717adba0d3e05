//! The products, and the CPU work on them: search, similarity, prices, checksums.

use std::cmp::Ordering;
use std::hint::black_box;

use serde::Serialize;

/// Number of products.
pub(crate) const PRODUCTS: usize = 6_000;
/// Numbers that describe a product, for similarity.
const FEATURES: usize = 32;

const COLOURS: [&str; 8] = ["red", "green", "blue", "black", "white", "amber", "silver", "walnut"];
const MATERIALS: [&str; 5] = ["oak", "steel", "linen", "glass", "leather"];
const THINGS: [&str; 10] =
    ["lamp", "chair", "table", "shelf", "rug", "mirror", "clock", "vase", "sofa", "desk"];

/// A product.
#[derive(Debug, Serialize)]
pub(crate) struct Product {
    pub(crate) id: usize,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) price_cents: u64,
    #[serde(skip)]
    features: [f32; FEATURES],
    #[serde(skip)]
    trigrams: Vec<[u8; 3]>,
}

/// A product's page.
#[derive(Debug, Serialize)]
pub(crate) struct ProductPage<'a> {
    product: &'a Product,
    discounted_cents: u64,
    similar: Vec<&'a str>,
    checksum: String,
}

/// All products.
#[derive(Debug)]
pub(crate) struct Catalogue {
    products: Vec<Product>,
}

impl Catalogue {
    pub(crate) fn new() -> Catalogue {
        Catalogue { products: (0..PRODUCTS).map(product).collect() }
    }

    pub(crate) fn product(&self, id: usize) -> Option<&Product> {
        self.products.get(id)
    }

    pub(crate) fn page(&self, id: usize) -> Option<ProductPage<'_>> {
        let product = self.product(id)?;
        let similar = self.most_similar(id, 8).into_iter().map(|other| other.title.as_str()).collect();
        Some(ProductPage {
            product,
            discounted_cents: best_discount(product.price_cents),
            similar,
            checksum: format!("{:016x}", checksum(product.description.as_bytes(), 4_000)),
        })
    }

    /// The most similar products.
    pub(crate) fn most_similar(&self, id: usize, count: usize) -> Vec<&Product> {
        let Some(product) = self.product(id) else { return Vec::new() };
        let mut scored: Vec<(f32, &Product)> = self
            .products
            .iter()
            .filter(|other| other.id != id)
            .map(|other| (similarity(&product.features, &other.features), other))
            .collect();
        keep_best(&mut scored, count);
        scored.into_iter().map(|(_, product)| product).collect()
    }

    /// The products that match the words best.
    pub(crate) fn search(&self, words: &str, count: usize) -> Vec<&Product> {
        let wanted = trigrams(words);
        let mut scored: Vec<(f32, &Product)> = self
            .products
            .iter()
            .map(|product| (trigram_overlap(&wanted, &product.trigrams), product))
            .filter(|(score, _)| *score > 0.0)
            .collect();
        keep_best(&mut scored, count);
        scored.into_iter().map(|(_, product)| product).collect()
    }
}

fn product(id: usize) -> Product {
    let pick = |list: &[&'static str], salt: u64| list[mix(id as u64 ^ salt) as usize % list.len()];
    let (colour, material, thing) =
        (pick(&COLOURS, 1 << 40), pick(&MATERIALS, 2 << 40), pick(&THINGS, 3 << 40));
    let title = format!("{colour} {material} {thing} {id}");
    let description = format!("A {thing} of {material}, {colour}, made by hand. Model {id}.");
    let mut features = [0.0; FEATURES];
    for (index, feature) in features.iter_mut().enumerate() {
        *feature = (mix((id * FEATURES + index) as u64) % 1000) as f32 / 1000.0;
    }
    let trigrams = trigrams(&title);
    Product { id, title, description, price_cents: 500 + mix(id as u64) % 100_000, features, trigrams }
}

// Not inlined: real services have hot functions with their own names, and profiles show them.

#[inline(never)]
fn similarity(left: &[f32; FEATURES], right: &[f32; FEATURES]) -> f32 {
    let (mut product, mut left_length, mut right_length) = (0.0, 0.0, 0.0);
    for (a, b) in left.iter().zip(right) {
        product += a * b;
        left_length += a * a;
        right_length += b * b;
    }
    product / (left_length * right_length).sqrt()
}

/// The share of the wanted trigrams that is present. Both lists are sorted.
#[inline(never)]
fn trigram_overlap(wanted: &[[u8; 3]], there: &[[u8; 3]]) -> f32 {
    let (mut wanted_rest, mut there_rest, mut common) = (wanted, there, 0);
    while let ([want, want_tail @ ..], [have, have_tail @ ..]) = (wanted_rest, there_rest) {
        match want.cmp(have) {
            Ordering::Less => wanted_rest = want_tail,
            Ordering::Greater => there_rest = have_tail,
            Ordering::Equal => {
                common += 1;
                (wanted_rest, there_rest) = (want_tail, have_tail);
            }
        }
    }
    common as f32 / wanted.len().max(1) as f32
}

#[inline(never)]
fn trigrams(text: &str) -> Vec<[u8; 3]> {
    let lower = text.to_ascii_lowercase();
    let mut trigrams: Vec<[u8; 3]> =
        lower.as_bytes().windows(3).filter_map(|window| window.try_into().ok()).collect();
    trigrams.sort_unstable();
    trigrams.dedup();
    trigrams
}

#[inline(never)]
fn keep_best(scored: &mut Vec<(f32, &Product)>, count: usize) {
    scored.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.id.cmp(&right.1.id)));
    scored.truncate(count);
}

/// The best combination of twelve vouchers, found by trying all.
#[inline(never)]
fn best_discount(price_cents: u64) -> u64 {
    let mut best = price_cents;
    for vouchers in 0..1_u32 << 12 {
        let mut price = price_cents;
        for voucher in 0..12_u32 {
            if vouchers >> voucher & 1 == 1 {
                // Each voucher is worth half as much as the one before it.
                price -= price / (20 + 3 * u64::from(voucher) + u64::from(vouchers.count_ones()) * 4);
            }
        }
        // At most three vouchers may be used together.
        if vouchers.count_ones() <= 3 {
            best = best.min(black_box(price));
        }
    }
    best
}

/// A slow checksum, like signatures and password hashes.
#[inline(never)]
pub(crate) fn checksum(bytes: &[u8], rounds: u32) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325;
    for _ in 0..rounds {
        for &byte in bytes {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        state = mix(state);
    }
    state
}

/// The finaliser of SplitMix64: spreads a number over all 64 bits.
pub(crate) fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
