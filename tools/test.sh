#!/usr/bin/env bash
# Builds ember and runs its tests.
#   tools/test.sh           everything that must pass, in at most 15 minutes on two cores
#   tools/test.sh --long    as well: 20,000 random programs, 2,000 random graphs, fuzzing of the file readers, the tests under
#                           AddressSanitizer and UndefinedBehaviorSanitizer, those where threads meet under ThreadSanitizer
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="/usr/lib/llvm-22/bin:$PATH"

long=0
for argument in "$@"; do
  case "$argument" in
  --long) long=1 ;;
  *)
    echo "tools/test.sh: unknown option '$argument', expected --long or nothing" >&2
    exit 1
    ;;
  esac
done

tools/setup.sh

run_preset() {
  cmake --preset "$1" >/dev/null
  cmake --build "$2" -j 2
  ctest --test-dir "$2" -j 2 --output-on-failure --no-tests=error >"$2/ctest.log" 2>&1 || {
    tail -200 "$2/ctest.log"
    sed -nE 's/.*tests passed, ([0-9]+) tests? failed out of ([0-9]+).*/\1 \2/p' "$2/ctest.log" | {
      read -r failed all || failed=1 all=1
      echo "$((all - failed)) passed, $failed failed"
    }
    exit 1
  }
  tail -5 "$2/ctest.log"
}

tools/checks/format.sh
tools/checks/layout.sh
run_preset release build
tools/checks/tidy.sh build

# A test that vanishes is a failure: the numbers may only grow.
cases=$(ctest --test-dir build -N | grep -cE 'Test +#' || true)
files=$(find tests -name '*.mlir' -not -path '*/Inputs/*' | wc -l) # lit runs no others
gtests=$((cases - 1)) # one ctest entry runs all of lit
read -r least_gtests least_files <tests/COUNTS
echo "GoogleTest cases: $gtests (at least $least_gtests), lit files: $files (at least $least_files)"
if [ "$gtests" -lt "$least_gtests" ] || [ "$files" -lt "$least_files" ]; then
  echo "fewer tests ran than tests/COUNTS says" >&2
  exit 1
fi
if [ "$long" -eq 1 ]; then
  EMBER_TEST_COUNT=20000 build/bin/ember_frontend_tests --gtest_filter='RandomPrograms.*:Recording.CodeOfPrograms*' --gtest_brief=1
  build/bin/ember_graph_tests --gtest_brief=1 --count 2000 --seed 1000
  # What lives as long as the process (the recorder, its context) is no leak; LLVM's libraries are built without the sanitizer, so
  # memory that their inlined allocators poison here is not unpoisoned there.
  asan_options=detect_leaks=0:allow_user_poisoning=0:allocator_may_return_null=1
  ASAN_OPTIONS=$asan_options EMBER_TEST_COUNT=200 run_preset asan build-asan
  rm -rf build-asan/fuzz && mkdir -p build-asan/fuzz/{package,checkpoint,npy,text}
  ASAN_OPTIONS=$asan_options EMBER_FUZZ_SEEDS=build-asan/fuzz/package build-asan/bin/ember_ir_tests \
    --gtest_filter='*DamagedGraphs*' --gtest_brief=1
  printf '\070\0\0\0\0\0\0\0{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  01234567' >build-asan/fuzz/checkpoint/seed
  printf "\\223NUMPY\\1\\0\\73\\0{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }\\n01234567" >build-asan/fuzz/npy/seed
  cp tests/ir/*.mlir tests/passes/*.mlir build-asan/fuzz/text
  for reader in package checkpoint npy text; do # files that it finds wanting are kept in build-asan/fuzz
    ASAN_OPTIONS=$asan_options build-asan/bin/${reader}_fuzzer build-asan/fuzz/$reader -max_total_time=60 -timeout=2 -rss_limit_mb=1024 \
      -artifact_prefix=build-asan/fuzz/ -verbosity=0
  done
  cmake --preset tsan >/dev/null
  cmake --build build-tsan -j 2 --target ember_frontend_tests
  TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp ignore_noninstrumented_modules=1" EMBER_CACHE_DIR= \
    build-tsan/bin/ember_frontend_tests --gtest_filter='*Threads.*:*Loader*' --gtest_brief=1
fi
echo "$((gtests + files)) passed, 0 failed"
