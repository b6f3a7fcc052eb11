"""Each error of the tree arrives as its status with exactly one ErrorInfo and the detail that fits."""

import logging

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_kit import errors
from voicebox_kit.unreadable import UNDECODED, checked

from tests.support.aio import aio_stub

CASES = [
    (
        errors.InvalidField("audio.sample_rate_hz", "no"),
        "INVALID_ARGUMENT",
        "INVALID_FIELD",
        error_details_pb2.BadRequest,
    ),
    (errors.NotFound("profile", "profiles/x"), "NOT_FOUND", "PROFILE_NOT_FOUND", error_details_pb2.ResourceInfo),
    (errors.AlreadyExists("profile", "profiles/x"), "ALREADY_EXISTS", "PROFILE_EXISTS", error_details_pb2.ResourceInfo),
    (errors.EtagMismatch("profile", "profiles/x"), "ABORTED", "ETAG_MISMATCH", error_details_pb2.ResourceInfo),
    (
        errors.Precondition("NO_SAMPLE", "profiles/x", "no"),
        "FAILED_PRECONDITION",
        "NO_SAMPLE",
        error_details_pb2.PreconditionFailure,
    ),
    (errors.Exhausted("QUEUE_FULL", "no", 1.5), "RESOURCE_EXHAUSTED", "QUEUE_FULL", error_details_pb2.RetryInfo),
    (errors.Exhausted("STORAGE_FULL", "no"), "RESOURCE_EXHAUSTED", "STORAGE_FULL", None),
    (errors.Unavailable("LOADING", "no"), "UNAVAILABLE", "LOADING", error_details_pb2.RetryInfo),
    (errors.Unsupported("NOT_HERE", "no"), "UNIMPLEMENTED", "NOT_HERE", None),
    (errors.TooSlow("TOO_SLOW", "no"), "DEADLINE_EXCEEDED", "TOO_SLOW", None),
]


class Failing(tts_pb2_grpc.TextToSpeechServiceServicer):
    def __init__(self, error: Exception) -> None:
        self.error = error

    async def Synthesize(self, request, context):
        raise self.error

    async def StreamSynthesize(self, request, context):
        yield tts_pb2.StreamSynthesizeResponse()
        raise self.error


def details_of(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    metadata = dict(error.trailing_metadata())
    return status_pb2.Status.FromString(metadata["grpc-status-details-bin"])


async def unary(channel) -> None:
    await aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, channel).Synthesize(
        tts_pb2.SynthesizeRequest(), metadata=(("x-request-id", "me-7"),)
    )


async def streamed(channel) -> None:
    stub = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, channel)
    async for _ in stub.StreamSynthesize(tts_pb2.StreamSynthesizeRequest(), metadata=(("x-request-id", "me-7"),)):
        pass


@pytest.mark.parametrize("call", [unary, streamed])
@pytest.mark.parametrize(("error", "code", "reason", "detail"), CASES, ids=lambda value: getattr(value, "reason", None))
async def test_error_becomes_status(serve, call, error, code, reason, detail):
    _, channel = await serve(Failing(error))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(channel)
    assert refused.value.code().name == code
    assert refused.value.details() == error.sentence
    status = details_of(refused.value)
    infos = [info for info in (error_details_pb2.ErrorInfo(),) for any_ in status.details if any_.Unpack(info)]
    assert [(info.reason, info.domain, info.metadata["request_id"]) for info in infos] == [(reason, "voicebox", "me-7")]
    assert len(status.details) == (1 if detail is None else 2)
    if detail is not None:
        assert status.details[1].Is(detail.DESCRIPTOR)


async def test_a_field_is_named(serve):
    _, channel = await serve(Failing(errors.InvalidField("style.speed", "too fast")))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await unary(channel)
    bad = error_details_pb2.BadRequest()
    assert details_of(refused.value).details[1].Unpack(bad)
    assert [(violation.field, violation.description) for violation in bad.field_violations] == [
        ("style.speed", "too fast")
    ]


@pytest.mark.parametrize("call", [unary, streamed])
async def test_a_bug_reports_only_the_request_id(serve, call, caplog):
    _, channel = await serve(Failing(ZeroDivisionError("a secret")))
    with caplog.at_level(logging.ERROR), pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(channel)
    assert refused.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in str(refused.value.details())
    assert "me-7" in str(refused.value.details())
    assert "a secret" in caplog.text


async def test_a_request_id_is_drawn_and_reported_when_none_is_sent(serve):
    class Fine(tts_pb2_grpc.TextToSpeechServiceServicer):
        async def Synthesize(self, request, context):
            return tts_pb2.SynthesizeResponse()

    _, channel = await serve(Fine())
    call = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, channel).Synthesize(tts_pb2.SynthesizeRequest())
    assert len(dict(await call.trailing_metadata())["x-request-id"]) == 36


async def test_a_client_that_still_sends_gets_the_error_not_a_broken_call(serve):
    from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc

    class Refusing(asr_pb2_grpc.SpeechToTextServiceServicer):
        async def RecognizeUpload(self, request_iterator, context):
            await anext(request_iterator)
            raise errors.InvalidField("audio", "no audio")

    async def uploads():
        for _ in range(100):
            yield asr_pb2.RecognizeUploadRequest(audio={"data": bytes(100_000)})

    _, channel = await serve(
        None, register=lambda server: asr_pb2_grpc.add_SpeechToTextServiceServicer_to_server(Refusing(), server)
    )
    for _ in range(5):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await aio_stub(asr_pb2_grpc.SpeechToTextServiceStub, channel).RecognizeUpload(uploads())
        assert (refused.value.code(), refused.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "no audio")


GARBAGE = [b"\xff", b"\x0a\xff", b"not a message at all", b"\x0a\x02\xc3\x28"]


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("method", ["Synthesize", "StreamSynthesize", "ConverseSynthesize"])
async def test_bytes_that_are_no_message_are_refused_in_plain_words(serve, method, garbage):
    class Reading(Failing):
        async def ConverseSynthesize(self, request_iterator, context):
            async for _ in request_iterator:
                yield tts_pb2.ConverseSynthesizeResponse()

    async def requests():
        yield garbage

    _, channel = await serve(Reading(ZeroDivisionError()))
    path = f"/voicebox.tts.v1.TextToSpeechService/{method}"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        match method:
            case "Synthesize":
                await channel.unary_unary(path)(garbage)
            case "StreamSynthesize":
                [_ async for _ in channel.unary_stream(path)(garbage)]
            case _:
                [_ async for _ in channel.stream_stream(path)(requests())]
    assert refused.value.code().name == "INVALID_ARGUMENT"
    assert "class" not in str(refused.value.details())
    info = error_details_pb2.ErrorInfo()
    assert details_of(refused.value).details[0].Unpack(info)
    assert info.reason == "MESSAGE_UNREADABLE"


async def test_an_upload_that_is_no_message_is_refused_in_plain_words():
    async def requests():
        for item in (b"", UNDECODED):
            yield item

    read = checked(requests(), "/a/B")
    assert await anext(read) == b""
    with pytest.raises(errors.Unreadable, match="/a/B"):
        await anext(read)
