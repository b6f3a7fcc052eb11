"""A data set made of recordings: cut into clips, transcribed, kept or left out with a reason, exported."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from voicebox_blobs.archives.zip_writer import Entry, zipped
from voicebox_blobs.blocks import of_file, once
from voicebox_kit.errors import InvalidField, Precondition

from voicebox_jobs.datasets import export, noise, picture, recording, report
from voicebox_jobs.datasets.clips import CLIP, Clip
from voicebox_jobs.datasets.cutting import cut
from voicebox_jobs.datasets.selection import selected
from voicebox_jobs.datasets.words import with_words, words_of
from voicebox_jobs.inputs.wav import header, pcm, wav
from voicebox_jobs.job_type import Request, Step, Work
from voicebox_jobs.state import ItemState, Outcome, State, UsageKind, Used
from voicebox_jobs.store.runs import NewItem

from . import files, requests
from .collection import MAX_RECORDINGS, collect, collected, on_disk

FIELD = "prepare_dataset"
ARCHIVE, REPORT, PICTURE = "dataset.zip", "report.json", "snr.png"
MAX_BYTES = 1 << 40


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
            answer, _ = await work.peers.asr.recognize(of_file(path), language, model, work.job.owner, by_word=True)
            words = once(json.dumps(answer).encode())
            await files.keep(work, _words_file(path), "application/json", words, MAX_BYTES, is_result=False)
        number += 1
        await work.report(number / count, f"recording {number} of {count}")
    return Outcome()


async def _cut(work: Work) -> Outcome:
    if work.request.get("denoise"):
        await _clean(work)
    clips: list[Clip] = []
    seconds: list[float] = []
    async for path in collected(work):
        answer = b"".join([block async for block in await files.kept(work, _words_file(path))])
        words = words_of(json.loads(answer))
        found = recording.opened(path)
        seconds.append(found.seconds)
        cuts = await asyncio.to_thread(_clips, path.stem, found, await _heard(work, path))
        clips += [with_words(clip, words) for clip in cuts]
    items = [NewItem({CLIP: clip.to_json()}, export.audio_path(clip)) for clip in selected(clips)]
    if not items:
        raise Precondition("NO_SPEECH", FIELD, "There is no speech of 3 s or more in the recordings.")
    await work.runs.set_items(work.job.id, work.job.run, items, ItemState.DONE)
    return Outcome({"seconds": seconds}, used=Used(UsageKind.DATASET, sum(seconds)))


async def _clean(work: Work) -> None:
    """Keep each recording without its noise beside it; one that is there is not made again."""
    async for path in collected(work):
        if not await work.runs.file(work.job, _clean_file(path)):
            blocks = _cleaned(recording.opened(path))
            await files.keep(work, _clean_file(path), "audio/wav", blocks, MAX_BYTES, is_result=False)


async def _cleaned(found: recording.Recording) -> AsyncIterator[bytes]:
    count = len(found.samples)
    yield header(found.sample_rate_hz, 2 * count)
    with noise.opened() as network:
        blocks = network.reduced(found.blocks(), found.sample_rate_hz, count)
        while (block := await asyncio.to_thread(next, blocks, None)) is not None:
            yield pcm(block)


async def _heard(work: Work, path: Path) -> recording.Recording:
    """The recording as the data set has it."""
    return recording.opened(await on_disk(work, _clean_file(path)) if work.request.get("denoise") else path)


def _clips(name: str, found: recording.Recording, heard: recording.Recording) -> list[Clip]:
    return list(cut(name, found, heard))


async def _write(work: Work) -> Outcome:
    """The data set as it is now, after what people have corrected."""
    clips = await _all_clips(work)
    recordings = {path.stem: await _heard(work, path) async for path in collected(work)}
    sources = zip(recordings, work.completed["collect"]["names"], work.completed["cut"]["seconds"], strict=True)
    made = report.report([report.Source(*each) for each in sources], clips)
    document = json.dumps(made, ensure_ascii=False, indent=1).encode()
    drawn = await asyncio.to_thread(picture.snr_picture, clips)
    await files.keep(work, REPORT, "application/json", once(document), MAX_BYTES)
    await files.keep(work, PICTURE, "image/png", once(drawn), MAX_BYTES)
    await files.keep(work, ARCHIVE, "application/zip", zipped(_entries(clips, recordings, document)), MAX_BYTES)
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
    clips: Sequence[Clip], recordings: dict[str, recording.Recording], document: bytes
) -> AsyncIterator[Entry]:
    now = datetime.now(UTC)
    for clip in (clip for clip in clips if clip.kept):
        source = recordings[clip.recording]
        yield Entry(export.audio_path(clip), once(await asyncio.to_thread(_audio, clip, source)), now)
    for name, lines in (("metadata.csv", export.ljspeech(clips)), ("dataset.jsonl", export.json_lines(clips))):
        yield Entry(name, _lines(lines), now, compress=True)
    yield Entry(REPORT, once(document), now, compress=True)


def _audio(clip: Clip, source: recording.Recording) -> bytes:
    samples = source.stretch(clip.begin_seconds, clip.end_seconds)
    return wav(export.levelled(samples, source.sample_rate_hz), source.sample_rate_hz)


def _clean_file(path: Path) -> str:
    return f"{path.stem}-clean.wav"


def _words_file(path: Path) -> str:
    return f"{path.stem}.json"


async def _lines(lines: Iterable[str]) -> AsyncIterator[bytes]:
    for line in lines:
        yield line.encode()
