"""Kyutai's Pocket TTS: follows a recording on a laptop's processor, in seven languages with a model for each."""

import os
import threading
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from voicebox_kit.errors import InvalidField, NotFound, Precondition, StartError, Unavailable
from voicebox_kit.languages import covers
from voicebox_models import store
from voicebox_models.devices import cpu_only
from voicebox_models.engine import Model, NotInstalled, Report, Setup

from voicebox_tts.engine import Capability, Description, Packed, Reference, Style, Voice, VoicePrompt
from voicebox_tts.normalization.characters import pictures

from . import download as pocket_download
from . import model_files
from .prompt import PocketPrompt, pack_prompt, unpack_prompt
from .published import GENDERS, KNOWN, LICENCE, Published

if TYPE_CHECKING:  # imported when they are needed: torch takes 2 s and 200 MB
    from .loaded import LoadedPocket
    from .session import PocketSession

NAME = "pocket"
RATE_HZ = 24_000
UNKNOWN_LICENCE = "LicenseRef-unknown"
UNDETERMINED = "und"


def family(setup: Setup) -> "PocketFamily":
    """Every Pocket TTS model; NotInstalled without its libraries, StartError for a device or a compute type that it
    does not know.
    """
    if missing := [name for name in ("torch", "pocket_tts", "safetensors") if find_spec(name) is None]:
        raise NotInstalled(
            f"The engine pocket is not installed: `make pocket` installs it, with {' and '.join(missing)}."
        )
    cpu_only(NAME, setup.device)
    if setup.compute_type not in ("auto", "float32"):
        raise StartError(f"cpu cannot run pocket with compute type {setup.compute_type!r}; it can with float32.")
    return PocketFamily(setup)


class PocketFamily:
    """The models in the models folder, and those that Kyutai publishes."""

    drawback = ""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._engines: dict[str, PocketEngine] = {}
        self._lock = threading.Lock()

    def engines(self) -> Sequence["PocketEngine"]:
        """The named folder, then what is present, then what is published."""
        folders = self._folders()
        known = [f"{NAME}/{model}" for model in KNOWN]
        named = self._setup.named_folder

        def rank(name: str) -> tuple[bool, bool, int, str]:
            is_named = named is not None and folders.get(name) == named
            return not is_named, name not in folders, known.index(name) if name in known else len(known), name

        return [self._made(name) for name in sorted({*folders, *known}, key=rank)]

    def engine(self, model: str) -> "PocketEngine | None":
        """One of `engines`."""
        prefix, _, rest = model.partition("/")
        return self._made(model) if prefix == NAME and (rest in KNOWN or model in self._folders()) else None

    def recommended(self) -> Sequence["PocketEngine"]:
        """English; none where there is a GPU: Qwen3-TTS is better there, and as fast."""
        return () if import_module("torch").cuda.is_available() else (self._made(f"{NAME}/english"),)

    def _folders(self) -> dict[str, Path]:
        return store.folders(self._setup.models_folder, NAME, self._setup.named_folder)

    def _made(self, name: str) -> "PocketEngine":
        with self._lock:
            if name not in self._engines:
                self._engines[name] = PocketEngine(name, KNOWN.get(name.removeprefix(f"{NAME}/")), self._setup)
            return self._engines[name]


