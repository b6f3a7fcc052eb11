"""Many recordings transcribed."""

from collections.abc import Sequence
from typing import Any

from voicebox_blobs.blocks import once
from voicebox_kit.errors import Precondition

from voicebox_jobs.job_type import Request, Step, Work
from voicebox_jobs.state import Outcome, State
from voicebox_jobs.store.runs import DoneItem, NewItem
from voicebox_jobs.store.tables import Item

from . import batch, files, requests

FIELD = "transcribe_batch"
MAX_TRANSCRIPT_BYTES = 1 << 26
KEPT = ("transcript", "language", "model", "warnings")
"""Of the answer of asr, in the manifest."""


class TranscribeBatch:
    """As job_type.JobType."""

    name = FIELD
    needs_device = False
    scopes = ("hear",)

    @property
    def steps(self) -> Sequence[Step]:
        return (
            Step("list", State.PREPARING, 0.02, _list),
            Step("recognize", State.RUNNING, 0.93, _recognize),
            Step("pack", State.PUBLISHING, 0.05, batch.pack),
        )

    def inputs(self, request: Request) -> Sequence[str]:
        requests.text(request.get("language", ""), f"{FIELD}.language", 35)
        if request.get("model"):
            requests.model(request["model"], f"{FIELD}.model")
        return requests.recordings(request, FIELD)


TYPE = TranscribeBatch()


async def _list(work: Work) -> Outcome:
    profile = work.request.get("profile", "")
    if profile:
        names = await work.peers.catalog.samples(profile, work.job.owner)
        found = [NewItem({"sample": name}, f"{number + 1:05d}.txt") for number, name in enumerate(names)]
    else:
        found = [
            NewItem({"input": name}, f"{number + 1:05d}.txt") for number, name in enumerate(work.request["inputs"])
        ]
    if not found:
        raise Precondition("NO_RECORDINGS", profile, f"{profile} has no samples.")
    await work.runs.set_items(work.job.id, work.job.run, found)
    return Outcome()


async def _recognize(work: Work) -> Outcome:
    return await batch.do_items(work, _recognize_item)


async def _recognize_item(work: Work, item: Item) -> DoneItem:
    audio = await files.recorded(work, item.fields.get("sample") or item.fields["input"])
    language, model = work.request.get("language", ""), work.request.get("model", "")
    answer, duration_us = await work.peers.asr.recognize(audio, language, model, work.job.owner)
    transcript = answer.get("transcript", "")
    blob = await work.blobs.put("items", once(transcript.encode() + b"\n"), MAX_TRANSCRIPT_BYTES)
    kept: dict[str, Any] = {key: answer[key] for key in KEPT if key in answer}
    return DoneItem(blob, duration_us, kept)
