"""Two real replicas of tts behind the gateway, while they are killed, frozen and restarted; and two that are slow, or
fail, under load.
"""

import asyncio
import os
import random
import re
import signal
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from voicebox.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_gateway.envoy.app import open_service

from bench.launch import Platform, free_ports, platform
from tests.support.aio import aio_stub

EVERY_SECONDS = 0.2
"""A call begins so often."""
SETTLED_SECONDS = 1.0
"""So long after a replica died no call fails any more before its first byte."""
FROZEN_SECONDS = 6.0
"""So long after a replica froze it gets no more calls."""
CLIENTS = 32
AFTERWARDS = 20
"""So many calls begin after that, before something else happens."""


@dataclass
class Call:
    """One call: its text, when it began, and how it ended."""

    text: str
    began: float
    chunks: int = 0
    has_ended: bool = False
    failure: grpc.aio.AioRpcError | None = None


@dataclass
class Replica:
    """A tts in a process of its own, which keeps its folder when it starts again."""

    address: str
    folder: Path
    catalog: str
    _stack: ExitStack = field(default_factory=ExitStack)
    _running: Platform | None = None

    async def start(self) -> None:
        own = {"TTS_ADDRESS": self.address, "CATALOG_ADDRESS": self.catalog, "TTS_ENGINE": "flite", "TTS_STREAMS": "32"}
        running = platform(self.folder, ("tts",), **own)
        self._running = await asyncio.to_thread(self._stack.enter_context, running)

    async def stop(self) -> None:
        """As Kubernetes does, by SIGTERM; returns when the process has ended."""
        await asyncio.to_thread(self._stack.close)

    def signal(self, number: int) -> None:
        assert self._running
        os.killpg(self._running.process.pid, number)


class Load:
    """Begins a call every EVERY_SECONDS, whatever became of those before."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, channel)
        self.calls: list[Call] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Until the block ends; then waits for the last call."""
        generator = asyncio.create_task(self._generate())
        try:
            yield
        finally:
            generator.cancel()
            await asyncio.gather(generator, *self._tasks, return_exceptions=True)

    async def begun(self, count: int) -> None:
        """Returns when so many more have begun."""
        until = len(self.calls) + count
        while len(self.calls) < until:
            await asyncio.sleep(EVERY_SECONDS)

    def failures(self, since: float = 0.0) -> list[Call]:
        """The calls that failed of those that began at a time or later."""
        return [call for call in self.calls if call.began >= since and call.failure]

    async def _generate(self) -> None:
        while True:
            call = Call(f"This is call number {len(self.calls)}, and it takes its time.", time.monotonic())
            self.calls.append(call)
            task = asyncio.create_task(self._speak(call))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            await asyncio.sleep(EVERY_SECONDS)

    async def _speak(self, call: Call) -> None:
        request = tts_pb2.StreamSynthesizeRequest(text=call.text, ahead_seconds=1)
        request.config.request_id = str(uuid.uuid4())
        try:
            async for answer in self._stub.StreamSynthesize(request, timeout=120):
                call.chunks += answer.HasField("chunk")
                call.has_ended |= answer.HasField("finished")
        except grpc.aio.AioRpcError as error:
            call.failure = error


async def in_history(catalog: str) -> Counter[str]:
    """How often each text is in the history."""
    found = Counter[str]()
    async with grpc.aio.insecure_channel(catalog) as channel:
        stub = aio_stub(catalog_pb2_grpc.CatalogServiceStub, channel)
        token = ""
        while True:
            page = await stub.ListGenerations(catalog_pb2.ListGenerationsRequest(page_size=1000, page_token=token))
            found.update(generation.text for generation in page.generations)
            if not (token := page.next_page_token):
                return found


async def test_speech_goes_on_while_replicas_die_freeze_and_restart(tmp_path: Path) -> None:
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    with ExitStack() as stack:
        rest = platform(tmp_path / "rest", ("catalog", "gateway"), TTS_ADDRESS=",".join(addresses))
        running = await asyncio.to_thread(stack.enter_context, rest)
        one, two = (
            Replica(address, tmp_path / str(number), running.catalog) for number, address in enumerate(addresses)
        )
        async with grpc.aio.insecure_channel(running.gateway) as channel:
            try:
                await one.start()
                await two.start()
                admin = running.environment["GATEWAY_ADMIN_ADDRESS"]
                await _all_healthy(admin)
                load = Load(channel)
                async with load.running():
                    await load.begun(AFTERWARDS)
                    await _killed(load, one)
                    await _all_healthy(admin)
                    await _frozen(load, two)
                    await _all_healthy(admin)
                    await _restarted(load, one)
                    await _all_healthy(admin)
                    await _restarted(load, two)
                await _all_in_history(load, running.catalog)
            finally:
                for replica in (one, two):
                    await replica.stop()


async def _all_healthy(admin: str) -> None:
    """Returns when the gateway calls both."""
    async with httpx.AsyncClient(base_url=f"http://{admin}") as envoy:
        while True:
            clusters = (await envoy.get("/clusters")).text
            if len(re.findall(r"^tts::[^:]+:\d+::health_flags::healthy$", clusters, re.MULTILINE)) == 2:
                return
            await asyncio.sleep(EVERY_SECONDS)


