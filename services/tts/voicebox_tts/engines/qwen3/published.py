"""The Qwen3-TTS models that are well known, by their names."""

from dataclasses import dataclass
from pathlib import Path

from voicebox_models.hub import Hub
from voicebox_models.progress import Report

from voicebox_tts.engines.codec_models.parts import WEIGHTS

from .model import checkpoint
from .model.config import BCP_47, Kind
from .speakers import RELEASED

UNKNOWN_LICENCE = "LicenseRef-unknown"


@dataclass(frozen=True)
class Published:
    """A model on the hub. `revision` is a commit; empty for the newest, which is pinned when it is downloaded.

    `kind` is None where only its files contain it.
    """

    repository: str
    revision: str = ""
    licence: str = UNKNOWN_LICENCE
    kind: Kind | None = None
    follows_instructions: bool = False
    languages: tuple[str, ...] = ()
    speakers: tuple[str, ...] = ()
    size_bytes: int = 0

    def cached(self, hub: Hub) -> Path | None:
        """The folder in the hub library's cache. Where one file is missing no other is looked for: lists of models and
        voices look at every model each time.
        """
        folder = hub.cached(self.repository, self.revision, checkpoint.NEEDED[0])
        others = (*checkpoint.NEEDED[1:], WEIGHTS) if folder else ()
        return folder if all(hub.cached(self.repository, self.revision, file) for file in others) else None

    def fetch(self, hub: Hub, target: Path, report: Report) -> None:
        wanted, required = checkpoint.FILES, checkpoint.NEEDED
        hub.fetch(self.repository, self.revision, wanted, target, report, required=required)


def _released(
    name: str, revision: str, kind: Kind, size_bytes: int, *, follows_instructions: bool = False
) -> Published:
    speakers = tuple(RELEASED) if kind is Kind.CUSTOM_VOICE else ()
    languages = tuple(BCP_47.values())
    return Published(
        f"Qwen/Qwen3-TTS-12Hz-{name}",
        revision,
        "Apache-2.0",
        kind,
        follows_instructions,
        languages,
        speakers,
        size_bytes,
    )


MB = 10**6

KNOWN = {
    "1.7b-base": _released("1.7B-Base", "fd4b254389122332181a7c3db7f27e918eec64e3", Kind.BASE, 4544 * MB),
    "1.7b-custom-voice": _released(
        "1.7B-CustomVoice",
        "0c0e3051f131929182e2c023b9537f8b1c68adfe",
        Kind.CUSTOM_VOICE,
        4520 * MB,
        follows_instructions=True,
    ),
    "1.7b-voice-design": _released(
        "1.7B-VoiceDesign",
        "5ecdb67327fd37bb2e042aab12ff7391903235d3",
        Kind.VOICE_DESIGN,
        4520 * MB,
        follows_instructions=True,
    ),
    "0.6b-base": _released("0.6B-Base", "5d83992436eae1d760afd27aff78a71d676296fc", Kind.BASE, 2516 * MB),
    "0.6b-custom-voice": _released(
        "0.6B-CustomVoice", "85e237c12c027371202489a0ec509ded67b5e4b5", Kind.CUSTOM_VOICE, 2498 * MB
    ),
}
"""Best first: the first that is present is the default."""
