//! The paths of rgops and the other examples: beside the tour's own executable. Under `cargo run` they are built
//! first, because cargo builds only the program that it runs.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, process::Stdio};

use tokio::process::Command;

/// The folder that contains `rgops`, `shop`, `leaky`, `split` and `stuck`.
///
/// # Errors
/// When they cannot be built, or are missing.
pub(crate) async fn folder() -> io::Result<PathBuf> {
    let own = env::current_exe()?;
    let folder = own.parent().unwrap_or(Path::new("/"));
    if let (Some(cargo), Some(package)) = (env::var_os("CARGO"), env::var_os("CARGO_MANIFEST_DIR")) {
        build(&cargo, &Path::new(&package).join("Cargo.toml"), folder).await?;
    }
    for name in ["rgops", "shop", "leaky", "split", "stuck"] {
        if !folder.join(name).is_file() {
            let what = format!(
                "{} is not beside {}; run: cargo build --release -p rgops -p rgops-examples --bins",
                name,
                own.display()
            );
            return Err(io::Error::new(io::ErrorKind::NotFound, what));
        }
    }
    Ok(folder.to_owned())
}

/// Builds them with the same cargo and the same profile. The output is shown only if the build fails.
async fn build(cargo: &OsStr, manifest: &Path, folder: &Path) -> io::Result<()> {
    println!("building rgops and the programs to look at …");
    let begin = Instant::now();
    let mut command = Command::new(cargo);
    command.args(["build", "-p", "rgops", "-p", "rgops-examples", "--bins"]);
    command.arg("--manifest-path").arg(manifest);
    // Cargo puts the profiles release and dev into the folders release and debug. Other folders have the profile's
    // name.
    match folder.file_name().and_then(OsStr::to_str) {
        None | Some("debug") => {}
        Some("release") => drop(command.arg("--release")),
        Some(profile) => drop(command.args(["--profile", profile])),
    }
    let built = command.stdin(Stdio::null()).kill_on_drop(true).output().await?;
    if !built.status.success() {
        eprint!("{}", String::from_utf8_lossy(&built.stderr));
        return Err(io::Error::other("cargo could not build them"));
    }
    println!("built in {:.1} s", begin.elapsed().as_secs_f64());
    Ok(())
}
