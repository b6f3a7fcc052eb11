"""Every RPC of the services, called with whatever its request may hold or with bytes that are none, ends in a status
that is not our fault, and nothing is logged as a bug.
"""

import asyncio
import logging
from collections.abc import Sequence

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from voicebox.asr.v1 import asr_pb2
from voicebox.catalog.v1 import catalog_pb2
from voicebox.compat.google import speech_v1_pb2, speech_v2_pb2, texttospeech_v1_pb2
from voicebox.compat.openai.v1 import openai_pb2
from voicebox.compat.riva import riva_asr_pb2, riva_tts_pb2
from voicebox.models.v1 import models_pb2
from voicebox.tts.v1 import tts_pb2
from voicebox_asr import app as asr
from voicebox_catalog import app as catalog
from voicebox_tts import app as tts

from tests.support.proto_strategies import messages

SERVED = {
    tts: (
        tts_pb2.DESCRIPTOR.services_by_name["TextToSpeechService"],
        models_pb2.DESCRIPTOR.services_by_name["ModelService"],
        openai_pb2.DESCRIPTOR.services_by_name["OpenAiSpeechService"],
        texttospeech_v1_pb2.DESCRIPTOR.services_by_name["TextToSpeech"],
    ),
    asr: (
        asr_pb2.DESCRIPTOR.services_by_name["SpeechToTextService"],
        models_pb2.DESCRIPTOR.services_by_name["ModelService"],
        openai_pb2.DESCRIPTOR.services_by_name["OpenAiTranscriptionService"],
        speech_v1_pb2.DESCRIPTOR.services_by_name["Speech"],
        speech_v2_pb2.DESCRIPTOR.services_by_name["Speech"],
    ),
}
IN_TESTS_OF_THEIR_OWN = {
    tts: (riva_tts_pb2.DESCRIPTOR.services_by_name["RivaSpeechSynthesis"],),
    asr: (riva_asr_pb2.DESCRIPTOR.services_by_name["RivaSpeechRecognition"],),
    catalog: (catalog_pb2.DESCRIPTOR.services_by_name["CatalogService"],),
}
"""Services whose right messages are drawn in tests/riva and tests/catalog."""
OURS = {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.DEADLINE_EXCEEDED}
SETTINGS = {"TTS_MORE_ENGINES": "none", "ASR_ENGINE": "pocketsphinx", "HF_HUB_OFFLINE": "1"}
HOSTILE = (
    b"\xff",
    b"\x0a\xff\xff\xff\xff\x0f",  # a field of 4 GB
    b"\x0a\x02\xc3\x28",  # text that is no UTF-8
    b"\x0b" * 200,  # groups within groups
    b"\x0a\x80\x01" + b"\x0a" * 128,
    b"\x80" * 20,  # a number without end
    b"\xf8\xff\xff\xff\x0f\x01",  # a field that nobody knows
)


def call(channel: grpc.Channel, method: MethodDescriptor, requests: Sequence[bytes]) -> tuple[grpc.StatusCode, str]:
    """The status in which a call with these bytes ends, and its sentence. With threads: grpc.aio's streams sometimes
    say INTERNAL when the server ends one that is still being written.
    """
    kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
    path = f"/{method.containing_service.full_name}/{method.name}"
    stub = getattr(channel, kind)(path)
    try:
        answer = stub(iter(requests) if method.client_streaming else requests[0], timeout=120)
        if method.server_streaming:
            list(answer)
    except grpc.RpcError as error:
        return error.code(), error.details() or ""
    return grpc.StatusCode.OK, ""


def bytes_of(message: Message) -> bytes:
    return message.SerializeToString()


def requests_of(method: MethodDescriptor) -> st.SearchStrategy[list[bytes]]:
    """Right messages, such that are cut off, and bytes that are none."""
    whole = messages(method.input_type).map(bytes_of)
    cut = st.tuples(whole, st.integers(1, 20)).map(lambda pair: pair[0][: -pair[1]])
    one = st.one_of(whole, whole, cut, st.binary(max_size=60), st.sampled_from(HOSTILE))
    return st.lists(one, min_size=1, max_size=3 if method.client_streaming else 1)


@pytest.mark.parametrize("app", SERVED, ids=lambda app: app.__name__.partition(".")[0])
async def test_no_request_is_our_fault(app, start, caplog):
    running = await start(app.open_service, **SETTINGS)
    with caplog.at_level(logging.ERROR), grpc.insecure_channel(running.address) as channel:
        for method in [method for service in SERVED[app] for method in service.methods]:
            await asyncio.to_thread(call_with_anything, channel, method)
            mistakes = [each for each in caplog.records if each.exc_info or each.levelno >= logging.ERROR]
            assert not [each.getMessage() for each in mistakes], method.full_name


def call_with_anything(channel: grpc.Channel, method: MethodDescriptor) -> None:
    """Calls a method with requests of all kinds."""

    @settings(
        max_examples=30,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(requests_of(method))
    def calls(requests):
        code, sentence = call(channel, method, requests)
        assert code not in OURS, (method.full_name, code, sentence)

    calls()


@pytest.mark.parametrize("app", [tts, asr, catalog], ids=lambda app: app.__name__.partition(".")[0])
async def test_bytes_that_are_no_message_are_nobodys_bug(app, start, caplog):
    running = await start(app.open_service, **SETTINGS)
    services = [*SERVED.get(app, ()), *IN_TESTS_OF_THEIR_OWN.get(app, ())]
    with caplog.at_level(logging.ERROR), grpc.insecure_channel(running.address) as channel:
        for method in [method for service in services for method in service.methods]:
            for data in HOSTILE:
                code, sentence = await asyncio.to_thread(call, channel, method, [data])
                assert code not in OURS, (method.full_name, data, code, sentence)
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def test_every_service_of_the_contract_is_called():
    """What is served, by the names that the services themselves give; v1beta1 has the messages of v1."""
    called = {each.full_name for table in (SERVED, IN_TESTS_OF_THEIR_OWN) for each in sum(table.values(), ())}
    served = {name for app in (tts, asr) for name in app.NAMES}
    assert {name for name in served - called if not name.startswith("google.longrunning.")} == set()
