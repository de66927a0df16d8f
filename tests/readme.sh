#!/usr/bin/env bash
# Runs every ```sh block of a document, in order, in one empty directory; `cargo` and `make` lines are left out
# (the caller is one of them). Usage: tests/readme.sh README.md
set -euo pipefail
document=$(realpath "$1")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
awk '/^```sh$/ {inside = 1; next} /^```$/ {inside = 0} inside' "$document" | grep -vE '^(cargo|make) ' > commands.sh
[ -s commands.sh ] || { echo "$1: no commands found"; exit 1; }
bash -euxo pipefail commands.sh
echo "every command of $1 ran"
