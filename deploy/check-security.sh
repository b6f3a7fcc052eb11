#!/bin/sh
# Checks the manifests of every overlay by checkov, which setup.sh installs, against deploy/checkov.yaml. Offline.
set -eu
cd "$(dirname "$0")/.."
rendered=$(mktemp -d)
trap 'rm -rf "$rendered"' EXIT
for overlay in deploy/k8s/overlays/*/; do
    name=$(basename "$overlay")
    deploy/render.sh "overlays/$name" >"$rendered/$name.yaml"
done
.tools/checkov/bin/checkov --config-file deploy/checkov.yaml --directory "$rendered"
