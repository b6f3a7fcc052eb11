"""The audio of one utterance, sentence by sentence, no faster than the listener plays it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from concurrent.futures import Executor
from contextlib import aclosing, suppress
from dataclasses import dataclass

from voicebox_kit.bridge import in_thread
from voicebox_kit.errors import InvalidField
from voicebox_kit.pacer import Pacer

from voicebox_tts.engine import Stretch
from voicebox_tts.job import VoiceOverride
from voicebox_tts.text.directions import Mark, Pause, Turn

from .script import Interruption, Item, Script
from .speakers import Part, Speakers
from .timer import Timer
from .utterance import Chunk, Utterance


@dataclass(frozen=True)
class Interrupted:
    """What was to be spoken before this is dropped; `offset_seconds` of audio were sent since the start."""

    offset_seconds: float


class SpeechStream:
    """Of the script its `interrupted` and `given` are used. No more than `ahead_seconds` of audio are sent before the
    listener can have played what was sent.
    """

    def __init__(
        self,
        utterance: Utterance,
        speakers: Speakers,
        script: Script,
        executor: Executor,
        ahead_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._utterance, self._speakers = utterance, speakers
        self._interrupted, self._given = script.interrupted, script.given
        self._part = speakers.lead
        self._executor, self._ahead_seconds, self._clock = executor, ahead_seconds, clock

    async def events(self, sentences: AsyncIterator[Item], timer: Timer) -> AsyncGenerator[Chunk | Interrupted, None]:
        """The chunks at the listener's pace. InvalidField("text") at the end when there was nothing to say."""
        pacer, paced_from_seconds, was_interrupted = self._pacer(), 0.0, False
        async with aclosing(self._made(sentences)) as events:
            async for event in events:
                if isinstance(event, Interrupted):  # the listener drops what is ahead: pacing begins anew
                    pacer, paced_from_seconds, was_interrupted = self._pacer(), event.offset_seconds, True
                    with timer.waiting():
                        yield event
                    continue
                timer.note_chunk(has_audio=bool(event.audio))
                with timer.waiting():
                    yield event
                    await self._pause(pacer, event.offset_seconds + event.duration_seconds - paced_from_seconds)
        if self._utterance.sample_count == 0 and not was_interrupted:
            sentence = " ".join(["The engine finds nothing in text that it can say.", *self._speakers.warnings])
            sentence += " If the text is in another language, name that language, or `auto`."
            raise InvalidField("text", sentence, "NOTHING_TO_SAY")

    def _pacer(self) -> Pacer:
        return Pacer(self._ahead_seconds, self._clock)

    async def _pause(self, pacer: Pacer, sent_seconds: float) -> None:
        if delay := pacer.delay_seconds(sent_seconds):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._interrupted.wait(), delay)

    async def _made(self, sentences: AsyncIterator[Item]) -> AsyncGenerator[Chunk | Interrupted, None]:
        """As fast as the engine makes it."""
        self._name_speaker(self._part)
        async for item in sentences:
            match item:
                case Interruption():
                    yield Interrupted(self._utterance.drop())
                case VoiceOverride():
                    self._hand_over(self._speakers.part(item))
                case Turn():
                    self._utterance.name_speaker(self._part.speaker, self._part.profile, item.number)
                case Mark():
                    self._utterance.mark(item.name)
                case Pause():
                    for chunk in self._utterance.pause(item.seconds):
                        yield chunk
                case str():
                    async with aclosing(self._spoken(item)) as chunks:
                        async for chunk in chunks:
                            yield chunk
        if self._speakers.is_only_signs and self._utterance.sample_count == 0 and not self._interrupted.is_set():
            for chunk in self._utterance.be_silent():
                yield chunk
        async with aclosing(in_thread(self._utterance.finish(), self._executor)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _spoken(self, sentence: str) -> AsyncGenerator[Chunk, None]:
        """The chunks of a sentence, until the listener interrupts."""
        if stretches := await self._prepared(sentence):
            async with aclosing(in_thread(self._utterance.speak(stretches), self._executor)) as chunks:
                async for chunk in chunks:
                    yield chunk
                    if self._interrupted.is_set():
                        break

    def _hand_over(self, part: Part) -> None:
        """Another part speaks what follows."""
        is_heard = part.who != self._part.who
        self._part = part
        self._utterance.hand_over(part.session)
        if is_heard:
            self._name_speaker(part)

    def _name_speaker(self, part: Part) -> None:
        if self._speakers.has_several:
            self._utterance.name_speaker(part.speaker, part.profile)

    async def _prepared(self, sentence: str) -> Sequence[Stretch]:
        """The sentence as the engine gets it; empty where there is nothing to say, or the listener interrupts."""
        if self._interrupted.is_set():
            return ()
        prepare = self._part.preparation.prepare
        prepared = await asyncio.get_running_loop().run_in_executor(self._executor, prepare, sentence, self._given)
        return () if self._interrupted.is_set() else prepared.stretches
