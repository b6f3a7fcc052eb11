"""Unpacks a data set: names come from its own list, and each recording passes the confined decoder."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from voicebox_audio.decoding.decoder import Decoder, open_decoder
from voicebox_audio.errors import AudioError, DecoderUnavailable
from voicebox_blobs.archives.zip_reader import ZipReader
from voicebox_blobs.blobs import storage_errors
from voicebox_kit.durable import sync_path
from voicebox_kit.errors import Unavailable
from voicebox_models.adapters import dataset

from voicebox_jobs.inputs.wav import duration_seconds, wav_blocks
from voicebox_jobs.job_type import Report

MAX_UNPACKED_BYTES = 8 << 30
MAX_LIST_BYTES = 64 << 20
MAX_RECORDING_BYTES = 64 << 20


async def unpack(archive: AsyncIterator[bytes], folder: Path, report: Report) -> int:
    """Write `dataset.jsonl` and its recordings, as mono WAV files, into `folder`, all or nothing; how many there are.
    Does nothing when they are there. InvalidField("dataset") for what is no data set.
    """
    if count := await asyncio.to_thread(_count, folder):
        return count
    partial = await asyncio.to_thread(_emptied, folder.with_name(f"{folder.name}.partial"))
    with storage_errors(), tempfile.TemporaryFile(dir=partial) as spool:
        async for block in archive:
            await asyncio.to_thread(spool.write, block)
        reader = await asyncio.to_thread(ZipReader, spool, MAX_UNPACKED_BYTES)
        listed = await asyncio.to_thread(_listed, reader)
        try:
            async with open_decoder() as decoder:
                for number, (name, _) in enumerate(listed):
                    await _write(partial / _path(number), decoder, reader, name)
                    await report((number + 1) / len(listed), f"recording {number + 1} of {len(listed)}")
        except DecoderUnavailable as error:
            raise Unavailable(error.reason, error.sentence) from error
        await asyncio.to_thread(_complete, partial, [text for _, text in listed])
    await asyncio.to_thread(partial.rename, folder)
    return len(listed)


def seconds_of(folder: Path) -> float:
    """How long the recordings of an unpacked data set are together. Blocking."""
    return sum(duration_seconds(path) for path in (folder / "wavs").iterdir())


def _listed(reader: ZipReader) -> Sequence[tuple[str, str]]:
    return dataset.lines(b"".join(reader.blocks(dataset.FILE, MAX_LIST_BYTES)))


def _count(folder: Path) -> int:
    """How many recordings a data set in a folder has; 0 when it is not there."""
    return len(dataset.lines((folder / dataset.FILE).read_bytes())) if folder.is_dir() else 0


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "wavs").mkdir(parents=True)
    return folder


def _complete(folder: Path, texts: Sequence[str]) -> None:
    """Write the list; it is on the disk when this returns."""
    lines = [json.dumps({"audio": _path(number), "text": text}) for number, text in enumerate(texts)]
    (folder / dataset.FILE).write_text("\n".join(lines) + "\n")
    sync_path(folder / dataset.FILE)


async def _write(path: Path, decoder: Decoder, reader: ZipReader, name: str) -> None:
    try:
        with path.open("wb") as file:
            async for block in wav_blocks(decoder, reader.stream(name, MAX_RECORDING_BYTES)):
                file.write(block)
    except DecoderUnavailable:
        raise
    except AudioError as error:
        raise dataset.refused(f"{name[:200]}: {error.sentence}") from error


def _path(number: int) -> str:
    return f"wavs/{number:06d}.wav"
