//! Tasks at both ends of Tokio's channels.

use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::Kept;

pub(crate) async fn start(kept: &mut Kept) {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(receives(receiver));
    let (unbounded_sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(receives_unbounded(receiver));
    let (many_sender, receiver) = mpsc::channel(1);
    tokio::spawn(receives_many(receiver));
    kept.push(Box::new((sender, unbounded_sender, many_sender)));

    let (sender, receiver) = mpsc::channel(1);
    let _ = sender.send(0).await;
    tokio::spawn(sends(sender.clone()));
    tokio::spawn(reserves(sender.clone()));
    tokio::spawn(waits_until_closed(sender));
    kept.push(Box::new(receiver));

    let (sender, receiver) = oneshot::channel();
    tokio::spawn(receives_once(receiver));
    kept.push(Box::new(sender));
    let (sender, receiver) = oneshot::channel();
    tokio::spawn(sends_once(sender));
    kept.push(Box::new(receiver));

    let (sender, receiver) = watch::channel(0);
    tokio::spawn(watches(receiver.clone()));
    tokio::spawn(watches_for(receiver));
    tokio::spawn(sends_to_watchers(sender));

    let (sender, receiver) = broadcast::channel(4);
    tokio::spawn(receives_broadcast(receiver));
    kept.push(Box::new(sender));
}

async fn receives(mut receiver: mpsc::Receiver<u64>) {
    while let Some(number) = receiver.recv().await {
        println!("{number}");
    }
}

async fn receives_unbounded(mut receiver: mpsc::UnboundedReceiver<u64>) {
    while let Some(number) = receiver.recv().await {
        println!("{number}");
    }
}

async fn receives_many(mut receiver: mpsc::Receiver<u64>) {
    let mut numbers = Vec::new();
    receiver.recv_many(&mut numbers, 10).await;
}

async fn sends(sender: mpsc::Sender<u64>) {
    let _ = sender.send(1).await;
}

async fn reserves(sender: mpsc::Sender<u64>) {
    let _ = sender.reserve().await;
}

async fn waits_until_closed(sender: mpsc::Sender<u64>) {
    sender.closed().await;
}

async fn receives_once(receiver: oneshot::Receiver<u64>) {
    let _ = receiver.await;
}

async fn sends_once(mut sender: oneshot::Sender<u64>) {
    sender.closed().await;
}

async fn watches(mut receiver: watch::Receiver<u64>) {
    let _ = receiver.changed().await;
}

async fn watches_for(mut receiver: watch::Receiver<u64>) {
    let _ = receiver.wait_for(|number| *number > 3).await;
}

async fn sends_to_watchers(sender: watch::Sender<u64>) {
    sender.closed().await;
}

async fn receives_broadcast(mut receiver: broadcast::Receiver<u64>) {
    let _ = receiver.recv().await;
}
