//! The future of `block_on` waits, and is in no list of tasks: `cases block-on multi|current|boxed|dynamic
//! mutex|socket|join|select`. In `multi` the runtime has workers, in `current` it has none, in `boxed` the program itself
//! boxes the future, in `dynamic` behind `dyn`.
//!
//! Prints what it waits for: `lines N…` with the lines of its await points, outermost first; and `peer ADDRESS` of a socket.

use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::runtime::Builder;
use tokio::sync::Mutex;

const LONG: Duration = Duration::from_secs(600);

pub(crate) fn run(arguments: &[String]) {
    let word = |at: usize| arguments.get(at).map_or("", String::as_str);
    let (flavour, shape) = (word(0), word(1).to_owned());
    let mut builder = match flavour {
        "current" => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(2).enable_all().build().expect("a runtime");
    match flavour {
        "boxed" => runtime.block_on(Box::pin(body(shape))),
        "dynamic" => runtime.block_on(Box::pin(body(shape)) as Pin<Box<dyn Future<Output = ()>>>),
        _ => runtime.block_on(body(shape)),
    }
}

async fn body(shape: String) {
    crate::watch();
    match shape.as_str() {
        "mutex" => {
            println!("lines {} {}", line!() + 1, TAKES_IT);
            takes_a_mutex().await;
        }
        "socket" => {
            println!("lines {} {}", line!() + 1, READS);
            reads().await;
        }
        "join" => {
            let task = tokio::spawn(tokio::time::sleep(LONG));
            println!("lines {}", line!() + 1);
            let _ = task.await;
        }
        _ => {
            println!("lines {}", line!() + 1);
            tokio::select! {
                () = tokio::time::sleep(LONG) => {}
                () = reads() => {}
            }
        }
    }
}

/// A task has the lock, and waits forever.
async fn takes_a_mutex() {
    let lock = Arc::new(Mutex::new(0));
    let guard = lock.clone().lock_owned().await;
    tokio::spawn(async move {
        std::future::pending::<()>().await;
        drop(guard);
    });
    *lock.lock().await += 1;
}

/// The line in which [`takes_a_mutex`] waits, and that in which [`reads`] does.
const TAKES_IT: u32 = line!() - 4;
const READS: u32 = line!() + 10;

async fn reads() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let stream = TcpStream::connect(listener.local_addr().expect("bound")).expect("a listener");
    let (_kept, _) = listener.accept().expect("a connection");
    println!("peer {}", stream.peer_addr().expect("connected"));
    stream.set_nonblocking(true).expect("a socket");
    let mut stream = tokio::net::TcpStream::from_std(stream).expect("a socket");
    let mut byte = [0];
    let _ = stream.read(&mut byte).await;
}
