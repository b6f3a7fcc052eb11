"""`voicebox catalog`: what is done to the stores beside serving them: migrate, move, verify, backup, restore."""

import asyncio
import hashlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
from voicebox_blobs.stores import is_local, local_folder, open_blobs
from voicebox_kit import logs
from voicebox_kit.errors import StartError, VoiceboxError
from voicebox_kit.folders import own_folder

from .settings import BLOB_URL, Settings
from .store.migrations import MIGRATIONS
from .store.opening import connected, database_url, refuse_absent
from .upkeep import backup as backing
from .upkeep import store_copy, verification
from .upkeep.store_copy import CatalogStores

T = TypeVar("T")


@click.group()
def catalog() -> None:
    """Look after the catalog's database and audio. Stop the catalog before migrate, move and restore, not before verify
    and backup.
    """


@catalog.command(short_help="Bring the database to this program's tables.")
def migrate() -> None:
    """Bring the database of CATALOG_DATABASE_URL to this program's tables, as a start of the catalog does too."""
    _run(_migrate(Settings.read(os.environ)))


@catalog.command(short_help="Copy everything into other stores.")
@click.option("--from-database", metavar="URL", help="CATALOG_DATABASE_URL when left out.")
@click.option("--from-blobs", metavar="URL", help="CATALOG_BLOB_URL when left out.")
@click.option(
    "--to-database",
    metavar="URL",
    required=True,
    help="An empty database: sqlite+aiosqlite:///... or postgresql+asyncpg://...",
)
@click.option("--to-blobs", metavar="URL", required=True, help="A folder, or s3://bucket/prefix.")
def move(from_database: str | None, from_blobs: str | None, to_database: str, to_blobs: str) -> None:
    """Copy everything into other stores, and verify counts and checksums. The source stays as it is.

    A move that was interrupted goes on when the same command is given again.
    """
    settings = Settings.read(os.environ)
    source = (from_database or settings.database_url, from_blobs or settings.blob_url)
    _run(_move(settings, source, (to_database, to_blobs)))


@catalog.command(short_help="Read everything that is stored, and name what is missing or damaged.")
def verify() -> None:
    """Read everything that is stored, and name what is missing or damaged; in that case the exit status is 1."""
    _run(_verify(Settings.read(os.environ)))


@catalog.command(short_help="Copy the database and all audio to FOLDER.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def backup(folder: Path) -> None:
    """Copy the database and all audio to FOLDER while the catalog works. Into the same FOLDER again, only what is new
    is copied.
    """
    copied = _result(lambda: backing.back_up(_home(Settings.read(os.environ)), folder, _print))
    click.echo(f"Backed up {copied.blobs} files, {copied.new_blobs} of them new.")
    if copied.missing:
        click.echo(
            f"voicebox: {len(copied.missing)} files are named by a row, and are not there: {copied.missing[0]} among "
            "them.",
            err=True,
        )
        sys.exit(1)


@catalog.command(short_help="Copy a backup from FOLDER to an empty place.")
@click.argument("folder", type=click.Path(file_okay=False, exists=True, path_type=Path))
def restore(folder: Path) -> None:
    """Copy a backup from FOLDER to where the catalog starts from, and where nothing is yet."""
    settings = Settings.read(os.environ)

    def work() -> backing.BackupReport:
        with own_folder(settings.folder, "catalog"):
            return backing.restore(folder, _home(settings), _print)

    click.echo(f"Restored {_result(work).blobs} files.")


def _home(settings: Settings) -> backing.CatalogFolders:
    """Where SQLite and the folder are. StartError for other stores, which have means of their own."""
    database = database_url(settings.database_url)
    if database.get_backend_name() != "sqlite" or not database.database or not is_local(settings.blob_url):
        raise StartError(
            "backup and restore are for SQLite and a folder: use pg_dump for PostgreSQL, and versions or replication "
            "for S3."
        )
    return backing.CatalogFolders(Path(database.database), local_folder(settings.blob_url, BLOB_URL))


def _print(line: str) -> None:
    click.echo(line, err=True)


def _result(work: Callable[[], T]) -> T:
    """What the work returns; an error that a person can act on ends the program with its sentence."""
    try:
        logs.configure(os.environ)
        return work()
    except (StartError, VoiceboxError) as error:
        click.echo(f"voicebox: {error}", err=True)
        sys.exit(1)


def _run(work: Coroutine[Any, Any, None]) -> None:
    _result(lambda: asyncio.run(work))


async def _migrate(settings: Settings) -> None:
    refuse_absent(settings.database_url)
    with own_folder(settings.folder, "catalog"):
        async with connected(settings.database_url, settings.pool) as (_, writers):
            done = await MIGRATIONS.upgrade(writers)
    click.echo(f"Ran {', '.join(done)}." if done else "Nothing to do.")


async def _move(settings: Settings, source: tuple[str, str], target: tuple[str, str]) -> None:
    with own_folder(settings.folder, "catalog"), tempfile.TemporaryDirectory() as scratch:
        async with _stores(settings, *source, Path(scratch)) as old, _stores(settings, *target, Path(scratch)) as new:
            if await MIGRATIONS.upgrade(old.writers):
                click.echo("The source was migrated to this program's tables.", err=True)
            await MIGRATIONS.upgrade(new.writers)
            name = hashlib.sha256("\n".join(source).encode()).hexdigest()
            moved = await store_copy.move(old, new, name, _print)
    rows = ", ".join(f"{count} {table}" for table, count in moved.rows.items())
    click.echo(f"Moved and verified: {rows}; {moved.blobs} files of {moved.size_bytes} bytes.")


async def _verify(settings: Settings) -> None:
    refuse_absent(settings.database_url)
    async with _stores(settings, settings.database_url, settings.blob_url, settings.folder) as stores:
        found = await verification.verify(stores.database, stores.blobs, _print)
    rows = ", ".join(f"{count} {table}" for table, count in found.rows.items())
    click.echo(
        f"Read {rows}; {found.blobs} files of {found.size_bytes} bytes; {found.without_row} files without a row."
    )
    faults = [f"missing: {name}" for name in found.missing] + [f"damaged: {name}" for name in found.damaged]
    for line in ([f"the database: {found.database}"] if found.database else []) + faults[: verification.LISTED]:
        click.echo(line)
    if not found.is_whole:
        raise StartError(f"{len(faults) + bool(found.database)} faults were found.")


@asynccontextmanager
async def _stores(settings: Settings, database: str, blobs: str, scratch: Path) -> AsyncIterator[CatalogStores]:
    with open_blobs(blobs, settings.s3, scratch, BLOB_URL) as opened:
        async with connected(database, settings.pool) as (found, writers):
            yield CatalogStores(found, writers, opened)
