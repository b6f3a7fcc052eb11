"""What is known of a model before it is loaded: from its files, or, where they are not here, from what was
published.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from voicebox_kit.errors import StartError
from voicebox_models import store
from voicebox_models.adapters.manifest import Manifest

from voicebox_tts.engine import Capability, Voice

from .model import config
from .published import Published
from .voices import voices


@dataclass(frozen=True)
class ModelInfo:
    """A model. `usable` is False where its files are damaged: then it can do nothing."""

    revision: str
    licence: str
    languages: tuple[str, ...]
    voices: tuple[Voice, ...]
    source: str = ""
    usable: bool = True

    @property
    def capabilities(self) -> frozenset[Capability]:
        every = frozenset({Capability.SEED, Capability.TEXT_NORMALIZATION})
        return every if self.usable else frozenset()


def of_published(published: Published | None) -> ModelInfo:
    """Of a model whose files are not here; None for one that was a folder and is gone."""
    known = published or Published("")
    return ModelInfo(
        known.revision, known.licence, known.languages, voices(known.voices, known.languages), known.repository
    )


def of_folder(folder: Path, published: Published | None) -> ModelInfo:
    """Of a model whose files are here, whatever they are worth. A checkpoint does not say which voices it has: one that
    is not well known is taken for a model with those of the released one.
    """
    known = replace(of_published(published), revision=store.revision(folder))
    try:
        config.read(folder)
    except StartError:  # loading it says what is wrong
        return replace(known, voices=(), usable=False)
    return known


def of_adapter(adapted: Manifest, revision: str, base: ModelInfo) -> ModelInfo:
    """Of an adapter: its base with one voice of its own."""
    return replace(
        base,
        revision=revision,
        licence=adapted.licence,
        voices=voices((adapted.speaker,), base.languages),
        source=f"adapter of models/{adapted.base_model}",
    )
