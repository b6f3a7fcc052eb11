"""The unmodified OpenAI SDK, and a real platform for it to talk to."""

import base64
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.launch import Platform, jobs_worker, platform
from tests.support.sdk import sdk_environment

OPENAI = "openai==3.52.0"


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform(tmp_path_factory.mktemp("openai")) as running:
        yield running


@pytest.fixture(scope="module")
def worker(running: Platform) -> Iterator[None]:
    """Jobs run while the tests of a module do."""
    with jobs_worker(running):
        yield


class SdkError(Exception):
    """What the SDK raised: its class, and what it read from the answer."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(told)
        self.told = told


@dataclass(frozen=True)
class Sdk:
    """The SDK in its process. What is given goes to the method as it is; `file` is a path."""

    process: subprocess.Popen[str]

    def call(self, method: str, order: str = "", *, is_async: bool = False, **given: Any) -> Any:
        """What the method answers, as plain data. `order` is `bytes`, `pieces` or `events` for answers that are not
        simply that.
        """
        asked = {"method": method, "order": order, "given": given, "is_async": is_async}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise SdkError(answer["error"])
        return answer["answer"]

    def speech(self, *, is_async: bool = False, **given: Any) -> bytes:
        given = {"model": "tts-1", "voice": "alloy", **given}
        return base64.b64decode(self.call("audio.speech.create", "bytes", is_async=is_async, **given))


@pytest.fixture(scope="session")
def sdk(running: Platform) -> Iterator[Sdk]:
    python = sdk_environment("openai", OPENAI)
    program = Path(__file__).with_name("sdk_program.py")
    command = [python, program, f"http://{running.gateway}/v1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Sdk(process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def http(running: Platform) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{running.gateway}/v1", timeout=120) as http:
        yield http
