//! A crate that is named `tokio` and has a poll function where Tokio has it, so that its debug
//! information has the shapes of a program with tasks, in thirty kilobytes and without downloads.
//!
//! `inspect/fixtures/types.so` is this as rustc 1.95 compiled it for x86_64 (`--emit=obj`,
//! `-Cpanic=abort -Copt-level=3 -Cdebuginfo=2 -Ccodegen-units=1`), linked by `ld -shared`, without
//! sections that nothing here reads. It is there to be damaged, by a test and by the fuzzer.
#![no_std]

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

pub mod runtime {
    pub mod task {
        pub mod raw {
            use core::future::Future;
            use core::pin::Pin;
            use core::task::{Context, Waker};

            pub struct Cell<T, S> {
                pub scheduler: S,
                pub future: T,
            }

            #[inline(never)]
            pub fn poll<T: Future, S>(cell: &mut Cell<T, S>) -> bool {
                let future = unsafe { Pin::new_unchecked(&mut cell.future) };
                future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
            }
        }
    }
}

pub mod scheduler {
    pub struct Handle(pub u64);
}

/// Pending until it was polled `0` times more.
pub struct Countdown(pub u32);

impl Future for Countdown {
    type Output = u32;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u32> {
        match self.0.checked_sub(1) {
            None => Poll::Ready(7),
            Some(less) => {
                self.0 = less;
                Poll::Pending
            }
        }
    }
}

pub mod shop {
    use super::*;

    pub struct Stock<T> {
        pub item: T,
    }

    impl<T: Copy> Stock<T> {
        pub async fn reserve(&self, times: u32) -> T {
            Countdown(times).await; // AWAIT:reserve
            self.item
        }
    }

    pub enum Choice {
        None,
        Signed(i8),
        Niche(Option<&'static u8>),
    }

    #[repr(i8)]
    pub enum Negative {
        Low(u8) = -1,
        High([u16; 3]) = 1,
    }

    pub union Either {
        pub a: u32,
        pub b: f32,
    }

    pub async fn checkout(stock: Stock<u128>, choice: Choice, negative: Negative, either: Either) -> u128 {
        let first = stock.reserve(1).await; // AWAIT:checkout-first
        let second = stock.reserve(2).await; // AWAIT:checkout-second
        match (choice, negative) {
            (Choice::Signed(n), Negative::Low(m)) => first + n as u128 + m as u128,
            (Choice::Niche(Some(n)), _) => second + *n as u128,
            (_, Negative::High(m)) => m[1] as u128,
            _ => unsafe { either.a as u128 },
        }
    }

    pub async fn through_dyn(inner: Pin<&mut dyn Future<Output = u32>>) -> u32 {
        inner.await + 1 // AWAIT:dyn
    }
}

use runtime::task::raw::{Cell, poll};
use scheduler::Handle;

#[unsafe(no_mangle)]
pub extern "C" fn start(times: u32) -> bool {
    let (stock, other) = (shop::Stock { item: 5 }, shop::Stock { item: 1u8 });
    let choice = if times > 3 { shop::Choice::Signed(-3) } else { shop::Choice::None };
    let negative = if times > 4 { shop::Negative::Low(1) } else { shop::Negative::High([1, 2, 3]) };
    let future = shop::checkout(stock, choice, negative, shop::Either { a: times });
    let mut checkout = Cell { scheduler: Handle(1), future };
    let mut block = core::pin::pin!(async move {
        Countdown(times).await; // AWAIT:block
        other.reserve(times).await as u32
    });
    let mut dynamic = Cell { scheduler: Handle(2), future: shop::through_dyn(block.as_mut()) };
    poll(&mut checkout) | poll(&mut dynamic)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
