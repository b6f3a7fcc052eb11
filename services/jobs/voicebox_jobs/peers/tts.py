"""A client of tts: texts of a batch."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_kit.peer_calls import metadata_for

from .errors import peer_errors

ITEM_SECONDS = 1800.0
ENCODINGS = {
    "wav": tts_pb2.AUDIO_ENCODING_WAV,
    "flac": tts_pb2.AUDIO_ENCODING_FLAC,
    "mp3": tts_pb2.AUDIO_ENCODING_MP3,
}


@dataclass
class Spoken:
    """What is known of speech when all of it was read."""

    duration_us: int = 0
    voice: str = ""
    warnings: list[str] = field(default_factory=list)
    is_complete: bool = False


class Tts:
    """A channel to tts, made in the event loop that uses it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: tts_pb2_grpc.TextToSpeechServiceAsyncStub = tts_pb2_grpc.TextToSpeechServiceStub(channel)  # type: ignore[assignment]

    async def speak(
        self, text: str, voice: str, style: Mapping[str, Any], container: str, owner: str, spoken: Spoken
    ) -> AsyncIterator[bytes]:
        """The bytes of an audio file; `spoken` is filled on the way. `style` has the contract's names. Raises
        VoiceboxError.
        """
        audio = tts_pb2.AudioSpec(encoding=ENCODINGS[container])
        config = tts_pb2.SynthesisConfig(audio=audio, style=tts_pb2.SpeakingStyle(**style), store=False)
        if voice.startswith("profiles/"):
            config.voice.profile = voice
        elif voice:
            config.voice.voice = voice
        request = tts_pb2.StreamSynthesizeRequest(text=text, config=config)
        with peer_errors("tts"):
            async for event in self._stub.StreamSynthesize(request, timeout=ITEM_SECONDS, metadata=metadata_for(owner)):
                match event.WhichOneof("event"):
                    case "started":
                        spoken.voice = event.started.voice
                    case "chunk":
                        yield event.chunk.audio
                    case "finished":
                        spoken.duration_us = event.finished.duration.ToMicroseconds()
                        spoken.warnings += event.finished.warnings
                        spoken.is_complete = True
