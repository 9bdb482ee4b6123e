#!/usr/bin/env bash
# Plans one S3 bucket with `ss plan` and with `terraform plan` against the same moto, and prints wall time, peak
# memory and their ratio: before the bucket exists, and when nothing is left to do.
#
#   cargo build --release && benches/beside-terraform.sh <folder of a mirror with hashicorp/aws> [runs]
#
# Needs bash 5, GNU time, python3 with venv, and terraform. `SS` names another binary. Works in a folder of its
# own, talks to loopback only, and ends what it started. What both do once is not counted: compiling the
# plugin, `terraform init`.
set -euo pipefail
# Text of other programs is parsed, and `EPOCHREALTIME` follows the locale.
export LC_ALL=C

mirror=${1:?a folder with the AWS provider in it}
runs=${2:-5}
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/benches/terraform-project.sh"
ss=${SS:-${CARGO_TARGET_DIR:-$root/target}/release/ss}
work=$(mktemp -d)
export STARSYSTEM_HOME=$work/home
moto=

finish() {
    [ -z "$moto" ] || kill "$moto" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

[ -x "$ss" ] || { echo "there is no $ss; run: cargo build --release" >&2; exit 2; }

venv=${VENV:-$work/venv}
[ -x "$venv/bin/moto_server" ] || { python3 -m venv "$venv" && "$venv/bin/pip" install -q 'moto[server]==5.2.5'; }
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$venv/bin/moto_server" -H 127.0.0.1 -p "$port" >/dev/null 2>&1 &
moto=$!
until (: </dev/tcp/127.0.0.1/"$port") 2>/dev/null; do sleep 0.1; done

export AWS_ACCESS_KEY_ID=AKIDBENCH AWS_SECRET_ACCESS_KEY=bench AWS_REGION=eu-west-1
export STARSYSTEM_ENDPOINT_AWS=http://127.0.0.1:$port

mkdir "$work/ss"
cat >"$work/ss/starsystem.yaml" <<YAML
name: bench
services:
  site:
    type: cdn
    provision: { provider: aws, resource: s3, bucket: bench-by-ss, region: eu-west-1 }
YAML
echo 'environment: prod' >"$work/ss/starsystem.prod.yaml"
terraform_project "$work/tf" "$mirror" "http://127.0.0.1:$port" <<'HCL'
resource "aws_s3_bucket" "site" { bucket = "bench-by-terraform" }
HCL

by_ss() { (cd "$work/ss" && "$@" "$ss" plan --env=prod); }
by_terraform() { (cd "$work/tf" && "$@" terraform plan -input=false); }

# The best of the runs: milliseconds, and the peak resident memory in KiB of the largest process.
measure() {
    local what=$1 at
    for ((at = 0; at < runs; at++)); do
        local begun=$EPOCHREALTIME
        "$what" command time -f %M -o "$work/peak" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
        local ended=$EPOCHREALTIME
        echo "$(((${ended/./} - ${begun/./}) / 1000)) $(tail -1 "$work/peak")"
    done | sort -n | head -1
}

compare() {
    local ours theirs
    ours=($(measure by_ss))
    theirs=($(measure by_terraform))
    printf '%-22s ss %6d ms %7d KiB   terraform %6d ms %8d KiB   time 1/%d, memory 1/%d\n' "$1" \
        "${ours[@]}" "${theirs[@]}" $((theirs[0] / (ours[0] > 0 ? ours[0] : 1))) $((theirs[1] / ours[1]))
}

by_ss env >/dev/null 2>&1
(cd "$work/tf" && terraform init -input=false >/dev/null)
echo "Best of $runs runs on $(nproc) processors."
compare 'to be created'
(cd "$work/ss" && "$ss" deploy --env=prod >/dev/null 2>&1)
(cd "$work/tf" && terraform apply -input=false -auto-approve >/dev/null)
compare 'nothing to do'
