"""Several replicas behind the gateway: a call goes where it is answered."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_gateway.envoy.app import open_service

from bench.launch import free_ports
from tests.support.aio import aio_stub

SERVICE = "voicebox.tts.v1.TextToSpeechService"
STATES = health_pb2.HealthCheckResponse
IN_A_ROW = 30
"""So many answers of one replica are no chance: half of them would be of the other."""


class Replica(tts_pb2_grpc.TextToSpeechServiceServicer):
    """Lists its own name as its only voice, or fails at once."""

    def __init__(self, name: str) -> None:
        self.name, self.fails = name, False
        self.health = HealthServicer()
        self.server = grpc.aio.server()

    @property
    def address(self) -> str:
        return self.name

    async def start(self) -> None:
        tts_pb2_grpc.add_TextToSpeechServiceServicer_to_server(self, self.server)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self.server)
        self.server.add_insecure_port(self.address)
        await self.health.set(SERVICE, STATES.SERVING)
        await self.server.start()

    async def ListVoices(self, request: Any, context: Any) -> Any:
        if self.fails:
            await context.abort(grpc.StatusCode.INTERNAL, "the device is lost")
        return tts_pb2.ListVoicesResponse(voices=[tts_pb2.Voice(name=self.name)])


@pytest.fixture
async def replicas() -> AsyncIterator[list[Replica]]:
    """Two of them."""
    made = [Replica(f"127.0.0.1:{port}") for port in free_ports(2)]
    for each in made:
        await each.start()
    yield made
    for each in made:
        await each.server.stop(0)


Ask = Callable[[], Any]


@asynccontextmanager
async def gateway(*addresses: str) -> AsyncIterator[Ask]:
    """A gateway before the replicas; gives a function that says which of them answered, empty for an error."""
    async with AsyncExitStack() as stack:
        env = {"GATEWAY_ADDRESS": "127.0.0.1:0", "TTS_ADDRESS": ",".join(addresses), "VOICEBOX_GRACE_SECONDS": "0"}
        serving = await stack.enter_async_context(open_service(env))
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(serving.endpoints[0].address))
        stub = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, channel)

        async def ask() -> str:
            try:
                answer = await stub.ListVoices(tts_pb2.ListVoicesRequest(), timeout=3)
            except grpc.aio.AioRpcError:
                return ""
            return str(answer.voices[0].name)

        yield ask


async def only(ask: Ask, name: str) -> None:
    """Returns once that replica answered IN_A_ROW calls."""
    in_a_row = 0
    while in_a_row < IN_A_ROW:
        in_a_row = in_a_row + 1 if await ask() == name else 0
        await asyncio.sleep(0.01)


async def test_both_get_calls(replicas: list[Replica]) -> None:
    async with gateway(*(each.address for each in replicas)) as ask:
        seen = Counter[str]()
        while len(seen) < 2:
            seen[await ask()] += 1
        assert "" not in seen


async def test_no_call_fails_when_a_replica_is_gone(replicas: list[Replica]) -> None:
    stays, goes = replicas
    async with gateway(stays.address, goes.address) as ask:
        while await ask() != goes.address:
            pass
        await goes.server.stop(0)
        await only(ask, stays.address)  # what is on its way while the connection closes may fail
        answers = Counter([await ask() for _ in range(100)])
        assert answers == {stays.address: 100}


async def test_one_that_only_fails_gets_no_more_calls(replicas: list[Replica]) -> None:
    works, fails = replicas
    fails.fails = True
    async with gateway(works.address, fails.address) as ask:
        await only(ask, works.address)


async def test_one_that_is_not_serving_gets_no_more_calls_until_it_is(replicas: list[Replica]) -> None:
    serves, rests = replicas
    async with gateway(serves.address, rests.address) as ask:
        await rests.health.set(SERVICE, STATES.NOT_SERVING)
        await only(ask, serves.address)
        await rests.health.set(SERVICE, STATES.SERVING)
        while await ask() != rests.address:
            pass


async def test_one_that_never_answers_gets_no_calls(replicas: list[Replica]) -> None:
    works, _ = replicas

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    frozen = await asyncio.start_server(hold, "127.0.0.1", 0)
    address = f"127.0.0.1:{frozen.sockets[0].getsockname()[1]}"
    async with gateway(works.address, address) as ask:
        await only(ask, works.address)
    frozen.close()


async def test_the_only_replica_gets_calls_whatever_its_health_says(replicas: list[Replica]) -> None:
    alone, _ = replicas
    await alone.health.set(SERVICE, STATES.NOT_SERVING)
    async with gateway(alone.address) as ask:
        await only(ask, alone.address)
