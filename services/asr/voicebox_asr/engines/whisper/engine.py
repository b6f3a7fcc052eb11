"""Whisper, through faster-whisper and CTranslate2: some hundred languages, on a GPU or on any processor."""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from voicebox_kit.errors import StartError
from voicebox_models.adapters import adapter
from voicebox_models.adapters.base import opened
from voicebox_models.engine import Model, NotInstalled, Setup
from voicebox_models.family import ManyModels, preference
from voicebox_models.files import DownloadedFiles
from voicebox_models.lifecycle import Lifecycle, require_folder

from voicebox_asr.engine import Capabilities, Options, Reader, Session, VoiceActivity, VoiceDetection

from . import model_files
from .languages import ENGLISH, LANGUAGES
from .published import KNOWN, Published

if TYPE_CHECKING:  # imported when they are needed: they take 0.3 s and 46 MB
    from voicebox_asr.engines.silero import Silero

    from .device import Device
    from .loaded import LoadedWhisper

Merge = Callable[[adapter.Adapter, Path], AbstractContextManager[Path]]

NAME = "whisper"
UNKNOWN_LICENCE = "LicenseRef-unknown"
SMALL_MACHINE_CORES = 4
"""With fewer, `small` does not keep up with a person who speaks."""


@preference(20)
def family(setup: Setup) -> "WhisperFamily":
    """Every Whisper model for CTranslate2; NotInstalled without its libraries, StartError without the device."""
    if find_spec("faster_whisper") is None:
        raise NotInstalled("The engine whisper needs faster-whisper: install voicebox-asr[whisper].")
    device: Device = import_module(".device", __package__).resolved(
        setup.device, setup.compute_type, int(setup.options.get("threads", "0"))
    )
    return WhisperFamily(setup, device)


class WhisperFamily(ManyModels["WhisperEngine"]):
    """The models in the models folder and in the hub's cache, well known ones, and any other of the hub by its name."""

    whole_hub = True
    takes_adapters = True

    def __init__(self, setup: Setup, device: "Device") -> None:
        super().__init__(NAME, KNOWN, setup)
        self._device = device
        self._silero = _SharedSilero()

    def recommended(self) -> Sequence["WhisperEngine"]:
        """The best model that is fast enough for live speech."""
        if self._device.kind != "cpu":
            return (self._made(f"{NAME}/large-v3-turbo"),)
        return (self._made(f"{NAME}/small" if self._device.threads >= SMALL_MACHINE_CORES else f"{NAME}/base"),)

    def _make(self, model: str) -> "WhisperEngine":
        name = model.removeprefix(f"{NAME}/")
        at_hub = Published(name, licence=UNKNOWN_LICENCE, languages=()) if "/" in name else None
        return WhisperEngine(model, KNOWN.get(name, at_hub), self._setup, self._device, self._silero, self.engine)


class WhisperEngine(Lifecycle["LoadedWhisper"]):
    """One model. The windows of all its streams and files are decoded in batches, see `batcher`."""

    name = NAME

    def __init__(
        self,
        model: str,
        published: Published | None,
        setup: Setup,
        device: "Device",
        silero: "Callable[[], Silero]",
        other: "Callable[[str], WhisperEngine | None]",
    ) -> None:
        """`model` is `whisper/{model}`; `published` tells where it is on the hub, None when it is not there. `other`
        is called with the name of an adapter's base.
        """
        self._files = DownloadedFiles(
            model, setup, published, self._size_bytes, published.packaged if published else None
        )
        super().__init__(self._files)
        self.device = device.name
        self._name, self._published = model, published
        self._device, self._silero, self._other = device, silero, other
        self._model: Model | None = None

    @property
    def model(self) -> Model:
        if self._model is None or not self._model.revision:
            adapted = adapter.manifest(self.files.folder)
            licence = self._published.licence if self._published else UNKNOWN_LICENCE
            self._model = Model(
                self._name,
                self.files.revision,
                adapted.licence if adapted else licence,
                self._languages(),
                f"adapter of models/{adapted.base_model}" if adapted else self._source(),
            )
        return self._model

    @property
    def capabilities(self) -> Capabilities:
        multilingual = len(self.model.languages) > 1
        return Capabilities(
            detects_language=multilingual,
            multilingual=multilingual,
            translates=multilingual and self._translates(),
            prompts=True,
            hotwords=True,
            grammars=False,
            decoding=True,
            voice_threshold=True,
            longest_utterance_seconds=30.0,
        )

    def open(self, options: Options) -> Session:
        return self._opened().session(self._own(options))

    def read(self, options: Options) -> Reader:
        return self._opened().reader(self._own(options))

    def voice_activity(self, detection: VoiceDetection) -> VoiceActivity:
        activity: VoiceActivity = import_module("..silero", __package__).SileroVoiceActivity(
            self._silero(), detection.threshold
        )
        return activity

    def _open_model(self) -> "LoadedWhisper":
        self._model = None  # its files may be others than those it was listed with
        if package := self._files.package:
            with package.unpacked() as folder:
                return self._loaded_from(folder)
        folder = require_folder(self.files, self._name)
        if found := adapter.find(folder):
            name = found.manifest.base_model
            if (base := self._other(name)) is None:
                raise StartError(f"Its base, models/{name}, is no model of {NAME}.")
            merged: Merge = import_module(".adapted", __package__).merged
            with opened(base.files, name) as base_folder, merged(found, base_folder) as whole:
                return self._loaded_from(whole)
        return self._loaded_from(model_files.checked(folder))

    def _loaded_from(self, folder: Path) -> "LoadedWhisper":
        loaded: LoadedWhisper = import_module(".loaded", __package__).LoadedWhisper(
            folder, self._device, self._silero()
        )
        return loaded

    def _base(self) -> "WhisperEngine | None":
        """The engine of its base, where it is an adapter whose base is known."""
        adapted = adapter.manifest(self.files.folder)
        return self._other(adapted.base_model) if adapted else None

    def _size_bytes(self, folder: Path) -> int:
        """Of the weights; an adapter's are merged into its base's."""
        base = self._base() if adapter.holds_adapter(folder) else None
        return base.files.size_bytes if base else model_files.size_bytes(folder)

    def _translates(self) -> bool:
        base = self._base()
        return base.capabilities.translates if base else self._published is None or self._published.translates

    def _own(self, options: Options) -> Options:
        """A model of one language uses it in any case."""
        languages = self.model.languages
        return replace(options, language=languages[0], multilingual=False) if len(languages) == 1 else options

    def _source(self) -> str:
        package = self._files.package
        if package or self._published is None:
            return package.source if package else ""
        return self._published.source

    def _languages(self) -> tuple[str, ...]:
        if self._published and self._published.languages:
            return self._published.languages
        folder = self.files.folder
        if base := self._base():
            return base.model.languages
        if folder and not model_files.problem(folder):
            return model_files.languages(folder)
        return ENGLISH if self._name.endswith(".en") else LANGUAGES


class _SharedSilero:
    """The voice activity detector of all models, made when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._silero: Silero | None = None

    def __call__(self) -> "Silero":
        with self._lock:
            if self._silero is None:
                self._silero = import_module("..silero", __package__).Silero()
            return self._silero
