"""Kyutai's Pocket TTS: follows a recording on a laptop's processor, in seven languages with a model for each."""

import os
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from voicebox_kit.errors import InvalidField, NotFound, StartError, Unavailable
from voicebox_kit.languages import covers
from voicebox_models.devices import cpu_only
from voicebox_models.engine import Model, NotInstalled, Setup
from voicebox_models.family import ManyModels, preference
from voicebox_models.files import DownloadedFiles
from voicebox_models.lifecycle import Lifecycle, require_folder

from voicebox_tts.engine import Capability, Description, Packed, Reference, Style, Voice, VoicePrompt
from voicebox_tts.normalization.characters import pictures

from . import model_files
from .download import PocketSource
from .prompt import PocketPrompt, pack_prompt, unpack_prompt
from .published import GENDERS, KNOWN, LICENCE, Published

if TYPE_CHECKING:  # imported when they are needed: torch takes 2 s and 200 MB
    from .loaded import LoadedPocket
    from .session import PocketSession

NAME = "pocket"
RATE_HZ = 24_000
UNKNOWN_LICENCE = "LicenseRef-unknown"
UNDETERMINED = "und"


@preference(30)
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


class PocketFamily(ManyModels["PocketEngine"]):
    """The models in the models folder, and those that Kyutai publishes."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(NAME, KNOWN, setup)

    def recommended(self) -> Sequence["PocketEngine"]:
        """English; none where there is a GPU: Qwen3-TTS is better there, and as fast."""
        return () if import_module("torch").cuda.is_available() else (self._made(f"{NAME}/english"),)

    def _make(self, model: str) -> "PocketEngine":
        return PocketEngine(model, KNOWN.get(model.removeprefix(f"{NAME}/")), self._setup)


class PocketEngine(Lifecycle["LoadedPocket"]):
    """One model. Its streams take turns at every frame of 80 ms, see `workers`."""

    name = NAME
    device = "cpu"

    def __init__(self, model: str, published: Published | None, setup: Setup) -> None:
        """`model` is `pocket/{model}`; `published` is its place at the hub, or None."""
        source = PocketSource(published) if published else None
        super().__init__(DownloadedFiles(model, setup, source, model_files.size_bytes))
        self._name, self._published = model, published
        self._of_loaded: Model | None = None

    @property
    def model(self) -> Model:
        return self._of_loaded or self._read_model()

    @property
    def capabilities(self) -> frozenset[Capability]:
        folder = self.files.folder
        cloning = folder is None or model_files.clones(folder)
        own = frozenset({Capability.SEED, Capability.TEXT_NORMALIZATION})
        return own | {Capability.CLONING} if cloning else own

    @property
    def default_voice(self) -> str:
        voices = self.voices()
        return voices[0].name if voices else ""

    def voices(self) -> Sequence[Voice]:
        """Those whose files are in the folder; while there is none, the published ones."""
        folder = self.files.folder
        own = self._published.voices if self._published else ()
        names = (
            own if folder is None else sorted(model_files.voices(folder), key=lambda name: (name not in own[:1], name))
        )
        languages = self._languages(folder)
        return [Voice(name, name.replace("_", " ").title(), languages, RATE_HZ, GENDERS.get(name)) for name in names]

    def prompt(self, reference: Reference) -> PocketPrompt:
        """Listen to the first 30 s of a recording; InvalidField("reference") when it holds too little speech."""
        if Capability.CLONING not in self.capabilities:
            sentence = (
                f"The weights of {self._name} that are here follow no recording: "
                "they were fetched without access to those that do."
            )
            raise InvalidField("reference", sentence, "UNSUPPORTED_BY_ENGINE")
        return self._opened().prompt(reference)

    def pack(self, prompt: VoicePrompt) -> Packed:
        """A prompt, to be stored."""
        assert isinstance(prompt, PocketPrompt)
        return pack_prompt(prompt, self._id)

    def unpack(self, packed: Packed) -> PocketPrompt:
        """What was packed by this model; ValueError when it is no prompt of its shape."""
        return unpack_prompt(packed, self._id, *self._opened().network.memory_shape)

    def unspoken(self, text: str) -> str:
        """Pictures and the like, which are taken out before the model."""
        return pictures(text)

    def open(self, voice: str | VoicePrompt | Description, style: Style, seed: int) -> "PocketSession":
        """Begin a stream; NotFound("voice"), or InvalidField("style.…") for what pocket cannot do."""
        self._refuse(style)
        if isinstance(voice, PocketPrompt):
            return self._opened().session(voice, seed)
        if not isinstance(voice, str) or voice not in {own.name for own in self.voices()}:
            raise NotFound("voice", f"{NAME}/{voice}")
        loaded = self._opened()
        try:
            return loaded.session(loaded.voice(voice), seed)
        except ValueError as error:
            raise Unavailable("VOICE_DAMAGED", str(error), 60.0) from error

    def _refuse(self, style: Style) -> None:
        """InvalidField for what this model does not support."""
        if style.instructions:
            raise InvalidField("style.instructions", "pocket follows no instructions.", "UNSUPPORTED_BY_ENGINE")
        if style.speed != 1.0:
            raise InvalidField("style.speed", "pocket speaks at its own speed.", "UNSUPPORTED_BY_ENGINE")
        if style.pitch_semitones:
            raise InvalidField(
                "style.pitch_semitones", "A voice of pocket keeps its own pitch.", "UNSUPPORTED_BY_ENGINE"
            )
        languages = self._languages(self.files.folder)
        if (
            style.language
            and UNDETERMINED not in languages
            and not any(covers(style.language, own) for own in languages)
        ):
            raise InvalidField(
                "style.language", f"{self._name} does not speak {style.language}.", "LANGUAGE_NOT_SPOKEN"
            )

    def _open_model(self) -> "LoadedPocket":
        folder = model_files.checked(require_folder(self.files, self._name))
        model = self._read_model()  # before the weights are read: files that change meanwhile belong to another model
        loaded = _opened(folder)
        self._of_loaded = model
        return loaded

    def _close_model(self, loaded: "LoadedPocket") -> None:
        self._of_loaded = None
        loaded.close()

    def _memory_bytes(self, loaded: "LoadedPocket") -> int:
        return loaded.network.size_bytes

    @property
    def _id(self) -> str:
        """The model's name and revision: a prompt fits no other model."""
        return f"{self._name}@{self.model.revision}"

    def _read_model(self) -> Model:
        licence = LICENCE if self._published else UNKNOWN_LICENCE
        return Model(self._name, self.files.revision, licence, self._languages(self.files.folder))

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
