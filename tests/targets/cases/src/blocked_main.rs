//! The future of `block_on` blocks its thread by a synchronous call: `cases blocked-main sleep|recv|read|await`.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(600);

#[tokio::main]
pub(crate) async fn run(arguments: &[String]) {
    match arguments.first().map(String::as_str) {
        Some("await") => tokio::time::sleep(LONG).await,
        Some("recv") => {
            let (_kept, receiver) = mpsc::channel::<()>();
            let _ = receiver.recv();
        }
        Some("read") => {
            let (mut reader, _kept) = std::io::pipe().expect("a pipe");
            let _ = std::io::Read::read(&mut reader, &mut [0]);
        }
        _ => thread::sleep(LONG),
    }
}
