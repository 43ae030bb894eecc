#!/usr/bin/env bash
# Builds ember and does its main job on real data: trains a CNN on handwritten digits with the compiled training step, compiles it to a
# standalone executable, a shared library and a training library, and runs all three on the test images and from C.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
cmake --preset release >/dev/null
echo "building (a first time takes some minutes)"
cmake --build build -j 2 --target example_digits example_npy_accuracy ember-tool
out=out data=tests/data/digits.npy
mkdir -p "$out"

# The shortest of 20 times from starting a program to its end, in ms.
fastest() {
  local best=1000000000 from took
  for _ in {1..20}; do
    from=${EPOCHREALTIME/[.,]/}
    "$@" >/dev/null
    took=$((${EPOCHREALTIME/[.,]/} - from))
    best=$((took < best ? took : best))
  done
  echo "$((best / 1000)).$((best % 1000 / 100))"
}
kilobytes() { echo "$((($(stat -c %s "$1") + 1023) / 1024)) KB"; }
build_with_cc() { cc -O1 "frontend/examples/$1.c" "-I$out" "-L$out" "-l:$2" "-Wl,-rpath,$PWD/$out" -lm -o "$out/$1"; }

echo
build/bin/example_digits "$data" "$out"

"$out/digits" "$out/test_images.npy" -o "$out/logits.npy"
echo "test accuracy of the executable, from its outputs: $(build/bin/example_npy_accuracy "$out/logits.npy" "$out/test_labels.npy")"
echo "  359 images: $("$out/digits" "$out/test_images.npy" -o "$out/logits.npy" --repeat 50);" \
  "from its start to its output in a file: $(fastest "$out/digits" "$out/test_images.npy" -o "$out/logits.npy") ms"

build_with_cc digits_client libdigits.so
"$out/digits_client" "$out/test_images.npy"
echo "  from its start to its output: $(fastest "$out/digits_client" "$out/test_images.npy") ms"

build_with_cc digits_train libdigits_train.so
"$out/digits_train" "$data" 20 --cosine
"$out/digits_train" "$data" 20 --cosine --losses >"$out/losses_of_c.txt"
cmp "$out/losses.txt" "$out/losses_of_c.txt"
echo "  its $(wc -l <"$out/losses.txt") losses equal those of the C++ training, bit for bit"

echo
echo "in $out/:"
list() { printf '  %-20s %8s  %s\n' "$1" "$(kilobytes "$out/$1")" "$2"; }
list digits "the executable: $out/digits --help"
list libdigits.so "the library, with libdigits.h; called by frontend/examples/digits_client.c"
list libdigits_train.so "the training library, with libdigits_train.h; called by frontend/examples/digits_train.c"
list digits.ember "the package: build/bin/ember inspect $out/digits.ember"
