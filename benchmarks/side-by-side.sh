#!/bin/sh
# Measures everything that has a goal side by side with its peer, in one run:
#   benchmarks/side-by-side.sh            the whole, about 25 minutes, written to docs/performance.md
#   benchmarks/side-by-side.sh --quick    fewer rows, under two minutes, printed alone
# --minutes N   how long memory is watched under light traffic (10; quick: 0)
# --only NAMES  of ciphers,packets,throughput,latency,allocations,sealed,browser,memory,handshakes,import,start
# A line per row: what, ours, peer, ratio, goal, and ok, short, limit, or skipped where the peer is not here.
# Exits 0 when no row is short.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)

# Thousands of sessions are opened, and stunnel takes no more descriptors than it is given.
limit=$(ulimit -Hn)
if [ "$limit" = unlimited ] || [ "$limit" -gt 65536 ]; then
    limit=65536
fi
ulimit -n "$limit"

run() {
    output=$(dotnet "$@") || {
        echo "$output" >&2
        exit 2
    }
}
run build "$root/benchmarks/XpraAes.Benchmarks" --configuration Release
# As in its package for this system. Restored apart, so that the libraries are not restored for one system.
run restore "$root/src/XpraAes.Shell" -p:Configuration=Release
run publish "$root/src/XpraAes.Shell" --no-restore --use-current-runtime --output "$root/out/xpra-aes"
exec dotnet "$root/benchmarks/XpraAes.Benchmarks/bin/Release/net10.0/XpraAes.Benchmarks.dll" side-by-side \
    --module "$root/out/XpraAes/XpraAes.psd1" --shell "$root/out/xpra-aes/xpra-aes" --report "$root/docs/performance.md" "$@"
