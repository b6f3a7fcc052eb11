"""Starts the platform as its users do, on free ports, and stops it: for the demo, the benchmarks and the platform
tests.
"""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ALL = ("accounts", "catalog", "tts", "asr", "conversion", "jobs", "web", "gateway")
VOICEBOX = Path(sys.executable).with_name("voicebox")
START_SECONDS = STOP_SECONDS = 120.0


class PlatformFailed(Exception):
    """The platform did not start; the text is its output."""


@dataclass(frozen=True)
class Platform:
    """A platform that serves: its addresses as `host:port`, its process, how long it took to serve, its log, and the
    variables that it was started with.
    """

    gateway: str
    tts: str
    asr: str
    catalog: str
    accounts: str
    conversion: str
    jobs: str
    process: subprocess.Popen[str]
    start_seconds: float
    log: Path
    environment: Mapping[str, str]


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now.

    They are drawn from below the range from which the system gives ports to clients: one of those could be taken before
    it is used.
    """
    with contextlib.ExitStack() as stack:
        found: list[int] = []
        while len(found) < count:
            port = random.randrange(10_000, 32_000)
            with contextlib.suppress(OSError):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
                found.append(port)
        return found


@contextmanager
def platform(data: Path, services: Sequence[str] = ALL, **variables: str) -> Iterator[Platform]:
    """Serve `services` in one process with their data in `data`; raises PlatformFailed when they do not start."""
    names = (
        "GATEWAY",
        "TTS",
        "ASR",
        "CATALOG",
        "TTS_METRICS",
        "ASR_METRICS",
        "CATALOG_METRICS",
        "GATEWAY_ADMIN",
        "WEB",
        "ACCOUNTS",
        "ACCOUNTS_METRICS",
        "CONVERSION",
        "CONVERSION_METRICS",
        "JOBS",
        "JOBS_METRICS",
        "JOBS_WORKER_METRICS",
    )
    addresses = {
        f"{name}_ADDRESS": f"127.0.0.1:{port}" for name, port in zip(names, free_ports(len(names)), strict=True)
    }
    environment = {**os.environ, **addresses, "VOICEBOX_DATA": str(data), "LOG_LEVEL": "WARNING", **variables}
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = data / "log"
    began = time.monotonic()
    with _serving(services, environment, log) as process:
        took = time.monotonic() - began
        addressed = ("GATEWAY", "TTS", "ASR", "CATALOG", "ACCOUNTS", "CONVERSION", "JOBS")
        gateway, tts, asr, catalog, accounts, conversion, jobs = (environment[f"{name}_ADDRESS"] for name in addressed)
        yield Platform(gateway, tts, asr, catalog, accounts, conversion, jobs, process, took, log, environment)


@contextmanager
def jobs_worker(running: Platform) -> Iterator[None]:
    """A worker of the platform's jobs, until the block ends."""
    with _serving(("jobs-worker",), running.environment, running.log.with_name("worker.log")):
        yield


@contextmanager
def _serving(services: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[str]]:
    """The services in one process, once they serve."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            [VOICEBOX, "serve", *services],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    try:
        _wait_until_serving(process, log)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        with _killed_after(STOP_SECONDS, process):
            process.communicate()


def _wait_until_serving(process: subprocess.Popen[str], log: Path) -> None:
    """The endpoints are printed once everything is SERVING."""
    assert process.stdout is not None
    with _killed_after(START_SECONDS, process):
        line = process.stdout.readline()
    if not line:
        raise PlatformFailed(log.read_text())


@contextmanager
def _killed_after(seconds: float, process: subprocess.Popen[str]) -> Iterator[None]:
    """Kill the process if the block takes longer: nothing waits for ever."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def memory_bytes(pid: int, kind: str = "Pss") -> int:
    """The memory of a process and its children, shared pages counted once: the sum of their proportional set sizes.

    With "Pss_Anon" files that are mapped, such as libraries, are left out: their share depends on who else runs on the
    machine. Our services hide their memory, so that only root may read this; for others it is what `statm` says, with
    pages that are shared counted in each process, and a note on standard error.
    """
    return sum(_of_process(each, kind) for each in (pid, *_descendants(pid)))


def _of_process(pid: int, kind: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except PermissionError:
        print(f"memory of {pid}: without root it is the resident size, which is more than {kind}", file=sys.stderr)
        return _resident(pid, without_files=kind.endswith("Anon"))
    except OSError:  # it has ended
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))


def _resident(pid: int, *, without_files: bool) -> int:
    """The resident pages of a process, in bytes."""
    with contextlib.suppress(OSError):
        _, resident, shared = map(int, Path(f"/proc/{pid}/statm").read_text().split()[:3])
        return (resident - shared if without_files else resident) * os.sysconf("SC_PAGE_SIZE")
    return 0


def cpu_seconds(pid: int) -> float:
    """How long all cores together worked for a process and its children."""
    ticks = 0
    for each in (pid, *_descendants(pid)):
        with contextlib.suppress(OSError):
            ticks += sum(map(int, Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _descendants(pid: int) -> list[int]:
    children = [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]
    return [each for child in children for each in (child, *_descendants(child))]
