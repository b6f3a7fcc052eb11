"""The files of the model that an adapter belongs to."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from voicebox_kit import plugins
from voicebox_kit.errors import Precondition, StartError

from voicebox_models.engine import Family, Loadable, Setup
from voicebox_models.files import DownloadedFiles, ModelFiles


@contextmanager
def opened(files: ModelFiles, model: str) -> Iterator[Path]:
    """A folder with a model's files, until the block ends: it may be unpacked for it. StartError when they are not
    here. `model` is `{engine}/{model}`.
    """
    package = files.package if isinstance(files, DownloadedFiles) else None
    if package:
        with package.unpacked() as unpacked:
            yield unpacked
    elif folder := files.folder:
        yield folder
    else:
        raise StartError(f"The files of its base, models/{model}, are not on this machine: download that first.")


def engine_of(service: str, model: str, setup: Setup) -> Loadable:
    """The engine of a service that runs the model `{engine}/{model}`. Precondition when it is not here."""
    name = model.partition("/")[0]
    family: Family[Loadable] = plugins.load(f"voicebox.{service}.engines", name)(setup)
    found = family.engine(model)
    if found is None or not found.files.present:
        sentence = f"The files of models/{model} are not on this machine: download the model first."
        raise Precondition("MODEL_ABSENT", f"models/{model}", sentence)
    return found
