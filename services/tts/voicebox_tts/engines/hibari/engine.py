"""hibari: natural English voices, distilled from Kokoro's, 60 times faster than real time on one core."""

import hashlib
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from voicebox_kit.errors import InvalidField, NotFound, StartError
from voicebox_kit.languages import primary
from voicebox_models.devices import cpu_only
from voicebox_models.engine import Model, ModelFiles, NotInstalled, Setup
from voicebox_models.family import ManyModels, preference
from voicebox_models.files import DownloadedFiles
from voicebox_models.hub import Hub
from voicebox_models.lifecycle import Lifecycle, require_folder
from voicebox_models.packaged import PackagedFiles
from voicebox_models.progress import Report

from voicebox_tts.engine import (
    Capability,
    Description,
    Packed,
    Reference,
    Samples,
    Style,
    Voice,
    VoicePrompt,
)
from voicebox_tts.engines.latin import transliterated, unspoken
from voicebox_tts.engines.likeness import LikenessPrompt, Shift, approximate, pack_likeness, unpack_likeness

from .published import KNOWN, LICENCE, PACKAGED, PACKAGED_VOICE, REPOSITORY, WEIGHTS, Published
from .text import SIGNS

if TYPE_CHECKING:  # imported when they are needed: they take 0.2 s and 40 MB
    from .loaded import LoadedHibari
    from .session import HibariSession

NAME = "hibari"
RATE_HZ = 24_000
LOADED_BYTES = 140 << 20
"""Most of it are the lexicons."""
UNKNOWN_LICENCE = "LicenseRef-unknown"
MIN_FORMANTS = 0.8
"""A factor on their frequencies: a man's are about 0.85 of a woman's."""


@preference(25)
def family(setup: Setup) -> "HibariFamily":
    """Every voice of hibari; NotInstalled without its package, or where packaged models are not wanted; StartError for
    a device that it does not know.
    """
    if not setup.packaged:
        raise NotInstalled("The engine hibari is left out: VOICEBOX_EMBEDDED is small.")
    if missing := [name for name in ("hibari", "onnxruntime") if find_spec(name) is None]:
        raise NotInstalled(f"The engine hibari needs {' and '.join(missing)}: install voicebox-tts[hibari].")
    cpu_only(NAME, setup.device)
    if setup.compute_type not in ("auto", "int8"):
        raise StartError(f"cpu cannot run hibari with compute type {setup.compute_type!r}; it can with int8.")
    return HibariFamily(setup)


class HibariFamily(ManyModels["HibariEngine"]):
    """The voice that comes in the package, those that are published at the hub, and folders of a person."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(NAME, KNOWN, setup)

    def recommended(self) -> Sequence["HibariEngine"]:
        """None: the voice in the package is here already."""
        return ()

    def _make(self, model: str) -> "HibariEngine":
        return HibariEngine(model, KNOWN.get(model.removeprefix(f"{NAME}/")), self._setup)


class HibariSource:
    """Where a published voice is: a `voicebox_models.files.Source`."""

    revision = ""

    def __init__(self, published: Published) -> None:
        self._published = published
        self.size_bytes = published.size_bytes

    def cached(self, hub: Hub) -> Path | None:
        """None: the package's own cache is not used."""
        return None

    def fetch(self, hub: Hub, target: Path, report: Report) -> None:
        """The newest commit's file, which must be the one that is published."""
        name = f"voices/{self._published.file}"
        hub.fetch(REPOSITORY, "", (name,), target, report, required=(name,), pinned={name: self._published.sha256})


