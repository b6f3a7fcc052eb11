"""The models of a service: found, loaded once, kept while they are used, unloaded, and what is said of them."""

import asyncio
import threading

import grpc
import pytest
from prometheus_client import CollectorRegistry
from voicebox.models.v1 import models_pb2, models_pb2_grpc
from voicebox_kit.background import Background
from voicebox_kit.errors import Exhausted, NotFound, Precondition, StartError, Unavailable
from voicebox_models.models import State
from voicebox_models.registry import MAX_UNLISTED
from voicebox_models.servicer import ModelServicer

from tests.support.aio import aio_stub

from .conftest import FakeEngine


@pytest.fixture
def default():
    return FakeEngine("zeta", loaded=True)


@pytest.fixture
def other():
    return FakeEngine("beta")


@pytest.fixture
def models(make_models, default, other):
    return make_models(default, other, FakeEngine("alpha"))


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


async def test_a_caller_that_leaves_does_not_end_the_load(models, other):
    other.go_on.clear()
    leaving, staying = asyncio.create_task(models.load(other)), asyncio.create_task(models.load(other))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    other.go_on.set()
    await staying
    assert (leaving.cancelled(), other.loaded, other.loads) == (True, True, 1)


async def test_a_model_that_cannot_be_loaded_says_why_to_all_and_may_be_tried_again(models, other):
    other.failure = "No weights."
    answers = await asyncio.gather(models.load(other), models.load(other), return_exceptions=True)
    assert [(type(answer), str(answer)) for answer in answers] == [
        (Precondition, "models/beta/1 cannot be loaded: No weights.")
    ] * 2
    assert (models.state(other), other.loads) == ((State.FAILED, "No weights."), 1)
    other.failure = ""
    await models.load(other)
    assert models.state(other)[0] is State.LOADED


async def test_a_model_that_cannot_be_loaded_is_a_precondition_with_its_cause(models, other):
    other.failure = "model.bin is cut short."
    with pytest.raises(Precondition, match=r"model\.bin is cut short") as refused:
        await models.load(other)
    assert (refused.value.reason, refused.value.subject) == ("MODEL_NOT_LOADED", "models/beta/1")


async def test_a_default_that_cannot_be_loaded_is_listed_as_broken_and_the_next_takes_its_place(make_models, caplog):
    broken, worse, good = FakeEngine("best"), FakeEngine("better"), FakeEngine("good")
    broken.failure, worse.failure = "No magic.", "No vocabulary."
    models = make_models(broken, worse, good)
    await models.load_default((worse, good))
    assert (models.default, models.engines[0], good.loaded) == (good, good, True)
    assert [models.state(engine) for engine in (broken, worse)] == [
        (State.FAILED, "No magic."),
        (State.FAILED, "No vocabulary."),
    ]
    state, detail = models.state(good)
    assert (state, "No magic." in detail, "No vocabulary." in detail) == (State.LOADED, True, True)
    assert "No magic." in caplog.text
    with pytest.raises(Precondition, match="default model"):
        await models.unload(good)


async def test_when_none_can_be_loaded_the_service_does_not_start_and_reports_every_cause(make_models):
    broken, worse = FakeEngine("best"), FakeEngine("better")
    broken.failure, worse.failure = "No magic.", "No vocabulary."
    with pytest.raises(StartError, match=r"No magic\..*No vocabulary\."):
        await make_models(broken, worse).load_default((worse,))


async def test_the_default_is_never_unloaded(models, default, other):
    await models.load(other)
    await models.unload(other)
    assert models.state(other)[0] is State.AVAILABLE
    with pytest.raises(Precondition) as refused:
        await models.unload(default)
    assert (refused.value.reason, refused.value.subject, default.loaded) == ("MODEL_IS_DEFAULT", "models/zeta/1", True)


async def test_a_model_in_use_is_not_unloaded(models, other):
    async with models.use(other), models.use(other):
        with pytest.raises(Precondition, match="2 calls use it") as refused:
            await models.unload(other)
        assert (refused.value.reason, other.loaded) == ("MODEL_IN_USE", True)
    await models.unload(other)
    assert not other.loaded


async def test_who_comes_while_a_model_is_unloaded_gets_it_loaded_again(models, other):
    await models.load(other)
    unloading = threading.Event()

    def slow_unload() -> None:
        unloading.wait(30)
        other.loaded = False

    other.unload = slow_unload
    leaving = asyncio.create_task(models.unload(other))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        coming = tasks.create_task(models.load(other))
        await asyncio.sleep(0)
        unloading.set()
        tasks.create_task(asyncio.wait([leaving]))
    assert coming.done()
    assert (other.loaded, other.loads) == (True, 2)


async def test_an_absent_model_is_not_fetched_by_a_request_which_names_the_command(models, other):
    other.present = False
    for refused_by in (models.load(other), models.use(other).__aenter__()):
        with pytest.raises(Precondition, match="`voicebox models asr download models/beta/1` fetches them") as refused:
            await refused_by
        assert refused.value.reason == "MODEL_ABSENT"
    assert models.state(other)[0] is State.ABSENT
    assert (other.loads, other.downloads) == (0, 0)


