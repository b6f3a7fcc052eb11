"""A real platform whose callers must authenticate, with keys of two owners, and accounts alone on either database."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from voicebox.accounts.v1 import accounts_pb2 as pb
from voicebox.accounts.v1 import accounts_pb2_grpc
from voicebox_accounts.app import open_service
from voicebox_client import Client
from voicebox_kit.authentication import Authentication
from voicebox_kit.principal import HEADER, Principal
from voicebox_kit.request_id import HEADER as REQUEST_ID
from voicebox_kit.signing_keys import SigningKeys, create
from voicebox_metering.revocations import following

from bench.launch import Platform, jobs_worker, platform
from tests.catalog.stores import postgres, postgres_programs
from tests.support.aio import aio_stub

USUAL = ("speak", "hear", "read", "manage")


@dataclass(frozen=True)
class Guarded:
    """A platform that authenticates, the folder of its data, and secrets by their names."""

    platform: Platform
    data: Path
    secrets: Mapping[str, str]

    @property
    def base(self) -> str:
        return f"http://{self.platform.gateway}"

    def client(self, name: str) -> Client:
        return Client(self.platform.gateway, api_key=self.secrets[name])

    def http(self, name: str = "") -> httpx.Client:
        headers = {"authorization": f"Bearer {self.secrets[name]}"} if name else {}
        return httpx.Client(base_url=self.base, headers=headers, timeout=60)


def made_locally(data: Path, owner: str, *scopes: str, **env: str) -> str:
    """A key that is made as `voicebox keys create --local` makes it, in a process of its own."""
    code = "import json, os, sys; from voicebox_accounts.command import create_key; print(create_key(os.environ, sys.argv[1], sys.argv[2:], '', None))"  # noqa: E501
    done = subprocess.run(
        [sys.executable, "-c", code, owner, *scopes],
        env={**os.environ, "VOICEBOX_DATA": str(data), **env},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """With keys of `ann` and `bob`, of an `admin`, one that only `reads`, one that is `revoked`, and a `wrong` one."""
    data = tmp_path_factory.mktemp("accounts")
    with platform(data, VOICEBOX_AUTH="keys", LOG_LEVEL="INFO", LOG_FORMAT="json") as running:
        admin = made_locally(data, "root", "admin")
        with Client(running.gateway, api_key=admin) as client:
            made = {name: client.create_key(name, USUAL, name) for name in ("ann", "bob")}
            made["reads"] = client.create_key("ann", ["read"], "reads")
            made["revoked"] = client.create_key("ann", USUAL, "revoked")
            client.revoke_key(made["revoked"].key.name)
        secrets = {name: answer.secret for name, answer in made.items()}
        wrong = "vbx_" + "A" * 43
        yield Guarded(running, data, {**secrets, "admin": admin, "wrong": wrong})


@pytest.fixture(scope="module")
def worker(guarded: Guarded) -> Iterator[None]:
    """Jobs run while the tests of a module do."""
    with jobs_worker(guarded.platform):
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """A PostgreSQL that does not fsync."""
    assert postgres_programs() is not None, "PostgreSQL is not installed: apt-get install postgresql"
    with postgres(fsync=False) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of either kind."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'accounts.sqlite'}"
        return
    server = request.getfixturevalue("postgres_server")
    with server.database() as name:
        yield server.url(name)


@dataclass(frozen=True)
class Accounts:
    """A running accounts, called as other parts of the platform call it."""

    address: str
    channel: grpc.aio.Channel
    authentication: Authentication

    def metadata(self, method: str, principal: Principal, request: str = "r1") -> tuple[tuple[str, str], ...]:
        return ((REQUEST_ID, request), (HEADER, self.authentication.signed(principal, method, request)))

    async def call(self, service: str, method: str, request: Any, principal: Principal) -> Any:
        """One RPC for a principal."""
        stub = aio_stub(getattr(accounts_pb2_grpc, f"{service}Stub"), self.channel)
        metadata = self.metadata(f"/voicebox.accounts.v1.{service}/{method}", principal)
        return await getattr(stub, method)(request, metadata=metadata)

    async def create_key(self, owner: str, *scopes: str) -> pb.CreateKeyResponse:
        numbers = [pb.Scope.Value(f"SCOPE_{scope.upper()}") for scope in scopes or USUAL]
        request = pb.CreateKeyRequest(key=pb.Key(owner=owner, scopes=numbers))
        return await self.call("KeyService", "CreateKey", request, ADMIN)


ADMIN = Principal("root", frozenset({"admin"}), "admin-key")


@pytest.fixture
def open_accounts(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Opens accounts on the database; several at once are replicas. Principals here may have keys that are not stored,
    whose longer calls it does not end.
    """
    monkeypatch.setattr("voicebox_accounts.app.following", partial(following, poll_seconds=3600.0))
    create(tmp_path / "signing.keys")
    authentication = Authentication(SigningKeys(tmp_path / "signing.keys"))

    @asynccontextmanager
    async def opened(**variables: str) -> AsyncIterator[Accounts]:
        env = {
            "VOICEBOX_DATA": str(tmp_path),
            "VOICEBOX_AUTH": "keys",
            "ACCOUNTS_ADDRESS": "127.0.0.1:0",
            "ACCOUNTS_METRICS_ADDRESS": "127.0.0.1:0",
            "ACCOUNTS_DATABASE_URL": database_url,
            "VOICEBOX_GRACE_SECONDS": "0",
            **variables,
        }
        async with open_service(env) as serving:
            address = serving.endpoints[0].address
            async with grpc.aio.insecure_channel(address) as channel:
                yield Accounts(address, channel, authentication)

    return opened


@pytest.fixture
async def accounts(open_accounts: Callable[..., Any]) -> AsyncIterator[Accounts]:
    """One accounts."""
    async with open_accounts() as opened:
        yield opened


def run_program(python: Path, program: str, **given: Any) -> Any:
    """What a program in an SDK's own environment prints, as JSON."""
    path = Path(__file__).parent / program
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "OPENAI_API_KEY")}
    done = subprocess.run(
        [python, path, json.dumps(given)], capture_output=True, text=True, check=False, env=environment, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])
