#!/bin/sh
# Fails when protos/gen is not what the protos generate. Usage: check-generated.sh PYTHON_WITH_GRPC_TOOLS
set -eu
here=$(cd "$(dirname "$0")" && pwd)
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
"$here/generate.sh" "$1" "$fresh"
diff -r --brief --exclude=__pycache__ "$fresh" "$here/gen" || { echo "protos/gen is not current: run make protos" >&2; exit 1; }
