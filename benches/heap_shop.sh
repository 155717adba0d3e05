#!/usr/bin/env bash
# The cost of the sampling wrapper for a whole program: answers per second of the example `shop` under overload,
# with the wrapper at its default rate and without, in turns; writes the line into docs/OVERHEAD.md.
# Usage: benches/heap_shop.sh [ROUNDS] [SECONDS]     15 rounds of 2 x 10 seconds, 6 minutes with building
#        benches/heap_shop.sh --print …              prints and writes nothing
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
writes=1
if [ "${1:-}" = --print ]; then
    writes=0
    shift
fi
rounds=${1:-15} seconds=${2:-10}
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
# Where agents listen: away from other programs of this user.
export RGOPS_DIR=$directory/sockets
mkdir -m 700 "$RGOPS_DIR"

cd "$repository"
cargo build --quiet --release --locked -p rgops-examples --bin shop
cp target/release/shop "$directory/wrapped"
cargo build --quiet --release --locked -p rgops-examples --bin shop --features rgops-examples/plain-allocator
cp target/release/shop "$directory/plain"
# Leaves the documented build in place.
cp "$directory/wrapped" target/release/shop

# Prints answers per second.
answers() {
    "$directory/$1" --load 4000 --seconds "$seconds" 2>&1 | sed -n 's/^load: .*(\([0-9]*\)\/s).*/\1/p'
}
answers plain >/dev/null # warms the caches of files
for ((round = 1; round <= rounds; round++)); do
    # Each round starts with the other one.
    if ((round % 2)); then
        plain=$(answers plain) wrapped=$(answers wrapped)
    else
        wrapped=$(answers wrapped) plain=$(answers plain)
    fi
    echo "round $round: $plain without, $wrapped with" >&2
    echo "$plain $wrapped"
done >"$directory/rounds"

line=$(LC_ALL=C awk -v load="$(cut -d' ' -f1 /proc/loadavg)" -v cpus="$(nproc)" '
    function median(values, count,    at, other, swap) {
        for (at = 1; at <= count; at++)
            for (other = at + 1; other <= count; other++)
                if (values[other] < values[at]) { swap = values[at]; values[at] = values[other]; values[other] = swap }
        return count % 2 ? values[(count + 1) / 2] : (values[count / 2] + values[count / 2 + 1]) / 2
    }
    { plain[NR] = $1; wrapped[NR] = $2; ratio[NR] = 100 * ($2 / $1 - 1) }
    END {
        middle = median(ratio, NR)
        printf "%d rounds of both on %d CPUs, load average at the end %s: medians of %d answers a second without and %d with the wrapper; in the same round %+.1f %% (median; from %+.1f to %+.1f %%, quartiles %+.1f and %+.1f %%).\n",
            NR, cpus, load, median(plain, NR), median(wrapped, NR), middle, ratio[1], ratio[NR],
            ratio[int((NR + 3) / 4)], ratio[int((3 * NR + 3) / 4)]
    }' "$directory/rounds")
echo "$line"
if ((writes)); then
    python3 - "$repository/docs/OVERHEAD.md" "$line" <<'PYTHON'
import sys
path, line = sys.argv[1:]
begin, end = "<!-- benches/heap_shop.sh writes from here -->\n", "<!-- benches/heap_shop.sh writes to here -->"
text = open(path).read()
before, rest = text.split(begin)
after = rest.split(end)[1]
open(path, "w").write(before + begin + line + "\n" + end + after)
PYTHON
fi
