"""`voicebox catalog migrate` and `voicebox catalog move`: what is done to the stores while nobody serves from them."""

import asyncio
import hashlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click
from voicebox_blobs.blob_stores import open_blobs
from voicebox_kit import logs
from voicebox_kit.errors import StartError, VoiceboxError
from voicebox_kit.folders import own_folder

from . import migrations, moving
from .database import connected
from .moving import Stores
from .settings import BLOB_URL, Settings


@click.group()
def catalog() -> None:
    """Look after the catalog's database and audio. Stop the catalog first."""


@catalog.command()
def migrate() -> None:
    """Bring the database of CATALOG_DATABASE_URL to this program's tables, as a start of the catalog does too."""
    _run(_migrate(Settings.read(os.environ)))


@catalog.command()
@click.option("--from-database", metavar="URL", help="CATALOG_DATABASE_URL when left out.")
@click.option("--from-blobs", metavar="URL", help="CATALOG_BLOB_URL when left out.")
@click.option("--to-database", metavar="URL", required=True, help="An empty database: sqlite+aiosqlite:///... or postgresql+asyncpg://...")
@click.option("--to-blobs", metavar="URL", required=True, help="A folder, or s3://bucket/prefix.")
def move(from_database: str | None, from_blobs: str | None, to_database: str, to_blobs: str) -> None:
    """Copy everything into other stores, and verify counts and checksums. The source stays as it is.

    A move that was interrupted goes on when the same command is given again.
    """
    settings = Settings.read(os.environ)
    source = (from_database or settings.database_url, from_blobs or settings.blob_url)
    _run(_move(settings, source, (to_database, to_blobs)))


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        logs.configure(os.environ)
        asyncio.run(work)
    except (StartError, VoiceboxError) as error:
        click.echo(f"voicebox: {error}", err=True)
        sys.exit(1)


async def _migrate(settings: Settings) -> None:
    with own_folder(settings.folder, "catalog"):
        async with connected(settings.database_url, settings.pool) as (_, writers):
            done = await migrations.upgrade(writers)
    click.echo(f"Ran {', '.join(done)}." if done else "Nothing to do.")


async def _move(settings: Settings, source: tuple[str, str], target: tuple[str, str]) -> None:
    with own_folder(settings.folder, "catalog"), tempfile.TemporaryDirectory() as scratch:
        async with _stores(settings, *source, Path(scratch)) as old, _stores(settings, *target, Path(scratch)) as new:
            if await migrations.upgrade(old.writers):
                click.echo("The source was brought to this program's tables.", err=True)
            await migrations.upgrade(new.writers)
            name = hashlib.sha256("\n".join(source).encode()).hexdigest()
            moved = await moving.move(old, new, name, lambda line: click.echo(line, err=True))
    rows = ", ".join(f"{count} {table}" for table, count in moved.rows.items())
    click.echo(f"Moved and verified: {rows}; {moved.blobs} files of {moved.size_bytes} bytes.")


@asynccontextmanager
async def _stores(settings: Settings, database: str, blobs: str, scratch: Path) -> AsyncIterator[Stores]:
    with open_blobs(blobs, settings.s3, scratch, BLOB_URL) as opened:
        async with connected(database, settings.pool) as (found, writers):
            yield Stores(found, writers, opened)
