"""Adapters of Whisper: merged into the weights of the base model, for CTranslate2 knows no adapters."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from voicebox_kit.errors import StartError
from voicebox_models.adapters.adapter import Adapter
from voicebox_models.adapters.fingerprint import fingerprint

from . import model_files
from .ct2_file import Ct2File
from .matrices import location


@contextmanager
def merged(adapter: Adapter, base: Path) -> Iterator[Path]:
    """A folder with the base model and the adapter in it, which is removed when the block ends. StartError when they
    do not fit, or the disk is full.
    """
    weights = model_files.checked(base) / model_files.WEIGHTS
    if fingerprint([weights]) != adapter.manifest.base_weights:
        raise StartError(
            f"The adapter in {adapter.folder} was trained on models/{adapter.manifest.base_model} of the revision "
            f"{adapter.manifest.base_revision}, whose weights are others than those that are here."
        )
    with TemporaryDirectory(prefix="voicebox-model-") as folder:
        try:
            write(Ct2File(weights), adapter, Path(folder) / model_files.WEIGHTS)
            for name in model_files.FILES:
                if name != model_files.WEIGHTS and (base / name).is_file():
                    shutil.copyfile(base / name, Path(folder) / name)
        except OSError as error:
            raise StartError(f"The adapter in {adapter.folder} cannot be merged: {error}") from error
        yield Path(folder)


def write(base: Ct2File, adapter: Adapter, path: Path) -> None:
    """Write the base model's weights with what the adapter adds to them. StartError when they do not fit."""
    changed: dict[str, NDArray[np.float32]] = {}
    for matrix in sorted(adapter.matrices):
        at = location(matrix)
        if at is None:
            raise StartError(f"The adapter in {adapter.folder} changes {matrix[:100]}, which is not possible.")
        name = f"{at.variable}/weight"
        if name not in changed:
            changed[name] = base.tensor(name)
        rows = changed[name][at.rows(len(changed[name]))]
        delta = adapter.delta(matrix, rows.shape)
        if delta is not None:
            rows += delta
    base.write(path, changed)
