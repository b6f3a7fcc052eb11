"""An adapter of a model of tts or asr: trained on a data set in a process of its own, published when it passes its
test.
"""

import asyncio
import json
import re
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from voicebox_blobs.blocks import once
from voicebox_kit import plugins
from voicebox_kit.errors import InvalidField, NotFound, Precondition
from voicebox_models.adapters import archive, checkpoint_archive, plan
from voicebox_models.adapters.checkpoints import Checkpoints
from voicebox_models.adapters.trainer import GROUP, AdapterResult
from voicebox_models.adapters.training import CHECKPOINTS

from voicebox_jobs.adapters.dataset import seconds_of, unpack
from voicebox_jobs.adapters.picture import picture
from voicebox_jobs.job_type import Request, Step, Work
from voicebox_jobs.state import Outcome, State, UsageKind, Used
from voicebox_jobs.training.process import AdapterTraining, train_adapter

from . import files, requests

FIELD = "train_adapter"
DATASET = "dataset.zip"
"""The result of a job of the type prepare_dataset."""
ADAPTER = "adapter.voicebox-adapter"
MAX_FILE_BYTES = archive.MAX_ARCHIVE_BYTES
MAX_STEPS = int(plan.LIMITS["steps"][1])
_JOB = re.compile("jobs/([0-9a-f-]{36})")


class TrainAdapter:
    """As job_type.JobType."""

    name = FIELD
    needs_device = True
    scopes = ("admin",)

    @property
    def steps(self) -> Sequence[Step]:
        return (
            Step("collect", State.PREPARING, 0.05, _collect),
            Step("train", State.RUNNING, 0.9, _train),
            Step("publish", State.PUBLISHING, 0.05, _publish),
        )

    def inputs(self, request: Request) -> Sequence[str]:
        requests.display_name(request.get("display_name"), f"{FIELD}.display_name")
        requests.text(request.get("consent", "").strip(), f"{FIELD}.consent", 2000, 1)
        plan.read(request.get("options", {}), f"{FIELD}.options")
        _check_resumption(request)
        base = requests.model(request.get("base_model"), f"{FIELD}.base_model")
        engine, known = base.split("/")[1], plugins.names(GROUP)
        if engine not in known:
            sentence = f"There is no trainer of adapters {engine[:64]!r}. Installed: {', '.join(known) or 'none'}."
            raise InvalidField(f"{FIELD}.base_model", sentence)
        if _JOB.fullmatch(request.get("dataset", "")):
            return []
        return [requests.input_id(request.get("dataset"), f"{FIELD}.dataset")]


TYPE = TrainAdapter()


def _check_resumption(request: Request) -> None:
    job, step = request.get("resume_from", ""), int(request.get("resume_step", 0))
    if job and not _JOB.fullmatch(job):
        raise InvalidField(f"{FIELD}.resume_from", f"{FIELD}.resume_from must be jobs/JOB.")
    if bool(job) != bool(step) or not 0 <= step <= MAX_STEPS:
        sentence = f"{FIELD}.resume_step must be a step from 1 to {MAX_STEPS} of the checkpoint in resume_from."
        raise InvalidField(f"{FIELD}.resume_step", sentence)


async def _collect(work: Work) -> Outcome:
    """Unpack the data set, each recording by the confined decoder."""
    return Outcome({"clips": await unpack(await _content(work), work.folder / "dataset", work.report)})


