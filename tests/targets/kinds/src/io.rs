//! Tasks that wait for sockets, pipes, processes and signals.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::io::{copy, copy_bidirectional, duplex};
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixStream};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::Kept;

pub(crate) async fn start(kept: &mut Kept) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    tokio::spawn(reads(accepted(&listener, kept).await));
    tokio::spawn(reads_exactly(accepted(&listener, kept).await));
    tokio::spawn(reads_lines(accepted(&listener, kept).await));
    tokio::spawn(reads_half(accepted(&listener, kept).await));
    tokio::spawn(writes(accepted(&listener, kept).await));
    tokio::spawn(waits_to_be_readable(accepted(&listener, kept).await));
    tokio::spawn(copies(accepted(&listener, kept).await));
    let (one, two) = (accepted(&listener, kept).await, accepted(&listener, kept).await);
    tokio::spawn(forwards(one, two));
    tokio::spawn(accepts(listener));
    tokio::spawn(receives(UdpSocket::bind("127.0.0.1:0").await.expect("a port")));
    let (one, other) = UnixStream::pair().expect("two sockets");
    tokio::spawn(reads_unix(one));
    kept.push(Box::new(other));
    tokio::spawn(reads_duplex());
    // The child ends with its input, and so with this program, however that ends.
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("cat(1)");
    kept.push(Box::new(child.stdin.take()));
    tokio::spawn(waits_for_process(child));
    tokio::spawn(waits_for_signal());
}

/// A connection whose other end stays open and silent.
async fn accepted(listener: &TcpListener, kept: &mut Kept) -> TcpStream {
    let address = listener.local_addr().expect("it listens");
    kept.push(Box::new(TcpStream::connect(address).await.expect("it listens")));
    listener.accept().await.expect("a client connected").0
}

async fn accepts(listener: TcpListener) {
    loop {
        let _ = listener.accept().await;
    }
}

async fn reads(mut stream: TcpStream) {
    let mut bytes = [0; 64];
    let _ = stream.read(&mut bytes).await;
}

async fn reads_exactly(mut stream: TcpStream) {
    let mut bytes = [0; 64];
    let _ = stream.read_exact(&mut bytes).await;
}

async fn reads_lines(stream: TcpStream) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        println!("{line}");
    }
}

async fn reads_half(stream: TcpStream) {
    let (mut reading, _writing) = stream.into_split();
    let mut text = String::new();
    let _ = reading.read_to_string(&mut text).await;
}

/// The other end reads nothing, so the buffers fill up.
async fn writes(mut stream: TcpStream) {
    let bytes = vec![0; 1 << 20];
    while stream.write_all(&bytes).await.is_ok() {}
}

async fn waits_to_be_readable(stream: TcpStream) {
    let mut bytes = [0; 64];
    while stream.readable().await.is_ok() {
        let _ = stream.try_read(&mut bytes);
    }
}

async fn copies(mut stream: TcpStream) {
    let _ = copy(&mut stream, &mut tokio::io::sink()).await;
}

async fn forwards(mut one: TcpStream, mut two: TcpStream) {
    let _ = copy_bidirectional(&mut one, &mut two).await;
}

async fn receives(socket: UdpSocket) {
    let mut bytes = [0; 64];
    let _ = socket.recv_from(&mut bytes).await;
}

async fn reads_unix(mut stream: UnixStream) {
    let mut bytes = [0; 64];
    let _ = stream.read(&mut bytes).await;
}

async fn reads_duplex() {
    let (mut one, _two) = duplex(64);
    let mut bytes = [0; 64];
    let _ = one.read(&mut bytes).await;
}

async fn waits_for_process(mut child: Child) {
    let _ = child.wait().await;
}

async fn waits_for_signal() {
    let mut hangup = signal(SignalKind::hangup()).expect("a signal handler");
    hangup.recv().await;
}
