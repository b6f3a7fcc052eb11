"""Every bad input ends in a status that names the field, or in a finished answer."""

import io
import struct
import zipfile
from collections.abc import Awaitable
from typing import Any

import grpc
import numpy as np
import pytest
import soundfile
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from voicebox.asr.v1 import asr_pb2
from voicebox.asr.v1.asr_pb2 import (
    Decoding,
    Diarization,
    Grammar,
    RecognitionConfig,
    StreamingConfig,
    StreamingRecognizeRequest,
    SubtitleLayout,
    TranscribeRequest,
    VoiceActivityConfig,
)
from voicebox_asr.audio import source
from voicebox_audio.decoding.limits import Limits
from voicebox_audio.pcm import to_s16le
from voicebox_kit.errors import InvalidField

from .conftest import silence, wav

SDP = b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n"
CONCAT = b"ffconcat version 1.0\nfile /etc/hostname\n"


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("speech.wav", wav(silence(1)))
    return file.getvalue()


FILES = {
    "nothing": b"",
    "text": b"This is not audio.\n" * 100,
    "zip": zipped(),
    "sdp": SDP,
    "ffconcat": CONCAT,
    "no samples": wav(silence(0)),
    "1 Hz": wav(np.zeros(1000, np.float32), sample_rate_hz=1),
    "header only": b"RIFF",
}


