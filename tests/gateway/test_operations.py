"""Two replicas of asr behind the gateway: each long-running operation is found, whichever of them is asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2, operations_pb2_grpc
from voicebox.compat.google import speech_v1_pb2, speech_v1_pb2_grpc
from voicebox_asr.app import open_service as open_asr
from voicebox_gateway.envoy.app import open_service as open_gateway

from bench.launch import free_ports
from tests.support.aio import aio_stub

OPERATIONS, ASKED_EACH = 8, 4
LINEAR16 = {"encoding": "LINEAR16", "sample_rate_hertz": 16_000, "language_code": "en-US"}


class Replicas:
    """Two real ones, and clients of the gateway before them."""

    def __init__(self, addresses: list[str], operations: Any, speech: Any, stop: Callable[[int], Any]) -> None:
        self.addresses, self.operations, self.speech, self.stop = addresses, operations, speech, stop

    async def begin(self) -> str:
        request = speech_v1_pb2.LongRunningRecognizeRequest(
            config=LINEAR16, audio=speech_v1_pb2.RecognitionAudio(content=bytes(32_000))
        )
        return str((await self.speech.LongRunningRecognize(request)).name)

    async def get(self, name: str) -> Any:
        return await self.operations.GetOperation(operations_pb2.GetOperationRequest(name=name))

    async def listed(self) -> set[str]:
        answer = await self.operations.ListOperations(operations_pb2.ListOperationsRequest(page_size=100))
        return {each.name for each in answer.operations}

    async def held_by(self, number: int) -> set[str]:
        """Those that one replica itself has."""
        async with grpc.aio.insecure_channel(self.addresses[number]) as channel:
            stub = aio_stub(operations_pb2_grpc.OperationsStub, channel)
            asked = (("x-voicebox-asked", "1"),)
            answer = await stub.ListOperations(operations_pb2.ListOperationsRequest(page_size=100), metadata=asked)
        return {each.name for each in answer.operations}


@pytest.fixture
async def replicas(tmp_path: Path) -> AsyncIterator[Replicas]:
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    async with AsyncExitStack() as stack:
        stacks = [await stack.enter_async_context(AsyncExitStack()) for _ in addresses]
        for number, address in enumerate(addresses):
            env = {
                "ASR_ADDRESS": address,
                "ASR_REPLICAS": ",".join(addresses),
                "ASR_METRICS_ADDRESS": "127.0.0.1:0",
                "ASR_ENGINE": "pocketsphinx",
                "VOICEBOX_DATA": str(tmp_path / str(number)),
                "VOICEBOX_GRACE_SECONDS": "0",
            }
            await stacks[number].enter_async_context(open_asr(env))
        env = {"GATEWAY_ADDRESS": "127.0.0.1:0", "ASR_ADDRESS": ",".join(addresses), "VOICEBOX_GRACE_SECONDS": "0"}
        gateway = await stack.enter_async_context(open_gateway(env))
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(gateway.endpoints[0].address))
        yield Replicas(
            addresses,
            aio_stub(operations_pb2_grpc.OperationsStub, channel),
            _speech(channel),
            lambda number: stacks[number].aclose(),
        )


def _speech(channel: grpc.aio.Channel) -> Any:
    return aio_stub(speech_v1_pb2_grpc.SpeechStub, channel)


async def test_operations_are_found_from_any_replica(replicas: Replicas) -> None:
    names = {await replicas.begin() for _ in range(OPERATIONS)}
    while not all([await replicas.held_by(0), await replicas.held_by(1)]):
        names.add(await replicas.begin())
    for name in names:
        found = await asyncio.gather(*(replicas.get(name) for _ in range(ASKED_EACH)))
        assert {each.name for each in found} == {name}
    assert await replicas.listed() == names
    first, second, *_ = sorted(names)
    waited = await replicas.operations.WaitOperation(operations_pb2.WaitOperationRequest(name=first))
    assert waited.done
    for name in (first, second):
        await replicas.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=name))
        await replicas.operations.DeleteOperation(operations_pb2.DeleteOperationRequest(name=name))
    assert await replicas.listed() == names - {first, second}
    with pytest.raises(grpc.aio.AioRpcError) as missing:
        await replicas.get(first)
    assert missing.value.code() is grpc.StatusCode.NOT_FOUND


async def test_those_of_a_replica_that_is_gone_are_gone_and_the_others_are_found(replicas: Replicas) -> None:
    while not all([await replicas.held_by(0), await replicas.held_by(1)]):
        await replicas.begin()
    kept, lost = await replicas.held_by(0), await replicas.held_by(1)
    await replicas.stop(1)
    for name in kept:
        assert (await replicas.get(name)).name == name
    assert await replicas.listed() == kept
    for name in lost:
        with pytest.raises(grpc.aio.AioRpcError) as missing:
            await replicas.get(name)
        assert missing.value.code() is grpc.StatusCode.NOT_FOUND
