#!/usr/bin/env bash
# Builds ember and does its main job on real data: trains a CNN on handwritten digits with the compiled training step.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
cmake --preset release >/dev/null
cmake --build build -j 2 --target example_digits ember-tool
mkdir -p out
build/bin/example_digits tests/data/digits.npy out
