"""Whisper with its real weights, over real speech: fetched from the model hub, hence never in `make test`."""

import os
import sys

import pytest
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox.asr.v1.asr_pb2 import StreamingConfig, StreamingRecognizeRequest
from voicebox_asr.app import open_service
from voicebox_models import fetch
from voicebox_models.settings import models_folder

from .conftest import word_errors, words

MODEL = os.environ.get("WHISPER_MODEL", "models/whisper/base")
WORST_WER = 0.12
"""For `base` and better; pocketsphinx has 0.23."""


@pytest.fixture
async def stub(start, capsys):
    """The asr service with MODEL, kept where VOICEBOX_MODELS says."""
    env = {name: value for name, value in os.environ.items() if name.startswith(("HF_", "ASR_"))}
    env |= {
        "VOICEBOX_MODELS": str(models_folder(os.environ).absolute()),
        "ASR_ENGINE": "whisper",
        "ASR_MODEL": MODEL.removeprefix("models/"),
    }
    with capsys.disabled():
        assert fetch.main(["voicebox.asr.engines", MODEL], env, sys.stdout) == 0
    return asr_pb2_grpc.SpeechToTextServiceStub((await start(open_service, **env)).channel)


async def of_file(stub, audio):
    return (await stub.Recognize(asr_pb2.RecognizeRequest(audio=audio))).transcript


async def of_stream(stub, audio):
    async def requests():
        yield StreamingRecognizeRequest(config=StreamingConfig())
        for begin in range(0, len(audio), 8192):
            yield StreamingRecognizeRequest(audio=audio[begin : begin + 8192])

    return " ".join([answer.final.transcript async for answer in stub.StreamingRecognize(requests()) if answer.HasField("final")])


@pytest.mark.download
@pytest.mark.parametrize("hear", [of_file, of_stream])
async def test_the_word_error_rate(stub, speech_data, hear, capsys):
    said = {name: words(text) for name, text in speech_data.transcripts.items()}
    errors = {name: word_errors(said[name], words(await hear(stub, speech_data.path(name).read_bytes()))) for name in sorted(said)}
    rate = sum(errors.values()) / sum(map(len, said.values()))
    with capsys.disabled():
        print(f"\n{MODEL}, {hear.__name__}: word error rate {rate:.3f}; errors by recording: {errors}")
    assert rate <= WORST_WER
