"""Prints every figure of docs/benchmarks.md. `make bench`, or `python -m bench.run tts asr` for some.

`--ratios` prints only what is compared within the run: absolute times say little on a machine that others use, too.
"""

import asyncio
import os
import platform as machine
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import (
    accounts,
    asr,
    catalog,
    conversion,
    engines,
    gateway,
    jobs,
    live,
    load,
    openai,
    pocket,
    qwen3,
    stalls,
    tts,
    whisper,
    whisper_words,
)
from bench.figures import Figure
from bench.launch import memory_bytes, platform

RATIOS = "--ratios"
SMALL = {"VOICEBOX_EMBEDDED": "small"}
"""For what is measured with flite or pocketsphinx."""
THREADS = f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'unset')}"


def start(folder: Path) -> list[Figure]:
    """From the command to SERVING, twice, since the first start fills the disk cache; and the memory of the idle
    services.
    """
    with platform(folder):
        pass
    with platform(folder) as running:
        seconds = running.start_seconds
        all_memory = memory_bytes(running.process.pid)
    with platform(folder / "guarded", VOICEBOX_AUTH="keys") as running:
        guarded_memory = memory_bytes(running.process.pid)
    with platform(folder, ("catalog", "tts", "asr")) as running:
        memory = memory_bytes(running.process.pid)
    return [
        Figure("start, from the command to SERVING", seconds, "s", 5),
        Figure("idle memory of `make run`: all services, web and Envoy", all_memory / 2**20, "MiB"),
        Figure("the same with authentication", guarded_memory / 2**20, "MiB"),
        Figure("idle memory, three services in one process", memory / 2**20, "MiB", 400 * 1e6 / 2**20),
    ]


def served(measure: Callable[..., list[Figure]], **variables: str) -> Callable[[Path], list[Figure]]:
    """A benchmark that wants a platform."""

    def run(folder: Path) -> list[Figure]:
        with platform(folder, **variables) as running:
            return measure(running)

    return run


BENCHMARKS: dict[str, Callable[[Path], list[Figure]]] = {
    "start": start,
    "tts": served(tts.measure),
    "engines": engines.measure,
    "load": served(load.measure, **SMALL),
    "openai": served(openai.measure, **SMALL),
    "gateway": gateway.measure,
    "accounts": accounts.measure,
    "jobs": jobs.measure,
    "stalls": served(stalls.measure),
    "asr": served(asr.measure, **SMALL),
    "whisper": whisper.measure,
    "whisper-words": whisper_words.measure,
    "live": live.measure,
    "conversion": conversion.measure,
    "qwen3": qwen3.measure,
    "pocket": lambda _: pocket.measure(),
    "catalog": lambda _: asyncio.run(catalog.measure()),
}


def main() -> None:
    print(f"{machine.system()} {machine.machine()}, {os.cpu_count()} cores, Python {machine.python_version()}")
    print(f"load {os.getloadavg()[0]:.1f} at the beginning; {THREADS}")
    names = [name for name in sys.argv[1:] if name != RATIOS] or list(BENCHMARKS)
    for name in names:
        with TemporaryDirectory() as folder:
            for figure in BENCHMARKS[name](Path(folder)):
                if figure.is_ratio or RATIOS not in sys.argv:
                    print(figure.line, flush=True)


if __name__ == "__main__":
    main()
