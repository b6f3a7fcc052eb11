"""Listeners of a Qwen3-TTS service: what they receive and when, so many at once, or as they come."""

import asyncio
import io
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import grpc
import numpy as np
import soundfile
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc

from bench.gateway import reserves_seconds
from bench.hum import RATE_HZ, hum
from bench.tts import TEXT

VOICE_SECONDS = 10
TRANSCRIPT = (
    "We hum a single note, and go on humming it for as long as anybody listens to us, and then a little longer."
)
"""As long to say as the recording is."""

LISTENED_SECONDS = 5.0
"""So much of its speech a listener plays, and leaves: random weights never end."""

AS_FAST_AS_MADE, AS_FAST_AS_PLAYED = 3600.0, 1.0
"""How many seconds of audio a listener may be ahead."""

SEED = 3
TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class ListenerTimes:
    """One listener's chunks: when each came, counted from the call, and its seconds of audio."""

    chunks: Sequence[tuple[float, float]]

    @property
    def first_seconds(self) -> float:
        return self.chunks[0][0]

    @property
    def longest_gap_seconds(self) -> float:
        """From one chunk to the next: most are pieces of a greater one, and come together."""
        return max(later - came for (came, _), (later, _) in pairwise(self.chunks))

    @property
    def underruns(self) -> int:
        """How often a chunk came after the audio before it was over."""
        return sum(reserve < 0 for reserve in reserves_seconds(list(self.chunks)))

    @property
    def factor(self) -> float:
        """Seconds of work for each second of audio."""
        return self.chunks[-1][0] / sum(seconds for _, seconds in self.chunks)


@dataclass(frozen=True)
class Service:
    """A running service that is asked for speech in the voice of a recording, which it knows after the first time."""

    address: str
    model: str
    reference: tts_pb2.InlineReference

    async def together(self, streams: int, rounds: int, ahead_seconds: float) -> list[ListenerTimes]:
        """So many listeners at any time, each with `rounds` texts after one another; they begin at random within a
        text's length.
        """
        random = np.random.default_rng(SEED)
        async with grpc.aio.insecure_channel(self.address) as channel:

            async def listener(number: int, delay_seconds: float) -> list[ListenerTimes]:
                await asyncio.sleep(delay_seconds)
                return [await self._listen(channel, ahead_seconds, number + streams * each) for each in range(rounds)]

            longest = LISTENED_SECONDS if ahead_seconds == AS_FAST_AS_PLAYED else LISTENED_SECONDS / 10
            delays = random.uniform(0.0, longest, streams).tolist()
            times = await asyncio.gather(*(listener(number, delay) for number, delay in enumerate(delays)))
        return [each for several in times for each in several]

    async def arriving(self, requests: int, per_second: float) -> list[ListenerTimes]:
        """Listeners who come by chance, so many a second on average (Poisson)."""
        times = np.cumsum(np.random.default_rng(SEED).exponential(1 / per_second, requests)).tolist()
        async with grpc.aio.insecure_channel(self.address) as channel:

            async def listener(number: int, delay_seconds: float) -> ListenerTimes:
                await asyncio.sleep(delay_seconds)
                return await self._listen(channel, AS_FAST_AS_MADE, number)

            return await asyncio.gather(*(listener(number, delay) for number, delay in enumerate(times)))

    async def _listen(self, channel: grpc.aio.Channel, ahead_seconds: float, seed: int) -> ListenerTimes:
        stub = cast("tts_pb2_grpc.TextToSpeechServiceAsyncStub", tts_pb2_grpc.TextToSpeechServiceStub(channel))
        began, audio_seconds = time.perf_counter(), 0.0
        chunks: list[tuple[float, float]] = []
        call = stub.StreamSynthesize(self._request(ahead_seconds, seed), timeout=TIMEOUT_SECONDS)
        async for event in call:
            if event.HasField("chunk"):
                chunks.append((time.perf_counter() - began, event.chunk.duration.ToMicroseconds() / 1e6))
                audio_seconds += chunks[-1][1]
            if audio_seconds >= LISTENED_SECONDS:
                call.cancel()
                break
        return ListenerTimes(chunks)

    def _request(self, ahead_seconds: float, seed: int) -> tts_pb2.StreamSynthesizeRequest:
        voice = tts_pb2.VoiceSelection(reference=self.reference)
        audio = tts_pb2.AudioSpec(encoding=tts_pb2.AUDIO_ENCODING_PCM_S16LE)
        return tts_pb2.StreamSynthesizeRequest(
            text=TEXT,
            ahead_seconds=ahead_seconds,
            config=tts_pb2.SynthesisConfig(model=self.model, voice=voice, audio=audio, seed=seed, store=False),
        )


def recording() -> tts_pb2.InlineReference:
    """What the voice is taken from, small: it comes with every request."""
    with io.BytesIO() as file:
        soundfile.write(file, hum(VOICE_SECONDS), RATE_HZ, format="OGG", subtype="VORBIS")
        return tts_pb2.InlineReference(audio=file.getvalue(), transcript=TRANSCRIPT)
