"""Many texts spoken, each into a file of its own."""

import asyncio
from collections.abc import Sequence

from voicebox_kit.errors import InvalidField, Precondition, Unavailable

from voicebox_jobs.job_type import Request, Step, Work
from voicebox_jobs.peers.tts import Spoken
from voicebox_jobs.state import Outcome, State
from voicebox_jobs.store.runs import DoneItem
from voicebox_jobs.store.tables import Item

from . import batch, batch_file, files, requests

FIELD = "synthesize_batch"
CONTAINERS = {"BATCH_AUDIO_WAV": "wav", "BATCH_AUDIO_FLAC": "flac", "BATCH_AUDIO_MP3": "mp3"}
MAX_INLINE = 1000
STYLE = frozenset((*batch_file.NUMBERS, *batch_file.WORDS))
MAX_ITEM_BYTES = 1 << 30


class SynthesizeBatch:
    """As job_type.JobType."""

    name = FIELD
    needs_device = False
    scopes = ("speak",)

    @property
    def steps(self) -> Sequence[Step]:
        return (
            Step("read", State.PREPARING, 0.02, _read),
            Step("speak", State.RUNNING, 0.93, _speak),
            Step("pack", State.PUBLISHING, 0.05, batch.pack),
        )

    def inputs(self, request: Request) -> Sequence[str]:
        items, given = request.get("items", []), request.get("input", "")
        if bool(items) == bool(given):
            raise InvalidField(f"{FIELD}.input", f"Either {FIELD}.input or {FIELD}.items must be set.")
        requests.text(request.get("voice", ""), f"{FIELD}.voice", 200)
        if request.get("audio", "BATCH_AUDIO_WAV") not in CONTAINERS:
            raise InvalidField(f"{FIELD}.audio", f"{FIELD}.audio must be one of {', '.join(CONTAINERS)}.")
        if given:
            return [requests.input_id(given, f"{FIELD}.input")]
        if len(items) > MAX_INLINE:
            raise InvalidField(f"{FIELD}.items", f"{FIELD}.items must be at most {MAX_INLINE}: upload a file of more.")
        if problems := batch_file.checked(items, _container(request)).problems:
            raise InvalidField(f"{FIELD}.items", problems[0])
        return []


TYPE = SynthesizeBatch()


def _container(request: Request) -> str:
    return CONTAINERS.get(request.get("audio", ""), "wav")


async def _read(work: Work) -> Outcome:
    container = _container(work.request)
    if "items" in work.request:
        found = batch_file.checked(work.request["items"], container)
    else:
        found = await asyncio.to_thread(batch_file.read, await _content(work), container)
    if found.problems:
        raise Precondition("BATCH_INVALID", f"jobs/{work.job.id}", " ".join(found.problems[:10]))
    await work.runs.set_items(work.job.id, work.job.run, found.items)
    return Outcome()


async def _content(work: Work) -> bytes:
    return b"".join([block async for block in await files.uploaded(work, work.request["input"])])


async def _speak(work: Work) -> Outcome:
    return await batch.do_items(work, _speak_item)


async def _speak_item(work: Work, item: Item) -> DoneItem:
    spoken = Spoken()
    voice = item.fields["voice"] or work.request.get("voice", "")
    container = _container(work.request)
    style = {name: value for name, value in item.fields.items() if name in STYLE}
    audio = work.peers.tts.speak(item.fields["text"], voice, style, container, work.job.owner, spoken)
    blob = await work.blobs.put("items", audio, MAX_ITEM_BYTES)
    if not spoken.is_complete:
        await work.blobs.delete(blob.name)
        raise Unavailable("SPEECH_CUT_SHORT", "The speech was cut short.")
    return DoneItem(blob, spoken.duration_us, {"spoken_by": spoken.voice, "warnings": spoken.warnings})
