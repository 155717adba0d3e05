//! Streams and their adapters.

use std::future::Future;
use std::pin::Pin;

use futures::stream::{self, BoxStream, Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;

use crate::{Kept, LONG};

pub(crate) fn start(kept: &mut Kept) {
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(next(receiver));
    let (other_sender, receiver) = mpsc::channel(4);
    tokio::spawn(maps(receiver));
    tokio::spawn(buffers());
    tokio::spawn(for_each());
    tokio::spawn(for_each_concurrent());
    tokio::spawn(unfolds());
    tokio::spawn(boxed());
    tokio::spawn(folds());
    tokio::spawn(collects());
    tokio::spawn(selects());
    tokio::spawn(timeout());
    kept.push(Box::new((sender, other_sender)));
}

async fn step(number: u64) -> u64 {
    sleep(LONG).await;
    number
}

async fn next(receiver: mpsc::Receiver<u64>) {
    let mut stream = ReceiverStream::new(receiver);
    while let Some(number) = stream.next().await {
        println!("{number}");
    }
}

async fn maps(receiver: mpsc::Receiver<u64>) {
    let mut stream = ReceiverStream::new(receiver).map(|number| number + 1).chunks(3);
    while let Some(numbers) = stream.next().await {
        println!("{numbers:?}");
    }
}

async fn buffers() {
    let mut stream = stream::iter(0..5).map(step).buffer_unordered(2);
    while let Some(number) = stream.next().await {
        println!("{number}");
    }
}

async fn for_each() {
    stream::iter(0..5).for_each(async |number| println!("{}", step(number).await)).await;
}

async fn for_each_concurrent() {
    let each = |number| async move { println!("{}", step(number).await) };
    stream::iter(0..5).for_each_concurrent(2, each).await;
}

fn numbers() -> impl Stream<Item = u64> {
    stream::unfold(0, |number| async move { Some((step(number).await, number + 1)) })
}

async fn unfolds() {
    let numbers = numbers();
    tokio::pin!(numbers);
    while let Some(number) = numbers.next().await {
        println!("{number}");
    }
}

async fn boxed() {
    let mut numbers: BoxStream<'static, u64> = numbers().boxed();
    while let Some(number) = numbers.next().await {
        println!("{number}");
    }
}

async fn folds() -> u64 {
    numbers().fold(0, |sum, number| async move { sum + number }).await
}

async fn collects() -> Vec<u64> {
    stream::iter(0..5).then(step).collect().await
}

async fn selects() {
    let one: Pin<Box<dyn Future<Output = u64> + Send>> = Box::pin(step(1));
    let mut both = stream::select(stream::once(one), stream::once(Box::pin(step(2))));
    while let Some(number) = both.next().await {
        println!("{number}");
    }
}

async fn timeout() {
    use tokio_stream::StreamExt as _;
    let mut limited = Box::pin(numbers().timeout(LONG));
    while let Some(Ok(number)) = tokio_stream::StreamExt::next(&mut limited).await {
        println!("{number}");
    }
}
