//! A library with functions that are inlined into each other, generic functions and functions in several
//! pieces.
//!
//! `inspect/fixtures/names.so` is this file as rustc 1.95 compiled it for x86_64 (`--crate-type=cdylib
//! -Cpanic=abort -Copt-level=2 -Cdebuginfo=1 -Cdwarf-version=5 -Ccodegen-units=2 -Clink-arg=-nostdlib`). A
//! test and the fuzzer damage it.
#![no_std]

pub mod shop {
    pub trait Price {
        fn price(&self) -> u64;
    }

    pub struct Book(pub u64);
    pub struct Pen(pub u64);

    impl Price for Book {
        #[inline(always)]
        fn price(&self) -> u64 {
            discount(self.0, 7)
        }
    }

    impl Price for Pen {
        #[inline(never)]
        fn price(&self) -> u64 {
            discount(self.0, 3)
        }
    }

    #[inline(always)]
    fn discount(price: u64, percent: u64) -> u64 {
        if price > 1000 { rounded(price - price * percent / 100) } else { price }
    }

    #[inline(always)]
    fn rounded(price: u64) -> u64 {
        price.wrapping_add(9) / 10 * 10
    }

    #[inline(never)]
    pub fn sum<T: Price>(all: &[T]) -> u64 {
        all.iter().map(|one| one.price()).fold(0, u64::wrapping_add)
    }
}

use shop::{Book, Pen};

#[unsafe(no_mangle)]
pub extern "C" fn total(books: &[u64; 4], pens: &[u64; 4]) -> u64 {
    let books = books.map(Book);
    let pens = pens.map(Pen);
    shop::sum(&books).wrapping_add(shop::sum(&pens))
}

#[unsafe(no_mangle)]
pub extern "C" fn cheapest(books: &[u64; 4]) -> u64 {
    let mut found = u64::MAX;
    for price in books {
        found = found.min(shop::Price::price(&Book(*price)));
    }
    found
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
