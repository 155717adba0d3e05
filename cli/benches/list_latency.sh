#!/usr/bin/env bash
# How long `rgops` (the list) takes as a whole process, compared with /bin/true as the minimum of this machine.
# Usage: cli/benches/list_latency.sh [RUNS] [PROCESSES]     (default 200 runs, at least 80 processes)
# Alternates the two, so that load affects both equally; starts sleeping processes until there are PROCESSES.
set -euo pipefail
cd "$(dirname "$0")/../.."
runs=${1:-200} wanted=${2:-80}
cargo build --release --quiet -p rgops
rgops=${CARGO_TARGET_DIR:-target}/release/rgops

sleepers=()
trap '((${#sleepers[@]})) && kill "${sleepers[@]}" 2>/dev/null || true' EXIT
count() { ls /proc | grep -c '^[0-9]'; }
for ((missing = wanted - $(count); missing > 0; missing--)); do
    sleep 1000 &
    sleepers+=($!)
done

microseconds() { # of one run of "$@"
    local start=${EPOCHREALTIME/[.,]/}
    "$@" >/dev/null 2>&1
    echo $((${EPOCHREALTIME/[.,]/} - start))
}
measure() { for ((i = 0; i < runs; i++)); do echo "true $(microseconds /bin/true)"; echo "rgops $(microseconds "$rgops")"; done; }
times=$(measure)
of() { awk -v what="$1" '$1 == what { print $2 }' <<<"$times" | sort -n; }
at() { of "$1" | sed -n "$((1 + (runs - 1) * $2 / 100))p"; } # percentile

printf '%d processes, %d Rust, %d runs each, milliseconds\n' "$(count)" "$("$rgops" 2>/dev/null | wc -l)" "$runs"
printf '%-10s %8s %8s %8s\n' '' min median p90
for what in true rgops; do
    printf '%-10s %8s %8s %8s\n' "$what" $(for p in 0 50 90; do awk -v t="$(at $what $p)" 'BEGIN { printf "%.2f ", t / 1000 }'; done)
done
awk -v a="$(at rgops 50)" -v b="$(at true 50)" 'BEGIN { printf "ratio of medians: %.2f (gops on the reference machine: 7.95 / 1.22 = 6.5)\n", a / b }'
