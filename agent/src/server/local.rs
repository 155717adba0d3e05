//! The local socket: mode 0600 in a directory of mode 0700 that is ours.
//!
//! It is bound under its final name, because the kernel's list of sockets keeps the name it was bound
//! under, and systemd-tmpfiles removes what is not in that list. So it can be seen for a moment before it
//! listens; whoever is refused waits for the directory's lock, which is held as long (`protocol/SPEC.md`, section 9).
//! Names are reclaimed by device and inode, never by path alone. When the name is taken away from a living
//! agent, it makes its socket anew: the kernel tells it, so nothing is done as long as nothing happens.

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
use crate::reactor::{Reactor, Registered, Way};

/// Before a lost name is taken again: whoever removes a directory is let do it.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Tries to make a socket anew, each after twice the pause of the one before: a minute and a half.
const TRIES: u32 = 10;

/// A listening socket and the file that is its name.
#[derive(Debug)]
pub(crate) struct LocalListener {
    directory: PathBuf,
    name: String,
    bound: Bound,
    reactor: Arc<Reactor>,
}

/// What is made anew when the name is lost.
#[derive(Debug)]
struct Bound {
    listener: Registered<UnixListener>,
    identity: Identity,
    /// `None` where the kernel has no more of these.
    watch: Option<Registered<File>>,
    at_exit: Option<system::AtExit>,
}

/// Device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity(u64, u64);

impl Identity {
    /// Of what has this name now.
    fn at(path: &Path) -> io::Result<Identity> {
        fs::symlink_metadata(path).map(|metadata| Identity(metadata.dev(), metadata.ino()))
    }
}

/// Who is at the other end, as the kernel says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeerUser {
    /// Effective user id; `None` when the kernel does not tell.
    pub(crate) uid: Option<u32>,
}

/// What a listener has to say.
enum Happened {
    Accepted(io::Result<OwnedFd>),
    /// Something about its name.
    NameChanged,
}

impl LocalListener {
    /// Makes and checks the directory, and listens in it.
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

    /// The next connection and who made it. Meanwhile it sees to it that the socket has its name.
    pub(crate) async fn accept(&mut self) -> io::Result<(Socket, PeerUser)> {
        loop {
            match self.next().await {
                Happened::Accepted(connection) => {
                    let stream = Socket::local(&self.reactor, connection?)?;
                    // A peer whose credentials cannot be had is nobody we know; it will be refused.
                    let uid = system::peer_uid(stream.as_fd()).ok();
                    return Ok((stream, PeerUser { uid }));
                }
                // Boxed: a rare case that would make every wait as large.
                Happened::NameChanged => {
                    let restored: Pin<Box<dyn Future<Output = ()> + Send + '_>> = Box::pin(self.restore());
                    restored.await;
                }
            }
        }
    }

    /// Connections come first: those that were made to a socket without a name are served, too.
    async fn next(&self) -> Happened {
        std::future::poll_fn(|context| {
            let accept = |listener: &UnixListener| socket::accept(listener.as_fd());
            if let Poll::Ready(accepted) = self.bound.listener.poll(Way::Reading, context, accept) {
                return Poll::Ready(Happened::Accepted(accepted));
            }
            let Some(watch) = &self.bound.watch else { return Poll::Pending };
            // Which events they are is of no interest: where the name leads is looked at.
            let read = |mut watch: &File| watch.read(&mut [0; 4096]);
            watch.poll(Way::Reading, context, read).map(|_| Happened::NameChanged)
        })
        .await
    }

    /// Makes the socket anew when its name is gone. A name that leads to something else stays as it is.
    async fn restore(&mut self) {
        let mut pause = FIRST_PAUSE;
        for _ in 0..TRIES {
            match Identity::at(&self.path()) {
                Ok(_) => return,
                Err(error) if is_missing(&error) => {}
                // The directory is closed to us.
                Err(_) => break,
            }
            tokio::time::sleep(pause).await;
            if let Ok(bound) = Bound::make(&self.reactor, &self.directory, &self.name).await {
                // The former one has no name any more, so nothing of it is removed.
                self.bound = bound;
                return;
            }
            pause *= 2;
        }
        // Nothing will ever be told of a file that nobody can find.
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
        // A file of mode 0600 from its first moment; the umask can only take bits away from that, and they are
        // given back below.
        let socket = File::from(socket::unbound().map_err(failed)?);
        socket.set_permissions(Permissions::from_mode(0o600)).map_err(failed)?;
        let socket = OwnedFd::from(socket);
        match socket::bind(socket.as_fd(), &address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_over(directory, name) => {
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
            // It is ours: bind(2) made it.
            let _ = fs::remove_file(&path);
            failed(error)
        })?;
        let at_exit = system::remove_at_exit(&path, identity.0, identity.1);
        Ok(Bound { listener, identity, watch, at_exit })
    }
}

/// Whether the name is taken by a socket of this user that nobody listens on.
fn is_left_over(directory: &Path, name: &str) -> bool {
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
