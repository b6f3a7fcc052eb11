"""The life of a service: health, reflection, metrics, a taken port, and a drain that lets streams finish."""

import asyncio
import socket
import subprocess
import sys
import urllib.request
from types import ModuleType

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from prometheus_client import CollectorRegistry
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_kit import interceptor
from voicebox_kit.background import Background
from voicebox_kit.errors import StartError
from voicebox_kit.folders import scratch_folder
from voicebox_kit.serve import serve as serve_all
from voicebox_kit.server import serving

from bench.launch import free_ports
from tests.support.aio import END_OF_STREAM, aio_stub

NAME = "voicebox.tts.v1.TextToSpeechService"
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


class Slow(tts_pb2_grpc.TextToSpeechServiceServicer):
    """A stream that goes on until it is released, and signals when it is closed."""

    def __init__(self) -> None:
        self.go_on, self.closed = asyncio.Event(), asyncio.Event()

    async def Synthesize(self, request, context):
        return tts_pb2.SynthesizeResponse()

    async def StreamSynthesize(self, request, context):
        try:
            yield tts_pb2.StreamSynthesizeResponse()
            await self.go_on.wait()
            yield tts_pb2.StreamSynthesizeResponse()
        finally:
            self.closed.set()


class Endless(Slow):
    async def StreamSynthesize(self, request, context):
        try:
            while True:
                yield tts_pb2.StreamSynthesizeResponse(chunk=tts_pb2.AudioChunk(audio=bytes(60_000)))
        finally:
            self.closed.set()


async def code_of(stub) -> grpc.StatusCode:
    return await stub.Synthesize(tts_pb2.SynthesizeRequest()).code()


async def health(channel, name: str = "") -> int:
    return (
        await aio_stub(health_pb2_grpc.HealthStub, channel).Check(health_pb2.HealthCheckRequest(service=name))
    ).status


async def test_it_serves_only_once_it_is_loaded(service):
    loading, loaded = asyncio.Event(), asyncio.Event()

    async def load():
        loading.set()
        await loaded.wait()

    address = f"127.0.0.1:{free_ports(1)[0]}"
    opening = serving("fake", service(Slow(), load=load, address=address), 0)
    task = asyncio.create_task(opening.__aenter__())
    await loading.wait()
    async with grpc.aio.insecure_channel(address) as channel:
        assert [await health(channel), await health(channel, NAME)] == [NOT_SERVING, NOT_SERVING]
        loaded.set()
        await task
        assert [await health(channel), await health(channel, NAME)] == [SERVING, SERVING]
    await opening.__aexit__(None, None, None)


async def test_reflection_lists_the_service_and_health(serve):
    _, channel = await serve(Slow())
    stub = aio_stub(reflection_pb2_grpc.ServerReflectionStub, channel)
    answers = [
        answer
        async for answer in stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
    ]
    assert {service.name for service in answers[0].list_services_response.service} >= {NAME, "grpc.health.v1.Health"}


@pytest.mark.parametrize(
    "name", [NAME, "grpc.health.v1.Health", "voicebox.catalog.v1.CatalogService", "voicebox.asr.v1.SpeechToTextService"]
)
async def test_reflection_describes_what_it_serves_and_what_the_gateway_leads_to_elsewhere(serve, name):
    _, channel = await serve(Slow())
    requested = [reflection_pb2.ServerReflectionRequest(file_containing_symbol=name)]
    [answer] = [
        answer
        async for answer in aio_stub(reflection_pb2_grpc.ServerReflectionStub, channel).ServerReflectionInfo(
            iter(requested)
        )
    ]
    described = [FileDescriptorProto.FromString(file) for file in answer.file_descriptor_response.file_descriptor_proto]
    assert any(name.startswith(f"{file.package}.{service.name}") for file in described for service in file.service)


async def test_metrics_count_calls_but_not_probes(serve):
    running, channel = await serve(Slow())
    assert await health(channel) == SERVING
    with pytest.raises(grpc.aio.AioRpcError):
        await aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, channel).ListVoices(tts_pb2.ListVoicesRequest())
    metrics = await asyncio.to_thread(
        lambda: urllib.request.urlopen(f"http://{running.endpoints[1].address}/metrics").read().decode()
    )
    assert f'voicebox_rpc_seconds_count{{code="UNIMPLEMENTED",method="/{NAME}/ListVoices"}} 1.0' in metrics
    assert "Health" not in metrics
    assert 'voicebox_build_info{grpc="' in metrics
    assert "process_resident_memory_bytes" in metrics


async def test_a_taken_port_is_a_start_error(serve, service):
    running, _ = await serve(Slow())
    with pytest.raises(StartError, match=r"Another program listens on .*: stop it, or set SECOND_ADDRESS"):
        async with serving("second", service(Slow(), address=running.endpoints[0].address), 0):
            pass


async def test_a_taken_metrics_port_is_a_start_error(serve, service):
    running, _ = await serve(Slow())
    with pytest.raises(StartError, match="set SECOND_METRICS_ADDRESS"):
        async with serving("second", service(Slow(), metrics_address=running.endpoints[1].address), 0):
            pass


