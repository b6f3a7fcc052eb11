"""The pacer, the variables, the plugins, the request ids and the logs."""

import asyncio
import io
import json
import logging

import pytest
from voicebox_kit import logs, plugins, request_id, variables
from voicebox_kit.durations import to_duration
from voicebox_kit.errors import StartError, Unavailable
from voicebox_kit.pacer import Pacer
from voicebox_kit.shielded import shielded
from voicebox_kit.uploads import answer_of


def test_the_pacer_keeps_a_stream_its_seconds_ahead():
    now = 100.0
    pacer = Pacer(5.0, clock=lambda: now)
    assert pacer.delay_seconds(3.0) == 0.0
    assert pacer.delay_seconds(5.0) == 0.0
    assert pacer.delay_seconds(6.5) == 1.5
    now = 102.0
    assert pacer.delay_seconds(6.5) == 0.0
    assert pacer.delay_seconds(8.0) == 1.0


def test_variables_have_defaults_and_bounds():
    assert variables.integer({}, "X", 4, 1, 9) == 4
    assert variables.integer({"X": "7"}, "X", 4, 1, 9) == 7
    assert variables.seconds({"X": "0.5"}, "X", 4) == 0.5
    assert variables.text({"X": ""}, "X", "default") == "default"
    assert [variables.boolean({"X": value}, "X", False) for value in ("1", "off", "")] == [True, False, False]
    assert variables.address({"X": "[::1]:50"}, "X", "a:1") == "[::1]:50"


@pytest.mark.parametrize("value", ["0", "10", "x", "1.5", "nan", "inf", "-1"])
def test_a_number_that_does_not_fit_is_a_sentence(value):
    with pytest.raises(StartError, match=r"X must be a whole number from 1 to 9"):
        variables.integer({"X": value}, "X", 4, 1, 9)


@pytest.mark.parametrize("value", ["localhost", "localhost:", ":80", "host:99999", "host:x", "host:-1"])
def test_an_address_that_is_none_is_a_sentence(value):
    with pytest.raises(StartError, match="X must be host:port"):
        variables.address({"X": value}, "X", "a:1")


def test_a_boolean_that_is_none_is_a_sentence():
    with pytest.raises(StartError, match="X must be 1 or 0"):
        variables.boolean({"X": "maybe"}, "X", True)


def test_plugins_report_what_is_installed():
    assert {"catalog", "tts", "asr"} <= set(plugins.names("voicebox.services"))
    with pytest.raises(StartError, match=r"There is no service 'nobody'\. Installed: accounts, asr, catalog"):
        plugins.load("voicebox.services", "nobody")


@pytest.mark.parametrize("sent", ["", "x" * 129, "line\nbreak", b"bytes"])
def test_an_unusable_request_id_is_replaced(sent):
    assert request_id.from_metadata([("x-request-id", sent)]) != sent


def test_a_usable_request_id_is_kept():
    assert request_id.from_metadata([("other", "a"), ("x-request-id", "abc")]) == "abc"


def test_json_logs_carry_the_request_id():
    stream, logger = io.StringIO(), logging.Logger("voicebox.test")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonFormatter())
    logger.addHandler(handler)
    token = request_id.current.set("me-7")
    try:
        try:
            raise ZeroDivisionError("oh")
        except ZeroDivisionError:
            logger.exception("it %s", "failed")
    finally:
        request_id.current.reset(token)
    line = json.loads(stream.getvalue())
    assert (line["level"], line["message"], line["request_id"]) == ("ERROR", "it failed", "me-7")
    assert "ZeroDivisionError: oh" in line["traceback"]


@pytest.mark.parametrize("env", [{"LOG_LEVEL": "LOUD"}, {"LOG_FORMAT": "xml"}])
def test_a_wrong_log_variable_is_a_sentence(env):
    with pytest.raises(StartError, match="must be"):
        logs.configure(env)


def test_durations_are_rounded_to_a_microsecond():
    assert to_duration(1.0000004).ToMicroseconds() == 1_000_000


def test_silence_earns_a_stream_no_lead():
    now = 0.0
    pacer = Pacer(5.0, clock=lambda: now)
    assert pacer.delay_seconds(1.0) == 0.0
    now = 100.0  # the listener has played it all and waited: the text for more came late
    assert pacer.delay_seconds(6.0) == 0.0
    assert pacer.delay_seconds(8.0) == 2.0


async def test_unbroken_work_ends_though_its_caller_leaves():
    begun, go_on, done = asyncio.Event(), asyncio.Event(), []

    async def work():
        begun.set()
        await go_on.wait()
        done.append(1)

    caller = asyncio.create_task(shielded(work()))
    await begun.wait()
    caller.cancel()
    await asyncio.sleep(0)
    assert not caller.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert done == [1]


async def test_a_peer_that_is_lost_is_no_cancellation_of_ours():
    lost = asyncio.get_running_loop().create_future()
    lost.cancel()
    with pytest.raises(Unavailable) as caught:
        await answer_of(lost)
    assert caught.value.reason == "PEER_LOST"
    waiting = asyncio.create_task(answer_of(asyncio.get_running_loop().create_future()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