async def refusal(call) -> tuple[grpc.StatusCode, str, str]:
    """The status, the field and the reason of a call that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    status = status_pb2.Status.FromString(dict[str, Any](caught.value.trailing_metadata())["grpc-status-details-bin"])
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    status.details[0].Unpack(info)
    status.details[1].Unpack(bad)
    return caught.value.code(), bad.field_violations[0].field, info.reason


async def streamed(stub, *requests: StreamingRecognizeRequest) -> list[asr_pb2.StreamingRecognizeResponse]:
    async def messages():
        for request in requests:
            yield request

    return [response async for response in stub.StreamingRecognize(messages())]


CONFIG = StreamingRecognizeRequest(config=StreamingConfig())
HEADERLESS = StreamingRecognizeRequest(
    config=StreamingConfig(
        recognition=RecognitionConfig(encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=16_000)
    )
)


def upload(stub, audio: bytes, **config) -> Awaitable[asr_pb2.RecognizeResponse]:
    """Sends a file in two pieces."""

    async def pieces():
        yield asr_pb2.RecognizeUploadRequest(config=RecognitionConfig(**config), audio=HttpBody(data=audio[:100]))
        yield asr_pb2.RecognizeUploadRequest(audio=HttpBody(data=audio[100:]))

    return stub.RecognizeUpload(pieces())


def document(stub, audio: bytes, **options) -> Awaitable[asr_pb2.TranscribeResponse]:
    """Sends a file in two pieces, of which the second one says nonsense besides."""

    async def pieces():
        yield TranscribeRequest(audio=HttpBody(data=audio[:100]), **options)
        yield TranscribeRequest(config=RecognitionConfig(language="xx"), format=99, audio=HttpBody(data=audio[100:]))

    return stub.Transcribe(pieces())


@pytest.mark.parametrize("name", FILES)
async def test_what_is_no_audio_is_refused_on_every_path(stub, name: str) -> None:
    code, field, reason = await refusal(stub.Recognize(asr_pb2.RecognizeRequest(audio=FILES[name])))
    assert (code, field) == (grpc.StatusCode.INVALID_ARGUMENT, "audio")
    assert reason.startswith("AUDIO_")
    assert await refusal(upload(stub, FILES[name])) == (code, field, reason)
    assert await refusal(document(stub, FILES[name])) == (code, field, reason)
    if FILES[name]:
        assert await refusal(streamed(stub, CONFIG, StreamingRecognizeRequest(audio=FILES[name]))) == (
            code,
            field,
            reason,
        )


async def test_a_model_that_nobody_knows_is_not_found(stub, spoken) -> None:
    config = RecognitionConfig(model="models/pocketsphinx/xx")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Recognize(asr_pb2.RecognizeRequest(config=config, audio=wav(spoken)))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_half_a_sample_is_no_audio(stub) -> None:
    config = RecognitionConfig(encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=16_000)
    for audio in (b"", b"x"):
        answer = await refusal(stub.Recognize(asr_pb2.RecognizeRequest(config=config, audio=audio)))
        assert answer == (grpc.StatusCode.INVALID_ARGUMENT, "audio", "AUDIO_EMPTY")


@pytest.mark.parametrize("claimed", [0xFFFFFFFF, 0xFFFFFFF0, 10_000_000])
async def test_a_header_that_claims_too_much_gives_what_is_there(stub, spoken, claimed: int) -> None:
    whole = wav(spoken)
    lying = whole[:4] + struct.pack("<I", claimed) + whole[8:40] + struct.pack("<I", claimed) + whole[44:]
    assert (await stub.Recognize(asr_pb2.RecognizeRequest(audio=lying))).transcript


async def test_a_truncated_file_gives_what_is_there(stub, spoken) -> None:
    whole = wav(spoken)
    response = await stub.Recognize(asr_pb2.RecognizeRequest(audio=whole[: len(whole) // 2 + 1]))
    assert response.transcript
    assert response.audio_duration.ToTimedelta().total_seconds() == pytest.approx(spoken.size / 32_000, abs=0.05)
    assert "CUT_SHORT" in [warning.reason for warning in response.warnings]
    assert "CUT_SHORT" not in [
        warning.reason for warning in (await stub.Recognize(asr_pb2.RecognizeRequest(audio=whole))).warnings
    ]


async def test_a_stream_of_a_truncated_file_says_so(stub, spoken) -> None:
    async def requests():
        yield asr_pb2.StreamingRecognizeRequest(config=asr_pb2.StreamingConfig())
        yield asr_pb2.StreamingRecognizeRequest(audio=wav(spoken)[: spoken.size])

    *_, last = [answer async for answer in stub.StreamingRecognize(requests())]
    assert [warning.reason for warning in last.finished.warnings] == ["CUT_SHORT"]


async def test_joined_files_are_recognised_to_the_end(stub, spoken) -> None:
    once = await stub.Recognize(asr_pb2.RecognizeRequest(audio=wav(spoken)))
    twice = await stub.Recognize(asr_pb2.RecognizeRequest(audio=wav(spoken) * 2))
    assert twice.audio_duration.ToMilliseconds() == pytest.approx(2 * once.audio_duration.ToMilliseconds(), abs=5)
    assert len(twice.transcript.split()) > 1.5 * len(once.transcript.split())


async def test_channels_with_opposite_poles_are_recognised(stub, spoken) -> None:
    stereo = np.stack([spoken, -spoken], axis=1)
    file = io.BytesIO()
    soundfile.write(file, stereo, 16_000, format="WAV")
    assert (await stub.Recognize(asr_pb2.RecognizeRequest(audio=file.getvalue()))).transcript


@pytest.mark.parametrize("method", ["RecognizeUpload", "Transcribe"])
async def test_an_upload_of_nothing(stub, method: str) -> None:
    async def nothing():
        return
        yield

    assert await refusal(getattr(stub, method)(nothing())) == (grpc.StatusCode.INVALID_ARGUMENT, "audio", "AUDIO_EMPTY")


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"language": "xx"}, "config.language"),
        ({"encoding": 9}, "config.encoding"),
        ({"encoding": 1, "sample_rate_hz": 7}, "config.sample_rate_hz"),
        ({"prompt": "x"}, "config.prompt"),
        ({"hotwords": ["x"]}, "config.hotwords"),
        ({"multilingual": True}, "config.multilingual"),
        ({"task": 2}, "config.task"),
        ({"task": 9}, "config.task"),
        ({"decoding": Decoding(temperatures=[0.2])}, "config.decoding.temperatures"),
        ({"voice_activity": VoiceActivityConfig(threshold=0.5)}, "config.voice_activity.threshold"),
        ({"grammar": Grammar(jsgf="no grammar")}, "config.grammar.jsgf"),
        ({"diarization": Diarization(enabled=True, max_speakers=99)}, "config.diarization.max_speakers"),
        ({"store": True, "request_id": "x"}, "config.request_id"),
    ],
)
async def test_a_wrong_field_is_named_on_every_path(stub, config: dict, field: str) -> None:
    audio = wav(silence(1))
    code, named, reason = await refusal(
        stub.Recognize(asr_pb2.RecognizeRequest(config=RecognitionConfig(**config), audio=audio))
    )
    assert (code, named) == (grpc.StatusCode.INVALID_ARGUMENT, field)
    assert await refusal(upload(stub, audio, **config)) == (code, named, reason)
    assert await refusal(document(stub, audio, config=RecognitionConfig(**config))) == (code, named, reason)
    live = StreamingRecognizeRequest(config=StreamingConfig(recognition=RecognitionConfig(**config)))
    code, named, _ = await refusal(streamed(stub, live, StreamingRecognizeRequest(audio=audio)))
    assert (code, named) == (grpc.StatusCode.INVALID_ARGUMENT, field.replace("config.", "config.recognition.", 1))


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"format": 99}, "format"),
        ({"subtitles": SubtitleLayout(max_line_length=5)}, "subtitles.max_line_length"),
        ({"subtitles": SubtitleLayout(max_cue_duration=Duration(seconds=-1))}, "subtitles.max_cue_duration"),
    ],
)
async def test_a_document_that_cannot_be_is_refused(stub, options: dict, field: str) -> None:
    code, named, _ = await refusal(document(stub, wav(silence(1)), **options))
    assert (code, named) == (grpc.StatusCode.INVALID_ARGUMENT, field)


async def test_only_the_first_message_of_an_upload_says_how_and_it_need_not(stub) -> None:
    """The second one here asks for an unknown language and format."""
    body = (await document(stub, wav(silence(1)))).body
    assert (body.content_type, body.data) == ("text/plain; charset=utf-8", b"")


@pytest.mark.parametrize(
    ("requests", "field"),
    [
        ([], "config"),
        ([StreamingRecognizeRequest(audio=b"1234")], "config"),
        ([StreamingRecognizeRequest()], "config"),
        ([CONFIG, CONFIG], "config"),
        ([CONFIG, StreamingRecognizeRequest(control=0)], "control"),
        ([CONFIG, StreamingRecognizeRequest(control=99)], "control"),
        ([CONFIG, StreamingRecognizeRequest()], "message"),
        ([HEADERLESS, StreamingRecognizeRequest(audio=to_s16le(silence(1))), CONFIG], "config"),
        (
            [StreamingRecognizeRequest(config=StreamingConfig(recognition=RecognitionConfig(language="xx")))],
            "config.recognition.language",
        ),
        (
            [StreamingRecognizeRequest(config=StreamingConfig(recognition=RecognitionConfig(encoding=9)))],
            "config.recognition.encoding",
        ),
    ],
)
async def test_a_stream_out_of_order_is_refused(stub, requests: list[StreamingRecognizeRequest], field: str) -> None:
    code, named, _ = await refusal(streamed(stub, *requests))
    assert (code, named) == (grpc.StatusCode.INVALID_ARGUMENT, field)


@pytest.mark.parametrize(
    ("limits", "reason"), [(Limits(max_seconds=0.5), "AUDIO_TOO_LONG"), (Limits(max_bytes=1000), "AUDIO_TOO_LARGE")]
)
async def test_headerless_audio_has_limits_too(limits: Limits, reason: str) -> None:
    async def blocks():
        for _ in range(20):
            yield bytes(3200)

    with pytest.raises(InvalidField) as caught:
        async for _ in source.SampleSource(blocks(), source.Pcm(16_000, 1), None, limits):
            pass
    assert (caught.value.field, caught.value.reason) == ("audio", reason)


async def test_a_small_file_of_many_hours_is_refused_by_its_length(spoken) -> None:
    import soundfile
    from voicebox_audio.decoding.decoder import open_decoder

    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 8000, 1, format="FLAC") as writer:
        for _ in range(120):
            writer.write(np.zeros(8000, np.float32))

    async def blocks():
        yield file.getvalue()

    async with open_decoder() as decoder:
        with pytest.raises(InvalidField) as caught:
            async for _ in source.SampleSource(blocks(), None, decoder, Limits(max_seconds=60)):
                pass
    assert caught.value.reason == "AUDIO_TOO_LONG"


def float_wav(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, format="WAV", subtype="FLOAT")
    return file.getvalue()


async def warned(stub, audio: bytes) -> list[str]:
    return [warning.reason for warning in (await stub.Recognize(asr_pb2.RecognizeRequest(audio=audio))).warnings]


async def test_float_samples_that_were_never_scaled_and_those_that_are_no_numbers_are_reported(stub, spoken) -> None:
    samples = np.asarray(spoken, np.float32)
    samples = samples / np.abs(samples).max()
    assert "OVER_FULL_SCALE" in await warned(stub, float_wav(samples * 32768.0))
    holed = samples.copy()
    holed[100:200] = np.nan
    assert "NOT_A_NUMBER" in await warned(stub, float_wav(holed))
    assert not {"OVER_FULL_SCALE", "NOT_A_NUMBER"}.intersection(await warned(stub, float_wav(samples)))


@pytest.mark.parametrize("milliseconds", [10, 30, 100, 250])
async def test_a_file_too_short_for_a_word_says_so(stub, spoken, milliseconds: int) -> None:
    short = spoken[spoken.size // 2 :][: 16 * milliseconds]
    assert "SHORT_AUDIO" in await warned(stub, wav(short))
    assert "SHORT_AUDIO" in await warned(stub, wav(np.zeros_like(short)))
