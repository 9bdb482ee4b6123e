#!/usr/bin/env bash
# Measures whole processes of a release build, side by side with an empty Rust program, and prints a table.
#
#   cargo build --release && benches/side-by-side.sh [runs]
#
# Needs bash 5, rustc and GNU time. Works in a folder of its own, with a STARSYSTEM_HOME of its own, and ends
# what it started. Medians, runs in turn; nothing is judged here, because a busy machine is not a slow program.
set -euo pipefail
# Text of other programs is parsed, and `EPOCHREALTIME` follows the locale.
export LC_ALL=C

runs=${1:-20}
root=$(cd "$(dirname "$0")/.." && pwd)
built=${CARGO_TARGET_DIR:-$root/target}/release
ss=$built/ss
work=$(mktemp -d)
export STARSYSTEM_HOME=$work/home
started=()

finish() {
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap finish EXIT

[ -x "$ss" ] || { echo "there is no $ss; run: cargo build --release" >&2; exit 2; }

# Microseconds of wall time that a command takes.
micros() {
    local begun=$EPOCHREALTIME
    "$@" >/dev/null 2>&1 </dev/null
    local ended=$EPOCHREALTIME
    echo $((${ended/./} - ${begun/./}))
}

# The middle one of the numbers on standard input.
median() { sort -n | awk '{ at[NR] = $1 } END { print at[int((NR + 1) / 2)] }'; }

# Median microseconds of a command, after one run that does not count.
typical() {
    "$@" >/dev/null 2>&1 </dev/null
    for _ in $(seq "$runs"); do micros "$@"; done | median
}

# Peak resident memory of a command, in KiB.
peak() { command time -f %M -o "$work/peak" "$@" >/dev/null 2>&1 </dev/null; cat "$work/peak"; }

# A row of the table: what, microseconds, KiB, budget.
row() {
    local time=- size=-
    [ -z "$2" ] || time=$(awk -v us="$2" 'BEGIN { printf "%.1f ms", us / 1000 }')
    [ -z "$3" ] || size="$3 KiB"
    printf '%-46s %12s %11s   %s\n' "$1" "$time" "$size" "${4:-}"
}

# A system of local processes: as many as asked for, each but the first depending on another.
large() {
    printf 'version: "2"\nname: large\nservices:\n'
    for ((n = 0; n < $1; n++)); do
        printf '  s%d:\n    type: process\n    command: sleep %d\n' "$n" "$n"
        [ "$n" -eq 0 ] || printf '    depends_on: [s%d]\n' $((n / 2))
    done
}

echo 'fn main() {}' >"$work/empty.rs"
rustc -O -C panic=abort -C strip=symbols -o "$work/empty" "$work/empty.rs"

mkdir "$work/quickstart" "$work/1000" "$work/10000"
# Other ports than the quickstart's own, which may be running.
sed -e "s|\.\./\.\./target/release|$built|" -e 's/:74\(1[123]\)/:84\1/; s/--port=74/--port=84/' \
    "$root/examples/quickstart/starsystem.yaml" >"$work/quickstart/starsystem.yaml"
large 1000 >"$work/1000/starsystem.yaml"
large 10000 >"$work/10000/starsystem.yaml"

echo "Medians of $runs runs on $(nproc) processors; sizes are peak resident memory, or a file's."
printf '%-46s %12s %11s   %s\n' what "wall time" size budget
for _ in $(seq "$runs"); do
    micros "$work/empty" >>"$work/empty.times"
    micros "$ss" --version >>"$work/version.times"
done
empty=$(median <"$work/empty.times")
version=$(median <"$work/version.times")
row 'empty Rust program' "$empty" "$(peak "$work/empty")"
row 'ss --version' "$version" "$(peak "$ss" --version)" "3 ms more than the empty program"

cd "$work/quickstart"
for _ in $(seq 5); do
    rm -rf "$STARSYSTEM_HOME"
    micros "$ss" provision --dry-run
done >"$work/first.times"
row 'first dry run on a machine: compiles plugins' "$(median <"$work/first.times")" \
    "$(rm -rf "$STARSYSTEM_HOME"; peak "$ss" provision --dry-run)" '200 ms for each, at the same time'
row 'warm dry run of the quickstart, one plugin' "$(typical "$ss" provision --dry-run)" \
    "$(peak "$ss" provision --dry-run)" '10 ms'

"$ss" provision >"$work/run.log" 2>&1 || { cat "$work/run.log" >&2; exit 1; }
mapfile -t started < <(grep -o 'pid [0-9]*' "$work/run.log" | cut -d' ' -f2 | sort -u)
row 'second run of the quickstart, all healthy' "$(typical "$ss" provision)" \
    "$(peak "$ss" provision)" 'well under 1 s'

for size in 1000 10000; do
    cd "$work/$size"
    row "dry run of $size services, one plugin" "$(runs=5 typical "$ss" provision --dry-run)" \
        "$(peak "$ss" provision --dry-run)" "$([ $size -ne 1000 ] || echo '60 MiB')"
done

find "$root/registry-index/index" -type f -exec cat {} + |
    sed -n 's/.*"n":"\([^"]*\)".*"v":"\([^"]*\)".*"size":\([0-9]*\).*/\1 \2 \3/p' | sort |
    while read -r name version size; do row "component $name $version" '' "$((size / 1024))" '400 KiB'; done
