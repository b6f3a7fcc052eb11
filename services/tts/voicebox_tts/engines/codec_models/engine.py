"""What the engines of language models over codes share: what is known of a model before it is loaded and while it is,
also where it is an adapter, whose weights are merged into those of its base.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from voicebox_kit.errors import InvalidField, StartError
from voicebox_kit.languages import covers
from voicebox_models import store
from voicebox_models.adapters import adapter
from voicebox_models.adapters.manifest import Manifest
from voicebox_models.engine import Model, Setup
from voicebox_models.files import DownloadedFiles, Source
from voicebox_models.lifecycle import Closable, Lifecycle, require_folder

from voicebox_tts.engine import Capability, Style, Voice
from voicebox_tts.normalization.characters import pictures

from .device import Device


class Facts(Protocol):
    """What is known of a model without loading it."""

    @property
    def revision(self) -> str: ...
    @property
    def licence(self) -> str: ...
    @property
    def languages(self) -> tuple[str, ...]: ...
    @property
    def voices(self) -> tuple[Voice, ...]: ...
    @property
    def source(self) -> str: ...
    @property
    def capabilities(self) -> frozenset[Capability]: ...


class Loaded(Closable, Protocol):
    """A model in memory, see LoadedModel."""

    @property
    def usable(self) -> bool: ...
    @property
    def memory_bytes(self) -> int: ...


F = TypeVar("F", bound=Facts)
L = TypeVar("L", bound=Loaded)


class CodecEngine(Lifecycle[L], Generic[L, F]):
    """One model. Thread-safe."""

    def __init__(
        self,
        model: str,
        published: Source | None,
        setup: Setup,
        device: Device,
        other: "Callable[[str], CodecEngine[L, F] | None]",
    ) -> None:
        """`model` is `{engine}/{model}`; `published` tells where it is on the hub, None when it is not there. `other`
        is called with the name of an adapter's base.
        """
        super().__init__(DownloadedFiles(model, setup, published, self._size_bytes))
        self.device, self._other = device.name, other
        self._name, self._device, self._options = model, device, setup.options
        self._of_loaded: F | None = None

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
        """Those that the model was trained on; of an adapter, its own."""
        return self._facts().voices

    def unspoken(self, text: str) -> str:
        """Pictures and the like, which are taken out before the model."""
        return pictures(text)

    @abstractmethod
    def _of_published(self) -> F:
        """Of a model whose files are not here."""

    @abstractmethod
    def _of_folder(self, folder: Path) -> F:
        """Of a model whose files are here, whatever they are worth."""

    @abstractmethod
    def _of_adapter(self, adapted: Manifest, revision: str, base: F) -> F:
        """Of an adapter of a model."""

    @abstractmethod
    def _weights_bytes(self, folder: Path) -> int:
        """The size of all weights of a model; 0 when there are none."""

    @abstractmethod
    def _load_model(self, folder: Path, found: adapter.Adapter | None) -> L:
        """Load the model in a folder, with an adapter merged into it. StartError when it cannot be loaded."""

    def _refuse(self, style: Style, known: F) -> None:
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

    def _open_model(self) -> L:
        folder = require_folder(self.files, self._name)
        facts, found = self._facts_of(folder), adapter.find(folder)
        loaded = self._load_model(self._base_folder(found) if found else folder, found)
        self._of_loaded = facts
        return loaded

    def _close_model(self, loaded: L) -> None:
        self._of_loaded = None
        loaded.close()

    def _is_usable(self, loaded: L) -> bool:
        return loaded.usable

    def _memory_bytes(self, loaded: L) -> int:
        return loaded.memory_bytes

    def _facts(self) -> F:
        """Of what is loaded, whatever became of its files since, or of the files."""
        if known := self._of_loaded:
            return known
        folder = self.files.folder
        return self._facts_of(folder) if folder else self._of_published()

    def _facts_of(self, folder: Path) -> F:
        adapted = adapter.manifest(folder)
        base = self._other(adapted.base_model) if adapted else None
        if adapted is None or base is None:
            return self._of_folder(folder)
        return self._of_adapter(adapted, store.revision(folder), base._facts())

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
        return base.files.size_bytes if base else self._weights_bytes(folder)
