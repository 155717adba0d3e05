#!/usr/bin/env bash
# The cost of embedding the agent: stripped size and idle memory, with and without, median of N starts.
# Usage: benches/embedding.sh [N]      (default 11)
set -euo pipefail
cd "$(dirname "$0")/embedding"
starts=${1:-11}
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
export RGOPS_DIR=$directory/sockets
mkdir -m 700 "$RGOPS_DIR"

cargo build --quiet --release && mkdir "$directory/without" && cp target/release/{hello,service} "$directory/without"
cargo build --quiet --release --features agent && mkdir "$directory/with" && cp target/release/{hello,service} "$directory/with"

median() { sort -n | awk '{v[NR]=$1} END {print v[int((NR+1)/2)]}'; }
field() { awk -v f="$2:" '$1==f {print $2}' "/proc/$1/status"; }

# Prints "size rss anon threads fds" of one program.
measure() {
    local program=$1 rss=() anon=() threads fds pid
    for _ in $(seq "$starts"); do
        coproc TARGET { exec "$program"; }
        pid=$TARGET_PID
        read -r _ <&"${TARGET[0]}"
        # Idle: wait until every thread sleeps.
        for _ in $(seq 200); do
            grep -L '^State:	S' /proc/"$pid"/task/*/status | grep -q . || break
            sleep 0.01
        done
        rss+=("$(field "$pid" VmRSS)"); anon+=("$(field "$pid" RssAnon)")
        threads=$(field "$pid" Threads); fds=$(ls /proc/"$pid"/fd | wc -l)
        kill -9 "$pid"; wait "$pid" 2>/dev/null || true
    done
    echo "$(stat -c %s "$program")" "$(printf '%s\n' "${rss[@]}" | median)" "$(printf '%s\n' "${anon[@]}" | median)" "$threads" "$fds"
}

printf '%-10s %12s %12s %10s %10s %8s %5s\n' program agent 'size B' 'RSS kB' 'anon kB' threads fds
for program in hello service; do
    read -r size0 rss0 anon0 threads0 fds0 < <(measure "$directory/without/$program")
    read -r size1 rss1 anon1 threads1 fds1 < <(measure "$directory/with/$program")
    printf '%-10s %12s %12s %10s %10s %8s %5s\n' "$program" without "$size0" "$rss0" "$anon0" "$threads0" "$fds0"
    printf '%-10s %12s %12s %10s %10s %8s %5s\n' "$program" with "$size1" "$rss1" "$anon1" "$threads1" "$fds1"
    printf '%-10s %12s %+12d %+10d %+10d %+8d %+5d\n' "$program" cost $((size1-size0)) $((rss1-rss0)) $((anon1-anon0)) $((threads1-threads0)) $((fds1-fds0))
done
