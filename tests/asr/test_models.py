from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from voicebox.models.v1 import models_pb2, models_pb2_grpc
from voicebox_asr.app import open_service
from voicebox_asr.engine import Model
from voicebox_asr.models import Models, State
from voicebox_kit.errors import NotFound, Precondition, StartError, Unavailable

from .conftest import CountingEngine

NAME = "models/pocketsphinx/en-us"


class Broken(CountingEngine):
    def load(self) -> None:
        raise StartError("No weights.")


@pytest.fixture
def executor():
    with ThreadPoolExecutor(1) as executor:
        yield executor


async def test_a_model_is_loaded_once_and_unloaded_unless_it_is_the_default(executor) -> None:
    default, other = CountingEngine(), CountingEngine("other", Model("other/1", "1", "MIT", ("en-US",)))
    models = Models([default, other], executor)
    assert models.find("models/other/1") is other
    assert models.state(other)[0] is State.AVAILABLE
    await models.load(other)
    await models.load(other)
    assert models.state(other)[0] is State.LOADED
    await models.unload(other)
    assert models.state(other)[0] is State.AVAILABLE
    with pytest.raises(Precondition):
        await models.unload(default)
    with pytest.raises(NotFound):
        models.find("models/none/1")


async def test_a_model_that_cannot_be_loaded_says_why(executor) -> None:
    engine = Broken()
    models = Models([engine], executor)
    with pytest.raises(Unavailable, match="No weights"):
        await models.load(engine)
    assert models.state(engine) == (State.FAILED, "No weights.")


async def test_the_service_tells_of_its_model(start) -> None:
    stub = models_pb2_grpc.ModelServiceStub((await start(open_service)).channel)
    (model,) = (await stub.ListModels(models_pb2.ListModelsRequest())).models
    assert (model.name, model.engine, model.device, model.licence) == (NAME, "pocketsphinx", "cpu", "BSD-2-Clause")
    assert model.state == models_pb2.MODEL_STATE_LOADED
    assert model.is_default
    assert 20_000_000 < model.memory_bytes < 300_000_000
    assert await stub.GetModel(models_pb2.GetModelRequest(name=NAME)) == model
    assert (await stub.LoadModel(models_pb2.LoadModelRequest(name=NAME))).name == NAME
    assert [answer.done async for answer in stub.DownloadModel(models_pb2.DownloadModelRequest(name=NAME))] == [True]


async def test_the_service_refuses_by_code(start) -> None:
    stub = models_pb2_grpc.ModelServiceStub((await start(open_service)).channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.UnloadModel(models_pb2.UnloadModelRequest(name=NAME))
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetModel(models_pb2.GetModelRequest(name="models/x/y"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
