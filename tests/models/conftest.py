"""Stand-ins for the tests of models: an engine, and a hub that speaks what the hub's library asks for."""

import hashlib
import json
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from prometheus_client import CollectorRegistry
from voicebox_kit.errors import StartError
from voicebox_models.engine import Model, Progress, Report, Setup
from voicebox_models.hub import Hub
from voicebox_models.models import Default, Models
from voicebox_models.residency import MemoryLimits

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(eq=False)
class FakeEngine:
    """Something that can be loaded and fetched; `loads` and `downloads` count how often, `go_on` and `bring` hold it
    up.
    """

    name: str = "fake"
    variant: str = "1"
    present: bool = True
    loaded: bool = False
    device: str = "cpu"
    memory_bytes: int = 7
    failure: str = ""
    loads: int = 0
    downloads: int = 0
    steps: int = 4
    go_on: threading.Event = field(default_factory=threading.Event)
    bring: threading.Event = field(default_factory=threading.Event)
    gave_up: threading.Event = field(default_factory=threading.Event)
    instructions: str = ""

    def __post_init__(self) -> None:
        self.go_on.set()
        self.bring.set()

    @property
    def files(self) -> "FakeEngine":
        """The files of a fake are the fake itself."""
        return self

    @property
    def model(self) -> Model:
        return Model(f"{self.name}/{self.variant}", "r1", "MIT", ("en-US",))

    def download(self, report: Report) -> None:
        """Comes in `steps`, and says after each that it may be given up."""
        self.downloads += 1
        try:
            for step in range(1, self.steps + 1):
                while not self.bring.wait(0.01):
                    report(Progress(step - 1, self.steps))
                report(Progress(step, self.steps))
        except BaseException:
            self.gave_up.set()
            raise
        if self.failure:
            raise StartError(self.failure)
        self.present = True

    def load(self) -> None:
        self.go_on.wait(30)
        self.loads += 1
        if self.failure:
            raise StartError(self.failure)
        self.loaded = True

    def unload(self) -> None:
        self.loaded = False


class FakeFamily:
    """Some engines that are listed, and one for any name `{engine}/...` that is asked for."""

    def __init__(self, *listed: FakeEngine) -> None:
        self.listed = listed
        self.drawback, self.concurrency = "", 16
        self.made: list[str] = []

    def engines(self) -> tuple[FakeEngine, ...]:
        return self.listed

    def engine(self, model: str) -> FakeEngine | None:
        name, _, variant = model.partition("/")
        if name != self.listed[0].name:
            return None
        self.made.append(model)
        listed = (engine for engine in self.listed if engine.variant == variant)
        return next(listed, FakeEngine(name, variant, present=False))

    def recommended(self) -> tuple[FakeEngine, ...]:
        return self.listed[:1]


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


@dataclass
class Clock:
    """A clock that a test turns."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def make_models(executor, registry, clock):
    """Makes Models of engines, each in a family of its own, the first the default; limits by keyword."""

    def make_models(*engines: FakeEngine, clock: Callable[[], float] = clock, **limits: float) -> Models[Any]:
        families = [FakeFamily(engine) for engine in engines]
        default = Default[Any](engines[0], "It is the best one.")
        return Models[Any]("asr", families, default, executor, registry, MemoryLimits(**limits), clock)

    return make_models


def git_blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class FakeHub:
    """A model hub on this machine: a repository's files, and what goes wrong."""

    repository: str = "org/model"
    commit: str = COMMIT
    files: dict[str, bytes] = field(default_factory=dict)
    large: frozenset[str] = frozenset({"model.bin", "model.safetensors"})
    """Stored with Git LFS: the hub sends their SHA-256."""
    sent_instead: dict[str, bytes] = field(default_factory=dict)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    """After how many bytes the next answers for a file break off."""
    status: int = 200
    error_code: str = ""
    ignores_ranges: bool = False
    has_network: bool = False
    """Whether files are not sent by the hub itself, but by a server that it sends people to."""
    silent: threading.Event = field(default_factory=threading.Event)
    """While it is cleared, files are not answered."""
    requested: list[tuple[str, str]] = field(default_factory=list)
    """Paths that were asked for, each with its Range."""
    endpoint: str = ""

    def info(self) -> dict[str, object]:
        return {
            "id": self.repository,
            "modelId": self.repository,
            "sha": self.commit,
            "siblings": [*map(self._sibling, self.files)],
        }

    def _sibling(self, name: str) -> dict[str, object]:
        content = self.files[name]
        lfs = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
        extra = {"lfs": lfs} if name in self.large else {}
        return {"rfilename": name, "size": len(content), "blobId": git_blob_id(content), **extra}


