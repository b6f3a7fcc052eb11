"""Opens the blobs that a URL names."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from prometheus_client import CollectorRegistry
from voicebox_kit.errors import StartError

from .blobs import Blobs
from .local import open_local_blobs
from .measured import MeasuredBlobs
from .s3 import open_s3_blobs


@contextmanager
def open_blobs(
    url: str,
    s3: Mapping[str, str],
    scratch_folder: Path,
    variable: str,
    *,
    alone: bool = True,
    registry: CollectorRegistry | None = None,
) -> Iterator[Blobs]:
    """The blobs at `s3://bucket/prefix`, or in a folder. `s3` has the variables AWS_*; `variable` is where the person
    wrote the URL.

    `alone` says that no other process writes there; with a registry, operations are timed. Raises StartError when they
    cannot be used.
    """
    if is_local(url):
        with open_local_blobs(local_folder(url, variable), alone=alone) as local:
            yield MeasuredBlobs(local, "local", registry) if registry else local
    else:
        blobs = open_s3_blobs(url, s3, scratch_folder, variable)
        yield MeasuredBlobs(blobs, "s3", registry) if registry else blobs


def is_local(url: str) -> bool:
    """Whether only one machine can use it."""
    return not url.startswith("s3:")


def local_folder(url: str, variable: str) -> Path:
    """The folder that a plain path, or `file:///path`, names. StartError for anything else."""
    parsed = urlsplit(url)
    if parsed.scheme not in ("", "file") or parsed.netloc:
        raise StartError(f"{variable} must be a folder or begin with s3://, not {parsed.scheme}://.")
    return Path(unquote(parsed.path) if parsed.scheme else url).absolute()
