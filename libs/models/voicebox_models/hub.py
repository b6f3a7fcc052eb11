"""Fetches models from the Hugging Face hub: one commit's files, each checked, all of them or none."""

import errno
import hashlib
import logging
import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

from voicebox_kit.durable import sync_path
from voicebox_kit.errors import Exhausted, Precondition, StartError, Unavailable
from voicebox_kit.folders import own_folder

from . import store
from .hub_library import explained, library, offline
from .progress import Progress, Report
from .store import ModelManifest, StoredFile, sha256, write_manifest

log = logging.getLogger(__name__)

FORBIDDEN = ("*.pt", "*.pth", "*.pkl", "*.pickle", "*.ckpt", "*.py", "*.so", "*.dll", "pytorch_model*.bin")
"""Never fetched: loading these runs code that they contain."""

PARTIAL_CONTENT = 206
CHUNK_BYTES = 256 * 1024
SPARE_BYTES = 256 << 20
"""Left free on the disk: a model must not take the last of it from the catalog."""

TRIES = 5
"""How often in a row a file may be cut off without a byte of progress."""

NOTHING_PINNED: Mapping[str, str] = {}


@dataclass(frozen=True)
class HubFile:
    """A file of a commit. `sha256` is known of large files, `blob_id`, git's own checksum, of the others."""

    name: str
    size_bytes: int
    sha256: str
    blob_id: str


