"""A data set made of recordings: cut into clips, transcribed, kept or left out with a reason, exported."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from voicebox_blobs.archives.zip_writer import Entry, zipped
from voicebox_blobs.blobs import Blob
from voicebox_kit.errors import InvalidField, Precondition

from voicebox_jobs.datasets import export, noise, picture, recording, report
from voicebox_jobs.datasets.clips import CLIP, Clip
from voicebox_jobs.datasets.cutting import Clean, cut, unchanged
from voicebox_jobs.datasets.selection import selected
from voicebox_jobs.datasets.words import with_words, words_of
from voicebox_jobs.inputs.wav import wav
from voicebox_jobs.job_type import Request, Step, Work
from voicebox_jobs.state import ItemState, Outcome, State
from voicebox_jobs.store.runs import NewItem

from . import requests
from .collection import MAX_RECORDINGS, collect, collected

FIELD = "prepare_dataset"
ARCHIVE, REPORT, PICTURE = "dataset.zip", "report.json", "snr.png"
MAX_BYTES = 1 << 40
PIECE_BYTES = 1 << 18


class PrepareDataset:
    """As job_type.JobType."""

    name = FIELD
    needs_device = False
    scopes = ("hear",)

    @property
    def steps(self) -> Sequence[Step]:
        return (
            Step("collect", State.PREPARING, 0.1, collect),
            Step("recognize", State.RUNNING, 0.7, _recognize),
            Step("cut", State.RUNNING, 0.1, _cut),
            Step("write", State.PUBLISHING, 0.1, _write),
        )

    def inputs(self, request: Request) -> Sequence[str]:
        requests.text(request.get("language", ""), f"{FIELD}.language", 35)
        if request.get("model"):
            requests.model(request["model"], f"{FIELD}.model")
        if request.get("denoise") and not noise.is_installed():
            sentence = "There is no noise reduction here: pip install 'voicebox-jobs[denoise]' brings it."
            raise InvalidField(f"{FIELD}.denoise", sentence)
        return requests.recordings(request, FIELD, MAX_RECORDINGS)


TYPE = PrepareDataset()


async def _recognize(work: Work) -> Outcome:
    """What is said in each recording, by word and by speaker: a recording that was recognised is not so again."""
    language, model = work.request.get("language", ""), work.request.get("model", "")
    count, number = work.completed["collect"]["count"], 0
    async for path in collected(work):
        if not await work.runs.file(work.job, _words_file(path)):
            answer, _ = await work.peers.asr.recognize(_file(path), language, model, work.job.owner, by_word=True)
            await _keep(work, _words_file(path), "application/json", json.dumps(answer).encode(), result=False)
        number += 1
        await work.report(number / count, f"recording {number} of {count}")
    return Outcome()


async def _cut(work: Work) -> Outcome:
    clips: list[Clip] = []
    seconds: list[float] = []
    async for path in collected(work):
        words = words_of(json.loads(await _content(work, _words_file(path))))
        found = recording.opened(path)
        seconds.append(found.seconds)
        clips += [with_words(clip, words) for clip in await asyncio.to_thread(_clips, path.stem, found, _clean(work))]
    items = [NewItem({CLIP: clip.to_json()}, export.audio_path(clip)) for clip in selected(clips)]
    if not items:
        raise Precondition("NO_SPEECH", FIELD, "There is no speech of 3 s or more in the recordings.")
    await work.runs.set_items(work.job.id, work.job.run, items, ItemState.DONE)
    return Outcome({"seconds": seconds})


def _clean(work: Work) -> Clean:
    return noise.reduced if work.request.get("denoise") else unchanged


def _clips(name: str, found: recording.Recording, clean: Clean) -> list[Clip]:
    return list(cut(name, found, clean))


async def _write(work: Work) -> Outcome:
    """The data set as it is now, after what people have corrected."""
    clips = await _all_clips(work)
    paths = {path.stem: path async for path in collected(work)}
    sources = zip(paths, work.completed["collect"]["names"], work.completed["cut"]["seconds"], strict=True)
    made = report.report([report.Source(*each) for each in sources], clips)
    document = json.dumps(made, ensure_ascii=False, indent=1).encode()
    await _keep(work, REPORT, "application/json", document, result=True)
    await _keep(work, PICTURE, "image/png", await asyncio.to_thread(picture.snr_picture, clips), result=True)
    archive = zipped(_entries(clips, paths, document, _clean(work)))
    blob = await work.blobs.put("results", archive, MAX_BYTES)
    await _add(work, ARCHIVE, "application/zip", blob, result=True)
    outputs = {name: json.dumps(made[name]) for name in ("kept_minutes", "kept_count", "clip_count")}
    return Outcome(outputs=outputs, warnings=tuple(made["record_next"]))


async def _all_clips(work: Work) -> list[Clip]:
    clips: list[Clip] = []
    after = -1
    while page := await work.runs.items(work.job, after):
        clips += [Clip.from_json(item.fields[CLIP]) for item in page]
        after = page[-1].number
    return clips


async def _entries(
    clips: Sequence[Clip], paths: dict[str, Path], document: bytes, clean: Clean
) -> AsyncIterator[Entry]:
    now = datetime.now(UTC)
    for clip in (clip for clip in clips if clip.kept):
        source = recording.opened(paths[clip.recording])
        yield Entry(export.audio_path(clip), _once(await asyncio.to_thread(_audio, clip, source, clean)), now)
    for name, lines in (("metadata.csv", export.ljspeech(clips)), ("dataset.jsonl", export.json_lines(clips))):
        yield Entry(name, _lines(lines), now, compress=True)
    yield Entry(REPORT, _once(document), now, compress=True)


def _audio(clip: Clip, source: recording.Recording, clean: Clean) -> bytes:
    samples = clean(source.stretch(clip.begin_seconds, clip.end_seconds), source.sample_rate_hz)
    return wav(export.levelled(samples, source.sample_rate_hz), source.sample_rate_hz)


def _words_file(path: Path) -> str:
    return f"{path.stem}.json"


async def _keep(work: Work, name: str, content_type: str, content: bytes, *, result: bool) -> None:
    blob = await work.blobs.put("results" if result else "work", _once(content), MAX_BYTES)
    await _add(work, name, content_type, blob, result=result)


async def _add(work: Work, name: str, content_type: str, blob: Blob, *, result: bool) -> None:
    replaced = await work.runs.add_file(work.job.id, work.job.run, name, blob, content_type, result=result)
    if replaced:
        await work.blobs.delete(replaced)


async def _content(work: Work, name: str) -> bytes:
    file = await work.runs.file(work.job, name)
    assert file is not None, "the step before stored it"
    return b"".join([block async for block in work.blobs.read(file.blob)])


async def _file(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(PIECE_BYTES):
            yield block


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _lines(lines: Iterable[str]) -> AsyncIterator[bytes]:
    for line in lines:
        yield line.encode()