class HibariEngine(Lifecycle["LoadedHibari"]):
    """One voice. Its streams take turns at the cores, for some hundredths of a second each."""

    name = NAME
    device = "cpu"
    capabilities = frozenset(
        {Capability.CLONING_APPROXIMATE, Capability.WORD_TIMINGS, Capability.PHONEME_TIMINGS}
        | {Capability.SPEED, Capability.PITCH, Capability.SEED, Capability.PHONEMES}
    )

    def __init__(self, model: str, published: Published | None, setup: Setup) -> None:
        """`model` is `hibari/{voice}`; `published` is None for a folder that a person put on this machine."""
        super().__init__(_files(model, published, setup))
        self._name, self._published = model, published

    @property
    def model(self) -> Model:
        published = self._published
        languages = (published.language if published else "en-US",)
        if published and published.name == PACKAGED_VOICE:
            source = PACKAGED.source
        else:
            source = f"Hugging Face: {REPOSITORY}" if published else ""
        licence = LICENCE if published else UNKNOWN_LICENCE
        return Model(self._name, self.files.revision, licence, languages, source)

    @property
    def default_voice(self) -> str:
        return self._name.rpartition("/")[2]

    def voices(self) -> Sequence[Voice]:
        """Its one voice."""
        published = self._published
        if published is None:
            return (Voice(self.default_voice, self.default_voice.title(), self.model.languages, RATE_HZ),)
        return (Voice(published.name, published.display_name, (published.language,), RATE_HZ, published.gender),)

    def prompt(self, reference: Reference) -> LikenessPrompt:
        """An approximate likeness, in a second; InvalidField("reference") when it holds too little speech."""
        return approximate(reference, {self.default_voice: self._opened().pitch_hz}, RATE_HZ, self._render, formants)

    def pack(self, prompt: VoicePrompt) -> Packed:
        """A likeness, to be stored."""
        assert isinstance(prompt, LikenessPrompt)
        return pack_likeness(prompt)

    def unpack(self, packed: Packed) -> LikenessPrompt:
        """What was packed; ValueError when it is no likeness."""
        return unpack_likeness(packed)

    def unspoken(self, text: str) -> str:
        """The characters that are no part of its alphabet, and that nothing in it stands for."""
        return unspoken(text, SIGNS)

    def transliterated(self, text: str) -> str:
        """Greek and Cyrillic letters, which it speaks by Latin ones."""
        return transliterated(text)

    def open(self, voice: str | VoicePrompt | Description, style: Style, seed: int) -> "HibariSession":
        """Begin a stream; NotFound("voice"), or InvalidField("style.…") for what hibari cannot do."""
        prompt = voice if isinstance(voice, LikenessPrompt) else None
        name = prompt.base_voice if prompt else str(voice)
        if name != self.default_voice:
            raise NotFound("voice", f"{NAME}/{name}")
        _refuse(style)
        shift = (prompt.shift if prompt else Shift()).by_semitones(style.pitch_semitones)
        loaded = self._opened()
        change = import_module(".session", __package__).VoiceChange(
            style.speed, shift, prompt.taps if prompt else (loaded.gain,)
        )
        session: HibariSession = loaded.session(change, seed)
        return session

    def _render(self, voice: str, shift: Shift, text: str) -> Samples:
        session = self.open(LikenessPrompt(voice, shift), Style(), seed=0)
        return np.concatenate([speech.samples for speech in session.speak(text)])

    def _memory_bytes(self, loaded: "LoadedHibari") -> int:
        return LOADED_BYTES

    def _open_model(self) -> "LoadedHibari":
        british = bool(self._published and self._published.british)
        loaded: LoadedHibari = import_module(".loaded", __package__).LoadedHibari(self._weights(), british=british)
        return loaded

    def _weights(self) -> bytes:
        """The weights' file, verified where it is a published one; StartError when it is damaged."""
        published = self._published
        if published and published.name == PACKAGED_VOICE:
            return WEIGHTS.read()
        folder = require_folder(self.files, self._name)
        path = _weights(folder)
        if path is None:
            raise StartError(f"There is no .onnx file in {folder}.")
        content = path.read_bytes()
        if published and hashlib.sha256(content).hexdigest() != published.sha256:
            raise StartError(f"{path} is damaged: its SHA-256 is not the published one.")
        return content


def formants(pitch: float) -> float:
    """How formants go with a factor on the pitch: down with it, by the fourth root; higher voices keep theirs.

    Measured by the similarity of speaker embeddings to recordings of six voices.
    """
    return float(max(min(pitch, 1.0) ** 0.25, MIN_FORMANTS))


def _files(model: str, published: Published | None, setup: Setup) -> ModelFiles:
    if published and published.name == PACKAGED_VOICE:
        return PackagedFiles(PACKAGED)
    return DownloadedFiles(model, setup, HibariSource(published) if published else None, _weights_bytes)


def _weights(folder: Path) -> Path | None:
    return next(iter(sorted(folder.rglob("*.onnx"))), None)


def _weights_bytes(folder: Path) -> int:
    weights = _weights(folder)
    return weights.stat().st_size if weights else 0


def _refuse(style: Style) -> None:
    """InvalidField for what hibari cannot honour."""
    if style.instructions:
        raise InvalidField("style.instructions", "hibari follows no instructions.", "UNSUPPORTED_BY_ENGINE")
    if style.language and primary(style.language) != "en":
        raise InvalidField("style.language", f"hibari speaks English, not {style.language}.", "LANGUAGE_NOT_SPOKEN")
