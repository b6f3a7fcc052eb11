"""A new profile with its first recording as an archive: imported, it is made as a whole or not at all."""

import hashlib
import json
import uuid
import zipfile
from pathlib import Path

from google.protobuf import json_format
from voicebox.catalog.v1 import catalog_pb2

MANIFEST = "manifest.json"


def write_archive(path: Path, profile: catalog_pb2.Profile, recording: Path, transcript: str) -> str:
    """Writes the archive to `path`, and answers the name that the recording has in it. Raises OSError when it cannot be
    read.

    The profile's name, as in `profiles/ann`, is part of it.
    """
    file = f"samples/0001{recording.suffix if recording.suffix.isascii() else ''}"
    with recording.open("rb") as source:
        sha256 = hashlib.file_digest(source, "sha256").hexdigest()
    sample = catalog_pb2.Sample(name=f"{profile.name}/samples/{uuid.uuid4()}", transcript=transcript, sha256=sha256)
    manifest = {
        "format": "voicebox-profile",
        "version": 1,
        "profile": json_format.MessageToDict(profile),
        "samples": [{"file": file, "sample": json_format.MessageToDict(sample)}],
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MANIFEST, json.dumps(manifest))
        archive.write(recording, file)
    return file
