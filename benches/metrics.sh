#!/usr/bin/env bash
# 1,000 requests of /metrics a second to `rgops serve` for a minute, with 20 programs and 200 slow readers: latencies,
# the memory, descriptors and threads of serve, and the programs' own throughput before, meanwhile and afterwards.
# Usage: benches/metrics.sh                      all, about two minutes
#        benches/metrics.sh --quick              ten seconds each
#        benches/metrics.sh --library            without HTTP: the same questions to the library, in one process
# Other options: --seconds N, --rate N, --programs N, --slow N, --port N. Run it on a machine that does nothing else.
# RGOPS=path/to/rgops measures that program instead of one that is built.
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
cd "$repository/benches/metrics"
if [ -z "${RGOPS:-}" ]; then
    (cd "$repository" && cargo build --quiet --release -p rgops)
    RGOPS=$repository/target/release/rgops
fi
cargo build --quiet --release
exec target/release/metrics --rgops "$RGOPS" "$@"
