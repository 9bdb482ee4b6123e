#!/usr/bin/env bash
# Measures the size and the first compile of every built-in component, and prints a table.
#
#   cargo build --release && benches/first-compile.sh [runs]
#
# The first compile is what a run in an empty home takes longer than the same run after it; the best of the runs,
# because a busy machine is not a slow compiler. Needs bash 5.
set -euo pipefail
# `EPOCHREALTIME` follows the locale.
export LC_ALL=C

runs=${1:-5}
root=$(cd "$(dirname "$0")/.." && pwd)
ss=${CARGO_TARGET_DIR:-$root/target}/release/ss
[ -x "$ss" ] || { echo "there is no $ss; run: cargo build --release" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Microseconds that the kit takes to load a plugin and to look at its component.
load() {
    local begun=$EPOCHREALTIME
    "$ss" plugin test "$1" --scenarios "$root/plugins/$1/scenarios" --rule contract/component >"$work/said"
    local ended=$EPOCHREALTIME
    echo $((${ended/./} - ${begun/./}))
}

printf '%-16s %10s %14s\n' component bytes 'first compile'
for folder in "$root"/plugins/*/plugin.toml; do
    plugin=$(basename "$(dirname "$folder")")
    best=
    for ((run = 0; run < runs; run++)); do
        export STARSYSTEM_HOME=$work/home-$plugin-$run
        cold=$(load "$plugin")
        warm=$(load "$plugin")
        took=$((cold - warm))
        [ -n "$best" ] && [ "$best" -le "$took" ] || best=$took
    done
    bytes=$(grep -o '[0-9]* bytes' "$work/said" | head -1 | cut -d' ' -f1)
    printf '%-16s %10s %11s ms\n' "$plugin" "$bytes" $((best / 1000))
done