async def test_a_default_that_cannot_be_loaded_is_a_start_error(models, default):
    default.loaded, default.failure = False, "No weights."
    with pytest.raises(StartError, match="zeta/1 cannot be loaded: No weights"):
        await models.load_default()


def test_a_model_that_nobody_listed_is_found_and_stays_the_same(models, other):
    assert models.find("models/beta/1") is other
    unknown = models.find("models/beta/org/big-model")
    assert (unknown.model.name, models.state(unknown)[0]) == ("beta/org/big-model", State.ABSENT)
    assert models.find("models/beta/org/big-model") is unknown
    assert unknown not in models.engines


@pytest.mark.parametrize(
    "name", ["", "beta/1", "models/beta", "models/none/1", "models/beta/../../etc", "models/beta/a/b/c", "models/beta/"]
)
def test_what_can_be_no_model_is_not_found(models, name):
    with pytest.raises(NotFound):
        models.find(name)


def test_names_that_come_to_nothing_are_forgotten(models):
    first = models.find("models/beta/org/0")
    here = models.find("models/beta/org/here")
    here.present = True
    for number in range(1, MAX_UNLISTED + 2):
        models.find(f"models/beta/org/{number}")
    assert models.find("models/beta/org/0") is not first
    assert models.find("models/beta/org/here") is here


async def test_the_longest_unused_model_makes_room(make_models, default, clock):
    a, b, c = (FakeEngine(name, memory_bytes=40) for name in "abc")
    default.memory_bytes = 10
    models = make_models(default, a, b, c, memory_bytes=100)
    for engine in (a, b, a):
        clock.now += 1
        async with models.use(engine):
            pass
    await models.load(c)
    assert (a.loaded, b.loaded, c.loaded, default.loaded) == (True, False, True, True)


async def test_a_model_that_does_not_fit_beside_those_in_use_is_refused_and_nothing_is_unloaded(make_models, default):
    a, b, c, huge = (
        FakeEngine(name, memory_bytes=size) for name, size in (("a", 40), ("b", 40), ("c", 60), ("huge", 95))
    )
    default.memory_bytes = 10
    models = make_models(default, a, b, c, huge, memory_bytes=100)
    await models.load(b)
    async with models.use(a):
        with pytest.raises(Exhausted) as refused:
            await models.load(c)
        assert (refused.value.reason, refused.value.retry_seconds is not None) == ("MODEL_MEMORY", True)
        assert (a.loaded, b.loaded) == (True, True)
    await models.load(c)
    assert (a.loaded, b.loaded, c.loaded) == (False, False, True)
    with pytest.raises(Exhausted) as refused:
        await models.load(huge)
    assert (refused.value.retry_seconds, c.loaded) == (None, True)


async def test_models_that_load_at_once_are_counted_together(make_models, default):
    a, b = FakeEngine("a", memory_bytes=60), FakeEngine("b", memory_bytes=60)
    models = make_models(default, a, b, memory_bytes=100)
    a.go_on.clear()
    first = asyncio.create_task(models.load(a))
    await asyncio.sleep(0)
    with pytest.raises(Exhausted):
        await models.load(b)
    a.go_on.set()
    await first


async def test_idle_models_are_unloaded_when_they_are_due(make_models, default, clock):
    a, b = FakeEngine("a"), FakeEngine("b")
    models = make_models(default, a, b, ttl_seconds=60)
    assert await models.unload_idle() is None
    await models.load(a)
    clock.now += 20
    async with models.use(b):
        assert await models.unload_idle() == 40
        clock.now += 100
        assert await models.unload_idle() is None
        assert (a.loaded, b.loaded) == (False, True)
    assert await models.unload_idle() == 60
    clock.now += 60
    await models.unload_idle()
    assert (b.loaded, default.loaded) == (False, True)


async def test_the_watch_unloads_by_itself_and_everything_at_the_end(make_models, default):
    a, b = FakeEngine("a"), FakeEngine("b")
    models = make_models(default, a, b, ttl_seconds=0.01, clock=asyncio.get_running_loop().time)
    async with asyncio.timeout(30), models.running(Background(CollectorRegistry())):
        await models.load(a)
        while a.loaded:
            await asyncio.sleep(0.005)
        async with models.use(b):
            pass
    assert (b.loaded, default.loaded) == (False, False)


async def test_memory_and_loads_are_counted(models, other, default, registry):
    await models.load(other)
    value = registry.get_sample_value
    assert value("voicebox_models_loaded") == 2
    assert value("voicebox_model_memory_bytes", {"model": "beta/1"}) == 7
    assert value("voicebox_model_load_seconds_count") == 1


