"""An adapter of a model of tts or asr: trained on a data set in a process of its own, published when it passes its
test.
"""

import json
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from voicebox_blobs.blobs import Blob
from voicebox_kit import plugins
from voicebox_kit.errors import InvalidField, NotFound, Precondition
from voicebox_models.adapters import archive, plan
from voicebox_models.adapters.trainer import GROUP, AdapterResult

from voicebox_jobs.adapters.dataset import unpack
from voicebox_jobs.adapters.picture import picture
from voicebox_jobs.job_type import Request, Step, Work
from voicebox_jobs.state import Outcome, State
from voicebox_jobs.training.process import AdapterTraining, train_adapter

from . import requests

FIELD = "train_adapter"
DATASET = "dataset.zip"
"""The result of a job of the type prepare_dataset."""
ADAPTER = "adapter.voicebox-adapter"
MAX_FILE_BYTES = archive.MAX_ARCHIVE_BYTES
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
        requests.text(request.get("display_name", ""), f"{FIELD}.display_name", 100, 1)
        requests.text(request.get("consent", "").strip(), f"{FIELD}.consent", 2000, 1)
        plan.read(request.get("options", {}), f"{FIELD}.options")
        base = requests.model(request.get("base_model"), f"{FIELD}.base_model")
        engine, known = base.split("/")[1], plugins.names(GROUP)
        if engine not in known:
            sentence = f"There is no trainer of adapters {engine[:64]!r}. Installed: {', '.join(known) or 'none'}."
            raise InvalidField(f"{FIELD}.base_model", sentence)
        if _JOB.fullmatch(request.get("dataset", "")):
            return []
        return [requests.input_id(request.get("dataset"), f"{FIELD}.dataset")]


TYPE = TrainAdapter()


async def _collect(work: Work) -> Outcome:
    """Unpack the data set, each recording by the confined decoder."""
    return Outcome({"clips": await unpack(await _content(work), work.folder / "dataset", work.report)})


async def _train(work: Work) -> Outcome:
    """Train in a process that is ended at once when the job is cancelled; what it made is kept, whether it passes its
    test or not.
    """
    dataset = work.folder / "dataset"
    await unpack(await _content(work), dataset, _silent)  # it is not there when another machine goes on
    training = AdapterTraining(
        base_model=work.request["base_model"].removeprefix("models/"),
        dataset=dataset,
        speaker=_slug(work.request["display_name"]).replace("-", "_"),
        consent=work.request["consent"],
        options=work.request.get("options", {}),
        folder=work.folder / "adapter",
        device=work.job.device,
    )
    result = await train_adapter(training, work.report)
    await _keep(work, training.folder, result)
    outputs = {name: json.dumps(value) for name, value in result.metrics.items()}
    outputs |= {"best_step": str(result.best_step), "chosen_step": str(result.chosen_step)}
    return Outcome({"failure": result.failure}, outputs, tuple(result.warnings))


async def _publish(work: Work) -> Outcome:
    base = work.request["base_model"]
    if failure := work.completed["train"]["failure"]:
        raise Precondition("ADAPTER_FAILED_TEST", base, f"It is not published: {failure} Its files are kept.")
    file = await work.runs.file(work.job, ADAPTER)
    assert file is not None, "the step before stored it"
    service = plugins.load(GROUP, base.split("/")[1])().service
    identity = f"{_slug(work.request['display_name'])}-{work.job.id[:8]}"
    blocks = work.blobs.read(file.blob)
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
    row = await work.runs.input(work.job, requests.input_id(name, f"{FIELD}.dataset"))
    if row is None:
        raise NotFound("input", name)
    return work.blobs.read(row.blob)


async def _keep(work: Work, folder: Path, result: AdapterResult) -> None:
    """The files of the result: an adapter for each checkpoint, the chosen one by its own name."""
    numbers = (folder / result.numbers).read_bytes()
    await _add(work, result.numbers, "application/json", _once(numbers))
    await _add(work, "training.png", "image/png", _once(picture(json.loads(numbers))))
    for sample in result.samples:
        name = f"{Path(sample).stem}-{Path(sample).parent.name}.wav"
        await _add(work, name, "audio/wav", _once((folder / sample).read_bytes()))
    for step, path in result.adapters.items():
        name = ADAPTER if step == result.chosen_step else f"adapter-{step:06d}.voicebox-adapter"
        await _add(work, name, archive.CONTENT_TYPE, archive.packed(folder / path))


async def _add(work: Work, name: str, content_type: str, content: AsyncIterator[bytes]) -> None:
    blob: Blob = await work.blobs.put("results", content, MAX_FILE_BYTES)
    replaced = await work.runs.add_file(work.job.id, work.job.run, name, blob, content_type, result=True)
    if replaced:
        await work.blobs.delete(replaced)


def _slug(name: str) -> str:
    """A name in a to z, 0 to 9 and -."""
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-") or "adapter"


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _silent(fraction: float, stage: str = "") -> None:
    """Reports nothing."""
