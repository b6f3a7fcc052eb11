"""The unmodified nvidia-riva-client, and a real platform for it to talk to."""

import base64
import json
import string
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jiwer
import pytest
from google.rpc import error_details_pb2, status_pb2

from bench.launch import Platform, platform
from tests.support.sdk import sdk_environment

RIVA = "nvidia-riva-client==2.27.0"
TEXT = "The old man walked slowly to the market. He bought bread and milk for his family."
WER = 0.35
"""pocketsphinx, of a voice of flite's."""
RATE_HZ = 22_050
"""What the SDK asks for unless it is told otherwise."""


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform(tmp_path_factory.mktemp("riva")) as running:
        yield running


class SdkError(Exception):
    """What the SDK raised: a gRPC error, with the field that its details name."""

    def __init__(self, told: dict[str, str]) -> None:
        super().__init__(told)
        self.told = {**told, "field": field_of(base64.b64decode(told["status"]))}


@dataclass(frozen=True)
class Sdk:
    """The SDK in its process. What is given goes to the program's method as it is."""

    process: subprocess.Popen[str]

    def call(self, method: str, **given: Any) -> Any:
        """What the method answers, as plain data; bytes are base64."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"method": method, "given": given}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise SdkError(answer["error"])
        return answer["answer"]

    def speech(self, **given: Any) -> bytes:
        return sound_of(self.call("synthesize", **given))

    def refused(self, method: str, **given: Any) -> dict[str, str]:
        """The error that the method must end with."""
        with pytest.raises(SdkError) as refused:
            self.call(method, **given)
        return refused.value.told


@contextmanager
def sdk_of(gateway: str, *root_certificate: str) -> Iterator[Sdk]:
    """The SDK, pointed at a gateway; by TLS when there is a certificate."""
    command = [sdk_environment("riva", RIVA), Path(__file__).with_name("sdk_program.py"), gateway, *root_certificate]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Sdk(process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="session")
def sdk(running: Platform) -> Iterator[Sdk]:
    with sdk_of(running.gateway) as sdk:
        yield sdk


@pytest.fixture(scope="session")
def said(sdk: Sdk) -> bytes:
    """TEXT, spoken: headerless samples at 16 kHz."""
    return sdk.speech(text=TEXT, voice_name="flite/slt", sample_rate_hz=16_000)


def field_of(status: bytes) -> str:
    """The field that a google.rpc.Status names, or nothing."""
    request = error_details_pb2.BadRequest()
    for detail in status_pb2.Status.FromString(status).details:
        if detail.Unpack(request):
            return request.field_violations[0].field
    return ""


def sound_of(response: dict[str, Any]) -> bytes:
    """The audio of a response; none where there is none."""
    return base64.b64decode(response.get("audio", ""))


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def in_chunks(data: bytes, size: int = 3200) -> list[str]:
    """Pieces of 0.1 s at 16 kHz."""
    return [in_base64(data[start : start + size]) for start in range(0, len(data), size)]


def text_of(results: list[dict[str, Any]]) -> str:
    """The transcripts, joined as NVIDIA's scripts do."""
    return "".join(result["alternatives"][0].get("transcript", "") for result in results)


def word_error_rate(heard: str) -> float:
    plain = str.maketrans("", "", string.punctuation)
    return jiwer.wer(TEXT.lower().translate(plain), heard.lower().translate(plain).strip() or "nothing")
