#!/bin/sh
# Write the three gpu_model_runner.py that gpu_copy.py compares, from a checkout that
# `vpatch apply --base v0.16.0` (or `make apply`) made.
#
#     sh tools/analysis/runners.sh build/vllm-v0.16.0 build/runners
set -eu
checkout=$1
out=$2
file=vllm/v1/worker/gpu_model_runner.py

commit() {
    found=$(git -C "$checkout" log -1 --format=%H --grep "^Upstream-PR: .*/pull/$1\$")
    [ -n "$found" ] || { echo "error: no commit of #$1 in $checkout" >&2; exit 1; }
    echo "$found"
}

first=$(commit 35442)
second=$(commit 36013)
mkdir -p "$out"
git -C "$checkout" show "$first~1:$file" >"$out/base.py"
git -C "$checkout" show "$first:$file" >"$out/35442.py"
git -C "$checkout" show "$second:$file" >"$out/36013.py"
