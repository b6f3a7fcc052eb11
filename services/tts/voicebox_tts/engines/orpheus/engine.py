"""One Orpheus model, as an engine. Its streams are batched, see `codec_models.scheduler`."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from voicebox_kit.errors import InvalidField, NotFound, StartError
from voicebox_models.adapters.adapter import Adapter
from voicebox_models.adapters.manifest import Manifest
from voicebox_models.engine import Setup

from voicebox_tts.engine import Description, Style, VoicePrompt
from voicebox_tts.engines.codec_models.device import Device
from voicebox_tts.engines.codec_models.engine import CodecEngine
from voicebox_tts.engines.codec_models.session import CodecSession

from . import model_info
from .model import checkpoint
from .model_info import ModelInfo
from .published import Published
from .voices import SAMPLE_RATE_HZ

if TYPE_CHECKING:  # imported when it is needed: it imports torch
    from .loaded import LoadedOrpheus

NAME = "orpheus"

MAX_SECONDS = 12.0
"""Of speech in a piece, at a usual pace: the official package stops after 1200 tokens, which are 14.6 s."""


class OrpheusEngine(CodecEngine["LoadedOrpheus", ModelInfo]):
    """One model. Thread-safe."""

    name = NAME

    def __init__(
        self,
        model: str,
        published: Published | None,
        setup: Setup,
        device: Device,
        other: "Callable[[str], OrpheusEngine | None]",
    ) -> None:
        """As CodecEngine."""
        super().__init__(model, published, setup, device, other)
        self._published = published

    def open(self, voice: str | VoicePrompt | Description, style: Style, seed: int) -> CodecSession:
        """Begin a stream; NotFound("voice"), or InvalidField("style.…") for what Orpheus cannot do."""
        known = self._facts()
        self._refuse(style, known)
        if not isinstance(voice, str):
            sentence = f"models/{self._name} has voices of its own, and no others."
            raise InvalidField("voice", sentence, "CLONING_UNSUPPORTED")
        if voice not in {each.name for each in known.voices}:
            names = ", ".join(each.name for each in known.voices)
            raise NotFound("voice", f"{NAME}/{voice}", f"models/{self._name} has the voices {names}, and no other.")
        return CodecSession(partial(self._opened().begin, voice), seed, SAMPLE_RATE_HZ, MAX_SECONDS)

    def _of_published(self) -> ModelInfo:
        return model_info.of_published(self._published)

    def _of_folder(self, folder: Path) -> ModelInfo:
        return model_info.of_folder(folder, self._published)

    def _of_adapter(self, adapted: Manifest, revision: str, base: ModelInfo) -> ModelInfo:
        return model_info.of_adapter(adapted, revision, base)

    def _weights_bytes(self, folder: Path) -> int:
        return checkpoint.size_bytes(folder)

    def _load_model(self, folder: Path, found: Adapter | None) -> "LoadedOrpheus":
        base = checkpoint.checked(folder)
        if found:
            _check_adapter(found, base)
        loaded: LoadedOrpheus = import_module(".loaded", __package__).LoadedOrpheus(
            base, self._device, self._options, found
        )
        return loaded


def _check_adapter(found: Adapter, base: Path) -> None:
    """StartError when an adapter has no voice, or was trained on other weights than those in `base`."""
    import_module("..codec_models.adapted", __package__).check_base(found, checkpoint.weights(base))
    if not found.manifest.speaker:
        raise StartError(f"The adapter in {found.folder} has no voice.")
