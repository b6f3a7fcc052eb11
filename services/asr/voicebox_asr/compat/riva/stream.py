"""Turns the stream that NVIDIA Riva's clients send into our own."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping

from voicebox.asr.v1 import asr_pb2
from voicebox.compat.riva import riva_asr_pb2
from voicebox_audio.formats.sniff import SNIFF_BYTES
from voicebox_compat.openai import Diagnostics
from voicebox_kit.errors import InvalidField

from .audio import detect_audio, set_format

FORCE_END = "force_eou"
"""Riva's way to end the running utterance now, after the audio in its message."""


async def to_stream(
    streaming: riva_asr_pb2.StreamingRecognitionConfig,
    config: asr_pb2.StreamingConfig,
    requests: AsyncIterator[riva_asr_pb2.StreamingRecognizeRequest],
    diagnostics: Diagnostics,
) -> AsyncGenerator[asr_pb2.StreamingRecognizeRequest]:
    """The config, then audio and controls. It waits for the first bytes, which show whether they are a file."""
    waiting: list[riva_asr_pb2.StreamingRecognizeRequest] = []
    start = b""
    while len(start) < SNIFF_BYTES and (request := await _next(requests, diagnostics)) is not None:
        if request.audio_content:  # before there is any audio, there is nothing to end
            waiting.append(request)
            start += request.audio_content
    audio = detect_audio(streaming.config, start)
    set_format(config.recognition, streaming.config, audio)
    yield asr_pb2.StreamingRecognizeRequest(config=config)
    while (request := waiting.pop(0) if waiting else await _next(requests, diagnostics)) is not None:
        if request.HasField("audio_content"):
            yield asr_pb2.StreamingRecognizeRequest(audio=audio.to_s16le(request.audio_content))
        if forces_end(request.runtime_config, diagnostics):
            yield asr_pb2.StreamingRecognizeRequest(control=asr_pb2.STREAM_CONTROL_END_UTTERANCE)


def forces_end(runtime_config: Mapping[str, str], diagnostics: Diagnostics) -> bool:
    """Whether an utterance is to end now. Other keys are noted as ignored."""
    for name in sorted(runtime_config.keys() - {FORCE_END}):
        diagnostics.ignore(f"runtime_config.{name}")
    forced = runtime_config.get(FORCE_END, "false").lower()
    if forced not in ("true", "false"):
        field = f"runtime_config.{FORCE_END}"
        raise InvalidField(field, f"{field} must be true or false, not {forced[:40]!r}.")
    return forced == "true"


async def _next(
    requests: AsyncIterator[riva_asr_pb2.StreamingRecognizeRequest], diagnostics: Diagnostics
) -> riva_asr_pb2.StreamingRecognizeRequest | None:
    """The next message, checked; None at the end."""
    request = await anext(requests, None)
    if request is not None:
        if request.HasField("streaming_config"):
            raise InvalidField(
                "streaming_config", "Only the first message may be the streaming_config.", "CONFIG_TWICE"
            )
        forces_end(request.runtime_config, diagnostics)
    return request
