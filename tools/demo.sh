#!/usr/bin/env bash
# Builds ember and does its main job on real data: trains a CNN on handwritten digits with the compiled training step, compiles it to a
# standalone executable and a shared library, and runs both on the test images.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
cmake --preset release >/dev/null
cmake --build build -j 2 --target example_digits example_npy_accuracy ember-tool
mkdir -p out

build/bin/example_digits tests/data/digits.npy out
out/digits out/test_images.npy -o out/logits.npy
echo "test accuracy by the executable: $(build/bin/example_npy_accuracy out/logits.npy out/test_labels.npy)"
echo "latency of the executable, 359 images: $(out/digits out/test_images.npy -o out/logits.npy --repeat 50)"
cc frontend/examples/digits_client.c -Iout -Lout -l:libdigits.so -Wl,-rpath,"$PWD/out" -o out/digits_client
out/digits_client out/test_images.npy
echo "files, in out/:"
(cd out && wc -c digits libdigits.so libdigits.h digits_client logits.npy | head -5)
