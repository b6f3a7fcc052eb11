"""Every RPC, called with whatever its request may hold, ends in OK or in a status that is documented."""

import asyncio
from collections.abc import Callable

import grpc
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from voicebox.compat.riva import riva_asr_pb2, riva_asr_pb2_grpc, riva_tts_pb2, riva_tts_pb2_grpc
from voicebox_asr import app as asr
from voicebox_tts import app as tts

from tests.support.proto_strategies import messages

SPEECH = riva_tts_pb2.DESCRIPTOR.services_by_name["RivaSpeechSynthesis"]
RECOGNITION = riva_asr_pb2.DESCRIPTOR.services_by_name["RivaSpeechRecognition"]
DOCUMENTED = {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}


def call(stub, method, requests):
    """The status in which a call ends, and its sentence.

    With threads, as Riva's clients: grpc.aio's streams sometimes say INTERNAL when the server ends one that is still
    being written.
    """
    arguments = iter(requests) if method.client_streaming else requests[0]
    try:
        answer = getattr(stub, method.name)(arguments, timeout=60)
        if method.server_streaming:
            list(answer)
    except grpc.RpcError as error:
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""


@pytest.mark.parametrize("method", [*SPEECH.methods, *RECOGNITION.methods], ids=lambda method: method.name)
async def test_it_is_ok_or_a_documented_status(method, start):
    make_stub: Callable[[grpc.Channel], object]
    if method.containing_service is SPEECH:
        running, make_stub = (
            await start(tts.open_service, TTS_MORE_ENGINES="none"),
            riva_tts_pb2_grpc.RivaSpeechSynthesisStub,
        )
    else:
        running, make_stub = (
            await start(asr.open_service, ASR_ENGINE="pocketsphinx"),
            riva_asr_pb2_grpc.RivaSpeechRecognitionStub,
        )

    @settings(
        max_examples=40,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(messages(method.input_type), min_size=1, max_size=3 if method.client_streaming else 1))
    def calls(requests):
        code, sentence = call(stub, method, requests)
        assert code in DOCUMENTED, (code, sentence)

    with grpc.insecure_channel(running.address) as channel:
        stub = make_stub(channel)
        await asyncio.to_thread(calls)