class PocketEngine:
    """One model. Its streams take turns at every frame of 80 ms, see pocket_workers."""

    name = NAME
    device = "cpu"

    def __init__(self, model: str, published: Published | None, setup: Setup) -> None:
        """`model` is `pocket/{model}`; `published` tells where it is on the hub, None when it is not there."""
        self._name, self._published, self._setup = model, published, setup
        self._loaded: LoadedPocket | None = None
        self._of_loaded: Model | None = None
        self._lock = threading.Lock()

    @property
    def model(self) -> Model:
        return self._of_loaded or self._of_folder(self._folder())

    @property
    def capabilities(self) -> frozenset[Capability]:
        folder = self._folder()
        cloning = folder is None or model_files.clones(folder)
        own = frozenset({Capability.SEED, Capability.TEXT_NORMALIZATION})
        return own | {Capability.CLONING} if cloning else own

    @property
    def default_voice(self) -> str:
        voices = self.voices()
        return voices[0].name if voices else ""

    @property
    def present(self) -> bool:
        return self._folder() is not None

    @property
    def loaded(self) -> bool:
        return self._loaded is not None

    @property
    def memory_bytes(self) -> int:
        """The size of the weights."""
        if loaded := self._loaded:
            return loaded.network.size_bytes
        if folder := self._folder():
            return model_files.size_bytes(folder)
        return self._published.size_bytes if self._published else 0

    def download(self, report: Report) -> None:
        """Fetch the model; without voice cloning where the hub does not give the weights that clone."""
        if self.present:
            return
        if self._published is None:
            raise Precondition(
                "MODEL_NOT_ON_HUB", f"models/{self._name}", f"{self._name} was a folder on this machine, and is gone."
            )
        pocket_download.fetch(
            self._published, self._setup.hub, store.folder(self._setup.models_folder, self._name), report
        )

    def load(self) -> None:
        """Read the weights, in a second, and start a thread for each core."""
        self._load()

    def unload(self) -> None:
        """Free the memory. Streams that are open fail with Unavailable."""
        with self._lock:
            loaded, self._loaded, self._of_loaded = self._loaded, None, None
        if loaded:
            loaded.close()

    def voices(self) -> Sequence[Voice]:
        """Those whose files are in the folder; those that are published as long as it is not here."""
        folder = self._folder()
        own = self._published.voices if self._published else ()
        names = (
            own if folder is None else sorted(model_files.voices(folder), key=lambda name: (name not in own[:1], name))
        )
        languages = self._languages(folder)
        return [Voice(name, name.replace("_", " ").title(), languages, RATE_HZ, GENDERS.get(name)) for name in names]

    def prompt(self, reference: Reference) -> PocketPrompt:
        """Listen to the first 30 s of a recording; InvalidField("reference") when it holds too little speech."""
        if Capability.CLONING not in self.capabilities:
            sentence = f"The weights of {self._name} that are here follow no recording: they were fetched without access to those that do."
            raise InvalidField("reference", sentence, "UNSUPPORTED_BY_ENGINE")
        return self._load().prompt(reference)

    def pack(self, prompt: VoicePrompt) -> Packed:
        """A prompt, to be stored."""
        assert isinstance(prompt, PocketPrompt)
        return pack_prompt(prompt, self._id)

    def unpack(self, packed: Packed) -> PocketPrompt:
        """What was packed by this model; ValueError when it is no prompt of its shape."""
        return unpack_prompt(packed, self._id, *self._load().network.memory_shape)

    def unspoken(self, text: str) -> str:
        """Pictures and the like, which are taken out before the model."""
        return pictures(text)

    def open(self, voice: str | VoicePrompt | Description, style: Style, seed: int) -> "PocketSession":
        """Begin a stream; NotFound("voice"), or InvalidField("style.…") for what pocket cannot do."""
        self._refuse(style)
        if isinstance(voice, PocketPrompt):
            return self._load().session(voice, seed)
        if not isinstance(voice, str) or voice not in {own.name for own in self.voices()}:
            raise NotFound("voice", f"{NAME}/{voice}")
        loaded = self._load()
        try:
            return loaded.session(loaded.voice(voice), seed)
        except ValueError as error:
            raise Unavailable("VOICE_DAMAGED", str(error), 60.0) from error

    def _refuse(self, style: Style) -> None:
        """InvalidField for what no voice of this model can honour."""
        if style.instructions:
            raise InvalidField("style.instructions", "pocket follows no instructions.", "UNSUPPORTED_BY_ENGINE")
        if style.speed != 1.0:
            raise InvalidField("style.speed", "pocket speaks at its own speed.", "UNSUPPORTED_BY_ENGINE")
        if style.pitch_semitones:
            raise InvalidField(
                "style.pitch_semitones", "A voice of pocket keeps its own pitch.", "UNSUPPORTED_BY_ENGINE"
            )
        languages = self._languages(self._folder())
        if (
            style.language
            and UNDETERMINED not in languages
            and not any(covers(style.language, own) for own in languages)
        ):
            raise InvalidField(
                "style.language", f"{self._name} does not speak {style.language}.", "LANGUAGE_NOT_SPOKEN"
            )

    def _load(self) -> "LoadedPocket":
        with self._lock:
            if self._loaded is None:
                folder = self._folder()
                if folder is None:
                    raise StartError(f"The model {self._name} is not here: download it first.")
                known = self._of_folder(
                    folder
                )  # before its weights are read: what changes meanwhile must not pass for them
                self._loaded = _opened(model_files.checked(folder))
                self._of_loaded = known
            return self._loaded

    @property
    def _id(self) -> str:
        """The model's name and revision: a prompt is of use to no other."""
        return f"{self._name}@{self.model.revision}"

    def _of_folder(self, folder: Path | None) -> Model:
        return Model(
            self._name, self._revision(folder), LICENCE if self._published else UNKNOWN_LICENCE, self._languages(folder)
        )

    def _folder(self) -> Path | None:
        return store.folders(self._setup.models_folder, NAME, self._setup.named_folder).get(self._name)

    def _revision(self, folder: Path | None) -> str:
        if folder is None:
            return self._published.cloning_revision if self._published else ""
        return store.revision(folder)

    def _languages(self, folder: Path | None) -> tuple[str, ...]:
        if self._published:
            return (self._published.language,)
        return model_files.languages(folder) if folder else (UNDETERMINED,)


def _opened(folder: Path) -> "LoadedPocket":
    """A model in memory. Importing pocket_tts sets the number of torch's threads to 1, for the whole process: that is
    undone.
    """
    torch = import_module("torch")
    threads = torch.get_num_threads()
    try:
        library = import_module(".loaded", __package__)
    finally:
        torch.set_num_threads(threads)
    loaded: LoadedPocket = library.LoadedPocket(folder, _threads())
    return loaded


def _threads() -> int:
    """OMP_NUM_THREADS, or as many as this process may use."""
    return int(os.environ.get("OMP_NUM_THREADS", "0")) or len(os.sched_getaffinity(0))
