"""The whole platform with TLS between its parts: called through the gateway, closed to strangers, and renewed."""

import asyncio
import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest
import trustme
import websockets
from voicebox_client import Client

from bench.launch import Platform, platform
from tests.support.certificates import issue


@dataclass(frozen=True)
class Closed:
    """A platform with TLS, and the folder of its certificates."""

    platform: Platform
    folder: Path
    web: str


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    data = tmp_path_factory.mktemp("tls")
    folder = issue(trustme.CA(), data / "certificates")
    web = f"127.0.0.1:{free_ports(1)[0]}"
    with platform(data / "data", VOICEBOX_TLS_FOLDER=str(folder), VOICEBOX_AUTH="keys", WEB_ADDRESS=web) as running:
        key = made_locally(data / "data", "root", "admin")
        yield Closed(running, folder, web)
