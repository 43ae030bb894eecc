#!/usr/bin/env bash
# Fails where a file is not formatted as .clang-format says.
set -euo pipefail
cd "$(dirname "$0")/../.."
git ls-files '*.cpp' '*.h' '*.c' | xargs -r clang-format-22 --dry-run --Werror
