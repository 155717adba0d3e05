//! Nested async functions, blocks and closures, also behind boxes, `dyn` and generics.

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::future::{BoxFuture, FutureExt as _};
use tracing::Instrument as _;

use crate::LONG;

pub(crate) fn start() {
    tokio::spawn(outer(1));
    tokio::spawn(async {
        sleeps().await;
    });
    tokio::spawn(awaits_a_block());
    tokio::spawn(awaits_a_closure());
    tokio::spawn(generic::<u8, Never>(7, Never));
    tokio::spawn(Shop { stock: 3 }.sell());
    tokio::spawn(awaits_a_trait(Shop { stock: 4 }));
    tokio::spawn(awaits_an_async_trait(Arc::new(Shop { stock: 5 })));
    tokio::spawn(awaits_a_recursion());
    tokio::spawn(awaits_a_box());
    tokio::spawn(awaits_a_pinned_local());
    tokio::spawn(Box::pin(sleeps()) as Pin<Box<dyn Future<Output = ()> + Send>>);
    tokio::spawn(Box::pin(sleeps()));
    tokio::spawn(large());
    tokio::spawn(returns_impl());
    tokio::spawn(ByHand { inner: Box::pin(sleeps()) });
    tokio::spawn(awaits_by_hand());
    tokio::spawn(awaits_for_ever());
    tokio::spawn(awaits_a_poll_fn());
    tokio::spawn(sleeps().instrument(tracing::Span::none()));
    tokio::spawn(instrumented(8));
    tokio::spawn(awaits_an_option(Some(sleeps())));
    tokio::spawn(awaits_adapters());
    tokio::spawn(awaits_shared());
    tokio::spawn(catches_panics());
}

async fn sleeps() {
    tokio::time::sleep(LONG).await;
}

async fn outer(number: u64) -> u64 {
    middle(number + 1).await + 1
}

async fn middle(number: u64) -> u64 {
    sleeps().await;
    number
}

async fn awaits_a_block() {
    let number = async {
        sleeps().await;
        5
    };
    println!("{}", number.await);
}

async fn awaits_a_closure() {
    let add = async |one: u64, two: u64| {
        sleeps().await;
        one + two
    };
    println!("{}", add(1, 2).await);
}

struct Never;

trait Waits {
    fn wait(&self) -> impl Future<Output = ()> + Send;
}

impl Waits for Never {
    async fn wait(&self) {
        sleeps().await;
    }
}

async fn generic<N: Send, W: Waits + Sync>(number: N, waits: W) -> N {
    waits.wait().await;
    number
}

struct Shop {
    stock: u64,
}

impl Shop {
    async fn sell(self) -> u64 {
        self.reserve().await;
        self.stock
    }

    async fn reserve(&self) {
        sleeps().await;
    }
}

impl Waits for Shop {
    async fn wait(&self) {
        self.reserve().await;
    }
}

async fn awaits_a_trait(shop: Shop) {
    shop.wait().await;
}

#[async_trait::async_trait]
trait Service: Send + Sync {
    async fn call(&self, number: u64) -> u64;
}

#[async_trait::async_trait]
impl Service for Shop {
    async fn call(&self, number: u64) -> u64 {
        sleeps().await;
        number + self.stock
    }
}

async fn awaits_an_async_trait(service: Arc<dyn Service>) -> u64 {
    service.call(3).await
}

fn recursive(depth: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(async move {
        if depth == 0 {
            sleeps().await;
            return 0;
        }
        recursive(depth - 1).await + 1
    })
}

async fn awaits_a_recursion() -> u32 {
    recursive(3).await
}

async fn awaits_a_box() {
    let hidden: BoxFuture<'static, ()> = sleeps().boxed();
    hidden.await;
}

async fn awaits_a_pinned_local() {
    let sleeping = sleeps();
    tokio::pin!(sleeping);
    (&mut sleeping).await;
}

/// Too large for a task's cell: Tokio boxes it.
async fn large() {
    let mut bytes = [0u8; 20_000];
    bytes[3] = 1;
    sleeps().await;
    std::hint::black_box(&bytes);
}

fn returns_impl() -> impl Future<Output = u64> {
    async {
        sleeps().await;
        3
    }
}

struct ByHand {
    inner: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Future for ByHand {
    type Output = u64;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<u64> {
        ready!(self.inner.as_mut().poll(context));
        Poll::Ready(1)
    }
}

async fn awaits_by_hand() -> u64 {
    ByHand { inner: Box::pin(sleeps()) }.await
}

async fn awaits_for_ever() {
    pending::<()>().await;
}

async fn awaits_a_poll_fn() {
    let mut sleeping = Box::pin(sleeps());
    poll_fn(move |context| sleeping.as_mut().poll(context)).await;
}

#[tracing::instrument]
async fn instrumented(number: u64) -> u64 {
    sleeps().await;
    number
}

async fn awaits_an_option(future: Option<impl Future<Output = ()>>) {
    if let Some(future) = future {
        future.await;
    }
}

async fn awaits_adapters() -> u64 {
    sleeps().map(|()| 1).then(|number| async move { number + 1 }).fuse().await
}

async fn awaits_shared() {
    let shared = sleeps().shared();
    let other = shared.clone();
    shared.await;
    drop(other);
}

async fn catches_panics() {
    let _ = std::panic::AssertUnwindSafe(sleeps()).catch_unwind().await;
}
