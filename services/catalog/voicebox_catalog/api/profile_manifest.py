"""What stands in a profile's archive, and where: `manifest.json`, `samples/`, `avatar.webp`.

    {"format": "voicebox-profile", "version": 1, "profile": {...}, "avatar": {"file": "avatar.webp", "sha256": "..."},
     "samples": [{"file": "samples/0001.wav", "sample": {...}}]}

Profiles and samples stand in it as the contract's JSON. A file's SHA-256 is its sample's.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_blobs.archives.zip_reader import refused
from voicebox_kit.errors import InvalidField

from . import checks

Parsed = TypeVar("Parsed", bound=Message)

FILE = "manifest.json"
AVATAR_FILE = "avatar.webp"
FORMAT = "voicebox-profile"
VERSION = 1
MAX_BYTES = 16 * 1024 * 1024
MAX_SAMPLES = 5000


@dataclass(frozen=True)
class ManifestSample:
    """A sample, and the file that its original is in."""

    file: str
    sample: pb.Sample


@dataclass(frozen=True)
class ProfileManifest:
    """A profile, its samples in their order, and the SHA-256 of its picture, empty when it has none."""

    profile: pb.Profile
    samples: tuple[ManifestSample, ...]
    avatar_sha256: str

    @property
    def files(self) -> frozenset[str]:
        """All that is in the archive."""
        return frozenset(
            {FILE, *(recorded.file for recorded in self.samples), *([AVATAR_FILE] if self.avatar_sha256 else [])}
        )

    def to_json(self) -> bytes:
        document: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "profile": json_format.MessageToDict(self.profile),
        }
        if self.avatar_sha256:
            document["avatar"] = {"file": AVATAR_FILE, "sha256": self.avatar_sha256}
        document["samples"] = [
            {"file": each.file, "sample": json_format.MessageToDict(each.sample)} for each in self.samples
        ]
        return json.dumps(document, ensure_ascii=False, indent=2).encode()


def manifest_of(profile: pb.Profile, samples: Sequence[pb.Sample], avatar_sha256: str) -> ProfileManifest:
    """The manifest of what is exported. Files have numbers, and their container's name as their ending."""
    recorded = (
        ManifestSample(f"samples/{number:04d}.{sample.container}", sample) for number, sample in enumerate(samples, 1)
    )
    return ProfileManifest(profile, tuple(recorded), avatar_sha256)


def read_manifest(data: bytes) -> ProfileManifest:
    """InvalidField("archive") for what is no manifest, or one of a newer version; its fields are checked where they are
    used.
    """
    try:
        document = json.loads(data)
        if document["format"] != FORMAT:
            raise refused(f"The archive is not a profile: its format is not {FORMAT}.")
        if document["version"] != VERSION:
            sentence = f"The archive has version {document['version']}, but this server reads version {VERSION}."
            raise refused(sentence, "ARCHIVE_VERSION")
        profile = _parsed(document["profile"], pb.Profile())
        samples = tuple(
            ManifestSample(_text(each["file"]), _parsed(each["sample"], pb.Sample())) for each in document["samples"]
        )
        avatar = document.get("avatar")
        manifest = ProfileManifest(profile, samples, _text(avatar["sha256"]) if avatar else "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, json_format.ParseError) as error:
        raise refused("The archive's manifest cannot be read.") from error
    if len({each.sample.name.rpartition("/")[2] for each in samples}) != len(samples):
        raise refused("The archive's manifest names a sample twice.")
    if len(samples) > MAX_SAMPLES or len(manifest.files) != len(samples) + 1 + bool(avatar):
        raise refused(f"The archive's manifest names a file twice, or more than {MAX_SAMPLES} samples.")
    return manifest


def profile_id_of(manifest: ProfileManifest) -> str:
    """The id that the profile had."""
    try:
        return checks.profile_name(manifest.profile.name)
    except InvalidField as error:
        raise refused("The archive's manifest has no right name of a profile.") from error


def _parsed(document: object, message: Parsed) -> Parsed:
    if not isinstance(document, dict):
        raise TypeError("no JSON object")
    return json_format.ParseDict(document, message, ignore_unknown_fields=True)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no string")
    return value
