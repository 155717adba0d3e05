#!/usr/bin/env bash
# Creates target/debian/rgops_VERSION_ARCHITECTURE.deb: the command, its completions and its manual page.
# Needs cargo-deb: cargo install --locked cargo-deb. The list of files is in cli/Cargo.toml, [package.metadata.deb].
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}

cargo build --release --locked -p rgops
# The command prints these files itself, so no build script is needed.
files=cli/package-files
mkdir -p "$files"
for shell in bash zsh fish; do "$target/release/rgops" completions "$shell" >"$files/rgops.$shell"; done
"$target/release/rgops" man >"$files/rgops.1"

# Without debug information the package has 1.7 MB instead of 7.7.
cargo deb --locked -p rgops --no-build --strip --output target/debian/
