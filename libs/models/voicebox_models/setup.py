"""What an engine's entry point is called with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .hub import Hub


@dataclass(frozen=True)
class Setup:
    """What an entry point is called with. `device` and `compute_type` come from the settings; `auto` by default."""

    device: str
    compute_type: str
    models_folder: Path
    """Where downloads go, as `{models_folder}/{engine}/{model}`. A folder that a person put there is a model too."""
    named_folder: Path | None = None
    """A model outside of `models_folder`, which the settings name by its path. It is called `{engine}/{the folder's
    name}`, and is the first of its family.
    """
    hub: Hub = field(default_factory=Hub)
    """Where models are downloaded from."""
    accepted_licences: frozenset[str] = frozenset()
    """Licences with conditions that a person accepted: SPDX identifiers. Engines ask only for those that forbid a use.
    """
    packaged: bool = True
    """Whether models that come in installed packages are used."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Further settings of the service for its engines, by names that both know."""
