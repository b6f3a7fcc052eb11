"""The models of a service: found, loaded once, unloaded, and what is said of them."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from voicebox.models.v1 import models_pb2
from voicebox_kit.errors import NotFound, Precondition, StartError, Unavailable
from voicebox_models.engine import Model
from voicebox_models.models import Models, State
from voicebox_models.servicer import ModelServicer


@dataclass(eq=False)
class FakeEngine:
    """Something that can be loaded; `loads` counts how often, `go_on` holds it up."""

    name: str = "fake"
    loaded: bool = False
    device: str = "cpu"
    memory_bytes: int = 7
    failure: str = ""
    loads: int = 0
    go_on: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.go_on.set()

    @property
    def model(self) -> Model:
        return Model(f"{self.name}/1", "r1", "MIT", ("en-US",))

    def load(self) -> None:
        self.go_on.wait(30)
        self.loads += 1
        if self.failure:
            raise StartError(self.failure)
        self.loaded = True

    def unload(self) -> None:
        self.loaded = False


@pytest.fixture
def default() -> FakeEngine:
    return FakeEngine("zeta", loaded=True)


@pytest.fixture
def other() -> FakeEngine:
    return FakeEngine("beta")


@pytest.fixture
def models(default, other):
    with ThreadPoolExecutor(4) as executor:
        yield Models([default, other, FakeEngine("alpha")], executor)


def test_the_default_comes_first_and_the_others_by_name(models):
    assert [engine.name for engine in models.engines] == ["zeta", "alpha", "beta"]


async def test_a_model_is_loaded_once_however_many_ask(models, other):
    assert models.state(other)[0] is State.AVAILABLE
    other.go_on.clear()
    asking = [asyncio.create_task(models.load(other)) for _ in range(5)]
    await asyncio.sleep(0)
    assert models.state(other)[0] is State.LOADING
    other.go_on.set()
    await asyncio.gather(*asking)
    assert (models.state(other)[0], other.loads) == (State.LOADED, 1)


async def test_a_model_that_cannot_be_loaded_says_why_and_may_be_tried_again(models, other):
    other.failure = "No weights."
    with pytest.raises(Unavailable, match=r"beta/1 cannot be loaded: No weights\."):
        await models.load(other)
    assert models.state(other) == (State.FAILED, "No weights.")
    other.failure = ""
    await models.load(other)
    assert models.state(other)[0] is State.LOADED


async def test_the_default_is_never_unloaded(models, default, other):
    await models.load(other)
    await models.unload(other)
    assert models.state(other)[0] is State.AVAILABLE
    with pytest.raises(Precondition) as refused:
        await models.unload(default)
    assert (refused.value.reason, refused.value.subject, default.loaded) == ("MODEL_IS_DEFAULT", "models/zeta/1", True)


def test_an_unknown_model_is_not_found(models, other):
    assert models.find("models/beta/1") is other
    for name in ("", "beta/1", "models/beta", "models/none/1"):
        with pytest.raises(NotFound):
            models.find(name)


async def test_the_service_tells_all_of_a_model(models, other):
    servicer = ModelServicer(models)
    listed = (await servicer.ListModels(models_pb2.ListModelsRequest(), None)).models
    assert [(model.name, model.is_default) for model in listed] == [
        ("models/zeta/1", True),
        ("models/alpha/1", False),
        ("models/beta/1", False),
    ]
    absent = await servicer.GetModel(models_pb2.GetModelRequest(name="models/beta/1"), None)
    assert (absent.state, absent.device) == (models_pb2.MODEL_STATE_AVAILABLE, "")
    loaded = await servicer.LoadModel(models_pb2.LoadModelRequest(name="models/beta/1"), None)
    assert (loaded.state, loaded.device, loaded.memory_bytes) == (models_pb2.MODEL_STATE_LOADED, "cpu", 7)
    assert (loaded.engine, loaded.revision, loaded.licence, list(loaded.languages)) == ("beta", "r1", "MIT", ["en-US"])
    answers = [answer async for answer in servicer.DownloadModel(models_pb2.DownloadModelRequest(name="models/beta/1"), None)]
    assert [(answer.model, answer.done) for answer in answers] == [(loaded, True)]
    unloaded = await servicer.UnloadModel(models_pb2.UnloadModelRequest(name="models/beta/1"), None)
    assert unloaded.state == models_pb2.MODEL_STATE_AVAILABLE
