"""Prints the files of a descriptor set that are under voicebox/compat/: `python names.py DESCRIPTOR_SET`."""

import sys
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

for file in FileDescriptorSet.FromString(Path(sys.argv[1]).read_bytes()).file:
    if file.name.startswith("voicebox/compat/"):
        sys.stdout.write(f"{file.name}\n")
