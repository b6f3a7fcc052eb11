"""Opens the blobs that a URL names."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from voicebox_kit.errors import StartError

from .blobs import Blobs
from .local import open_local_blobs
from .s3 import open_s3_blobs


@contextmanager
def open_blobs(
    url: str, s3: Mapping[str, str], scratch_folder: Path, variable: str, *, alone: bool = True
) -> Iterator[Blobs]:
    """The blobs at `s3://bucket/prefix`, or in a folder. `s3` has the variables AWS_*; `variable` is where the person
    wrote the URL.

    `alone` says that no other process writes there. Raises StartError when they cannot be used.
    """
    if is_local(url):
        with open_local_blobs(local_folder(url, variable), alone=alone) as blobs:
            yield blobs
    else:
        yield open_s3_blobs(url, s3, scratch_folder, variable)


def is_local(url: str) -> bool:
    """Whether only one machine can use it."""
    return not url.startswith("s3:")


def local_folder(url: str, variable: str) -> Path:
    """The folder that a plain path, or `file:///path`, names. StartError for anything else."""
    parsed = urlsplit(url)
    if parsed.scheme not in ("", "file") or parsed.netloc:
        raise StartError(f"{variable} must be a folder or begin with s3://, not {parsed.scheme}://.")
    return Path(unquote(parsed.path) if parsed.scheme else url).absolute()