@dataclass(frozen=True)
class Hub:
    """A model hub. `endpoint` of None is the library's own: HF_ENDPOINT, otherwise the public hub; it reads HF_TOKEN as
    well.
    """

    endpoint: str | None = None
    offline: bool = False
    stall_seconds: float = 30.0
    """How long the hub may take to answer."""
    retry_seconds: float = 1.0
    """The wait before a file that was cut off goes on."""

    def fetch(
        self,
        repository: str,
        revision: str,
        patterns: Collection[str],
        target: Path,
        report: Report,
        *,
        required: Collection[str] = (),
        pinned: Mapping[str, str] = NOTHING_PINNED,
        pickles: Collection[str] = (),
    ) -> ModelManifest:
        """Fetch a repository's files that match `patterns` into the folder `target`, which must not be there yet.

        `revision` is a commit; empty for the newest, which is then pinned before anything is fetched. `required` are
        names that must be among the files, `pinned` the SHA-256 that some must have. `pickles` are names that are
        fetched although they are FORBIDDEN: the caller converts them in a confined process. All are gathered in a
        hidden folder beside the target, checked, and moved at the end. An interrupted download stays there, and the
        next one resumes it. Blocking; what `report` raises ends it.

        Raises Unavailable("MODEL_HUB_UNREACHABLE") without a network, Unavailable("MODEL_DAMAGED") when a checksum
        differs, NotFound("repository"), Precondition("MODEL_GATED"), Precondition("MODEL_UNSUITABLE") when it holds not
        what is needed, Precondition("MODEL_CHANGED") when a pinned file is another one there, Precondition("OFFLINE"),
        Precondition("MODEL_FOLDER_TAKEN") and Exhausted("STORAGE_FULL").
        """
        if target.exists():
            raise Precondition(
                "MODEL_FOLDER_TAKEN", str(target), f"The folder {target} is there already: move it away first."
            )
        if self.offline:
            raise offline("VOICEBOX_OFFLINE")
        commit, known = self._commit(repository, revision)
        files = _wanted(repository, known, patterns, required, pickles)
        _require_pinned(repository, files, pinned)
        staging = target.with_name(f".{target.name}.{commit[:12]}.part")
        with _storage(target), _lock_folder(staging, f"download of {repository}") as lock:
            _check_space(staging, files)
            tally = _Tally(files, report)
            for file in files:
                self._fetch_file(repository, commit, file, staging / file.name, tally)
            stored = tuple(_checked(staging / file.name, file) for file in files)
            manifest = ModelManifest(repository, commit, datetime.now(UTC).isoformat(timespec="seconds"), stored)
            write_manifest(staging, manifest)
            Path(lock.name).unlink()
            _settle(staging, target)
        log.info("fetched %s at %s into %s", repository, commit, target)
        return manifest

    def cached(self, repository: str, revision: str, file: str) -> Path | None:
        """The folder of the hub library's own cache that holds this commit's `file`; None when it is not there. Fetches
        nothing.

        `revision` is empty for the one that was last fetched from the main branch.
        """
        try:
            cache = library("huggingface_hub")
        except Unavailable:
            return None
        found = cache.try_to_load_from_cache(repository, file, revision=revision or None)
        return Path(found).parents[len(PurePosixPath(file).parts) - 1] if isinstance(found, str) else None

    def _commit(self, repository: str, revision: str) -> tuple[str, list[HubFile]]:
        """The commit that a revision is, and its files."""
        api = library("huggingface_hub").HfApi(endpoint=self.endpoint)
        with explained(repository, api.endpoint):
            info = api.model_info(
                repository, revision=revision or None, files_metadata=True, timeout=self.stall_seconds
            )
        return info.sha, [_to_file(sibling) for sibling in info.siblings or ()]

    def _fetch_file(self, repository: str, commit: str, file: HubFile, path: Path, tally: "_Tally") -> None:
        """Bring a file to its full size, going on from what is there. Raises Unavailable when it is cut off again and
        again.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        url = library("huggingface_hub").hf_hub_url(repository, file.name, revision=commit, endpoint=self.endpoint)
        with path.open("ab") as out:
            if out.tell() > file.size_bytes:
                _empty(out)
            tally.add(out.tell())
            reached, failures = out.tell(), 0
            while out.tell() < file.size_bytes:
                cut = self._attempt(repository, url, file, out, tally)
                failures = 0 if out.tell() > reached else failures + 1
                reached = max(reached, out.tell())
                if cut and failures == TRIES:
                    raise cut
                if cut:
                    time.sleep(self.retry_seconds)

    def _attempt(self, repository: str, url: str, file: HubFile, out: BinaryIO, tally: "_Tally") -> Unavailable | None:
        """Go on with a file; the error that cut it off, if it was."""
        try:
            with explained(repository, url):
                self._append(url, file, out, tally)
        except Unavailable as error:
            return error
        if out.tell() < file.size_bytes:
            return Unavailable(
                "MODEL_HUB_UNREACHABLE", f"The model hub sends less of {file.name} than it announced ({url}).", 60.0
            )
        return None

    def _append(self, url: str, file: HubFile, out: BinaryIO, tally: "_Tally") -> None:
        """Append what the hub sends of a file from where `out` ends; it may be cut off."""
        utils = library("huggingface_hub.utils")
        headers = utils.build_hf_headers() | {"Accept-Encoding": "identity", "Range": f"bytes={out.tell()}-"}
        with utils.get_session().get(url, headers=headers, stream=True, timeout=self.stall_seconds) as answer:
            utils.hf_raise_for_status(answer)
            if answer.status_code != PARTIAL_CONTENT:
                tally.add(-out.tell())
                _empty(out)
            for chunk in answer.iter_content(CHUNK_BYTES):
                part = chunk[: file.size_bytes - out.tell()]
                out.write(part)
                tally.add(len(part))
                if out.tell() == file.size_bytes:
                    return


def _empty(out: BinaryIO) -> None:
    out.seek(0)
    out.truncate()


class _Tally:
    """Counts the bytes of a download and reports them."""

    def __init__(self, files: Sequence[HubFile], report: Report) -> None:
        self._done, self._total = 0, sum(file.size_bytes for file in files)
        self._report = report

    def add(self, count: int) -> None:
        self._done += count
        self._report(Progress(self._done, self._total))


def _to_file(sibling: Any) -> HubFile:
    sha256_or_none = sibling.lfs.sha256 if sibling.lfs else ""
    return HubFile(sibling.rfilename, sibling.size or 0, sha256_or_none, sibling.blob_id or "")


def _wanted(
    repository: str,
    files: Sequence[HubFile],
    patterns: Collection[str],
    required: Collection[str],
    pickles: Collection[str],
) -> list[HubFile]:
    """The files that match, and may be fetched; Precondition("MODEL_UNSUITABLE") when a required one is not among
    them.
    """
    wanted = [
        file
        for file in files
        if _matches(file.name, patterns)
        and _stays_inside(file.name)
        and (file.name in pickles or not _matches(file.name, FORBIDDEN))
    ]
    names = {file.name for file in wanted}
    if missing := sorted(set(required) - names):
        raise Precondition(
            "MODEL_UNSUITABLE",
            repository,
            f"{repository} has no {' and no '.join(missing)}: it is not a model for this engine.",
        )
    if not wanted:
        raise Precondition("MODEL_UNSUITABLE", repository, f"{repository} holds no file that this engine uses.")
    return wanted


def _require_pinned(repository: str, files: Sequence[HubFile], pinned: Mapping[str, str]) -> None:
    for file in files:
        if file.name in pinned and file.sha256 != pinned[file.name]:
            sentence = f"{repository} holds another {file.name} than the one that is known here: it is not fetched."
            raise Precondition("MODEL_CHANGED", repository, sentence)


def _matches(name: str, patterns: Collection[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and not any(part.startswith(".") for part in path.parts) and "\\" not in name


def _checked(path: Path, file: HubFile) -> StoredFile:
    """A fetched file, checked against the hub's checksum; Unavailable("MODEL_DAMAGED"), and the file is gone, when it
    differs.
    """
    digest = sha256(path)
    right = digest == file.sha256 if file.sha256 else _git_blob_id(path) == file.blob_id
    if not right:
        path.unlink()
        raise Unavailable(
            "MODEL_DAMAGED", f"{file.name} arrived damaged: its checksum is not the hub's. It was thrown away."
        )
    return StoredFile(file.name, file.size_bytes, digest)


def _git_blob_id(path: Path) -> str:
    """What git calls a file with this content."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _check_space(staging: Path, files: Sequence[HubFile]) -> None:
    missing = sum(file.size_bytes for file in files) - store.size_bytes(staging)
    free = shutil.disk_usage(staging).free
    if missing + SPARE_BYTES > free:
        raise _disk_full(
            f"{missing / 1e6:.0f} MB are to be fetched into {staging.parent}, where {free / 1e6:.0f} MB are free."
        )


def _disk_full(sentence: str) -> Exhausted:
    return Exhausted("STORAGE_FULL", f"The disk is full: {sentence}")


def _lock_folder(staging: Path, label: str) -> IO[str]:
    """Make the folder that a download gathers its files in, and lock it; Unavailable("MODEL_BEING_FETCHED") when
    another one has it.
    """
    staging.mkdir(parents=True, exist_ok=True)
    try:
        return own_folder(staging, label)
    except StartError as error:
        raise Unavailable("MODEL_BEING_FETCHED", str(error)) from error


def _settle(staging: Path, target: Path) -> None:
    """Move what was gathered to where it belongs, for good, and take away what older commits left."""
    for path in (*staging.rglob("*"), staging):
        sync_path(path)
    staging.rename(target)
    sync_path(target.parent)
    for stale in target.parent.glob(f".{target.name}.*.part"):
        shutil.rmtree(stale)


@contextmanager
def _storage(target: Path) -> Iterator[None]:
    """Says of the models folder's errors what they mean."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _disk_full(f"there is no room in {target.parent}.") from error
        raise Unavailable(
            "STORAGE_UNUSABLE", f"{target} cannot be written: {error.strerror or error}.", 60.0
        ) from error
