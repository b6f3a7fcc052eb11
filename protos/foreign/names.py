"""Prints the files of a descriptor set that are under voicebox/foreign/: `python names.py DESCRIPTOR_SET`."""

import sys
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

for file in FileDescriptorSet.FromString(Path(sys.argv[1]).read_bytes()).file:
    if file.name.startswith("voicebox/foreign/"):
        sys.stdout.write(f"{file.name}\n")