class Handler(BaseHTTPRequestHandler):
    hub: FakeHub

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requested.append((path, self.headers.get("Range", "")))
        if self.hub.status != 200:
            self._answer(self.hub.status, b"", {"X-Error-Code": self.hub.error_code})
        elif path in (
            f"/api/models/{self.hub.repository}",
            f"/api/models/{self.hub.repository}/revision/{self.hub.commit}",
        ):
            self._answer(200, json.dumps(self.hub.info()).encode(), {"Content-Type": "application/json"})
        elif path.startswith(prefix := f"/{self.hub.repository}/resolve/{self.hub.commit}/"):
            self.hub.silent.wait(30)
            if self.hub.has_network:
                self._answer(302, b"", {"Location": f"{self.hub.endpoint}/elsewhere/{path.removeprefix(prefix)}"})
            else:
                self._file(path.removeprefix(prefix))
        elif path.startswith("/elsewhere/"):
            self._file(path.removeprefix("/elsewhere/"))
        elif "/revision/" in path:
            self._answer(404, b"", {"X-Error-Code": "RevisionNotFound"})
        else:
            self._answer(404, b"", {"X-Error-Code": "RepoNotFound"})

    def _file(self, name: str) -> None:
        content = self.hub.sent_instead.get(name, self.hub.files[name])
        start = 0 if self.hub.ignores_ranges else int(self.headers.get("Range", "bytes=0-")[len("bytes=") : -1])
        cuts = self.hub.cuts.get(name, [])
        headers = (
            {} if self.hub.ignores_ranges else {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        )
        self._answer(
            200 if self.hub.ignores_ranges else 206, content[start:], headers, cut=cuts.pop(0) if cuts else None
        )

    def _answer(self, status: int, body: bytes, headers: dict[str, str], cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(ConnectionError):  # the other side may have given up
            self.wfile.write(body[:cut])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def fake_hub() -> Iterator[FakeHub]:
    """A hub with one model of 1 MB, and files beside it that nobody should fetch."""
    weights = bytes(range(256)) * 4096
    files = {
        "model.bin": weights,
        "config.json": b"{}",
        "vocabulary.txt": b"a\nb\n",
        "evil.py": b"boom",
        "weights.pt": b"\x80",
    }
    hub = FakeHub(files=files)
    hub.silent.set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("HubHandler", (Handler,), {"hub": hub}))
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield hub
    hub.silent.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def hub(fake_hub: FakeHub) -> Hub:
    """The client of `fake_hub`, which does not wait before it tries again."""
    return Hub(fake_hub.endpoint, stall_seconds=20.0, retry_seconds=0.0)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs entry points into the group `fake.engines`: what each is called with a Setup for, by name."""

    def install(**entry_points: Callable[[Setup], FakeFamily]) -> None:
        info = tmp_path / "installed" / "fake_engines-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-engines\nVersion: 1.0\n")
        lines = [f"{name} = fake_engines:{name}" for name in entry_points]
        (info / "entry_points.txt").write_text("\n".join(["[fake.engines]", *lines]) + "\n")
        monkeypatch.setitem(sys.modules, "fake_engines", SimpleNamespace(**entry_points))
        monkeypatch.syspath_prepend(str(info.parent))

    return install
