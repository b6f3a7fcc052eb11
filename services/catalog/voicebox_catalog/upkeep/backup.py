"""A copy of a catalog that runs on SQLite and a folder, made while it works; and the way back.

The copy has the layout of the original: `catalog.sqlite` and `blobs/`. Files are copied before the database and again
behind it, so that each row of the copy has its file. A file that a later backup finds in the copy already is not copied
again.
"""

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from voicebox_blobs.blobs import sha256_of
from voicebox_blobs.local import STAGED
from voicebox_kit.durable import sync_path, write_aside
from voicebox_kit.errors import StartError
from voicebox_sql.backup import copy_database

from voicebox_catalog.store.blob_rows import COLUMNS

DATABASE = "catalog.sqlite"
BLOBS = "blobs"
ATTEMPTS = 5
"""At a consistent copy: files that are recorded and deleted within one attempt make another one necessary."""


@dataclass(frozen=True)
class CatalogFolders:
    """Where a catalog keeps its database and its files."""

    database: Path
    blobs: Path


@dataclass(frozen=True)
class BackupReport:
    """How many files the copy has, how many of them were copied now, and those that were gone or damaged in the
    original.
    """

    blobs: int
    new_blobs: int
    missing: tuple[str, ...]


def back_up(source: CatalogFolders, folder: Path, report: Callable[[str], None]) -> BackupReport:
    """Makes or renews a copy in `folder`. Blocking. StartError when it cannot be written or the original cannot be
    read.
    """
    target = CatalogFolders(folder / DATABASE, folder / BLOBS)
    try:
        target.blobs.mkdir(parents=True, exist_ok=True)
        before = set(_stored(target.blobs))
        copied = _copy_blobs(source, target, _stored(source.blobs))
        report(f"{copied} files copied")
        for _ in range(ATTEMPTS):
            copy_database(source.database, target.database)
            held = _held(target.database)
            _copy_blobs(source, target, held)
            missing = tuple(sorted(name for name in held if not (target.blobs / name).exists()))
            if not missing or _held(source.database).issuperset(missing):
                break  # what is named and missing in the original stays missing
        _prune(target.blobs, held)
        _sync_tree(folder)
    except (OSError, sqlite3.Error) as error:
        raise StartError(f"The backup failed: {error}.") from error
    kept = held.difference(missing)
    return BackupReport(len(kept), len(kept - before), missing)


def restore(folder: Path, target: CatalogFolders, report: Callable[[str], None]) -> BackupReport:
    """Copies a backup to where a catalog starts from. Blocking.

    StartError when something is there already, or when a file of the backup is missing or damaged: then nothing is left
    behind.
    """
    source = CatalogFolders(folder / DATABASE, folder / BLOBS)
    if not source.database.exists():
        raise StartError(f"{folder} holds no backup: there is no {DATABASE} in it.")
    if target.database.exists() or any(_stored(target.blobs)):
        raise StartError(f"There is a catalog at {target.database.parent} already: move it away first.")
    try:
        held = _held(source.database)
        if bad := sorted(name for name in held if not _is_whole(source.blobs, name)):
            raise StartError(f"{len(bad)} files of the backup are missing or damaged, {bad[0]} among them.")
        target.blobs.mkdir(parents=True, exist_ok=True)
        new = _copy_blobs(source, target, held)
        report(f"{new} files copied")
        copy_database(source.database, target.database)
        _sync_tree(target.blobs)
    except (OSError, sqlite3.Error) as error:
        raise StartError(f"The backup cannot be restored: {error}.") from error
    return BackupReport(len(held), new, ())


def _held(database: Path) -> set[str]:
    """The files that the rows of a database name."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        statements = [f"SELECT {column.name} FROM {column.table.name} WHERE {column.name} <> ''" for column in COLUMNS]  # noqa: S608 - our own names
        return {name for statement in statements for (name,) in connection.execute(statement)}


def _stored(blobs: Path) -> Iterator[str]:
    """The files of a folder of blobs that have their names."""
    for parent, _, files in os.walk(blobs):
        folder = Path(parent).relative_to(blobs)
        if folder.parts[:1] != (STAGED,):
            yield from (str(folder / file) for file in files)


def _copy_blobs(source: CatalogFolders, target: CatalogFolders, names: Iterator[str] | set[str]) -> int:
    """Copies the files that the target does not have, as far as they are there. Returns how many."""
    count = 0
    for name in names:
        path = target.blobs / name
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_name(f"{path.name}.new")
        with suppress(FileNotFoundError):  # deleted meanwhile
            write_aside(path, staged, partial(shutil.copyfile, source.blobs / name))
            count += 1
    return count


def _is_whole(blobs: Path, name: str) -> bool:
    try:
        with (blobs / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return False
    return sha256_of(name) in (None, digest)


def _prune(blobs: Path, held: set[str]) -> None:
    """Deletes what no row of the copy names any more."""
    for name in list(_stored(blobs)):
        if name not in held:
            (blobs / name).unlink()


def _sync_tree(folder: Path) -> None:
    """Makes the names in a folder survive a power failure."""
    for parent, _, _ in os.walk(folder):
        sync_path(Path(parent))
