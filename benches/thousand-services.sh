#!/usr/bin/env bash
# Brings up 1,000 independent S3 buckets with `ss deploy`, and with `terraform apply`, at a stand-in that takes 50 ms
# for every request. Prints wall time, requests and the ideal: requests × 50 ms / how many run at once.
#
#   cargo build --release --workspace && benches/thousand-services.sh [<folder of a mirror with hashicorp/aws>]
#
# Needs bash 5 and GNU time; terraform for the comparison, which is left out without a mirror. `SERVICES`, `AT_ONCE`
# (as many as Terraform's default, 10) and `SS` change what is measured. Works in a folder of its own, talks to
# loopback only, and ends what it started. What both do once is not counted: compiling the plugin, `terraform init`.
set -euo pipefail
# Text of other programs is parsed, and `EPOCHREALTIME` follows the locale.
export LC_ALL=C

mirror=${1:-}
services=${SERVICES:-1000}
at_once=${AT_ONCE:-10}
latency=${LATENCY_MS:-50}
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/benches/terraform-project.sh"
built=${CARGO_TARGET_DIR:-$root/target}/release
ss=${SS:-$built/ss}
clouds=$built/ss-clouds
work=$(mktemp -d)
export STARSYSTEM_HOME=$work/home
cloud=

end_cloud() {
    [ -z "$cloud" ] || kill "$cloud" 2>/dev/null || true
    [ -z "$cloud" ] || wait "$cloud" 2>/dev/null || true
    cloud=
}
finish() {
    end_cloud
    rm -rf "$work"
}
trap finish EXIT

for needed in "$ss" "$clouds"; do
    [ -x "$needed" ] || { echo "there is no $needed; run: cargo build --release --workspace" >&2; exit 2; }
done

export AWS_ACCESS_KEY_ID=AKIDBENCH AWS_SECRET_ACCESS_KEY=bench AWS_REGION=eu-west-1

# A fresh account; `endpoint` is where it listens.
begin_cloud() {
    end_cloud
    "$clouds" aws --latency-ms "$latency" --pace-ms 0 >"$work/requests" &
    cloud=$!
    until endpoint=$(grep -om1 'http://127.0.0.1:[0-9]*' "$work/requests"); do sleep 0.05; done
    export STARSYSTEM_ENDPOINT_AWS=$endpoint
}

requests() { grep -cE '(GET|HEAD|PUT|POST|DELETE|PATCH) /' "$work/requests" || true; }

# Runs a command and prints a line about it.
measure() {
    local name=$1 before begun ended ms count ideal
    shift
    before=$(requests)
    begun=$EPOCHREALTIME
    command time -f %M -o "$work/peak" "$@" >"$work/log" 2>&1 || { tail -20 "$work/log" >&2; exit 1; }
    ended=$EPOCHREALTIME
    ms=$(((${ended/./} - ${begun/./}) / 1000))
    count=$(($(requests) - before))
    ideal=$((count * latency / at_once))
    printf '%-28s %8d ms %7d requests   ideal %8d ms   %3d %% of it lost   peak %5d MiB\n' \
        "$name" "$ms" "$count" "$ideal" $((ideal > 0 ? (ms - ideal) * 100 / ideal : 0)) $(($(tail -1 "$work/peak") / 1024))
}

mkdir "$work/ss"
{
    echo 'name: bench'
    echo 'services:'
    for ((at = 1; at <= services; at++)); do
        printf '  site-%d:\n    type: cdn\n' "$at"
        printf '    provision: { provider: aws, resource: s3, bucket: bench-%d, region: eu-west-1 }\n' "$at"
    done
} >"$work/ss/starsystem.yaml"
echo 'environment: prod' >"$work/ss/starsystem.prod.yaml"

echo "$services buckets, $latency ms per request, $at_once at once, $(nproc) processors."
"$ss" plugin compile aws >/dev/null 2>&1
begin_cloud
cd "$work/ss"
measure 'ss deploy' "$ss" deploy --env=prod --parallelism "$at_once"
measure 'ss deploy, nothing to do' "$ss" deploy --env=prod --parallelism "$at_once"

[ -n "$mirror" ] || exit 0
begin_cloud
terraform_project "$work/tf" "$mirror" "$endpoint" <<HCL
resource "aws_s3_bucket" "site" {
  count  = $services
  bucket = "bench-\${count.index}"
}
HCL
cd "$work/tf"
terraform init -input=false >/dev/null
measure 'terraform apply' terraform apply -input=false -auto-approve -parallelism="$at_once"
measure 'terraform apply, no change' terraform apply -input=false -auto-approve -parallelism="$at_once"
