"""A real platform with `web`, the unmodified OpenAI SDK with its Realtime client, and plain clients."""

import base64
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from bench.launch import Platform, free_ports, platform
from tests.support.sdk import sdk_environment

OPENAI = "openai[realtime]==3.52.0"
SERVICES = ("accounts", "catalog", "tts", "asr", "conversion", "jobs", "web", "gateway")
RATE_HZ = 24_000
MAX_SESSIONS = 3


@pytest.fixture(scope="session")
def metrics() -> list[str]:
    """Where tts and asr serve their metrics."""
    return [f"127.0.0.1:{port}" for port in free_ports(2)]


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory, metrics: list[str]) -> Iterator[Platform]:
    [port] = free_ports(1)
    addresses = {
        "WEB_ADDRESS": f"127.0.0.1:{port}",
        "TTS_METRICS_ADDRESS": metrics[0],
        "ASR_METRICS_ADDRESS": metrics[1],
    }
    with platform(tmp_path_factory.mktemp("web"), SERVICES, WEB_MAX_SESSIONS=str(MAX_SESSIONS), **addresses) as running:
        yield running


@pytest.fixture(scope="session")
def http(running: Platform) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{running.gateway}", timeout=120) as http:
        yield http


class SdkError(Exception):
    """What the SDK raised, and what it read from the answer."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(told)
        self.told = told


@dataclass(frozen=True)
class Sdk:
    """The SDK in its process."""

    process: subprocess.Popen[str]

    def ask(self, **asked: Any) -> Any:
        """What the program answers; SdkError when the SDK raised."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise SdkError(answer["error"])
        return answer["answer"]

    def talk(self, *steps: dict[str, Any], is_async: bool = False, **connect: Any) -> list[dict[str, Any]]:
        """Go through the steps on one connection: every event that came."""
        return self.ask(connect=connect or {"model": "gpt-realtime"}, steps=steps, is_async=is_async)

    def transcribe(self, *steps: dict[str, Any], is_async: bool = False) -> list[dict[str, Any]]:
        """The same in a transcription session."""
        return self.talk(*steps, is_async=is_async, extra_query={"intent": "transcription"})


@pytest.fixture(scope="session")
def sdk(running: Platform) -> Iterator[Sdk]:
    python = sdk_environment("openai-realtime", OPENAI)
    program = Path(__file__).with_name("realtime_program.py")
    command = [python, program, f"http://{running.gateway}/v1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Sdk(process)
        assert process.stdin is not None
        process.stdin.close()


def call(name: str, **given: Any) -> dict[str, Any]:
    """A step: call a method of the connection."""
    return {"call": name, "given": given}


def until(kind: str, *, more: bool = False) -> dict[str, Any]:
    """A step: read events until one of this type; with `more` a further one, where the last one was of this type."""
    return {"until": kind, "more": more}


def appended(pcm: bytes, piece_ms: int = 200) -> list[dict[str, Any]]:
    """Steps: send audio in pieces."""
    size = 2 * RATE_HZ * piece_ms // 1000
    pieces = [pcm[start : start + size] for start in range(0, len(pcm), size)]
    return [call("input_audio_buffer.append", audio=base64.b64encode(piece).decode()) for piece in pieces]


def of_type(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The events of one type."""
    return [event for event in events if event["type"] == kind]


def spoken(events: list[dict[str, Any]]) -> bytes:
    """The audio of an answer: 24 kHz, 16 bits, mono."""
    return b"".join(base64.b64decode(event["delta"]) for event in of_type(events, "response.output_audio.delta"))


def read_pcm(path: Path) -> bytes:
    """A recording as a Realtime client sends it."""
    resampler = av.AudioResampler("s16", "mono", RATE_HZ)
    with av.open(str(path)) as file:
        frames = [out for frame in file.decode(audio=0) for out in resampler.resample(frame)]
    return b"".join(frame.to_ndarray().tobytes() for frame in (*frames, *resampler.resample(None)))
