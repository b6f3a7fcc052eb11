"""Long-running recognition, as Google's SDK begins, asks for, lists, cancels and forgets it."""

import asyncio

import pytest
from google.protobuf.duration_pb2 import Duration
from voicebox_asr.compat.google.operation_store import Operations
from voicebox_kit.errors import Exhausted, NotFound

from tests.support.hearing import WER, word_error_rate

from .conftest import ENGLISH, LINEAR16, RECOGNIZER, in_base64, text_of

PARENT = RECOGNIZER.removesuffix("/recognizers/_")


def long(audio):
    return {"config": LINEAR16, "audio": {"content": in_base64(audio)}}


def data_uri(audio):
    return f"data:audio/wav;base64,{in_base64(audio)}"


def test_a_long_recording_is_waited_for(sdk, speech_wav):
    reported = sdk.call("long_v1", request=long(speech_wav))
    assert word_error_rate(text_of(reported["response"]["results"])) <= WER
    assert reported["metadata"]["progress_percent"] == 100
    found = sdk.call("operations", version=1, method="get_operation", name=reported["name"])
    assert found["done"]
    assert text_of(found["response"]["results"]) == text_of(reported["response"]["results"])


def test_a_batch_reports_each_file(sdk, speech_wav):
    good, bad = data_uri(speech_wav), data_uri(b"no sound" * 100)
    request = {"recognizer": RECOGNIZER, "config": ENGLISH, "files": [{"uri": good}, {"uri": bad}]}
    request["recognition_output_config"] = {"inline_response_config": {}}
    reported = sdk.call("batch_v2", request=request)
    assert reported["name"].startswith(f"{PARENT}/operations/")
    results = reported["response"]["results"]
    assert word_error_rate(text_of(results[good]["inline_result"]["transcript"]["results"])) <= WER
    assert results[bad]["error"]["code"] == 3
    assert "inline_result" not in results[bad]
    assert reported["metadata"]["resource"] == RECOGNIZER
    assert reported["name"] in [
        each["name"] for each in sdk.call("operations", version=2, method="list_operations", name=PARENT, filter_="")
    ]


def test_a_file_of_a_batch_has_a_config_of_its_own(sdk, speech_wav):
    own = {"config": {"features": {"enable_word_time_offsets": True}}, "config_mask": "features.enableWordTimeOffsets"}
    uri = data_uri(speech_wav)
    reported = sdk.call(
        "batch_v2", request={"recognizer": RECOGNIZER, "config": ENGLISH, "files": [{"uri": uri, **own}]}
    )
    assert reported["response"]["results"][uri]["inline_result"]["transcript"]["results"][0]["alternatives"][0]["words"]


def test_what_runs_is_waited_for_listed_and_forgotten(sdk, speech_wav):
    name = sdk.call("begin_v1", request=long(speech_wav))["name"]
    assert sdk.call("wait", name=name, seconds=60)["done"]
    listed = sdk.call("operations", version=1, method="list_operations", name="", filter_="")
    assert name in [each["name"] for each in listed]
    first = sdk.call("page", page_size=1)
    second = sdk.call("page", page_size=1, page_token=first["next_page_token"])
    assert [each["name"] for page in (first, second) for each in page["operations"]] == [
        each["name"] for each in listed[:2]
    ]
    assert sdk.call("operations", version=1, method="delete_operation", name=name) is None
    reported = sdk.refused("operations", version=1, method="get_operation", name=name)
    assert (reported["class"], name in reported["message"]) == ("NotFound", True)


def test_what_runs_can_be_cancelled(sdk, speech_wav):
    hour = speech_wav + speech_wav[44:] * 60
    name = sdk.call("begin_v1", request={"config": LINEAR16, "audio": {"content": in_base64(hour)}})["name"]
    assert not sdk.call("wait", name=name, seconds=0.01).get("done")
    sdk.call("operations", version=1, method="cancel_operation", name=name)
    reported = sdk.call("operations", version=1, method="get_operation", name=name)
    assert reported["done"]
    assert reported["error"]["code"] == 1


