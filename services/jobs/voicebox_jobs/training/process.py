"""Runs a trainer in a process of its own, which is ended at once when its step is cancelled."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from voicebox_kit.errors import Code, VoiceboxError
from voicebox_models.adapters.trainer import AdapterResult
from voicebox_models.trainer import Result

from voicebox_jobs.devices.devices import JobDevice
from voicebox_jobs.job_type import Report

MAX_LINE_BYTES = 1 << 20
MODULE = "voicebox_jobs.training.child"


class ProcessDied(Exception):
    """The process ended without an answer: something killed it, or it crashed."""


class Refused(VoiceboxError):
    """The trainer refused, with this error."""

    def __init__(self, code: int, reason: str, sentence: str) -> None:
        super().__init__(reason, sentence)
        self.code = Code(code)


@dataclass(frozen=True)
class Training:
    """What is trained: recordings on this disk, and the folder of the result, where an earlier attempt may have left
    something to go on from.
    """

    engine: str
    recordings: Sequence[Path]
    options: Mapping[str, str]
    folder: Path
    device: str


async def train(training: Training, report: Report, device: JobDevice) -> Result:
    """The trainer's result, begun when there is room on the device. Raises as `JobDevice.held`, Refused for an error of
    the trainer, ProcessDied when its process died.
    """
    return Result(**await _run(_request(training), training.folder, report, device))


@dataclass(frozen=True)
class AdapterTraining:
    """What is trained: an adapter of the model `{engine}/{model}` on the data set in a folder of this disk."""

    base_model: str
    dataset: Path
    speaker: str
    consent: str
    options: Mapping[str, str]
    folder: Path
    device: str


async def train_adapter(training: AdapterTraining, report: Report, device: JobDevice) -> AdapterResult:
    """The trainer's result. Raises as `train`."""
    request = {
        **asdict(training),
        "engine": training.base_model.partition("/")[0],
        "dataset": str(training.dataset),
        "folder": str(training.folder),
    }
    result = await _run(request, training.folder, report, device)
    return AdapterResult(**{**result, "adapters": {int(step): path for step, path in result["adapters"].items()}})


async def _run(request: Mapping[str, Any], folder: Path, report: Report, device: JobDevice) -> dict[str, Any]:
    """The result of a trainer in a process that is ended when this is."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    async with device.held(partial(report, None)) as lease:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", MODULE, str(os.getpid())),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=MAX_LINE_BYTES,
            start_new_session=True,
            pass_fds=[lease.fileno()] if lease else [],  # the device is free when the process is gone, however it ends
        )
        try:
            assert process.stdin
            process.stdin.write(json.dumps({**request, **device.request()}).encode() + b"\n")
            with suppress(ConnectionError):
                await process.stdin.drain()
            process.stdin.close()
            return await _answer(process, report, device)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(process.wait())


async def _answer(process: asyncio.subprocess.Process, report: Report, device: JobDevice) -> dict[str, Any]:
    while message := await _message(process):
        if "fraction" in message:
            await report(message["fraction"], message["stage"])
        elif "gives_way_to" in message:
            async with device.giving_way():
                await report(None, f"gives way to {message['gives_way_to']}")
                await _message(process)
            await report(None, "goes on")
        elif "error" in message:
            raise Refused(**message["error"])
        else:
            result: dict[str, Any] = message["result"]
            return result
    code = await process.wait()
    raise ProcessDied(f"signal {-code}" if code < 0 else f"code {code}")


async def _message(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """The next one; empty when the process has ended."""
    assert process.stdout
    line = await process.stdout.readline()
    message: dict[str, Any] = json.loads(line) if line else {}
    return message


def _request(training: Training) -> dict[str, Any]:
    return {
        "engine": training.engine,
        "recordings": [str(path) for path in training.recordings],
        "options": dict(training.options),
        "folder": str(training.folder),
        "device": training.device,
    }
