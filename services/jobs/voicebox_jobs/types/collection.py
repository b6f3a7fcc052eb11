"""The recordings of a job: decoded as WAV once, and kept until the job is deleted."""

from collections.abc import AsyncIterator
from pathlib import Path

from voicebox_audio.decoding.decoder import Decoder, open_decoder
from voicebox_audio.errors import AudioError, DecoderUnavailable
from voicebox_kit.errors import InvalidField, Precondition, Unavailable

from voicebox_jobs.inputs.wav import wav_blocks
from voicebox_jobs.job_type import Work
from voicebox_jobs.state import Outcome

from . import files

MAX_RECORDINGS = 1000
MAX_WAV_BYTES = 1 << 30


async def collect(work: Work) -> Outcome:
    """Decode each recording in the confined decoder, to mono WAV files that are kept until the job is deleted."""
    profile = work.request.get("profile", "")
    names = await work.peers.catalog.samples(profile, work.job.owner) if profile else work.request["inputs"]
    if not names:
        raise Precondition("NO_RECORDINGS", profile, f"{profile} has no samples.")
    try:
        async with open_decoder() as decoder:
            for number, name in enumerate(names):
                await _keep(work, decoder, name, _file(number))
                await work.report((number + 1) / len(names), f"recording {number + 1} of {len(names)}")
    except DecoderUnavailable as error:
        raise Unavailable(error.reason, error.sentence) from error
    return Outcome({"count": len(names), "names": list(names)})


async def _keep(work: Work, decoder: Decoder, name: str, file: str) -> None:
    if await work.runs.file(work.job, file):
        return
    try:
        wav = wav_blocks(decoder, await files.recorded(work, name))
        await files.keep(work, file, "audio/wav", wav, MAX_WAV_BYTES, is_result=False)
    except DecoderUnavailable:
        raise
    except AudioError as error:
        raise InvalidField(f"{work.job.type}.inputs", f"{name}: {error.sentence}", error.reason) from error


async def collected(work: Work) -> AsyncIterator[Path]:
    """The recordings in order, each in the job's folder, of a job whose step `collect` is completed."""
    for number in range(work.completed["collect"]["count"]):
        yield await on_disk(work, _file(number))


def _file(number: int) -> str:
    return f"recording-{number:04d}.wav"


async def on_disk(work: Work, name: str) -> Path:
    """A recording in the job's folder."""
    path = work.folder / name
    file = await work.runs.file(work.job, name)
    assert file is not None, "the step before stored it"
    if not path.exists() or path.stat().st_size != file.size_bytes:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as target:
            async for block in work.blobs.read(file.blob):
                target.write(block)
    return path
