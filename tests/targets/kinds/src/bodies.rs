//! Responses that stream a body: of a file whose read hangs, to a client that does not read, and of a channel.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::io::ReaderStream;

use crate::Kept;

/// More than the buffers of a connection hold.
const LARGE: u64 = 256 << 20;

type Piece = Result<Vec<u8>, std::io::Error>;

/// A folder that exists while the program runs.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) async fn start(kept: &mut Kept) {
    let folder = std::env::temp_dir().join(format!("kinds-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let files = Folder(folder.clone());
    make_files(&folder, kept);

    let (sender, receiver) = mpsc::channel::<Piece>(1);
    kept.push(Box::new(sender));
    let receiver = std::sync::Arc::new(std::sync::Mutex::new(Some(receiver)));
    let routes = Router::new()
        .route("/hangs", get(async |State(folder): State<PathBuf>| sends(folder.join("pipe")).await))
        .route("/large", get(async |State(folder): State<PathBuf>| sends(folder.join("large")).await))
        .route("/channel", get(async move || receives(receiver.lock().expect("not poisoned").take())))
        .with_state(folder);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it listens");
    tokio::spawn(async { axum::serve(listener, routes).await });

    for path in ["/hangs", "/large", "/channel"] {
        let mut client = TcpStream::connect(address).await.expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nhost: kinds\r\n\r\n");
        client.write_all(request.as_bytes()).await.expect("it reads");
        // The head of the response: its body has been polled.
        client.read_u8().await.expect("an answer");
        kept.push(Box::new(client));
    }
    // Until the buffers of the large one are full.
    sleep(Duration::from_millis(500)).await;
    drop(files);
}

/// A pipe into which nobody writes, and a file that needs no room.
fn make_files(folder: &Path, kept: &mut Kept) {
    let pipe = folder.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success(), "mkfifo: {made}");
    let writer = OpenOptions::new().read(true).write(true).open(&pipe).expect("a pipe");
    kept.push(Box::new(writer));
    std::fs::File::create(folder.join("large")).and_then(|file| file.set_len(LARGE)).expect("a file");
}

async fn sends(path: PathBuf) -> Body {
    let file = tokio::fs::File::open(path).await.expect("it exists");
    Body::from_stream(ReaderStream::new(file))
}

fn receives(receiver: Option<mpsc::Receiver<Piece>>) -> Body {
    receiver.map_or(Body::empty(), |receiver| Body::from_stream(ReceiverStream::new(receiver)))
}
