"""Recognises a whole file, which is read as it is heard."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from voicebox_audio.pcm import Frames

from voicebox_asr.audio.channels import ChannelPassage, ChannelReader
from voicebox_asr.diarization.diarizer import Diarizer
from voicebox_asr.engine import SAMPLE_RATE_HZ, Engine, Heard, Options, Samples
from voicebox_asr.results.repetition import without_loops
from voicebox_asr.results.transcript import Transcript
from voicebox_asr.results.utterance import Utterance
from voicebox_asr.results.warnings import doubts
from voicebox_asr.segmentation.short_audio import is_short, short_sound

from .recognizer import Recognizer


@dataclass(frozen=True)
class SpeakerSearch:
    """Who is to be told apart: `fewest` to `most` people. A diarizer serves one file."""

    diarizer: Diarizer
    fewest: int
    most: int


async def transcribe(
    recognizer: Recognizer,
    engine: Engine,
    sound: AsyncIterator[Samples | Frames],
    options: Options,
    speakers: SpeakerSearch | None = None,
    tell: Callable[[Heard], None] | None = None,
) -> Transcript:
    """The utterances of a file, in the order of their beginnings, with speakers when these are searched. Raises what
    `sound` raises.

    `tell` is told what is heard as soon as it is, before loops are cut out of it.
    """
    heard: list[ChannelPassage] = []

    async def hear(work: Iterator[ChannelPassage | None]) -> None:
        async for found in recognizer.run(reader, work):
            if found:
                heard.append(found)
                if tell:
                    tell(found.passage.heard)

    audio_samples = 0
    async with recognizer.opened(engine, lambda: ChannelReader(lambda: engine.read(options))) as reader:
        began = time.perf_counter()
        async for samples in sound:
            await hear(reader.hear(samples))
            if speakers:
                await _exhaust(recognizer.run(speakers.diarizer, speakers.diarizer.hear(samples)))
            recognizer.count(samples)
            audio_samples += samples.shape[0]
        await hear(reader.finish())
        utterances, loops = await asyncio.to_thread(without_loops, _in_order(heard))
        utterances = tuple(replace(utterance, index=index) for index, utterance in enumerate(utterances))
        notices = (*reader.notices, *loops, *doubts(utterances, options.decoding))
        if not utterances and not notices and is_short(audio_samples / SAMPLE_RATE_HZ):
            notices = (short_sound("", audio_samples / SAMPLE_RATE_HZ, 0.0, audio_samples / SAMPLE_RATE_HZ),)
        if speakers:
            work = speakers.diarizer.finish(utterances, speakers.fewest, speakers.most)
            utterances = tuple([utterance async for utterance in recognizer.run(speakers.diarizer, work)])
        took = time.perf_counter() - began
    language, probability = _language(utterances)
    return Transcript(
        utterances,
        language or options.language,
        audio_samples / SAMPLE_RATE_HZ,
        probability,
        reader.speech_seconds,
        took,
        notices,
    )


async def _exhaust(steps: AsyncGenerator[None]) -> None:
    async with aclosing(steps):
        async for _ in steps:
            pass


def _in_order(heard: Iterable[ChannelPassage]) -> tuple[Utterance, ...]:
    passages = sorted(heard, key=lambda each: (each.passage.start_seconds, each.channel))
    return tuple(
        Utterance(index, each.passage.heard, each.passage.start_seconds, each.passage.end_seconds, each.channel)
        for index, each in enumerate(passages)
    )


def _language(utterances: Sequence[Utterance]) -> tuple[str, float | None]:
    """The language that is spoken longest, and how sure the model is of it."""
    seconds: Counter[str] = Counter()
    for utterance in utterances:
        seconds[utterance.heard.language] += utterance.end_seconds - utterance.start_seconds  # type: ignore[assignment]  # floats count too
    if not seconds:
        return "", None
    language = seconds.most_common(1)[0][0]
    told = [each.heard.language_probability for each in utterances if each.heard.language == language]
    probabilities = [probability for probability in told if probability is not None]
    return language, sum(probabilities) / len(probabilities) if probabilities else None
