"""A model of the hub, from its name to words: fetched by the running asr service, loaded, used, unloaded, and the
default of the next.
"""

from pathlib import Path

import grpc
import pytest
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox.models.v1 import models_pb2, models_pb2_grpc
from voicebox_asr.app import open_service
from voicebox_models import store

from tests.support.aio import aio_stub

NAME = "models/whisper/org/random"
SECOND_OF_SILENCE = bytes(32_000)


@pytest.fixture
def published(fake_hub, whisper_models):
    """The hub's endpoint, where a Whisper model is kept as `org/random`."""
    fake_hub.repository = "org/random"
    fake_hub.files = {path.name: path.read_bytes() for path in (whisper_models / "random").iterdir() if path.is_file()}
    return fake_hub.endpoint


async def test_a_model_of_the_hub_is_fetched_used_and_unloaded(start, fake_hub, published, tmp_path: Path) -> None:
    running = await start(open_service, HF_ENDPOINT=published)
    models, speech = (
        aio_stub(models_pb2_grpc.ModelServiceStub, running.channel),
        aio_stub(asr_pb2_grpc.SpeechToTextServiceStub, running.channel),
    )
    config = asr_pb2.RecognitionConfig(
        model=NAME, language="en", encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=16_000
    )
    request = asr_pb2.RecognizeRequest(config=config, audio=SECOND_OF_SILENCE)
    with pytest.raises(grpc.aio.AioRpcError, match="files are not here"):
        await speech.Recognize(request)

    *_, last = [step async for step in models.DownloadModel(models_pb2.DownloadModelRequest(name=NAME))]
    assert (last.done, last.bytes_done, last.bytes_total) == (True, last.bytes_total, last.bytes_done)
    assert (last.model.state, last.model.revision) == (models_pb2.MODEL_STATE_AVAILABLE, fake_hub.commit)
    assert store.verify(tmp_path / "models" / "whisper" / "org" / "random") == []

    assert (await speech.Recognize(request)).model == "whisper/org/random"
    listed = (await models.ListModels(models_pb2.ListModelsRequest())).models
    assert {model.name: model.state for model in listed}[NAME] == models_pb2.MODEL_STATE_LOADED
    unloaded = await models.UnloadModel(models_pb2.UnloadModelRequest(name=NAME))
    assert unloaded.state == models_pb2.MODEL_STATE_AVAILABLE

    data = {"VOICEBOX_DATA": str(tmp_path / "next"), "VOICEBOX_MODELS": str(tmp_path / "models")}
    next_one = await start(open_service, ASR_MODEL="org/random", VOICEBOX_OFFLINE="1", **data)
    default = (
        await aio_stub(models_pb2_grpc.ModelServiceStub, next_one.channel).ListModels(models_pb2.ListModelsRequest())
    ).models[0]
    assert (default.name, default.is_default, default.state) == (NAME, True, models_pb2.MODEL_STATE_LOADED)
