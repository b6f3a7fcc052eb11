"""Calls between services go to all replicas in turn, and soon to a new one."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_kit import addresses, variables
from voicebox_kit.addresses import following, is_name, resolve_host
from voicebox_kit.authentication import NO_AUTHENTICATION
from voicebox_kit.channels import open_channel
from voicebox_kit.errors import StartError

from bench.launch import free_ports
from tests.support.aio import aio_stub

SESSIONS = 40


class Replica(tts_pb2_grpc.TextToSpeechServiceServicer):
    """Counts its calls under its own address."""

    def __init__(self, host: str, calls: Counter[str]) -> None:
        self._host, self._calls = host, calls

    async def ListVoices(self, request: Any, context: Any) -> Any:
        self._calls[self._host] += 1
        return tts_pb2.ListVoicesResponse()


@pytest.fixture
def calls() -> Counter[str]:
    """How many each replica answered."""
    return Counter()


Start = Callable[[str], Awaitable[grpc.aio.Server]]


@pytest.fixture
def port() -> int:
    """The same for every replica, as in a cluster."""
    return free_ports(1)[0]


@pytest.fixture
async def start(calls: Counter[str], port: int) -> AsyncIterator[Start]:
    """Starts a replica at an address of this machine."""
    async with AsyncExitStack() as stack:

        async def started(host: str) -> grpc.aio.Server:
            server = grpc.aio.server()
            tts_pb2_grpc.add_TextToSpeechServiceServicer_to_server(Replica(host, calls), server)
            server.add_insecure_port(f"{host}:{port}")
            await server.start()
            stack.push_async_callback(server.stop, 0)
            return server

        yield started


async def call(channel: grpc.aio.Channel) -> None:
    stub = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, channel)
    await stub.ListVoices(tts_pb2.ListVoicesRequest(), timeout=60, wait_for_ready=True)


async def test_sessions_are_shared_by_all_replicas_and_by_a_new_one(
    start: Start, calls: Counter[str], port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = ["127.0.0.2", "127.0.0.3"]
    monkeypatch.setattr(addresses, "RESOLVE_SECONDS", 0.01)

    async def resolve(host: str) -> list[str]:
        assert host == "tts"
        return known

    for host in known:
        await start(host)
    async with open_channel(f"tts:{port}", NO_AUTHENTICATION, resolve=resolve) as channel:
        while len(calls) < 2:  # both are connected
            await call(channel)
        calls.clear()
        for _ in range(SESSIONS):
            await call(channel)
        assert min(calls.values()) >= SESSIONS * 0.4
        await start("127.0.0.4")
        known.append("127.0.0.4")
        while "127.0.0.4" not in calls:
            await call(channel)


async def test_a_replica_that_went_away_gets_no_more_calls(start: Start, calls: Counter[str], port: int) -> None:
    async def resolve(host: str) -> list[str]:
        return ["127.0.0.2", "127.0.0.3"]

    stays, goes = await start("127.0.0.2"), await start("127.0.0.3")
    async with open_channel(f"tts:{port}", NO_AUTHENTICATION, resolve=resolve) as channel:
        while len(calls) < 2:
            await call(channel)
        await goes.stop(0)
        calls.clear()
        for _ in range(5):
            await call(channel)
    assert calls == {"127.0.0.2": 5}
    await stays.stop(0)


async def test_a_resolver_that_fails_changes_nothing() -> None:
    answers: list[list[str] | OSError] = [["10.0.0.1"], socket.gaierror("away"), [], ["fd00::1", "fd00::2"]]
    looked, go_on = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def resolve(host: str) -> list[str]:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    async def sleep(seconds: float) -> None:
        looked.release()
        await go_on.acquire()

    seen = []
    async with following("tts:50051", resolve, sleep) as replicas:
        for _ in range(4):
            await looked.acquire()
            seen.append(replicas.target)
            go_on.release() if answers else None
    first = "ipv4:10.0.0.1:50051"
    assert seen == [first, first, first, "ipv6:[fd00::1]:50051,[fd00::2]:50051"]


async def test_several_addresses_are_all_used(start: Start, calls: Counter[str], port: int) -> None:
    hosts = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
    for host in hosts:
        await start(host)
    addresses = ",".join(f"{host}:{port}" for host in hosts)
    async with open_channel(addresses, NO_AUTHENTICATION) as channel:
        while set(calls) != set(hosts):
            await call(channel)


def test_a_peer_may_have_several_addresses() -> None:
    assert variables.peer({"A": "a:1, [::1]:2"}, "A", "b:3") == "a:1,[::1]:2"
    assert variables.peer({}, "A", "b:3") == "b:3"
    for wrong in ("a:1,", "a:1,b", "a:1,b:99999"):
        with pytest.raises(StartError, match="A must be host:port"):
            variables.peer({"A": wrong}, "A", "b:3")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "[::1]:1", "::1", "localhost:1", "unix:/run/socket", "", "tts"])
def test_what_is_no_name_with_replicas(address: str) -> None:
    assert not is_name(address)


@pytest.mark.parametrize("address", ["tts:50051", "tts.voicebox.svc.cluster.local:50051"])
def test_what_is_a_name(address: str) -> None:
    assert is_name(address)


async def test_the_systems_resolver_answers_with_addresses_of_one_family() -> None:
    assert set(await resolve_host("localhost")) <= {"127.0.0.1", "::1"}
