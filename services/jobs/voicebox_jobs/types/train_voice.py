"""A voice model made of recordings: collected as WAV, trained in a process of its own, published to conversion."""

import json
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from voicebox_blobs.archives.zip_writer import Entry, zipped
from voicebox_blobs.blocks import of_file
from voicebox_kit import plugins
from voicebox_kit.errors import InvalidField, Precondition
from voicebox_models.trainer import GROUP

from voicebox_jobs.inputs.wav import duration_seconds
from voicebox_jobs.job_type import Request, Step, Work
from voicebox_jobs.state import Outcome, State, UsageKind, Used
from voicebox_jobs.training.process import Training, train

from . import files, requests
from .collection import MAX_RECORDINGS, collect, collected

FIELD = "train_voice"
DEFAULT_ENGINE = "world"
ARCHIVE = "voice.voicebox-voice"
MAX_ARCHIVE_BYTES = 1 << 32
NAMESPACE = uuid.UUID("8f0b9f0e-6a61-4d0c-9c1b-5a0f2a3f6d11")
"""Of request ids that are made of a job's run: a repeated publication changes nothing."""


class TrainVoice:
    """As job_type.JobType."""

    name = FIELD
    needs_device = True
    scopes = ()

    @property
    def steps(self) -> Sequence[Step]:
        return (
            Step("collect", State.PREPARING, 0.1, collect),
            Step("train", State.RUNNING, 0.85, _train),
            Step("publish", State.PUBLISHING, 0.05, _publish),
        )

    def inputs(self, request: Request) -> Sequence[str]:
        requests.display_name(request.get("display_name"), f"{FIELD}.display_name")
        requests.text(request.get("consent", "").strip(), f"{FIELD}.consent", 2000, 1)
        options = request.get("options", {})
        if len(options) > 64 or any(len(key) > 63 or len(value) > 2000 for key, value in options.items()):
            raise InvalidField(f"{FIELD}.options", f"{FIELD}.options must be at most 64 of up to 2000 characters.")
        engine, known = request.get("engine") or DEFAULT_ENGINE, plugins.names(GROUP)
        if engine not in known:
            sentence = f"There is no trainer {engine[:64]!r}. Installed: {', '.join(known) or 'none'}."
            raise InvalidField(f"{FIELD}.engine", sentence)
        return requests.recordings(request, FIELD, MAX_RECORDINGS)


TYPE = TrainVoice()


async def _train(work: Work) -> Outcome:
    """Train in a process that is ended at once when the job is cancelled; its files become one archive."""
    recordings = [path async for path in collected(work)]
    options = {
        **work.request.get("options", {}), "name": work.request["display_name"], "consent": work.request["consent"]
    }  # fmt: skip
    training = Training(
        work.request.get("engine") or DEFAULT_ENGINE, recordings, options, work.folder / "trained", work.job.device
    )
    result = await train(training, work.report, work.device)
    archive = zipped(_entries(training.folder, result.files))
    await files.keep(work, ARCHIVE, "application/zip", archive, MAX_ARCHIVE_BYTES)
    metrics = {name: json.dumps(value) for name, value in result.metrics.items()}
    seconds = sum(duration_seconds(path) for path in recordings)
    used = Used(UsageKind.TRAINING, seconds, training.engine)
    return Outcome(outputs=metrics, warnings=tuple(result.warnings), used=used)


async def _publish(work: Work) -> Outcome:
    archive = await files.kept(work, ARCHIVE)
    request_id = _uuid4(f"{work.job.id}.{work.job.run}")
    name = await work.peers.conversion.publish(archive, request_id, work.job.owner)
    return Outcome(outputs={"voice_model": name})


async def _entries(folder: Path, names: Sequence[str]) -> AsyncIterator[Entry]:
    for name in sorted(names):
        yield Entry(name, of_file(_made(folder, name)), datetime.now(UTC))


def _made(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise Precondition("TRAINER_BROKEN", name, f"The trainer made no file {name!r}.")
    return path


def _uuid4(name: str) -> str:
    """A UUID that is always the same for a name, in the form of a random one."""
    return str(uuid.UUID(bytes=uuid.uuid5(NAMESPACE, name).bytes, version=4))
