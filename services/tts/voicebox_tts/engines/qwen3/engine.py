"""One Qwen3-TTS model, found, loaded and opened. Its streams are made together, see batching."""

import threading
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from voicebox_kit.errors import InvalidField, NotFound, Precondition, StartError
from voicebox_kit.languages import covers
from voicebox_models import store
from voicebox_models.engine import Model, Report, Setup

from voicebox_tts.engine import Capability, Description, Packed, Reference, Style, Voice, VoicePrompt
from voicebox_tts.normalization.characters import pictures

from . import model_info
from . import voice_prompt as prompt
from .device import Device
from .model import checkpoint
from .model.config import Kind
from .model_info import Facts
from .published import Published
from .session import Qwen3Session
from .voice_prompt import Qwen3Prompt

if TYPE_CHECKING:  # imported when it is needed: it imports torch
    from .loaded import LoadedQwen3

NAME = "qwen3"


class Qwen3Engine:
    """One model. Thread-safe."""

    def __init__(self, model: str, published: Published | None, setup: Setup, device: Device) -> None:
        """`model` is `qwen3/{model}`; `published` tells where it is on the hub, None when it is not there."""
        self._name, self._published, self._setup, self._device = model, published, setup, device
        self._lock = threading.Lock()
        self._loaded: LoadedQwen3 | None = None
        self._of_loaded: Facts | None = None

    @property
    def name(self) -> str:
        return NAME

    @property
    def model(self) -> Model:
        known = self._facts()
        return Model(self._name, known.revision, known.licence, known.languages)

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self._facts().capabilities

    @property
    def default_voice(self) -> str:
        voices = self.voices()
        return voices[0].name if voices else ""

    def voices(self) -> Sequence[Voice]:
        """The speakers of a custom-voice model; the others have none of their own."""
        return self._facts().voices

    @property
    def present(self) -> bool:
        return self._folder() is not None

    @property
    def loaded(self) -> bool:
        """Whether it is ready; a model that failed again and again is not, and the next call loads it anew."""
        loaded = self._loaded
        return loaded is not None and loaded.usable

    @property
    def device(self) -> str:
        return self._device.name

    @property
    def memory_bytes(self) -> int:
        """Measured; before it is loaded the size of its weights, which is what they take in bfloat16."""
        loaded = self._loaded
        return loaded.memory_bytes if loaded else self._facts().size_bytes

    def download(self, report: Report) -> None:
        if self.present:
            return
        if self._published is None:
            raise Precondition(
                "MODEL_NOT_ON_HUB", f"models/{self._name}", f"{self._name} was a folder on this machine, and is gone."
            )
        target = store.folder(self._setup.models_folder, self._name)
        repository, revision = self._published.repository, self._published.revision
        self._setup.hub.fetch(repository, revision, checkpoint.FILES, target, report, required=checkpoint.NEEDED)

    def load(self) -> None:
        self._load()

    def unload(self) -> None:
        with self._lock:
            self._close()

    def prompt(self, reference: Reference) -> Qwen3Prompt:
        if Capability.CLONING not in self.capabilities:
            raise InvalidField(
                "reference", f"models/{self._name} follows no recording; the base models do.", "CLONING_UNSUPPORTED"
            )
        return self._load().prompt(reference)

    def pack(self, voice: VoicePrompt) -> Packed:
        assert isinstance(voice, Qwen3Prompt)
        return prompt.pack(voice)

    def unpack(self, packed: Packed) -> Qwen3Prompt:
        known = self._facts().config
        if known is None:
            raise ValueError(f"The files of {self._name} are not here, or damaged.")
        return prompt.unpack(packed, known)

    def unspoken(self, text: str) -> str:
        """Pictures and the like, which are taken out before the model."""
        return pictures(text)

    def open(self, voice: str | VoicePrompt | Description, style: Style, seed: int) -> Qwen3Session:
        """Begin a stream: by a speaker's name in a custom-voice model, with a prompt in a base model, described in a
        voice-design one.
        """
        known = self._facts()
        self._refuse(style, known)
        source, instructions = self._source(voice, style, known)
        return Qwen3Session(partial(self._load().begin, source, style.language, instructions), seed)

    def _source(
        self, voice: str | VoicePrompt | Description, style: Style, known: Facts
    ) -> tuple[str | Qwen3Prompt | None, str]:
        """Whose voice it is, as the prompt's layout takes it, and the instructions."""
        if isinstance(voice, str):
            if voice not in {each.name for each in known.voices}:
                raise NotFound("voice", f"{NAME}/{voice}", f"models/{self._name} {_speaks_as(known)}.")
            return voice, style.instructions
        if isinstance(voice, Description):
            if known.kind is not Kind.VOICE_DESIGN:
                raise InvalidField("voice", f"models/{self._name} {_speaks_as(known)}.", "VOICE_DESIGN_UNSUPPORTED")
            return None, voice.text
        if known.kind is not Kind.BASE:
            raise InvalidField("voice", f"models/{self._name} {_speaks_as(known)}.", "CLONING_UNSUPPORTED")
        assert isinstance(voice, Qwen3Prompt)
        return voice, ""

    def _refuse(self, style: Style, known: Facts) -> None:
        """InvalidField for what this model cannot honour."""
        asked = {
            "style.speed": style.speed != 1.0,
            "style.pitch_semitones": style.pitch_semitones != 0.0,
            "style.instructions": bool(style.instructions) and Capability.INSTRUCTIONS not in known.capabilities,
        }
        for field, is_asked in asked.items():
            if is_asked:
                raise InvalidField(field, f"models/{self._name} cannot honour {field}.", "UNSUPPORTED_BY_ENGINE")
        if style.language and not any(covers(style.language, own) for own in known.languages):
            sentence = f"models/{self._name} speaks {', '.join(known.languages)}, not {style.language}."
            raise InvalidField("style.language", sentence, "LANGUAGE_NOT_SPOKEN")

    def _load(self) -> "LoadedQwen3":
        with self._lock:
            if self._loaded and not self._loaded.usable:
                self._close()
            if self._loaded is None:
                folder = self._folder()
                if folder is None:
                    raise StartError(f"The model {self._name} is not here: download it first.")
                known = model_info.of_folder(checkpoint.checked(folder), self._published)
                self._loaded = import_module(".loaded", __package__).LoadedQwen3(
                    folder, self._device, self._setup.options
                )
                self._of_loaded = known
            return self._loaded

    def _close(self) -> None:
        loaded, self._loaded, self._of_loaded = self._loaded, None, None
        if loaded:
            loaded.close()

    def _facts(self) -> Facts:
        """Of what is loaded, whatever became of its files since, or of the files."""
        if known := self._of_loaded:
            return known
        folder = self._folder()
        return model_info.of_folder(folder, self._published) if folder else model_info.of_published(self._published)

    def _folder(self) -> Path | None:
        """Where the files are: in the models folder, or in the hub library's cache."""
        if folder := store.folders(self._setup.models_folder, NAME, self._setup.named_folder).get(self._name):
            return folder
        if self._published is None:
            return None
        hub, repository, revision = self._setup.hub, self._published.repository, self._published.revision
        folder = hub.cached(repository, revision, checkpoint.NEEDED[0])
        # Where one file is missing no other is looked for: lists of models and voices ask for every model each time.
        others = (*checkpoint.NEEDED[1:], checkpoint.WEIGHTS) if folder else ()
        return folder if all(hub.cached(repository, revision, file) for file in others) else None


def _speaks_as(known: Facts) -> str:
    """Whose voice a model speaks with, as it goes on after its name."""
    match known.kind:
        case Kind.BASE:
            return "has no voices of its own: it follows recordings"
        case Kind.CUSTOM_VOICE:
            return f"has the voices {', '.join(voice.name for voice in known.voices)}, and no other"
        case Kind.VOICE_DESIGN:
            return "has no voices of its own: it makes one of a description"
        case None:
            return "cannot be loaded"
