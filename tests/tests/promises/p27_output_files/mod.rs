//! Promise 27: a command writes only its output file, complete or not at all. It replaces only regular files, and
//! only with --force. A file that cannot be written is refused before the request is sent. The result is printed
//! whatever happens to the file.

mod refused;
mod scene;
mod written;