async def _train(work: Work) -> Outcome:
    """Train in a process that is ended at once when the job is cancelled; what it made is kept, whether it passes its
    test or not.
    """
    dataset = work.folder / "dataset"
    await unpack(await _content(work), dataset, _silent)  # it is not there when another machine goes on
    await _begin_at_checkpoint(work, work.folder / "adapter" / CHECKPOINTS)
    training = AdapterTraining(
        base_model=work.request["base_model"].removeprefix("models/"),
        dataset=dataset,
        speaker=_slug(work.request["display_name"]).replace("-", "_"),
        consent=work.request["consent"],
        options=work.request.get("options", {}),
        folder=work.folder / "adapter",
        device=work.job.device,
    )
    result = await train_adapter(training, work.report, work.device)
    await _keep(work, training.folder, result)
    outputs = {name: json.dumps(value) for name, value in result.metrics.items()}
    outputs |= {"best_step": str(result.best_step), "chosen_step": str(result.chosen_step)}
    used = Used(UsageKind.TRAINING, await asyncio.to_thread(seconds_of, dataset), training.base_model)
    return Outcome({"failure": result.failure}, outputs, tuple(result.warnings), used)


async def _begin_at_checkpoint(work: Work, folder: Path) -> None:
    """The checkpoint that the training goes on from, unless an earlier attempt of this job has made one."""
    if not (name := work.request.get("resume_from", "")):
        return
    step, checkpoints = int(work.request["resume_step"]), await asyncio.to_thread(Checkpoints, folder)
    if await asyncio.to_thread(checkpoints.all):
        return
    file = await work.runs.result_of(work.job, name.partition("/")[2], _checkpoint(step))
    if file is None:
        raise NotFound("checkpoint", f"{name} {step}", "It has kept no checkpoint of this step.")
    with tempfile.TemporaryFile(dir=work.folder) as spool:
        async for block in work.blobs.read(file.blob):
            await asyncio.to_thread(spool.write, block)
        await asyncio.to_thread(checkpoint_archive.unpack, spool, checkpoints, step)


async def _publish(work: Work) -> Outcome:
    base = work.request["base_model"]
    if failure := work.completed["train"]["failure"]:
        raise Precondition("ADAPTER_FAILED_TEST", base, f"It is not published: {failure} Its files are kept.")
    service = plugins.load(GROUP, base.split("/")[1])().service
    identity = f"{_slug(work.request['display_name'])}-{work.job.id[:8]}"
    blocks = await files.kept(work, ADAPTER)
    adapter, model = await work.peers.models.publish(service, blocks, identity, work.job.owner)
    return Outcome(outputs={"adapter": adapter, "model": model})


async def _content(work: Work) -> AsyncIterator[bytes]:
    """The bytes of the data set's archive."""
    name = work.request["dataset"]
    if found := _JOB.fullmatch(name):
        file = await work.runs.result_of(work.job, found[1], DATASET)
        if file is None:
            raise NotFound("dataset", name, "It has prepared no data set.")
        return work.blobs.read(file.blob)
    return await files.uploaded(work, name)


async def _keep(work: Work, folder: Path, result: AdapterResult) -> None:
    """The files of the result: an adapter for each checkpoint, the chosen one by its own name."""
    numbers = (folder / result.numbers).read_bytes()
    await files.keep(work, result.numbers, "application/json", once(numbers), MAX_FILE_BYTES)
    await files.keep(work, "training.png", "image/png", once(picture(json.loads(numbers))), MAX_FILE_BYTES)
    for sample in result.samples:
        name = f"{Path(sample).stem}-{Path(sample).parent.name}.wav"
        await files.keep(work, name, "audio/wav", once((folder / sample).read_bytes()), MAX_FILE_BYTES)
    for step, path in result.adapters.items():
        name = ADAPTER if step == result.chosen_step else f"adapter-{step:06d}.voicebox-adapter"
        await files.keep(work, name, archive.CONTENT_TYPE, archive.packed(folder / path), MAX_FILE_BYTES)
        state = checkpoint_archive.packed(folder / path)
        await files.keep(work, _checkpoint(step), archive.CONTENT_TYPE, state, checkpoint_archive.MAX_BYTES)


def _checkpoint(step: int) -> str:
    """The name of a checkpoint among the results."""
    return f"checkpoint-{step:06d}.zip"


def _slug(name: str) -> str:
    """A name in a to z, 0 to 9 and -."""
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-") or "adapter"


async def _silent(fraction: float | None, stage: str = "") -> None:
    """Reports nothing."""
