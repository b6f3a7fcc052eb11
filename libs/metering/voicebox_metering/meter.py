"""Opens what a service needs to count its work."""

import logging
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry
from voicebox.accounts.v1 import accounts_pb2 as pb
from voicebox_kit.authentication import Authentication
from voicebox_kit.background import Background
from voicebox_kit.channels import open_channel
from voicebox_kit.errors import Exhausted, StartError
from voicebox_kit.server import unfollowed
from voicebox_outbox.outbox import Outbox
from voicebox_outbox.spool import cause, open_spool

from .notes import Notes
from .peer import Accounts
from .revocations import CHANNEL_OPTIONS, Follow, following
from .work import OpenWork, counting, uncounted

log = logging.getLogger(__name__)

SPOOL_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class MeterSettings:
    """Where accounts is, and where usage waits while it is away."""

    accounts_address: str
    spool: Path


@dataclass(frozen=True)
class Meter:
    """`work` counts a piece of work; `follow` ends the calls of keys that are no longer valid."""

    work: OpenWork = field(default=uncounted)
    follow: Follow = field(default=unfollowed)


@asynccontextmanager
async def open_meter(
    service: str,
    settings: MeterSettings,
    authentication: Authentication,
    registry: CollectorRegistry,
    background: Background,
    executor: Executor,
) -> AsyncIterator[Meter]:
    """A meter of a service's work. Without authentication nothing is counted."""
    if not authentication.is_on:
        yield Meter()
        return
    async with open_channel(settings.accounts_address, authentication, CHANNEL_OPTIONS) as channel:
        accounts = Accounts(channel)
        spool = open_spool(settings.spool, SPOOL_BYTES)
        outbox = Outbox(service, spool, pb.UsageRecord, accounts.record, executor, registry, subject="usage")
        notes = _open_notes(settings.spool / "running")
        await _record_left(notes, outbox)
        async with outbox.delivering(background):
            yield Meter(
                counting(accounts, notes, partial(_record, outbox)),
                partial(following, accounts.invalid_keys, background),
            )


def _open_notes(folder: Path) -> Notes:
    try:
        return Notes(folder)
    except OSError as error:
        raise StartError(f"The folder {folder} cannot be used: {error.strerror}.") from error


async def _record_left(notes: Notes, outbox: Outbox[pb.UsageRecord]) -> None:
    """Record what was used by work whose process was killed, before there is any new work."""
    left = list(notes.left())
    for path, record in left:
        if await _record(outbox, record, promptly=False):
            path.unlink(missing_ok=True)
    if left:
        log.warning("%d pieces of work did not end when their process did: they count as far as they came", len(left))


async def _record(outbox: Outbox[pb.UsageRecord], record: pb.UsageRecord, *, promptly: bool = True) -> bool:
    """Make a record durable. One that neither accounts nor the disk takes is in the log; then this is False."""
    try:
        data = outbox.reserve()
        data.touch()
        await outbox.keep(data, record, promptly=promptly)
    except (Exhausted, OSError) as error:
        log.error("usage is not recorded (%s): %s", cause(error), " ".join(str(record).split()))
        return False
    return True