async def _killed(load: Load, replica: Replica) -> None:
    """Only the calls of that moment fail."""
    replica.signal(signal.SIGKILL)
    killed = time.monotonic()
    await asyncio.sleep(SETTLED_SECONDS)
    settled = time.monotonic()
    await load.begun(AFTERWARDS)
    assert load.failures()
    assert not load.failures(settled)
    assert not [call for call in load.failures(killed) if call.chunks]
    await replica.stop()
    await replica.start()
    await load.begun(AFTERWARDS)
    assert not load.failures(settled)


async def _frozen(load: Load, replica: Replica) -> None:
    """It gets no more calls, and answers those that it has when it goes on."""
    replica.signal(signal.SIGSTOP)
    await asyncio.sleep(FROZEN_SECONDS)
    since = time.monotonic()
    await load.begun(AFTERWARDS)
    calls = [call for call in load.calls if call.began >= since]
    while not all(call.has_ended or call.failure for call in calls):
        await asyncio.sleep(EVERY_SECONDS)
    replica.signal(signal.SIGCONT)
    assert not load.failures(since)


async def _restarted(load: Load, replica: Replica) -> None:
    """No call fails that has begun to speak, and none at another moment than that of SIGTERM, at which a pod of
    Kubernetes has no more calls: it left its Service before.
    """
    since = time.monotonic()
    await load.begun(AFTERWARDS)
    stopped = time.monotonic()
    await replica.stop()
    await replica.start()
    await load.begun(AFTERWARDS)
    failures = load.failures(since)
    assert not [call for call in failures if call.chunks]
    assert not [call for call in failures if abs(call.began - stopped) > SETTLED_SECONDS]


async def _all_in_history(load: Load, catalog: str) -> None:
    """What was spoken to its end is there once; of what broke off, nothing is there twice."""
    spoken = {call.text for call in load.calls if call.has_ended}
    assert len(spoken) >= 5 * AFTERWARDS
    while not spoken <= set(found := await in_history(catalog)):
        await asyncio.sleep(1.0)
    assert set(found.values()) == {1}
    assert set(found) <= {call.text for call in load.calls}


class Fake(tts_pb2_grpc.TextToSpeechServiceServicer):
    """Lists no voices, after `seconds` on average; without them it fails at once."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds, self.calls = seconds, 0

    async def ListVoices(self, request: Any, context: Any) -> Any:
        self.calls += 1
        if self.seconds is None:
            await context.abort(grpc.StatusCode.INTERNAL, "the device is lost")
        await asyncio.sleep(self.seconds * random.uniform(0.5, 1.5) if self.seconds else 0.0)
        return tts_pb2.ListVoicesResponse()


@asynccontextmanager
async def fakes(*replicas: Fake) -> AsyncIterator[Any]:
    """A stub for a gateway before these replicas."""
    async with AsyncExitStack() as stack:
        addresses = []
        for replica in replicas:
            server = grpc.aio.server()
            tts_pb2_grpc.add_TextToSpeechServiceServicer_to_server(replica, server)
            addresses.append(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
            health = HealthServicer()
            health_pb2_grpc.add_HealthServicer_to_server(health, server)
            await health.set("voicebox.tts.v1.TextToSpeechService", health_pb2.HealthCheckResponse.SERVING)
            await server.start()
            stack.push_async_callback(server.stop, 0)
        env = {"GATEWAY_ADDRESS": "127.0.0.1:0", "TTS_ADDRESS": ",".join(addresses), "VOICEBOX_GRACE_SECONDS": "0"}
        serving = await stack.enter_async_context(open_service(env))
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(serving.endpoints[0].address))
        yield aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, channel)


async def asked(stub: Any, seconds: float) -> None:
    """CLIENTS ask, each again as soon as it has its answer, for so long."""
    until = time.monotonic() + seconds

    async def client() -> None:
        while time.monotonic() < until:
            with suppress(grpc.aio.AioRpcError):
                await stub.ListVoices(tts_pb2.ListVoicesRequest(), timeout=30)
            await asyncio.sleep(0.02)

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


async def share(stub: Any, replica: Fake, others: Fake, seconds: float) -> float:
    """Which share of the calls a replica gets, once five seconds are over."""
    await asked(stub, 5.0)
    before = replica.calls, others.calls
    await asked(stub, seconds)
    got, rest = replica.calls - before[0], others.calls - before[1]
    return got / (got + rest)


async def test_a_replica_that_fails_at_once_gets_hardly_any_calls() -> None:
    works, fails = Fake(0.1), Fake(None)
    async with fakes(works, fails) as stub:
        assert await share(stub, fails, works, 5.0) <= 0.05


async def test_a_replica_at_a_fifth_of_its_speed_gets_a_fifth_of_the_calls() -> None:
    works, slow = Fake(0.4), Fake(2.0)
    async with fakes(works, slow) as stub:
        assert await share(stub, slow, works, 15.0) <= 0.2