async def test_a_download_reports_how_far_it_is_and_is_then_available(models, other):
    other.present = False
    other.bring.clear()
    steps = models.download(other)
    await anext(steps)
    assert (await anext(steps)).bytes_done == 0
    assert models.state(other) == (State.ABSENT, "It is being downloaded, 0 of 0 MB so far.")
    assert other in models.engines
    other.bring.set()
    *_, last = [step async for step in steps]
    assert (last.bytes_done, last.bytes_total) == (4, 4)
    assert (models.state(other)[0], other.downloads) == (State.AVAILABLE, 1)
    assert [step async for step in models.download(other)] == []


async def test_callers_share_a_download_and_one_that_leaves_does_not_end_it(models, other):
    other.present = False
    other.bring.clear()
    leaving, staying = models.download(other), models.download(other)
    await asyncio.gather(anext(leaving), anext(staying))
    await leaving.aclose()
    other.bring.set()
    async for _ in staying:
        pass
    assert (other.present, other.downloads, other.gave_up.is_set()) == (True, 1, False)


async def test_the_last_one_who_leaves_ends_the_download_and_the_next_begins_anew(models, other):
    other.present = False
    other.bring.clear()
    steps = models.download(other)
    await anext(steps)
    await anext(steps)  # it runs by now
    await steps.aclose()
    again = models.download(other)
    await anext(again)
    assert other.gave_up.is_set()
    other.bring.set()
    async for _ in again:
        pass
    assert (other.present, other.downloads) == (True, 2)


async def test_a_download_that_fails_says_why_to_all(models, other):
    other.present, other.failure = False, "No such model."

    async def drained() -> None:
        async for _ in models.download(other):
            pass

    answers = await asyncio.gather(drained(), drained(), return_exceptions=True)
    assert [(type(answer), str(answer)) for answer in answers] == [(Unavailable, "No such model.")] * 2
    assert (models.state(other)[0], other.downloads) == (State.ABSENT, 1)


async def test_downloads_end_with_the_service(models, other):
    other.present = False
    other.bring.clear()
    async with asyncio.timeout(30), models.running(Background(CollectorRegistry())):
        steps = models.download(other)
        await anext(steps)
        await anext(steps)
    assert other.gave_up.is_set()
    with pytest.raises(Unavailable, match="given up"):
        await anext(steps)


async def test_the_service_reports_all_of_a_model(models, other):
    servicer = ModelServicer(models)
    listed = (await servicer.ListModels(models_pb2.ListModelsRequest(), None)).models
    assert [(model.name, model.is_default) for model in listed] == [
        ("models/zeta/1", True),
        ("models/alpha/1", False),
        ("models/beta/1", False),
    ]
    assert listed[0].detail == "It is the best one."
    named = models_pb2.GetModelRequest(name="models/beta/1")
    other.present = False
    assert (await servicer.GetModel(named, None)).state == models_pb2.MODEL_STATE_ABSENT
    *_, last = [
        answer async for answer in servicer.DownloadModel(models_pb2.DownloadModelRequest(name="models/beta/1"), None)
    ]
    assert (last.done, last.bytes_done, last.model.state, last.model.device) == (
        True,
        4,
        models_pb2.MODEL_STATE_AVAILABLE,
        "",
    )
    loaded = await servicer.LoadModel(models_pb2.LoadModelRequest(name="models/beta/1"), None)
    assert (loaded.state, loaded.device, loaded.memory_bytes) == (models_pb2.MODEL_STATE_LOADED, "cpu", 7)
    assert (loaded.engine, loaded.revision, loaded.licence, list(loaded.languages)) == ("beta", "r1", "MIT", ["en-US"])
    answers = [
        answer async for answer in servicer.DownloadModel(models_pb2.DownloadModelRequest(name="models/beta/1"), None)
    ]
    assert [(answer.model, answer.done) for answer in answers] == [(loaded, True)]
    unloaded = await servicer.UnloadModel(models_pb2.UnloadModelRequest(name="models/beta/1"), None)
    assert unloaded.state == models_pb2.MODEL_STATE_AVAILABLE


async def test_a_client_that_cancels_ends_its_download(models, other):
    other.present = False
    other.bring.clear()
    server = grpc.aio.server()
    models_pb2_grpc.add_ModelServiceServicer_to_server(ModelServicer(models), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with asyncio.timeout(30), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        download = aio_stub(models_pb2_grpc.ModelServiceStub, channel).DownloadModel(
            models_pb2.DownloadModelRequest(name="models/beta/1")
        )
        for _ in range(2):
            assert (await download.read()).model.state == models_pb2.MODEL_STATE_ABSENT
        download.cancel()
        await asyncio.to_thread(other.gave_up.wait, 30)
    await server.stop(0)
    assert (other.gave_up.is_set(), other.present) == (True, False)


@pytest.mark.parametrize("is_default", [True, False])
async def test_a_default_that_keeps_failing_is_part_of_health(models, default, other, is_default):
    background = Background(CollectorRegistry())
    async with models.running(background):
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                async with models.use(default if is_default else other):
                    raise ZeroDivisionError("the device is lost")
        if is_default:
            while background.are_vital_healthy:
                await asyncio.sleep(0)
        assert background.are_vital_healthy is not is_default
