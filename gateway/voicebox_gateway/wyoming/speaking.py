"""Text becomes speech: Wyoming's requests to tts, and its events back."""

import logging
import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping, Sequence
from typing import Any

import grpc
from voicebox.tts.v1 import tts_pb2
from voicebox_compat.synthetic import SYNTHETIC_FIELD
from voicebox_kit.errors import InvalidField, NotFound

from . import failures, fields
from .events import Event
from .fields import Data
from .services import Services, cancelled_at_end, lost_its_details

log = logging.getLogger(__name__)

ASK_SECONDS = 10.0
SAMPLE_BYTES = 2
AUDIO = tts_pb2.AudioSpec(encoding=tts_pb2.AUDIO_ENCODING_PCM_S16LE)
WHOLE_AHEAD_SECONDS = 3600.0
"""Home Assistant plays the answer to `synthesize` once all of it is here: as fast as it is made, not as fast as it is
heard.
"""

NOTHING_TO_SAY = ("TEXT_EMPTY", "NOTHING_TO_SAY")
SILENCE_HZ, SILENCE_SECONDS = 22_050, 0.1
"""The answer to a text that has nothing to say: Home Assistant waits for audio, and a smiley is no fault."""

PIPER = re.compile(r"(?P<language>[a-z]{2,3}_[A-Z]{2})-\w+-(x_low|low|medium|high)", re.ASCII)
"""Names of Piper's voices: who used it before has them in the settings of Home Assistant."""

WARNINGS = "x_voicebox_warnings"
"""The field of an audio-start with warnings; clients ignore unknown fields."""

Answer = tts_pb2.StreamSynthesizeResponse | tts_pb2.ConverseSynthesizeResponse


async def speak(data: Data, services: Services, seconds: float) -> AsyncGenerator[Event]:
    """Answers `synthesize` while the audio is made; at most `seconds`."""
    _check_format(data)
    voice, warnings = await _voice(fields.nested(data, "voice"), services)
    request = tts_pb2.StreamSynthesizeRequest(
        text=fields.text(data, "text"),
        ahead_seconds=WHOLE_AHEAD_SECONDS,
        config=tts_pb2.SynthesisConfig(voice=voice, audio=AUDIO),
    )
    with cancelled_at_end(services.tts.StreamSynthesize(request, timeout=seconds)) as call:
        async for event in _or_silence(_events(call, warnings)):
            yield event


async def converse(data: Data, texts: AsyncIterator[str], services: Services, seconds: float) -> AsyncGenerator[Event]:
    """Answers `synthesize-start` and the pieces of text that follow it, from the first sentence on; at most
    `seconds`.
    """
    _check_format(data)
    voice, warnings = await _voice(fields.nested(data, "voice"), services)
    config = tts_pb2.ConverseConfig(synthesis=tts_pb2.SynthesisConfig(voice=voice, audio=AUDIO))

    async def requests() -> AsyncIterator[tts_pb2.ConverseSynthesizeRequest]:
        yield tts_pb2.ConverseSynthesizeRequest(config=config)
        async for text in texts:
            yield tts_pb2.ConverseSynthesizeRequest(text=text)

    try:
        with cancelled_at_end(services.tts.ConverseSynthesize(requests(), timeout=seconds)) as call:
            async for event in _or_silence(_events(call, warnings)):
                yield event
    except grpc.aio.AioRpcError as error:
        if lost_its_details(error):  # for one word in one message tts returns its error again
            word = tts_pb2.StreamSynthesizeRequest(
                text="a", config=tts_pb2.SynthesisConfig(voice=voice, audio=AUDIO, store=False)
            )
            async for _ in services.tts.StreamSynthesize(word, timeout=ASK_SECONDS):
                pass
        raise
    yield Event("synthesize-stopped")


def piece(event: Event) -> str:
    """The text of a `synthesize-chunk`."""
    return fields.text(event.data, "text")


async def _or_silence(spoken: AsyncIterator[Event]) -> AsyncIterator[Event]:
    """The events; a moment of silence where there is nothing to say."""
    types: list[str] = []
    form: Mapping[str, Any] = {"rate": SILENCE_HZ, "width": SAMPLE_BYTES, "channels": 1, "timestamp": 0}
    try:
        async for event in spoken:
            if event.type == "audio-start":
                form = event.data
            types.append(event.type)
            yield event
    except grpc.aio.AioRpcError as error:
        if failures.reason(error) not in NOTHING_TO_SAY:
            raise
    if "audio-start" not in types:
        yield Event("audio-start", form)
    if "audio-stop" not in types:
        yield Event("audio-chunk", form, bytes(round(form["rate"] * SILENCE_SECONDS) * SAMPLE_BYTES))
        yield Event("audio-stop", {"timestamp": round(1000 * SILENCE_SECONDS)})


async def _events(answers: AsyncIterable[Answer], warnings: Sequence[str]) -> AsyncIterator[Event]:
    form: dict[str, int] = {}
    async for answer in answers:
        match answer.WhichOneof("event"):
            case "started":
                form = {"rate": answer.started.audio.sample_rate_hz, "width": SAMPLE_BYTES, "channels": 1}
                said = {WARNINGS: list(warnings)} if warnings else {}
                yield Event("audio-start", {**form, "timestamp": 0, SYNTHETIC_FIELD: True, **said})
            case "chunk" if answer.chunk.audio:
                yield Event(
                    "audio-chunk", {**form, "timestamp": answer.chunk.offset.ToMilliseconds()}, answer.chunk.audio
                )
            case "finished":
                yield Event("audio-stop", {"timestamp": answer.finished.duration.ToMilliseconds()})


def _check_format(data: Data) -> None:
    text_format = fields.text(data, "text_format")
    if text_format not in ("", "text"):
        raise InvalidField("text_format", f"text_format must be text, not {text_format}: no markup is understood.")


async def _voice(selection: Data, services: Services) -> tuple[tts_pb2.VoiceSelection | None, Sequence[str]]:
    """The voice of the field `voice`, and warnings.

    It is a name from info, a stored profile, or a language, whose first voice is used. A voice of Piper is replaced by
    one of its language.
    """
    name, language = fields.text(selection, "name"), fields.text(selection, "language")
    if fields.text(selection, "speaker"):
        raise InvalidField("voice.speaker", "voice.speaker must be left out: each voice is one speaker.")
    if name.startswith("profiles/"):
        return tts_pb2.VoiceSelection(profile=name), ()
    piper = PIPER.fullmatch(name)
    if name and not piper:
        return tts_pb2.VoiceSelection(voice=name), ()
    language = piper["language"] if piper else language
    if not language:
        return None, ()
    listed = await services.tts.ListVoices(tts_pb2.ListVoicesRequest(language=language), timeout=ASK_SECONDS)
    if not listed.voices:
        raise NotFound("voice", language, "No voice speaks this language; info lists those that there are.")
    chosen = tts_pb2.VoiceSelection(voice=listed.voices[0].name)
    if not piper:
        return chosen, ()
    warning = f"There is no voice {name[:100]!r} here: {chosen.voice} speaks."
    log.warning("%s", warning)
    return chosen, (warning,)
