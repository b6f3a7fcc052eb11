"""Whisper, through faster-whisper and CTranslate2: some hundred languages, on a GPU or on any processor."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from voicebox_kit.errors import Precondition, StartError
from voicebox_models import store
from voicebox_models.engine import Model, NotInstalled, Report, Setup

from voicebox_asr.engine import Capabilities, Options, Reader, Session, VoiceActivity, VoiceDetection

from . import model_files
from .languages import ENGLISH, LANGUAGES
from .published import KNOWN, Published

if TYPE_CHECKING:  # imported when they are needed: they take 0.3 s and 46 MB
    from voicebox_asr.engines.silero import Silero

    from .device import Device
    from .loaded import LoadedWhisper

NAME = "whisper"
UNKNOWN_LICENCE = "LicenseRef-unknown"
SMALL_MACHINE_CORES = 4
"""With fewer, `small` does not keep up with a person who speaks."""


def family(setup: Setup) -> "WhisperFamily":
    """Every Whisper model for CTranslate2; NotInstalled without its libraries, StartError without the device."""
    if find_spec("faster_whisper") is None:
        raise NotInstalled("The engine whisper needs faster-whisper: install voicebox-asr[whisper].")
    device: Device = import_module(".device", __package__).resolved(
        setup.device, setup.compute_type, int(setup.options.get("threads", "0"))
    )
    return WhisperFamily(setup, device)


class WhisperFamily:
    """The models in the models folder and in the hub's cache, the published ones, and any other of the hub by name."""

    drawback = ""

    def __init__(self, setup: Setup, device: "Device") -> None:
        self._setup = setup
        self._device = device
        self._silero = _SharedSilero()
        self._engines: dict[str, WhisperEngine] = {}
        self._lock = threading.Lock()

    def engines(self) -> Sequence["WhisperEngine"]:
        """The named folder, then what is present, then what is well known; the best of each first."""
        folders = self._folders()
        engines = [self._made(name) for name in {**folders, **{f"{NAME}/{model}": None for model in KNOWN}}]
        known = [f"{NAME}/{model}" for model in KNOWN]
        named = self._setup.named_folder

        def rank(engine: WhisperEngine) -> tuple[bool, bool, int]:
            name = engine.model.name
            is_named = named is not None and folders.get(name) == named
            return not is_named, not engine.present, known.index(name) if name in known else len(known)

        return sorted(engines, key=rank)

    def engine(self, model: str) -> "WhisperEngine | None":
        """One of `engines`, or `whisper/{organisation}/{repository}` of the hub."""
        prefix, _, rest = model.partition("/")
        if prefix != NAME or not store.is_name(model):
            return None
        if rest in KNOWN or "/" in rest or model in self._folders():
            return self._made(model)
        return None

    def recommended(self) -> Sequence["WhisperEngine"]:
        """The best model that is fast enough for live speech."""
        if self._device.kind != "cpu":
            return (self._made(f"{NAME}/large-v3-turbo"),)
        return (self._made(f"{NAME}/small" if self._device.threads >= SMALL_MACHINE_CORES else f"{NAME}/base"),)

    def _folders(self) -> dict[str, Path]:
        return store.folders(self._setup.models_folder, NAME, self._setup.named_folder)

    def _made(self, name: str) -> "WhisperEngine":
        with self._lock:
            if name not in self._engines:
                model = name.removeprefix(f"{NAME}/")
                published = KNOWN.get(model) or (
                    Published(model, licence=UNKNOWN_LICENCE, languages=()) if "/" in model else None
                )
                self._engines[name] = WhisperEngine(name, published, self._setup, self._device, self._silero)
            return self._engines[name]


class WhisperEngine:
    """One model. All its streams and files are decoded together, see whisper_batch."""

    def __init__(
        self, model: str, published: Published | None, setup: Setup, device: "Device", silero: "Callable[[], Silero]"
    ) -> None:
        """`model` is `whisper/{model}`; `published` is where it is on the hub, None when it is not there."""
        self._name = model
        self._published = published
        self._setup = setup
        self._device = device
        self._silero = silero
        self._model: Model | None = None
        self._loaded: LoadedWhisper | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return NAME

    @property
    def model(self) -> Model:
        if self._model is None or not self._model.revision:
            folder = self._folder()
            licence = self._published.licence if self._published else UNKNOWN_LICENCE
            self._model = Model(self._name, self._revision(folder), licence, self._languages(folder))
        return self._model

    @property
    def capabilities(self) -> Capabilities:
        multilingual = len(self.model.languages) > 1
        return Capabilities(
            detects_language=multilingual,
            multilingual=multilingual,
            translates=multilingual and (self._published is None or self._published.translates),
            prompts=True,
            hotwords=True,
            grammars=False,
            decoding=True,
            voice_threshold=True,
            longest_utterance_seconds=30.0,
        )

    @property
    def present(self) -> bool:
        return self._folder() is not None

    @property
    def loaded(self) -> bool:
        return self._loaded is not None

    @property
    def device(self) -> str:
        return self._device.name

    @property
    def memory_bytes(self) -> int:
        """The size of the weights: what they take on a GPU; int8 on a processor takes half of it."""
        if folder := self._folder():
            return model_files.size_bytes(folder)
        return self._published.size_bytes if self._published else 0

    def download(self, report: Report) -> None:
        if self.present:
            return
        if self._published is None:
            raise Precondition(
                "MODEL_NOT_ON_HUB", f"models/{self._name}", f"{self._name} was a folder on this machine, and is gone."
            )
        target = store.folder(self._setup.models_folder, self._name)
        wanted, needed = model_files.FILES, model_files.NEEDED
        self._setup.hub.fetch(
            self._published.repository, self._published.revision, wanted, target, report, required=needed
        )
        self._model = None

    def load(self) -> None:
        self._load()

    def unload(self) -> None:
        with self._lock:
            loaded, self._loaded = self._loaded, None
        if loaded:
            loaded.close()

    def open(self, options: Options) -> Session:
        return self._load().session(self._own(options))

    def read(self, options: Options) -> Reader:
        return self._load().reader(self._own(options))

    def voice_activity(self, detection: VoiceDetection) -> VoiceActivity:
        activity: VoiceActivity = import_module("..silero", __package__).SileroVoiceActivity(
            self._silero(), detection.threshold
        )
        return activity

    def _load(self) -> "LoadedWhisper":
        with self._lock:
            if self._loaded is None:
                folder = self._folder()
                if folder is None:
                    raise StartError(f"The model {self._name} is not here: download it first.")
                whisper = import_module(".loaded", __package__)
                self._loaded = whisper.LoadedWhisper(model_files.checked(folder), self._device, self._silero())
            return self._loaded

    def _own(self, options: Options) -> Options:
        """A model of one language assumes it."""
        languages = self.model.languages
        return replace(options, language=languages[0], multilingual=False) if len(languages) == 1 else options

    def _folder(self) -> Path | None:
        """Where the files are: in the models folder, or in the hub library's cache."""
        if folder := store.folders(self._setup.models_folder, NAME, self._setup.named_folder).get(self._name):
            return folder
        if self._published is None:
            return None
        return self._setup.hub.cached(self._published.repository, self._published.revision, model_files.WEIGHTS)

    def _revision(self, folder: Path | None) -> str:
        if folder is None:
            return self._published.revision if self._published else ""
        return store.revision(folder)

    def _languages(self, folder: Path | None) -> tuple[str, ...]:
        if self._published and self._published.languages:
            return self._published.languages
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
