#!/usr/bin/env bash
# Runs clang-tidy on the sources that differ from the main branch; on that branch itself, on those of the last commit.
#   tools/checks/tidy.sh BUILD   the build folder whose compile_commands.json is read; it must have been built (generated headers)
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build}
base=$(git merge-base HEAD main 2>/dev/null || true)
if [ -z "$base" ] || [ "$base" = "$(git rev-parse HEAD)" ]; then
  base=$(git rev-parse -q --verify HEAD~1 || git rev-parse HEAD)
fi
mapfile -t files < <(git diff --name-only --diff-filter=d "$base" -- '*.cpp' | while read -r file; do
  if grep -qF "/$file\"" "$build/compile_commands.json"; then echo "$file"; fi
done)
echo "clang-tidy: ${#files[@]} changed files, the first 20 are read" # a merge of everything would take longer than the tests
files=("${files[@]:0:20}")
[ ${#files[@]} -eq 0 ] || printf '%s\0' "${files[@]}" | xargs -0 -P 2 -n 1 clang-tidy-22 -p "$build" --quiet
