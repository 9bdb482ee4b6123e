#!/usr/bin/env bash
# Builds the scaffold's plugin in each language and measures `ss provision --dry-run` on its example: a whole process
# that loads, checks and calls the plugin, which asks a stand-in once. Prints size, first run and the best warm run.
#
#   cargo build --release && benches/warm-start.sh [runs]
#
# Needs bash 5 and what the languages need (`ss plugin new --lang … ` says it); a language whose tools are missing is
# named and left out. Works in a folder of its own, talks to loopback only once the tools are installed, and ends
# what it started.
set -euo pipefail
# `EPOCHREALTIME` follows the locale.
export LC_ALL=C

runs=${1:-10}
root=$(cd "$(dirname "$0")/.." && pwd)
ss=${SS:-${CARGO_TARGET_DIR:-$root/target}/release/ss}
[ -x "$ss" ] || { echo "there is no $ss; run: cargo build --release" >&2; exit 2; }
PATH=$(dirname "$ss"):$PATH
work=$(mktemp -d)
cd "$work"

finish() {
    for project in "$work"/*/; do
        STARSYSTEM_HOME=$project.starsystem "$ss" destroy "${project}example/starsystem.yaml" --yes >/dev/null 2>&1 || true
    done
    rm -rf "$work"
}
trap finish EXIT

# Milliseconds of one dry run, with one digit behind the point.
dry_run() {
    local begun=$EPOCHREALTIME
    "$ss" provision --dry-run "$1/example/starsystem.yaml" >said 2>&1 || { cat said >&2; exit 1; }
    local ended=$EPOCHREALTIME
    echo $(((${ended/./} - ${begun/./}) / 100)) | sed 's/.$/.&/'
}

printf '%-12s %12s %12s %14s\n' language bytes 'first run' 'best warm run'
for language in rust c javascript python; do
    name=acme-$language
    "$ss" plugin new "$name" --lang "$language" >/dev/null
    if ! "$ss" plugin run --dir "$name" >said 2>&1; then
        printf '%-12s not measured: %s\n' "$language" "$(grep -m1 '^error' said)"
        continue
    fi
    export STARSYSTEM_HOME=$work/$name/.starsystem
    rm -rf "$STARSYSTEM_HOME/cache"
    first=$(dry_run "$name")
    best=$(for ((run = 0; run < runs; run++)); do dry_run "$name"; done | sort -n | head -1)
    unset STARSYSTEM_HOME
    printf '%-12s %12s %9s ms %11s ms\n' "$language" "$(stat -c %s "$name/dist/$name.wasm")" "$first" "$best"
done
