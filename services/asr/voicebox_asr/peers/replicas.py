"""The replicas of asr, this one among them: each is asked for what only the one that made it knows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
from google.longrunning import operations_pb2_grpc
from voicebox_kit.addresses import Replicas, Resolve, resolve_host
from voicebox_kit.authentication import Authentication
from voicebox_kit.channels import open_channel
from voicebox_kit.peer_calls import metadata_for

ASKED = ("x-voicebox-asked", "1")
"""Metadata of a question of another replica: it is answered from what is here, and not passed on."""
MAX_CHANNELS = 64
"""Of replicas that were there once: with more, those that are gone are closed."""
ELSEWHERE = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNAVAILABLE)
"""How a replica answers that does not have it, or that is gone."""


@asynccontextmanager
async def open_replicas(
    addresses: str, authentication: Authentication, resolve: Resolve = resolve_host
) -> AsyncIterator["AsrReplicas | None"]:
    """Those at `host:port`, or at several with commas between them; None where no address is given."""
    if not addresses:
        yield None
        return
    async with AsyncExitStack() as stack:
        yield AsrReplicas(addresses, authentication, resolve, stack)


class AsrReplicas:
    """They are looked for at each question. Channels to them are kept, MAX_CHANNELS at most, until `stack` ends."""

    def __init__(self, addresses: str, authentication: Authentication, resolve: Resolve, stack: AsyncExitStack) -> None:
        self._name, self._authentication, self._stack = addresses.partition(",")[0], authentication, stack
        self._replicas = Replicas(addresses, resolve)
        self._stubs: dict[str, Any] = {}
        self._channels: dict[str, AsyncExitStack] = {}

    def is_asked(self, context: "grpc.aio.ServicerContext[Any, Any]") -> bool:
        """Whether another replica asks."""
        return ASKED in (context.invocation_metadata() or ())

    async def first(self, method: str, request: Any, owner: str, seconds: float) -> Any:
        """The answer of the one that has it, or None. Other errors are raised as they came."""
        asked = [asyncio.create_task(each) for each in await self._questions(method, request, owner, seconds)]
        try:
            for next_done in asyncio.as_completed(asked):
                try:
                    return await next_done
                except grpc.aio.AioRpcError as error:
                    if not _is_elsewhere(error):
                        raise
            return None
        finally:
            for each in asked:
                each.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    async def all(self, method: str, request: Any, owner: str, seconds: float) -> list[Any]:
        """The answers of those that answer, in the order of their addresses."""
        found = await asyncio.gather(*await self._questions(method, request, owner, seconds), return_exceptions=True)
        for each in found:
            if isinstance(each, BaseException) and not _is_elsewhere(each):
                raise each
        return [each for each in found if not isinstance(each, BaseException)]

    async def _questions(self, method: str, request: Any, owner: str, seconds: float) -> list[Any]:
        await self._replicas.look()
        targets = sorted(self._replicas.target.partition(":")[2].split(","))
        if len(self._stubs) > MAX_CHANNELS:
            for gone in self._stubs.keys() - set(targets):
                del self._stubs[gone]
                await self._channels.pop(gone).aclose()
        metadata = (*metadata_for(owner), ASKED)
        return [_asked(getattr(await self._stub(target), method), request, metadata, seconds) for target in targets]

    async def _stub(self, target: str) -> Any:
        if target not in self._stubs:
            host, _, port = target.rpartition(":")

            async def alone(_: str) -> list[str]:
                return [host.strip("[]")]

            # By the name of all, which stands in their certificate, at the address of one.
            name = f"{self._name.rpartition(':')[0]}:{port}"
            self._channels[target] = await self._stack.enter_async_context(AsyncExitStack())
            opened = open_channel(name, self._authentication, resolve=alone)
            channel = await self._channels[target].enter_async_context(opened)
            self._stubs[target] = operations_pb2_grpc.OperationsStub(channel)
        return self._stubs[target]


async def _asked(call: Any, request: Any, metadata: Any, seconds: float) -> Any:
    return await call(request, metadata=metadata, timeout=seconds)


def _is_elsewhere(error: BaseException) -> bool:
    return isinstance(error, grpc.aio.AioRpcError) and error.code() in ELSEWHERE