def test_what_fails_reports_why(sdk):
    reported = sdk.refused("long_v1", request=long(b"RIFF\0\0\0\0WAVEfmt broken"))
    assert (reported["class"], "audio.content" in reported["message"]) == ("InvalidArgument", True)


@pytest.mark.parametrize("method", ["get_operation", "cancel_operation", "delete_operation"])
def test_an_unknown_operation_is_not_found(sdk, method):
    assert sdk.refused("operations", version=1, method=method, name="7")["class"] == "NotFound"


def test_what_cannot_be_listed_is_named(sdk):
    assert (
        sdk.refused("operations", version=1, method="list_operations", name="", filter_="done=true")["field"]
        == "filter"
    )
    assert sdk.refused("page", page_size=1, page_token="7")["field"] == "page_token"


async def done():
    return Duration(seconds=1)


async def for_ever():
    await asyncio.Event().wait()
    return Duration()


def described(operation):
    return Duration()


async def test_what_ended_is_kept_for_its_time():
    now = [0.0]
    operations = Operations(1, lambda: now[0], held_seconds=10)
    async with operations.running():
        operation = operations.begin("", "ann", 1, described, done)
        await operation.task
        now[0] = 9.9
        assert operations.find(operation.name, "ann") is operation
        now[0] = 10.0
        with pytest.raises(NotFound):
            operations.find(operation.name, "ann")


async def test_the_oldest_that_ended_gives_way_and_none_that_runs():
    operations = Operations(9, lambda: 0.0, max_operations=3)
    async with operations.running():
        ended = [operations.begin("", "ann", 1, described, done) for _ in range(2)]
        await asyncio.gather(*(each.task for each in ended))
        running = [operations.begin("", "ann", 1, described, for_ever) for _ in range(3)]
        assert list(operations.of("", "ann")) == running
        with pytest.raises(Exhausted):
            operations.begin("", "ann", 1, described, done)
        running[1].task.cancel()
        await asyncio.wait({running[1].task})
        newest = operations.begin("", "ann", 1, described, done)
        assert list(operations.of("", "ann")) == [running[0], running[2], newest]


async def test_what_it_holds_in_all_is_bounded():
    operations = Operations(9, lambda: 0.0, max_bytes=10)
    async with operations.running():
        ended = operations.begin("", "ann", 6, described, done)
        await ended.task
        running = [operations.begin("", "ann", 5, described, for_ever) for _ in range(2)]
        assert list(operations.of("", "ann")) == running
        with pytest.raises(Exhausted):
            operations.begin("", "ann", 1, described, done)


async def test_nobody_sees_what_is_anothers():
    operations = Operations(1, lambda: 0.0)
    async with operations.running():
        operation = operations.begin("projects/a/locations/b", "ann", 1, described, for_ever)
        assert list(operations.of("", "bob")) == []
        assert list(operations.of("projects/a/locations/other", "ann")) == []
        with pytest.raises(NotFound):
            operations.find(operation.name, "bob")


async def test_only_so_many_run_at_once_and_the_end_stops_all():
    begun = []

    async def work():
        begun.append(1)
        return await for_ever()

    operations = Operations(2, lambda: 0.0)
    async with operations.running():
        running = [operations.begin("", "ann", 1, described, work) for _ in range(4)]
        await asyncio.wait({each.task for each in running}, timeout=0)
        for _ in range(3):
            await asyncio.sleep(0)
        assert len(begun) == 2
    assert all(each.task.cancelled() for each in running)
    assert all(each.ended_at is not None for each in running)


@pytest.mark.parametrize(("first", "then"), [(1, 3), (4, 2), (2, 2)])
async def test_as_many_run_at_once_as_the_default_model_has_streams(first, then):
    begun = []

    async def work():
        begun.append(1)
        return await for_ever()

    operations = Operations(first, lambda: 0.0)
    await operations.limit(then)
    async with operations.running():
        running = [operations.begin("", "ann", 1, described, work) for _ in range(6)]
        for _ in range(4):
            await asyncio.wait({each.task for each in running}, timeout=0)
        assert len(begun) == then
