"""Text becomes sound: Wyoming's requests to tts, and its events back."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator

import grpc
from voicebox.tts.v1 import tts_pb2
from voicebox_kit.errors import InvalidField, NotFound

from . import fields
from .events import Event
from .fields import Data
from .services import Services, freed, is_lost

ASK_SECONDS = 10.0
SAMPLE_BYTES = 2
AUDIO = tts_pb2.AudioSpec(encoding=tts_pb2.AUDIO_ENCODING_PCM_S16LE)
WHOLE_AHEAD_SECONDS = 3600.0
"""Home Assistant plays the answer to `synthesize` once all of it is here: as fast as it is made, not as fast as it is heard."""

Answer = tts_pb2.StreamSynthesizeResponse | tts_pb2.ConverseSynthesizeResponse


async def speak(data: Data, services: Services, seconds: float) -> AsyncGenerator[Event]:
    """Answers `synthesize` while the sound is made; at most `seconds`."""
    _check_format(data)
    request = tts_pb2.StreamSynthesizeRequest(
        text=fields.text(data, "text"),
        voice=await _voice(fields.nested(data, "voice"), services),
        audio=AUDIO,
        ahead_seconds=WHOLE_AHEAD_SECONDS,
    )
    with freed(services.tts.StreamSynthesize(request, timeout=seconds)) as call:
        async for event in _told(call):
            yield event


async def converse(data: Data, texts: AsyncIterator[str], services: Services, seconds: float) -> AsyncGenerator[Event]:
    """Answers `synthesize-start` and the pieces of text that follow it, from the first sentence on; at most `seconds`."""
    _check_format(data)
    config = tts_pb2.ConverseConfig(voice=await _voice(fields.nested(data, "voice"), services), audio=AUDIO)

    async def requests() -> AsyncIterator[tts_pb2.ConverseSynthesizeRequest]:
        yield tts_pb2.ConverseSynthesizeRequest(config=config)
        async for text in texts:
            yield tts_pb2.ConverseSynthesizeRequest(text=text)

    try:
        with freed(services.tts.ConverseSynthesize(requests(), timeout=seconds)) as call:
            async for event in _told(call):
                yield event
    except grpc.aio.AioRpcError as error:
        if is_lost(error):  # asked for one word in one message, tts can tell once more what it refuses
            word = tts_pb2.StreamSynthesizeRequest(text="a", voice=config.voice, audio=AUDIO, skip_history=True)
            async for _ in services.tts.StreamSynthesize(word, timeout=ASK_SECONDS):
                pass
        raise
    yield Event("synthesize-stopped")


def piece(event: Event) -> str:
    """The text of a `synthesize-chunk`."""
    return fields.text(event.data, "text")


async def _told(answers: AsyncIterable[Answer]) -> AsyncIterator[Event]:
    form: dict[str, int] = {}
    async for answer in answers:
        match answer.WhichOneof("event"):
            case "started":
                form = {"rate": answer.started.audio.sample_rate_hz, "width": SAMPLE_BYTES, "channels": 1}
                yield Event("audio-start", {**form, "timestamp": 0})
            case "chunk" if answer.chunk.audio:
                yield Event("audio-chunk", {**form, "timestamp": answer.chunk.offset.ToMilliseconds()}, answer.chunk.audio)
            case "finished":
                yield Event("audio-stop", {"timestamp": answer.finished.duration.ToMilliseconds()})


def _check_format(data: Data) -> None:
    text_format = fields.text(data, "text_format")
    if text_format not in ("", "text"):
        raise InvalidField("text_format", f"text_format must be text, not {text_format}: no markup is understood.")


async def _voice(asked: Data, services: Services) -> tts_pb2.VoiceSelection | None:
    """Whose voice `voice` asks for: by a name that info tells, by a stored profile's name, or the first that speaks its language."""
    name, language = fields.text(asked, "name"), fields.text(asked, "language")
    if fields.text(asked, "speaker"):
        raise InvalidField("voice.speaker", "voice.speaker must be left out: each voice is one speaker.")
    if name.startswith("profiles/"):
        return tts_pb2.VoiceSelection(profile=name)
    if name:
        return tts_pb2.VoiceSelection(voice=name)
    if not language:
        return None
    listed = await services.tts.ListVoices(tts_pb2.ListVoicesRequest(language=language), timeout=ASK_SECONDS)
    if not listed.voices:
        raise NotFound("voice", language, "No voice speaks this language; info lists those that there are.")
    return tts_pb2.VoiceSelection(voice=listed.voices[0].name)
