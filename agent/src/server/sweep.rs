//! Removes stale sockets of this user: their process has ended. Best effort: nothing depends on it, because a stale
//! socket is harmless (its name has a pid and a start time that match no process).

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rgops_capture::procfs::process::Stat;
use rgops_capture::{socket, system};
use rgops_protocol::discovery::SocketName;

use super::directory::Open;

/// Maximum files checked.
const MAX_FILES: usize = 1000;

/// Removes the stale sockets of this directory.
pub(crate) async fn sweep(directory: PathBuf) {
    let Ok(entries) = fs::read_dir(&directory) else { return };
    let uid = system::effective_uid();
    for entry in entries.flatten().take(MAX_FILES) {
        let file_name = entry.file_name();
        let Some(name) = file_name.to_str().and_then(SocketName::parse) else { continue };
        let path = entry.path();
        let is_ours = |metadata: Metadata| metadata.file_type().is_socket() && metadata.uid() == uid;
        if !fs::symlink_metadata(&path).is_ok_and(is_ours) {
            continue;
        }
        let stat = Stat::read(&format!("/proc/{}/stat", name.pid));
        if stat.is_ok_and(|stat| stat.start_ticks == name.start_time) {
            continue;
        }
        // It may be a live agent in another pid namespace that shares this directory. Only a refused connection
        // proves that no process listens.
        if is_refused(&directory, &file_name.to_string_lossy()) {
            // The socket may be bound and not listen yet. Its creator holds the lock until it listens.
            let open = Open::existing(&directory);
            let Some(_lock) = open.lock().await else { return };
            if is_refused(&directory, &file_name.to_string_lossy()) {
                let _ = fs::remove_file(&path);
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Whether a connection is refused, so that certainly no process listens.
pub(super) fn is_refused(directory: &Path, name: &str) -> bool {
    let address = Open::existing(directory).address(name);
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    address.is_ok_and(|address| socket::connect_now(&address).is_err_and(refused))
}
