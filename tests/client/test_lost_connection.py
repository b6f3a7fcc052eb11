"""A service that is killed while it answers: the client and the command say so in plain words."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from voicebox_client.async_client import AsyncClient
from voicebox_client.client import Client
from voicebox_client.command import main
from voicebox_client.errors import VoiceboxClientError
from voicebox_client.retry import NEVER

SERVICES = """
import os, signal, sys, threading
from concurrent.futures import ThreadPoolExecutor
import grpc
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc

class Tts(tts_pb2_grpc.TextToSpeechServiceServicer):
    def StreamSynthesize(self, request, context):
        yield tts_pb2.StreamSynthesizeResponse(started=tts_pb2.SynthesisStarted(audio={"sample_rate_hz": 16000}))
        yield tts_pb2.StreamSynthesizeResponse(chunk=tts_pb2.AudioChunk(audio=bytes(3200)))
        if request.text == "Die.":
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGKILL)).start()
        threading.Event().wait()

class Asr(asr_pb2_grpc.SpeechToTextServiceServicer):
    def StreamingRecognize(self, requests, context):
        yield asr_pb2.StreamingRecognizeResponse(interim={"transcript": "so far"})
        threading.Event().wait()

server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
tts_pb2_grpc.add_TextToSpeechServiceServicer_to_server(Tts(), server)
asr_pb2_grpc.add_SpeechToTextServiceServicer_to_server(Asr(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
server.wait_for_termination()
"""


@pytest.fixture
def service() -> Iterator[tuple[str, int]]:
    """The address and the process of services that never finish."""
    with subprocess.Popen([sys.executable, "-c", SERVICES], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"127.0.0.1:{int(process.stdout.readline())}", process.pid
        process.kill()


def test_speech_that_breaks_off_is_reported_to_be_incomplete(service):
    address, process = service
    with Client(address, retry=NEVER) as client, pytest.raises(VoiceboxClientError, match="not complete") as raised:
        for event in client.say("Hello."):
            if event.HasField("chunk"):
                os.kill(process, signal.SIGKILL)
    assert raised.value.reason == "CONNECTION_LOST"


async def test_so_it_is_with_the_asynchronous_client(service):
    address, process = service
    async with AsyncClient(address, retry=NEVER) as client:
        with pytest.raises(VoiceboxClientError, match="not complete") as raised:
            async for event in client.say("Hello."):
                if event.HasField("chunk"):
                    os.kill(process, signal.SIGKILL)
    assert raised.value.reason == "CONNECTION_LOST"


def test_recognition_that_breaks_off_is_reported_to_be_incomplete(service):
    address, process = service
    with Client(address, retry=NEVER) as client, pytest.raises(VoiceboxClientError, match="not complete") as raised:
        for _ in client.listen(bytes(3200) for _ in range(100_000)):
            os.kill(process, signal.SIGKILL)
    assert raised.value.reason == "CONNECTION_LOST"


def test_the_command_says_so_and_leaves_no_file(service, tmp_path):
    address, _ = service
    result = CliRunner().invoke(main, ["--server", address, "say", "Die.", "-o", str(tmp_path / "x.wav")])
    assert result.exit_code != 0
    assert "connection to the service was lost: what was received so far is not complete" in result.output
    assert list(tmp_path.iterdir()) == []
