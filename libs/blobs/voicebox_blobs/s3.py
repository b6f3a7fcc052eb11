"""Blobs in S3, or in what speaks it."""

import logging
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store
from voicebox_kit.errors import StartError, Unavailable

from .blobs import READ_BYTES, Blob, Meter, StoredBlob, fresh_name, storage_errors

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import S3Config

log = logging.getLogger(__name__)

PART_BYTES = 5 * 1024 * 1024
"""The least that S3 takes as a part. A file up to this waits in memory and goes as one request; a larger one waits in a
scratch file.
"""
PARTS_AT_ONCE = 2
TIMEOUT = timedelta(seconds=60)
"""Of one request, which carries at most a part."""
RETRY_SECONDS = 15.0
"""How long a failed request is retried before the caller gets the error."""
LISTED = 1000


class S3Blobs:
    """Objects under a prefix of a bucket. See Blobs for what the methods promise.

    A file goes to S3 when it is here as a whole: its name contains its hash, and a client that leaves in the middle
    leaves no unfinished upload, which S3 would keep and charge for.
    """

    def __init__(self, store: S3Store, scratch_folder: Path) -> None:
        self._store = store
        self._scratch_folder = scratch_folder

    async def put(self, kind: str, blocks: AsyncIterator[bytes], max_bytes: int) -> Blob:
        meter = Meter(max_bytes)
        with self._scratch() as file:
            await _spool(file, meter.read(blocks))
            return await self._send(file, meter.blob(fresh_name(kind, meter.sha256)))

    async def put_as(self, name: str, blocks: AsyncIterator[bytes]) -> Blob:
        meter = Meter()
        with self._scratch() as file:
            await _spool(file, meter.read(blocks))
            return await self._send(file, meter.blob(name))

    async def read(self, name: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        if end is not None and end <= start:
            return
        options: GetOptions = {}
        if start or end is not None:  # an empty file has no range
            options = {"range": {"offset": start} if end is None else (start, end)}
        with _answers():
            file = await obstore.get_async(self._store, name, options=options)
            async for block in file.stream(min_chunk_size=READ_BYTES):
                view = memoryview(block)
                for begin in range(0, len(view), READ_BYTES):
                    yield bytes(view[begin : begin + READ_BYTES])

    async def size_bytes(self, name: str) -> int:
        with _answers():
            return (await obstore.head_async(self._store, name))["size"]

    async def delete(self, *names: str) -> None:
        for name in names:
            try:
                await obstore.delete_async(self._store, name)
            except FileNotFoundError:
                pass
            except BaseError:
                log.exception("blob %s is left behind", name)

    async def stored(self) -> AsyncIterator[list[StoredBlob]]:
        with _answers():
            async for files in obstore.list(self._store, chunk_size=LISTED):
                yield [StoredBlob(file["path"], file["size"], file["last_modified"]) for file in files]

    async def check(self) -> None:
        """A store that does not answer says so to each caller, and is back one day."""

    @contextmanager
    def _scratch(self) -> Iterator[IO[bytes]]:
        with storage_errors(), tempfile.SpooledTemporaryFile(PART_BYTES, dir=str(self._scratch_folder)) as file:
            yield file

    async def _send(self, file: IO[bytes], blob: Blob) -> Blob:
        file.seek(0)
        with _answers(), _bucket_is_there():
            if blob.size_bytes <= PART_BYTES:
                await obstore.put_async(self._store, blob.name, file.read(), use_multipart=False)
            else:
                await obstore.put_async(
                    self._store, blob.name, file, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE
                )
        return blob


def open_s3_blobs(url: str, env: Mapping[str, str], scratch_folder: Path, variable: str) -> S3Blobs:
    """Blobs at `s3://bucket/prefix?endpoint=http://host:port&region=name`; the variables AWS_* say what the URL does
    not.

    Raises StartError, which names `variable`, for a URL that is no such one.
    """
    parsed = urlsplit(url)
    options = dict(parse_qsl(parsed.query))
    if parsed.scheme != "s3" or not parsed.netloc or not options.keys() <= {"endpoint", "region"}:
        raise StartError(
            f"{variable} must be a folder or s3://bucket/prefix, with endpoint and region as its only options."
        )
    return S3Blobs(_store(parsed, options, env), scratch_folder)


def _store(url: SplitResult, options: Mapping[str, str], env: Mapping[str, str]) -> S3Store:
    config: S3Config = {}
    # What is not set here, obstore finds as AWS's own programs do: in a pod's identity, or from the machine.
    if key := env.get("AWS_ACCESS_KEY_ID"):
        config |= {"access_key_id": key, "secret_access_key": env.get("AWS_SECRET_ACCESS_KEY", "")}
    if token := env.get("AWS_SESSION_TOKEN"):
        config["session_token"] = token
    if region := options.get("region") or env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION"):
        config["region"] = region
    if endpoint := options.get("endpoint") or env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL") or "":
        config["endpoint"] = endpoint
    # A bucket in the host's name needs a DNS of its own, which only AWS has.
    config["virtual_hosted_style_request"] = not endpoint
    return S3Store(
        url.netloc,
        prefix=url.path.strip("/") or None,
        config=config,
        client_options={"allow_http": endpoint.startswith("http://"), "timeout": TIMEOUT},
        retry_config={"retry_timeout": timedelta(seconds=RETRY_SECONDS)},
    )


async def _spool(file: IO[bytes], blocks: AsyncIterator[bytes]) -> None:
    async for block in blocks:
        file.write(block)  # into memory, then into the page cache: both take less than a switch to another thread


@contextmanager
def _bucket_is_there() -> Iterator[None]:
    """What is not found while a file is written is the bucket."""
    try:
        yield
    except FileNotFoundError as error:
        log.warning("S3 has no such bucket: %s", error)
        raise Unavailable("BLOBS_UNAVAILABLE", "The bucket of the stored files is not there.") from error


@contextmanager
def _answers() -> Iterator[None]:
    """FileNotFoundError passes; what else S3 answers, or does not, is Unavailable."""
    try:
        yield
    except BaseError as error:
        log.warning("S3 does not answer as it should: %s", error)
        raise Unavailable("BLOBS_UNAVAILABLE", "The store of files does not answer.") from error
