"""The Whisper models that are well known, by their names."""

from dataclasses import dataclass
from pathlib import Path

from voicebox_models.hub import Hub
from voicebox_models.progress import Report

from . import model_files
from .languages import ENGLISH, LANGUAGES, LANGUAGES_OF_V3


@dataclass(frozen=True)
class Published:
    """A model on the hub, converted for CTranslate2.

    `revision` is a commit; empty for the newest, which is pinned when it is downloaded. `languages` are empty where
    only its files contain them.
    """

    repository: str
    revision: str = ""
    licence: str = "MIT"
    size_bytes: int = 0
    languages: tuple[str, ...] = LANGUAGES
    translates: bool = True

    def cached(self, hub: Hub) -> Path | None:
        return hub.cached(self.repository, self.revision, model_files.WEIGHTS)

    def fetch(self, hub: Hub, target: Path, report: Report) -> None:
        wanted, required = model_files.FILES, model_files.NEEDED
        hub.fetch(self.repository, self.revision, wanted, target, report, required=required)


MB = 10**6

KNOWN = {
    "large-v3-turbo": Published(
        "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
        "0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf",
        size_bytes=1620 * MB,
        languages=LANGUAGES_OF_V3,
        translates=False,  # it was trained to transcribe only
    ),
    "large-v3": Published(
        "Systran/faster-whisper-large-v3",
        "edaa852ec7e145841d8ffdb056a99866b5f0a478",
        size_bytes=3090 * MB,
        languages=LANGUAGES_OF_V3,
    ),
    "large-v2": Published(
        "Systran/faster-whisper-large-v2", "f0fe81560cb8b68660e564f55dd99207059c092e", size_bytes=3090 * MB
    ),
    "distil-large-v3": Published(
        "Systran/faster-distil-whisper-large-v3",
        "c3058b475261292e64a0412df1d2681c06260fab",
        size_bytes=1516 * MB,
        languages=ENGLISH,
        translates=False,
    ),
    "medium": Published(
        "Systran/faster-whisper-medium", "08e178d48790749d25932bbc082711ddcfdfbc4f", size_bytes=1530 * MB
    ),
    "medium.en": Published(
        "Systran/faster-whisper-medium.en",
        "a29b04bd15381511a9af671baec01072039215e3",
        size_bytes=1530 * MB,
        languages=ENGLISH,
        translates=False,
    ),
    "distil-medium.en": Published(
        "Systran/faster-distil-whisper-medium.en",
        "80ddfce281f77766d8943d63109199fc8145dfa5",
        size_bytes=791 * MB,
        languages=ENGLISH,
        translates=False,
    ),
    "small": Published("Systran/faster-whisper-small", "536b0662742c02347bc0e980a01041f333bce120", size_bytes=486 * MB),
    "small.en": Published(
        "Systran/faster-whisper-small.en",
        "d1d751a5f8271d482d14ca55d9e2deeebbae577f",
        size_bytes=486 * MB,
        languages=ENGLISH,
        translates=False,
    ),
    "distil-small.en": Published(
        "Systran/faster-distil-whisper-small.en",
        "ef77d90526ccd62cde3808ee70626a01e5cf83e4",
        size_bytes=335 * MB,
        languages=ENGLISH,
        translates=False,
    ),
    "base": Published("Systran/faster-whisper-base", "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66", size_bytes=148 * MB),
    "base.en": Published(
        "Systran/faster-whisper-base.en",
        "3d3d5dee26484f91867d81cb899cfcf72b96be6c",
        size_bytes=148 * MB,
        languages=ENGLISH,
        translates=False,
    ),
    "tiny": Published("Systran/faster-whisper-tiny", "d90ca5fe260221311c53c58e660288d3deb8d356", size_bytes=78 * MB),
    "tiny.en": Published(
        "Systran/faster-whisper-tiny.en",
        "0d3d19a32d3338f10357c0889762bd8d64bbdeba",
        size_bytes=78 * MB,
        languages=ENGLISH,
        translates=False,
    ),
}
"""Best first: the first that is present is the default."""
