#!/usr/bin/env bash
# Fails where the top level holds something else than the layout names, or a room has no README.
set -euo pipefail
cd "$(dirname "$0")/../.."
allowed='CMakeLists.txt|CMakePresets.json|frontend|ir|passes|codegen|runtime|tools|tests|LICENSE|README.md|pyproject.toml|\..*'
extra=$(git ls-files | cut -d/ -f1 | sort -u | grep -vxE "$allowed" || true)
if [ -n "$extra" ]; then
  echo "layout: at the top level, beside what the layout names: $extra" >&2
  exit 1
fi
for room in frontend ir passes codegen runtime tools tests; do
  if [ ! -f "$room/README.md" ]; then
    echo "layout: $room/README.md is missing" >&2
    exit 1
  fi
done
