import re
import shutil
from pathlib import Path

import grpc
import pytest
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox.models.v1 import models_pb2, models_pb2_grpc
from voicebox_asr.app import open_service
from voicebox_asr.settings import Settings
from voicebox_kit.errors import StartError
from voicebox_models.choosing import EngineSettings
from voicebox_models.residency import NO_LIMITS, MemoryLimits


def test_defaults() -> None:
    settings = Settings.read({})
    assert (settings.address, settings.engines, settings.device, settings.compute_type) == (
        "127.0.0.1:50052",
        EngineSettings(),
        "auto",
        "auto",
    )
    assert (settings.streams, settings.queue, settings.model_limits) == (0, 16, NO_LIMITS)
    assert (settings.models_folder, settings.hub.offline) == (Path("var/models"), False)


def test_settings_of_models() -> None:
    env = {
        "ASR_ENGINE": "whisper",
        "ASR_MORE_ENGINES": "pocketsphinx, ",
        "ASR_MODEL": "whisper/small",
        "ASR_COMPUTE_TYPE": "int8",
        "ASR_MODEL_MEMORY_BYTES": "4000000000",
        "ASR_MODEL_TTL_SECONDS": "600",
        "ASR_STREAMS": "auto",
        "VOICEBOX_DATA": "/data",
        "VOICEBOX_OFFLINE": "1",
    }
    settings = Settings.read(env)
    assert settings.engines == EngineSettings("whisper", ("pocketsphinx",), "whisper/small")
    assert (settings.compute_type, settings.model_limits, settings.streams) == (
        "int8",
        MemoryLimits(4_000_000_000, 600.0),
        0,
    )
    assert (settings.models_folder, settings.hub.offline) == (Path("/data/models"), True)
    assert Settings.read({**env, "VOICEBOX_MODELS": "/models", "ASR_STREAMS": "3"}).models_folder == Path("/models")


@pytest.mark.parametrize(
    "env",
    [
        {"ASR_STREAMS": "-1"},
        {"ASR_ADDRESS": "nowhere"},
        {"ASR_DEVICE": "cuda:0", "ASR_ENGINE": "pocketsphinx"},
        {"ASR_DEVICE": "cuda:99"},
        {"ASR_ENGINE": "none"},
        {"ASR_MODEL": "pocketsphinx/none"},
        {"ASR_MODEL": "/nowhere"},
        {"ASR_MODEL_TTL_SECONDS": "long"},
        {"VOICEBOX_OFFLINE": "perhaps"},
    ],
)
async def test_what_cannot_be_is_a_start_error(env: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(StartError):
        async with open_service({"VOICEBOX_DATA": str(tmp_path), **env}):
            pass


async def test_without_a_whisper_model_pocketsphinx_is_chosen_and_the_list_says_why(start) -> None:
    running = await start(open_service)
    listed = (await models_pb2_grpc.ModelServiceStub(running.channel).ListModels(models_pb2.ListModelsRequest())).models
    assert (listed[0].name, listed[0].is_default, listed[0].state) == (
        "models/pocketsphinx/en-us",
        True,
        models_pb2.MODEL_STATE_LOADED,
    )
    assert re.fullmatch(
        r"It is used when no other is named: (no model of whisper is here|it is the best one here)\.", listed[0].detail
    )


async def test_a_whisper_model_that_is_here_is_chosen_and_the_other_engine_served_beside_it(
    start, whisper_models, tmp_path
) -> None:
    shutil.copytree(whisper_models / "random", tmp_path / "models" / "whisper" / "random")
    running = await start(open_service)
    service = models_pb2_grpc.ModelServiceStub(running.channel)
    listed = (await service.ListModels(models_pb2.ListModelsRequest())).models
    assert (listed[0].name, listed[0].state) == ("models/whisper/random", models_pb2.MODEL_STATE_LOADED)
    assert "best one here" in listed[0].detail
    assert "models/pocketsphinx/en-us" in [model.name for model in listed]


async def test_a_request_for_a_model_that_is_not_here_names_the_command(start) -> None:
    running = await start(open_service)
    config = asr_pb2.RecognitionConfig(
        model="models/whisper/tiny", encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=16_000, language="en"
    )
    with pytest.raises(grpc.aio.AioRpcError, match="`voicebox models asr download models/whisper/tiny`") as refused:
        await asr_pb2_grpc.SpeechToTextServiceStub(running.channel).Recognize(
            asr_pb2.RecognizeRequest(config=config, audio=bytes(32_000))
        )
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
