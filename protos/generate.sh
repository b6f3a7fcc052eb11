#!/bin/sh
# Generates the Python code and the descriptor set of every proto. Usage: generate.sh PYTHON_WITH_GRPC_TOOLS OUT_DIR
# The generator is pinned old on purpose: its code runs on every newer runtime, and newer generators refuse older runtimes.
set -eu
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
out=$2
cd "$(dirname "$0")"
mkdir -p "$out/voicebox"
google=$("$python" -c 'import google.api, os; print(os.path.dirname(os.path.dirname(google.api.__path__[0])))')
PATH="$(dirname "$python"):$PATH" "$python" -m grpc_tools.protoc -I . -I "$google" \
    --python_out="$out" --grpc_python_out="$out" --mypy_out=quiet:"$out" --mypy_grpc_out=quiet:"$out" \
    --include_imports --include_source_info --descriptor_set_out="$out/voicebox/descriptors.binpb" \
    voicebox/*/v1/*.proto voicebox/compat/*/v1/*.proto "$google/google/rpc/error_details.proto"
# Other people's contracts: code only, since they are not ours to lint, and have no JSON through the gateway.
PATH="$(dirname "$python"):$PATH" "$python" -m grpc_tools.protoc --descriptor_set_in=compat/descriptors.binpb \
    --python_out="$out" --grpc_python_out="$out" --mypy_out=quiet:"$out" --mypy_grpc_out=quiet:"$out" \
    $("$python" compat/names.py compat/descriptors.binpb)
rm -rf "$out/google"
find "$out/voicebox" -type d -exec touch {}/py.typed \;
