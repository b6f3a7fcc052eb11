"""One Qwen3-TTS model, as an engine. Its streams are batched, see `scheduler`."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from voicebox_kit.errors import InvalidField, NotFound
from voicebox_models.adapters.adapter import Adapter
from voicebox_models.adapters.manifest import Manifest
from voicebox_models.engine import Setup

from voicebox_tts.engine import Capability, Description, Packed, Reference, Style, VoicePrompt
from voicebox_tts.engines.codec_models.device import Device
from voicebox_tts.engines.codec_models.engine import CodecEngine
from voicebox_tts.engines.codec_models.session import CodecSession

from . import model_info
from . import voice_prompt as prompt
from .model import checkpoint
from .model.config import SAMPLE_RATE_HZ, Kind
from .model_info import ModelInfo
from .published import Published
from .voice_prompt import Qwen3Prompt

if TYPE_CHECKING:  # imported when it is needed: it imports torch
    from .loaded import LoadedQwen3

NAME = "qwen3"


class Qwen3Engine(CodecEngine["LoadedQwen3", ModelInfo]):
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
        """As CodecEngine."""
        super().__init__(model, published, setup, device, other)
        self._published = published

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

    def open(self, voice: str | VoicePrompt | Description, style: Style, seed: int) -> CodecSession:
        """Begin a stream: by a speaker's name in a custom-voice model, with a prompt in a base model, described in a
        voice-design one.
        """
        known = self._facts()
        self._refuse(style, known)
        source, instructions = self._source(voice, style, known)
        return CodecSession(partial(self._opened().begin, source, style.language, instructions), seed, SAMPLE_RATE_HZ)

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

    def _of_published(self) -> ModelInfo:
        return model_info.of_published(self._published)

    def _of_folder(self, folder: Path) -> ModelInfo:
        return model_info.of_folder(folder, self._published)

    def _of_adapter(self, adapted: Manifest, revision: str, base: ModelInfo) -> ModelInfo:
        return model_info.of_adapter(adapted, revision, base)

    def _weights_bytes(self, folder: Path) -> int:
        return checkpoint.size_bytes(folder)

    def _load_model(self, folder: Path, found: Adapter | None) -> "LoadedQwen3":
        base = checkpoint.checked(folder)
        if found:
            import_module(".adapted", __package__).check(found, base)
        loaded: LoadedQwen3 = import_module(".loaded", __package__).LoadedQwen3(
            base, self._device, self._options, found
        )
        return loaded


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
