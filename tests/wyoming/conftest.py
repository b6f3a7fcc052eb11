"""The unmodified `wyoming` client, and a bridge in front of a real platform for it to talk to."""

import asyncio
import base64
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from voicebox_gateway.wyoming.app import open_service
from voicebox_kit.server import Serving

from bench.launch import Platform, platform
from tests.support.sdk import sdk_environment

WYOMING = "wyoming==1.10.0"
CLIENT_SECONDS = 60
TEXT = "The old man walked slowly to the market and bought bread, milk and a dozen eggs for his family."


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform(tmp_path_factory.mktemp("wyoming"), ("catalog", "tts", "asr")) as running:
        yield running


@dataclass(frozen=True)
class Recognised:
    """What the client read in answer: events in order, payloads as bytes."""

    events: list[dict[str, Any]]

    @property
    def types(self) -> list[str]:
        """The types in order, repeats left out."""
        types = [event["type"] for event in self.events]
        return [each for each, before in zip(types, [None, *types], strict=False) if each != before]

    def one(self, kind: str) -> dict[str, Any]:
        [event] = [event for event in self.events if event["type"] == kind]
        return event["data"]

    @property
    def sound(self) -> bytes:
        return b"".join(event["payload"] for event in self.events if event["type"] == "audio-chunk")


@dataclass(frozen=True)
class Bridge:
    """A bridge that serves, and the program of the client library's environment."""

    serving: Serving
    python: Path

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.serving.endpoints[0].address.rpartition(":")
        return host, int(port)

    async def ask(self, *orders: dict[str, Any], until: str) -> Recognised:
        """Send the events of the client's own classes, and read until an event of the type `until`, an error or the
        end.
        """
        host, port = self.address
        process = await asyncio.create_subprocess_exec(
            self.python,
            Path(__file__).with_name("client_program.py"),
            f"tcp://{host}:{port}",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        async with asyncio.timeout(CLIENT_SECONDS):
            reported, _ = await process.communicate(json.dumps({"orders": orders, "until": until}).encode())
        assert process.returncode == 0
        events = json.loads(reported)
        return Recognised([{**event, "payload": base64.b64decode(event["payload"])} for event in events])


@pytest.fixture(scope="session")
def python() -> Path:
    return sdk_environment("wyoming", WYOMING)


@pytest.fixture
async def bridge(running: Platform, python: Path) -> AsyncIterator[Bridge]:
    async with bridge_to(running, python) as bridge:
        yield bridge


@asynccontextmanager
async def bridge_to(running: Platform, python: Path, **env: str) -> AsyncIterator[Bridge]:
    addresses = {
        "WYOMING_ADDRESS": "127.0.0.1:0",
        "TTS_ADDRESS": running.tts,
        "ASR_ADDRESS": running.asr,
        "CATALOG_ADDRESS": running.catalog,
    }
    async with open_service({**addresses, "VOICEBOX_GRACE_SECONDS": "5", **env}) as serving:
        yield Bridge(serving, python)
