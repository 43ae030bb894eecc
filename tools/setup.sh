#!/usr/bin/env bash
# Installs what building ember needs, on Debian 12: asks nothing, and does nothing where all is there.
set -euo pipefail

packages=(
  ccache clang-22 clang-format-22 clang-tidy-22 cmake g++ libbenchmark-dev libclang-rt-22-dev libgtest-dev libllvm22 libmlir-22-dev
  libzstd-dev lld-22 llvm-22-dev llvm-22-tools mlir-22-tools ninja-build nlohmann-json3-dev python3 git zlib1g-dev libxml2-dev libffi-dev
  libcli11-dev libcurl4-openssl-dev libedit-dev libprotobuf-dev protobuf-compiler
)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }
export DEBIAN_FRONTEND=noninteractive
echo "setup: installing ${missing[*]}"
as_root apt-get update -qq
if ! apt-cache show libmlir-22-dev >/dev/null 2>&1; then
  echo "setup: LLVM 22 comes from Debian's security suite, which is not among this machine's sources: adding it"
  source_line=$(grep -rhoE '^deb [^#]*' /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | head -1 || true)
  mirror=$(echo "$source_line" | grep -oE 'https?://[^ ]+' | head -1 || true)
  echo "deb ${mirror:-http://deb.debian.org/debian}-security bookworm-security main" |
    sed 's#/-security#-security#' | as_root tee /etc/apt/sources.list.d/ember-security.list >/dev/null
  as_root apt-get update -qq
fi
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
