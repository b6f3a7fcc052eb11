"""Ends the calls of keys that are no longer valid."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import grpc
from voicebox_kit.authentication import Authentication
from voicebox_kit.background import Background
from voicebox_kit.channels import open_channel
from voicebox_kit.open_calls import OpenCalls
from voicebox_kit.server import unfollowed

from .peer import Accounts

log = logging.getLogger(__name__)

POLL_SECONDS = 4.0
"""With two seconds for an answer, and one in which a key is still accepted, a revoked key's calls end within ten."""

CHANNEL_OPTIONS = (("grpc.max_reconnect_backoff_ms", 2_000),)

FindInvalid = Callable[[Collection[str]], Awaitable[set[str]]]
Follow = Callable[[OpenCalls], AbstractAsyncContextManager[None]]
"""Ends calls whose keys are no longer valid, while its block runs."""


@asynccontextmanager
async def open_follow(
    accounts_address: str, authentication: Authentication, background: Background
) -> AsyncIterator[Follow]:
    """Asks accounts about the keys of running calls. Without authentication there are none."""
    if not authentication.is_on:
        yield unfollowed
        return
    async with open_channel(accounts_address, authentication, CHANNEL_OPTIONS) as channel:
        yield partial(following, Accounts(channel).invalid_keys, background)


@asynccontextmanager
async def following(
    find_invalid: FindInvalid, background: Background, calls: OpenCalls, poll_seconds: float = POLL_SECONDS
) -> AsyncIterator[None]:
    """Look for invalid keys of running calls, until the block ends. While accounts is away, calls go on."""
    async with background.running("revocations", partial(_follow, find_invalid, calls, poll_seconds)):
        yield


async def _follow(find_invalid: FindInvalid, calls: OpenCalls, poll_seconds: float) -> None:
    while True:
        await asyncio.sleep(poll_seconds)
        if not calls.keys:
            continue
        try:
            invalid = await find_invalid(calls.keys)
        except grpc.aio.AioRpcError as error:
            log.warning("accounts does not say which keys are valid: %s", error.code().name)
            continue
        if ended := calls.end(invalid):
            log.info("%d calls are ended: their keys are no longer valid", ended)
