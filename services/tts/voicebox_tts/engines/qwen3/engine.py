"""One Qwen3-TTS model, as an engine. Its streams are batched, see `scheduler`."""

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from voicebox_kit.errors import InvalidField, NotFound, StartError
from voicebox_kit.languages import covers
from voicebox_models import store
from voicebox_models.adapters import adapter
from voicebox_models.engine import Model, Setup
from voicebox_models.files import DownloadedFiles
from voicebox_models.lifecycle import Lifecycle, require_folder

from voicebox_tts.engine import Capability, Description, Packed, Reference, Style, Voice, VoicePrompt
from voicebox_tts.normalization.characters import pictures

from . import model_info
from . import voice_prompt as prompt
from .device import Device
from .model import checkpoint
from .model.config import Kind
from .model_info import ModelInfo
from .published import Published
from .session import Qwen3Session
from .voice_prompt import Qwen3Prompt

if TYPE_CHECKING:  # imported when it is needed: it imports torch
    from .loaded import LoadedQwen3

NAME = "qwen3"


class Qwen3Engine(Lifecycle["LoadedQwen3"]):
    """One model. Thread-safe."""

    name = NAME

    def __init__(
        self,
        model: str,
        published: Published | None,
        setup: Setup,
        device: Device,
        other: "Callable[[str], Qwen3Engine | None]",
    ) -> None:
        """`model` is `qwen3/{model}`; `published` tells where it is on the hub, None when it is not there. `other` is
        called with the name of an adapter's base.
        """
        super().__init__(DownloadedFiles(model, setup, published, self._size_bytes))
        self.device, self._other = device.name, other
        self._name, self._published, self._device, self._options = model, published, device, setup.options
        self._of_loaded: ModelInfo | None = None

    @property
    def model(self) -> Model:
        known = self._facts()
        return Model(self._name, known.revision, known.licence, known.languages, known.source)

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

    def prompt(self, reference: Reference) -> Qwen3Prompt:
        if Capability.CLONING not in self.capabilities:
            raise InvalidField(
                "reference", f"models/{self._name} follows no recording; the base models do.", "CLONING_UNSUPPORTED"
            )
        return self._opened().prompt(reference)

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
        return Qwen3Session(partial(self._opened().begin, source, style.language, instructions), seed)

    def _source(
        self, voice: str | VoicePrompt | Description, style: Style, known: ModelInfo
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

    def _refuse(self, style: Style, known: ModelInfo) -> None:
        """InvalidField for what this model cannot honour."""
        unsupported = {
            "style.speed": style.speed != 1.0,
            "style.pitch_semitones": style.pitch_semitones != 0.0,
            "style.instructions": bool(style.instructions) and Capability.INSTRUCTIONS not in known.capabilities,
        }
        for field, is_requested in unsupported.items():
            if is_requested:
                raise InvalidField(field, f"models/{self._name} cannot honour {field}.", "UNSUPPORTED_BY_ENGINE")
        if style.language and not any(covers(style.language, own) for own in known.languages):
            sentence = f"models/{self._name} speaks {', '.join(known.languages)}, not {style.language}."
            raise InvalidField("style.language", sentence, "LANGUAGE_NOT_SPOKEN")

    def _open_model(self) -> "LoadedQwen3":
        folder = require_folder(self.files, self._name)
        facts, found = self._facts_of(folder), adapter.find(folder)
        base = checkpoint.checked(self._base_folder(found) if found else folder)
        if found:
            import_module(".adapted", __package__).check(found, base)
        loaded: LoadedQwen3 = import_module(".loaded", __package__).LoadedQwen3(
            base, self._device, self._options, found
        )
        self._of_loaded = facts
        return loaded

    def _close_model(self, loaded: "LoadedQwen3") -> None:
        self._of_loaded = None
        loaded.close()

    def _is_usable(self, loaded: "LoadedQwen3") -> bool:
        return loaded.usable

    def _memory_bytes(self, loaded: "LoadedQwen3") -> int:
        return loaded.memory_bytes

    def _facts(self) -> ModelInfo:
        """Of what is loaded, whatever became of its files since, or of the files."""
        if known := self._of_loaded:
            return known
        folder = self.files.folder
        return self._facts_of(folder) if folder else model_info.of_published(self._published)

    def _facts_of(self, folder: Path) -> ModelInfo:
        adapted = adapter.manifest(folder)
        base = self._other(adapted.base_model) if adapted else None
        if adapted is None or base is None:
            return model_info.of_folder(folder, self._published)
        return model_info.of_adapter(adapted, store.revision(folder), base._facts())

    def _base_folder(self, found: adapter.Adapter) -> Path:
        """The folder of an adapter's base; StartError when it is not here."""
        name = found.manifest.base_model
        base = self._other(name)
        if base is None or base.files.folder is None:
            raise StartError(f"The files of its base, models/{name}, are not on this machine: download that first.")
        return base.files.folder

    def _size_bytes(self, folder: Path) -> int:
        """Of all weights; an adapter's are merged into its base's."""
        adapted = adapter.manifest(folder)
        base = self._other(adapted.base_model) if adapted else None
        return base.files.size_bytes if base else checkpoint.size_bytes(folder)


def _speaks_as(known: ModelInfo) -> str:
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
