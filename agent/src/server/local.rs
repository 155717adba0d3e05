//! The local socket: mode 0600 in a directory of mode 0700 that this user owns.
//!
//! It is bound under its final name. The kernel's list of sockets keeps the name of the bind, and systemd-tmpfiles
//! removes sockets that are not in that list. So the socket is visible for a moment before it listens. A client that
//! is refused waits for the directory's lock, which is held until the socket listens (`protocol/SPEC.md`, section 9).
//! Names are removed by device and inode, never by path alone. If the name of a running agent is removed, the agent
//! recreates its socket. The kernel reports the removal, so the agent does not poll.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rgops_capture::{socket, system};
use rgops_protocol::discovery::SocketName;

use super::directory::{self, Open};
use super::socket::Socket;
use super::sweep;
use crate::ListenError;
use crate::reactor::{Direction, Reactor, Registered};

/// Pause before a removed name is bound again, so that a process that removes the directory can complete that.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Attempts to recreate a socket. The pause doubles after each; together they take a minute and a half.
const ATTEMPTS: u32 = 10;

/// A listening socket and the file that is its name.
#[derive(Debug)]
pub(crate) struct LocalListener {
    directory: PathBuf,
    name: String,
    bound: Bound,
    reactor: Arc<Reactor>,
}

/// The part that is recreated when the name is removed.
#[derive(Debug)]
struct Bound {
    listener: Registered<UnixListener>,
    identity: Identity,
    /// `None` if the limit of inotify instances or watches is reached.
    watch: Option<Registered<File>>,
    at_exit: Option<system::AtExit>,
}

/// Device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity(u64, u64);

impl Identity {
    /// The file that has this name now.
    fn at(path: &Path) -> io::Result<Identity> {
        fs::symlink_metadata(path).map(|metadata| Identity(metadata.dev(), metadata.ino()))
    }
}

/// The user at the other end, as the kernel reports it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeerUser {
    /// Effective user id; `None` if the kernel does not report it.
    pub(crate) uid: Option<u32>,
}

/// An event of a listener.
enum ListenerEvent {
    Accepted(io::Result<OwnedFd>),
    /// The file with its name changed.
    NameChanged,
}

impl LocalListener {
    /// Creates and checks the directory, and listens in it.
    pub(crate) async fn bind(
        reactor: &Arc<Reactor>,
        directory: Option<&Path>,
        pid: u32,
        start_time: u64,
    ) -> Result<LocalListener, ListenError> {
        let directory = directory::of_the_program(directory)?;
        let name = SocketName { pid, start_time }.file_name();
        let bound = Bound::make(reactor, &directory, &name).await?;
        Ok(LocalListener { directory, name, bound, reactor: reactor.clone() })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.join(&self.name)
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The next connection and its user. Meanwhile it recreates the socket if its name is removed.
    pub(crate) async fn accept(&mut self) -> io::Result<(Socket, PeerUser)> {
        loop {
            match self.next().await {
                ListenerEvent::Accepted(connection) => {
                    let stream = Socket::local(&self.reactor, connection?)?;
                    // A peer without known credentials is refused later.
                    let uid = system::peer_uid(stream.as_fd()).ok();
                    return Ok((stream, PeerUser { uid }));
                }
                // Boxed: this rare case would make the future of every wait larger.
                ListenerEvent::NameChanged => {
                    let restored: Pin<Box<dyn Future<Output = ()> + Send + '_>> = Box::pin(self.restore());
                    restored.await;
                }
            }
        }
    }

    /// The next event. Connections come first, so that those to a socket without a name are also served.
    async fn next(&self) -> ListenerEvent {
        std::future::poll_fn(|context| {
            let accept = |listener: &UnixListener| socket::accept(listener.as_fd());
            if let Poll::Ready(accepted) = self.bound.listener.poll(Direction::Read, context, accept) {
                return Poll::Ready(ListenerEvent::Accepted(accepted));
            }
            let Some(watch) = &self.bound.watch else { return Poll::Pending };
            // The events themselves do not matter: `restore` checks what the name refers to.
            let read = |mut watch: &File| watch.read(&mut [0; 4096]);
            watch.poll(Direction::Read, context, read).map(|_| ListenerEvent::NameChanged)
        })
        .await
    }

    /// Recreates the socket if its name was removed. A name that refers to another file is not changed.
    async fn restore(&mut self) {
        let mut pause = FIRST_PAUSE;
        for _ in 0..ATTEMPTS {
            match Identity::at(&self.path()) {
                Ok(_) => return,
                Err(error) if is_missing(&error) => {}
                // The directory is not accessible.
                Err(_) => break,
            }
            tokio::time::sleep(pause).await;
            if let Ok(bound) = Bound::make(&self.reactor, &self.directory, &self.name).await {
                // The old socket has no name, so there is nothing to remove.
                self.bound = bound;
                return;
            }
            pause *= 2;
        }
        // No more events come for a file without a name.
        self.bound.watch = None;
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound)
}

impl Bound {
    async fn make(reactor: &Arc<Reactor>, directory: &Path, name: &str) -> Result<Bound, ListenError> {
        let open = Open::prepare(directory)?;
        let path = directory.join(name);
        let failed = |error| ListenError::Socket { address: path.display().to_string(), error };
        let address = open.address(name).map_err(failed)?;
        let lock = open.lock().await;
        // The file has mode 0600 from the start. The umask can only remove bits, which are restored below.
        let socket = File::from(socket::unbound().map_err(failed)?);
        socket.set_permissions(Permissions::from_mode(0o600)).map_err(failed)?;
        let socket = OwnedFd::from(socket);
        match socket::bind(socket.as_fd(), &address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(directory, name) => {
                fs::remove_file(&path).map_err(failed)?;
                socket::bind(socket.as_fd(), &address).map_err(failed)?;
            }
            bound => bound.map_err(failed)?,
        }
        let listening = || {
            fs::set_permissions(&path, Permissions::from_mode(0o600))?;
            let watch = socket::watch_name(&path).ok().map(File::from);
            let watch = watch.and_then(|watch| Registered::new(reactor, watch).ok());
            let identity = Identity::at(&path)?;
            socket::listen(socket.as_fd())?;
            let listener = Registered::new(reactor, UnixListener::from(socket))?;
            Ok((listener, identity, watch))
        };
        let listening = listening();
        drop(lock);
        let (listener, identity, watch) = listening.map_err(|error| {
            // The file is ours: bind(2) created it.
            let _ = fs::remove_file(&path);
            failed(error)
        })?;
        let at_exit = system::remove_at_exit(&path, identity.0, identity.1);
        Ok(Bound { listener, identity, watch, at_exit })
    }
}

/// Whether the name belongs to a stale socket of this user: no process listens on it.
fn is_stale(directory: &Path, name: &str) -> bool {
    let ours = system::effective_uid();
    let is_ours = |metadata: fs::Metadata| metadata.file_type().is_socket() && metadata.uid() == ours;
    fs::symlink_metadata(directory.join(name)).is_ok_and(is_ours) && sweep::is_refused(directory, name)
}

impl Drop for LocalListener {
    fn drop(&mut self) {
        if let Some(at_exit) = self.bound.at_exit.take() {
            at_exit.forget();
        }
        let path = self.path();
        if Identity::at(&path).is_ok_and(|found| found == self.bound.identity) {
            let _ = fs::remove_file(path);
        }
    }
}
