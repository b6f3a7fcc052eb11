"""Copies a service's folder of data while the service works: `python -m voicebox_sql.backup /data/jobs /backup/jobs`.

Files are copied before the databases and again behind them: what a row of the copy names is in the copy, unless it was
stored and deleted within the copying. What the copy has already, by size and time, is not copied again.
"""

import shutil
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import TextIO

from voicebox_kit.durable import sync_path, write_aside
from voicebox_kit.errors import StartError
from voicebox_kit.folders import LOCK

MAGIC = b"SQLite format 3\0"
BESIDE = ("-wal", "-shm", "-journal")
"""Names of what SQLite keeps beside a database end so."""
STAGED = (".new", ".partial")


def main(arguments: Sequence[str], out: TextIO) -> int:
    """The exit code. Messages go to `out`."""
    if len(arguments) != 2:
        print("Usage: python -m voicebox_sql.backup SOURCE TARGET", file=out)
        return 2
    source, target = map(Path, arguments)
    try:
        files, databases = back_up(source, target)
    except StartError as error:
        print(f"Error: {error}", file=out)
        return 1
    print(f"{databases} databases copied, and {files} files that were new.", file=out)
    return 0


def back_up(source: Path, target: Path) -> tuple[int, int]:
    """Makes or renews a copy of a folder. Blocking. How many files were new, and how many databases there are.

    StartError when it cannot be written or the original cannot be read.
    """
    if not source.is_dir():
        raise StartError(f"There is no folder {source}.")
    try:
        databases = sorted(_databases(source))
        kept, new = _copy_files(source, target, databases)
        for name in databases:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            copy_database(source / name, target / name)
        kept_behind, new_behind = _copy_files(source, target, databases)
        _prune(target, kept | kept_behind | set(databases))
        for folder in (target, *(path for path in target.rglob("*") if path.is_dir())):
            sync_path(folder)
    except (OSError, sqlite3.Error) as error:
        raise StartError(f"The backup failed: {error}.") from error
    return new + new_behind, len(databases)


def copy_database(source: Path, target: Path) -> None:
    """By SQLite's backup API, which copies one moment of a database that others write to; whole or not at all."""
    staged = target.with_name(f"{target.name}.new")
    staged.unlink(missing_ok=True)

    def copy(path: Path) -> None:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as original,
            closing(sqlite3.connect(path)) as made,
        ):
            original.backup(made)
            made.execute("PRAGMA journal_mode = DELETE")

    write_aside(target, staged, copy)


def _files(folder: Path) -> Iterator[Path]:
    """What lies in it, relative to it; locks and what is being written are left out."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.name != LOCK and path.suffix not in STAGED:
            yield path.relative_to(folder)


def _databases(folder: Path) -> Iterator[Path]:
    for name in _files(folder):
        with suppress(FileNotFoundError), (folder / name).open("rb") as file:
            if file.read(len(MAGIC)) == MAGIC:
                yield name


def _copy_files(source: Path, target: Path, databases: Sequence[Path]) -> tuple[set[Path], int]:
    """All that are no database: those that are there, and how many of them were copied now."""
    apart = {*databases, *(name.with_name(name.name + end) for name in databases for end in BESIDE)}
    there, new = set[Path](), 0
    for name in _files(source):
        if name in apart:
            continue
        path = target / name
        with suppress(FileNotFoundError):  # deleted meanwhile
            if not _is_same(source / name, path):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_aside(path, path.with_name(f"{path.name}.new"), partial(shutil.copy2, source / name))
                new += 1
            there.add(name)
    return there, new


def _is_same(source: Path, target: Path) -> bool:
    if not target.exists():
        return False
    one, other = source.stat(), target.stat()
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def _prune(target: Path, kept: set[Path]) -> None:
    """Deletes what the original has no more."""
    for name in list(_files(target)):
        if name not in kept:
            (target / name).unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stderr))
