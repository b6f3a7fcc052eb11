"""What is known of a model before it is loaded: from its files, or, where they are not here, from what was
published.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from voicebox_kit.errors import StartError
from voicebox_models import store
from voicebox_models.adapters.manifest import Manifest

from voicebox_tts.engine import Capability, Voice

from . import speakers
from .model import checkpoint, config
from .model.config import Kind, ModelConfig
from .published import UNKNOWN_LICENCE, Published


@dataclass(frozen=True)
class ModelInfo:
    """A model. `kind` is None when it is unknown, or its files are damaged: then it can do nothing. `config` is its
    files'.
    """

    revision: str
    licence: str
    kind: Kind | None
    follows_instructions: bool
    languages: tuple[str, ...]
    voices: tuple[Voice, ...]
    size_bytes: int
    config: ModelConfig | None = None
    source: str = ""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """A described voice is itself an instruction: it takes no other."""
        every = frozenset({Capability.SEED, Capability.TEXT_NORMALIZATION})
        match self.kind:
            case Kind.BASE:
                return every | {Capability.CLONING}
            case Kind.CUSTOM_VOICE:
                return every | {Capability.INSTRUCTIONS} if self.follows_instructions else every
            case Kind.VOICE_DESIGN:
                return every | {Capability.VOICE_DESIGN}
            case None:
                return frozenset()


def of_published(published: Published | None) -> ModelInfo:
    """Of a model whose files are not here; None for one that was a folder and is gone."""
    known = published or Published("")
    voices = speakers.voices(known.speakers, known.languages)
    return ModelInfo(
        known.revision, known.licence, known.kind, known.follows_instructions, known.languages, voices, known.size_bytes
    )


def of_adapter(adapted: Manifest, revision: str, base: ModelInfo) -> ModelInfo:
    """Of an adapter: its base with one voice of its own."""
    voices = speakers.voices((adapted.speaker,), base.languages)
    return replace(
        base,
        revision=revision,
        licence=adapted.licence,
        kind=Kind.CUSTOM_VOICE if base.kind is Kind.BASE else None,
        follows_instructions=False,
        voices=voices,
        source=f"adapter of models/{adapted.base_model}",
    )


def of_folder(folder: Path, published: Published | None) -> ModelInfo:
    """Of a model whose files are here, whatever they are worth."""
    licence = published.licence if published else UNKNOWN_LICENCE
    size_bytes = checkpoint.size_bytes(folder)
    try:
        config_of_files = config.read(folder)
    except StartError:  # loading it says what is wrong
        return ModelInfo(store.revision(folder), licence, None, False, (), (), size_bytes)
    voices = speakers.voices(config_of_files.speakers, config_of_files.spoken)
    return ModelInfo(
        store.revision(folder),
        licence,
        config_of_files.kind,
        config_of_files.follows_instructions,
        config_of_files.spoken,
        voices,
        size_bytes,
        config_of_files,
    )