async def test_metrics_listen_on_ipv6(service):
    async with serving("six", service(Slow(), metrics_address="[::1]:0"), 0) as running:
        address = running.endpoints[1].address
        assert address.startswith("[::1]:")
        metrics = await asyncio.to_thread(lambda: urllib.request.urlopen(f"http://{address}/metrics").read().decode())
    assert "voicebox_rpc_seconds" in metrics


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_taken_port_is_found_before_anything_is_opened(host):
    opened = []

    def open_service(env):
        opened.append(env)

    module = ModuleType("taken_service")
    vars(module)["addresses"] = lambda env: {"SOME_ADDRESS": f"{host}:{env['PORT']}"}
    open_service.__module__ = "taken_service"
    sys.modules["taken_service"] = module
    with socket.create_server(
        (host.strip("[]"), 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET
    ) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(StartError, match=rf"Another program listens on .*:{port}: stop it, or set SOME_ADDRESS"):
            asyncio.run(serve_all([open_service], {"PORT": port}, print))
    del sys.modules["taken_service"]
    assert not opened


def test_the_scratch_folder_of_a_killed_process_is_swept(tmp_path):
    code = "import os, sys, pathlib; from voicebox_kit.folders import scratch_folder\n"
    code += "with scratch_folder('voicebox-x-', pathlib.Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    [left] = tmp_path.iterdir()
    with scratch_folder("voicebox-x-", tmp_path) as first, scratch_folder("voicebox-x-", tmp_path) as second:
        assert not left.exists()
        assert first.exists()
        assert second.exists()
    assert not list(tmp_path.iterdir())


async def test_draining_lets_a_stream_finish_and_refuses_new_calls(service):
    slow = Slow()
    opening = serving("fake", service(slow), 30)
    running = await opening.__aenter__()
    async with grpc.aio.insecure_channel(running.endpoints[0].address) as channel:
        stub = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, channel)
        call = stub.StreamSynthesize(tts_pb2.StreamSynthesizeRequest())
        await call.read()
        closing = asyncio.create_task(opening.__aexit__(None, None, None))
        codes = [await code_of(stub)]
        while codes[-1] is not grpc.StatusCode.UNAVAILABLE:  # until the server knows that it stops
            codes.append(await code_of(stub))
        # A call that gRPC had accepted at that very moment, and not handed over, is cancelled.
        assert set(codes) <= {grpc.StatusCode.OK, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE}
        slow.go_on.set()
        assert await call.read() != END_OF_STREAM
        assert await call.read() == END_OF_STREAM
        assert (await call.code()) is grpc.StatusCode.OK
        await closing


@pytest.mark.parametrize("servicer", [Slow, Endless])
async def test_a_client_that_leaves_closes_the_servicers_generator(serve, servicer):
    fake = servicer()
    _, channel = await serve(fake)
    call = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, channel).StreamSynthesize(tts_pb2.StreamSynthesizeRequest())
    await call.read()
    call.cancel()
    await asyncio.wait_for(fake.closed.wait(), 10)


async def test_a_client_that_stops_reading_and_leaves_closes_the_generator(serve):
    fake = Endless()
    running, _ = await serve(fake)
    async with grpc.aio.insecure_channel(running.endpoints[0].address) as channel:
        call = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, channel).StreamSynthesize(
            tts_pb2.StreamSynthesizeRequest()
        )
        await call.read()
    await asyncio.wait_for(fake.closed.wait(), 10)


LEAVING = """
import os, sys, grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
channel = grpc.insecure_channel(sys.argv[1])
call = tts_pb2_grpc.TextToSpeechServiceStub(channel).StreamSynthesize(tts_pb2.StreamSynthesizeRequest())
for number, _ in enumerate(call):
    if number == int(sys.argv[2]):
        {"kill": lambda: os._exit(0), "close": channel.close, "cancel": call.cancel}[sys.argv[3]]()
        break
"""


@pytest.mark.parametrize("how", ["kill", "close", "cancel"])
async def test_a_client_that_leaves_while_it_is_written_to_is_no_bug(serve, how, caplog):
    """The kernel's buffers and the moment decide which write meets the end: some are tried."""
    for number in range(4):
        fake = Endless()
        running, _ = await serve(fake)
        client = (sys.executable, "-c", LEAVING, running.endpoints[0].address, str(number), how)
        leaving = await asyncio.create_subprocess_exec(*client, stderr=asyncio.subprocess.DEVNULL)
        await leaving.wait()
        await asyncio.wait_for(fake.closed.wait(), 30)
    assert "bug" not in caplog.text


async def test_health_has_a_name_for_each_background_task(serve):
    may_work = asyncio.Event()

    async def work():
        if not may_work.is_set():
            raise ZeroDivisionError
        await asyncio.Event().wait()

    async def no_time(_seconds):
        await asyncio.sleep(0)

    background = Background(CollectorRegistry(), no_time)
    async with background.running("history", work):
        _, channel = await serve(Slow(), background=background)
        assert await health(channel, NAME) == SERVING
        assert await health(channel, "fake/history") == NOT_SERVING
        may_work.set()
        async with asyncio.timeout(30):
            while await health(channel, "fake/history") != SERVING:
                await asyncio.sleep(0)


async def test_a_client_that_takes_nothing_is_ended_and_told_so(serve, monkeypatch):
    monkeypatch.setattr(interceptor, "STALLED_SECONDS", 0.5)
    servicer = Endless()
    _, channel = await serve(servicer)
    call = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, channel).StreamSynthesize(tts_pb2.StreamSynthesizeRequest())
    await call.read()
    await servicer.closed.wait()
    with pytest.raises(grpc.aio.AioRpcError) as error:
        while await call.read() is not END_OF_STREAM:
            pass
    assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "Nothing of the answer was read" in (error.value.details() or "")
