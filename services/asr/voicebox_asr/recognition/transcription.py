"""Recognises a whole file while it is read."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from voicebox_audio.pcm import Frames
from voicebox_kit.permits import idle_between

from voicebox_asr.audio.channels import ChannelReader, ChannelSegment
from voicebox_asr.diarization.diarizer import Diarizer
from voicebox_asr.engine import SAMPLE_RATE_HZ, Engine, Options, Samples
from voicebox_asr.results.repetition import without_loops
from voicebox_asr.results.transcript import Transcript
from voicebox_asr.results.unsure_languages import unsure_languages
from voicebox_asr.results.utterance import Utterance
from voicebox_asr.results.warnings import low_confidence_warnings
from voicebox_asr.segmentation.short_audio import is_short, short_audio_warning

from .recognizer import Recognizer


@dataclass(frozen=True)
class SpeakerSearch:
    """The search for `minimum` to `maximum` speakers. A diarizer serves one file."""

    diarizer: Diarizer
    minimum: int
    maximum: int


async def transcribe(
    recognizer: Recognizer,
    engine: Engine,
    audio: AsyncIterator[Samples | Frames],
    options: Options,
    speakers: SpeakerSearch | None = None,
    on_utterance: Callable[[Utterance], None] | None = None,
) -> Transcript:
    """The transcript of a file, its utterances by their beginnings, with speakers where `speakers` is given.

    `on_utterance` is called with each utterance as soon as it is recognised: before loops are cut out, and without its
    speaker. Raises what `audio` raises.
    """
    segments: list[ChannelSegment] = []

    async def collect(work: Iterator[ChannelSegment | None]) -> None:
        async for found in recognizer.run(reader, work):
            if found:
                segments.append(found)
                if on_utterance:
                    on_utterance(_utterance(len(segments) - 1, found))

    audio_samples = 0
    async with recognizer.opened(engine, lambda: ChannelReader(lambda: engine.read(options))) as (reader, permit):
        began = time.perf_counter()
        async for samples in idle_between(permit, audio):
            await collect(reader.process(samples))
            if speakers:
                await _exhaust(recognizer.run(speakers.diarizer, speakers.diarizer.process(samples)))
            recognizer.count(samples)
            audio_samples += samples.shape[0]
        await collect(reader.finish())
        utterances, loops = await asyncio.to_thread(without_loops, _in_order(segments))
        utterances = tuple(replace(utterance, index=index) for index, utterance in enumerate(utterances))
        warnings = (
            *reader.warnings,
            *loops,
            *low_confidence_warnings(utterances, options.decoding),
            *(() if options.multilingual else unsure_languages(utterances)),
        )
        if not utterances and not warnings and is_short(audio_samples / SAMPLE_RATE_HZ):
            warnings = (short_audio_warning("", audio_samples / SAMPLE_RATE_HZ, 0.0, audio_samples / SAMPLE_RATE_HZ),)
        if speakers:
            work = speakers.diarizer.finish(utterances, speakers.minimum, speakers.maximum)
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
        warnings,
    )


async def _exhaust(steps: AsyncGenerator[None]) -> None:
    async with aclosing(steps):
        async for _ in steps:
            pass


def _in_order(found: Iterable[ChannelSegment]) -> tuple[Utterance, ...]:
    segments = sorted(found, key=lambda each: (each.segment.start_seconds, each.channel))
    return tuple(_utterance(index, each) for index, each in enumerate(segments))


def _utterance(index: int, found: ChannelSegment) -> Utterance:
    segment = found.segment
    return Utterance(index, segment.hypothesis, segment.start_seconds, segment.end_seconds, found.channel)


def _language(utterances: Sequence[Utterance]) -> tuple[str, float | None]:
    """The language that is spoken longest, and how sure the model is of it."""
    seconds: Counter[str] = Counter()
    for utterance in utterances:
        seconds[utterance.hypothesis.language] += utterance.end_seconds - utterance.start_seconds  # type: ignore[assignment]  # floats count too
    if not seconds:
        return "", None
    language = seconds.most_common(1)[0][0]
    of_language = [each.hypothesis for each in utterances if each.hypothesis.language == language]
    probabilities = [each.language_probability for each in of_language if each.language_probability is not None]
    return language, sum(probabilities) / len(probabilities) if probabilities else None
