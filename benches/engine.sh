#!/usr/bin/env bash
# The cost of the capture engine, compared with the `pprof` crate's three unwinders, gdb and eu-stack, all in
# one run; writes the tables into docs/OVERHEAD.md.
# Usage: benches/engine.sh                       all, about 10 minutes
#        benches/engine.sh --quick [PART…]       about 2 minutes, prints and writes nothing
#        benches/engine.sh PART…                 only cost, overhead, split or dump; prints
# Peers: apt-get install gdb elfutils. A missing one is reported as missing.
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
cd "$repository/benches/engine"
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
# Where agents listen: away from other programs of this user.
export RGOPS_DIR=$directory/sockets
mkdir -m 700 "$RGOPS_DIR" "$directory/programs"

(cd "$repository" && cargo build --quiet --release -p rgops -p rgops-examples --bin rgops --bin crowd)
cp "$repository"/target/release/{rgops,crowd} "$directory/programs"
# The engines exclude each other: one program each. `frame-pointer` needs a program with frame pointers,
# in its own target directory, or cargo would rebuild everything each time.
for engine in agent libgcc framehop; do
    cargo build --quiet --release -p subject --features "$engine"
    cp target/release/subject "$directory/programs/subject-$engine"
done
RUSTFLAGS="${RUSTFLAGS:-} -C force-frame-pointers=yes" \
    cargo build --quiet --release -p subject --features frame-pointer --target-dir target/frame-pointers
cp target/frame-pointers/release/subject "$directory/programs/subject-frame-pointer"
cargo build --quiet --release -p driver

timeout --kill-after=10 1800 target/release/driver \
    --programs "$directory/programs" --document "$repository/docs/OVERHEAD.md" "$@"
