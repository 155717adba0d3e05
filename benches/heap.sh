#!/usr/bin/env bash
# The cost of a pair of malloc and free with the sampling wrapper over System and mimalloc, compared with
# jemalloc with its profiler and dhat, all in one run; writes the table into docs/OVERHEAD.md.
# Usage: benches/heap.sh              all, about 10 minutes, most of it building jemalloc
#        benches/heap.sh --quick      without jemalloc and dhat, 5 rounds, prints and writes nothing
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
cd "$repository/benches/heap"
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
# Where agents listen: away from other programs of this user.
export RGOPS_DIR=$directory/sockets
mkdir -m 700 "$RGOPS_DIR" "$directory/programs"

# One allocator per program.
subject() {
    cargo build --quiet --release -p subject --features "$2"
    cp target/release/subject "$directory/programs/$1"
}
subject system ""
subject system-sampled sampled
subject mimalloc mimalloc
subject mimalloc-sampled mimalloc,sampled
if [ "${1:-}" != --quick ]; then
    subject jemalloc jemalloc
    subject dhat dhat
fi
cargo build --quiet --release -p driver
if [ "${1:-}" = --quick ]; then
    target/release/driver --programs "$directory/programs" --rounds 5
else
    timeout --kill-after=10 1800 target/release/driver --programs "$directory/programs" \
        --document "$repository/docs/OVERHEAD.md" "$@"
fi
