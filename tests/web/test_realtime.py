"""OpenAI's Realtime API through its unmodified SDK: speech is transcribed, and texts are spoken."""

import json

import pytest

from tests.support.hearing import TEXT, WER, word_error_rate

from .conftest import RATE_HZ, SdkError, appended, call, of_type, read_pcm, spoken, until

SILENCE = bytes(2 * RATE_HZ)  # one second
REAL_SPEECH = "LJ001-0001.wav"
COMPLETED = "conversation.item.input_audio_transcription.completed"
DELTA = "conversation.item.input_audio_transcription.delta"


def message(text):
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def say(text, **response):
    return call("conversation.item.create", item=message(text)), call("response.create", response=response)


def session(kind="transcription", **audio_input):
    return call("session.update", session={"type": kind, "audio": {"input": audio_input}})


@pytest.fixture(scope="module")
def speech(sdk):
    """TEXT, spoken."""
    return spoken(sdk.talk(*say(TEXT, audio={"output": {"voice": "slt"}}), until("response.done")))


@pytest.mark.parametrize("is_async", [False, True])
def test_a_text_is_spoken_and_recognised(sdk, is_async):
    said = sdk.talk(until("session.created"), *say(TEXT), until("response.done"), is_async=is_async)
    kinds = [event["type"] for event in said]
    assert kinds[0] == "session.created"
    assert (
        kinds.index("response.created")
        < kinds.index("response.output_audio.delta")
        < kinds.index("response.output_audio.done")
    )
    assert kinds[-1] == "response.done"
    for kind in ("response.created", "response.done"):
        assert [event["response"]["x_voicebox_synthetic"] for event in of_type(said, kind)] == [True]
    assert said[-1]["response"]["status"] == "completed"
    assert of_type(said, "response.output_audio_transcript.done")[0]["transcript"] == TEXT
    heard = sdk.transcribe(
        session(turn_detection=None, transcription={"model": "gpt-4o-transcribe", "language": "en"}),
        *appended(spoken(said)),
        call("input_audio_buffer.commit"),
        until(COMPLETED),
        is_async=is_async,
    )
    [completed] = of_type(heard, COMPLETED)
    assert word_error_rate(completed["transcript"]) <= WER
    assert completed["usage"]["seconds"] == pytest.approx(len(spoken(said)) / 2 / RATE_HZ, abs=0.1)
    [committed] = of_type(heard, "input_audio_buffer.committed")
    assert committed["item_id"] == completed["item_id"]
    assert "".join(event["delta"] for event in of_type(heard, DELTA)) == completed["transcript"]


def test_turns_are_found(sdk, speech):
    heard = sdk.transcribe(
        session(turn_detection={"type": "server_vad", "silence_duration_ms": 700}),
        *appended(SILENCE + speech + SILENCE + speech + SILENCE),
        until(COMPLETED),
        until(COMPLETED, more=True),
    )
    first, second = of_type(heard, COMPLETED)
    assert first["item_id"] != second["item_id"]
    for completed in (first, second):
        kinds = [
            event["type"]
            for event in heard
            if completed["item_id"] in (event.get("item_id"), (event.get("item") or {}).get("id"))
        ]
        assert [kind for kind in kinds if kind != DELTA] == [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            COMPLETED,
        ]
        assert DELTA in kinds
        assert word_error_rate(completed["transcript"]) <= WER
    starts = [event["audio_start_ms"] for event in of_type(heard, "input_audio_buffer.speech_started")]
    stops = [event["audio_end_ms"] for event in of_type(heard, "input_audio_buffer.speech_stopped")]
    assert 700 <= starts[0] <= 1500
    assert starts[0] < stops[0] < starts[1] < stops[1]


def test_real_speech_is_recognised(sdk, speech_data):
    pcm = read_pcm(speech_data.path(REAL_SPEECH))
    heard = sdk.transcribe(
        session(turn_detection=None), *appended(pcm), call("input_audio_buffer.commit"), until(COMPLETED)
    )
    assert word_error_rate(of_type(heard, COMPLETED)[0]["transcript"], speech_data.transcripts[REAL_SPEECH]) <= WER


def test_who_begins_to_speak_ends_the_answer(sdk, speech):
    said = sdk.talk(
        *say(f"{TEXT} " * 40), until("response.output_audio.delta"), *appended(speech), until("response.done")
    )
    assert said[-1]["response"]["status"] == "cancelled"
    assert said[-1]["response"]["status_details"]["reason"] == "turn_detected"
    assert of_type(said, "input_audio_buffer.speech_started")


def test_an_answer_is_cancelled_at_any_time(sdk):
    for wait in ([until("response.output_audio.delta")], [until("response.created")], []):
        said = sdk.talk(
            *say(f"{TEXT} " * 40),
            *wait,
            call("response.cancel"),
            until("response.done"),
            *say("Yes."),
            until("response.done", more=True),
        )
        first, second = of_type(said, "response.done")
        assert (first["response"]["status"], first["response"]["status_details"]["reason"]) == (
            "cancelled",
            "client_cancelled",
        )
        assert second["response"]["status"] == "completed"


def test_a_commit_ends_a_turn_and_silence_is_an_empty_one(sdk, speech):
    heard = sdk.transcribe(
        *appended(speech),
        call("input_audio_buffer.commit"),
        until(COMPLETED),
        *appended(SILENCE),
        call("input_audio_buffer.commit"),
        until(COMPLETED, more=True),
    )
    first, *_, last = of_type(heard, COMPLETED)
    assert word_error_rate(first["transcript"]) <= WER
    assert last["transcript"] == ""


def test_what_is_cleared_is_not_recognised(sdk, speech):
    heard = sdk.transcribe(
        session(turn_detection=None),
        *appended(speech),
        call("input_audio_buffer.clear"),
        until("input_audio_buffer.cleared"),
        *appended(SILENCE),
        call("input_audio_buffer.commit"),
        until(COMPLETED),
    )
    assert [event["transcript"] for event in of_type(heard, COMPLETED)] == [""]


def test_input_of_a_response_is_spoken_at_its_speed(sdk):
    slow, fast = (
        sdk.talk(
            call("response.create", response={"input": [message(TEXT)], "audio": {"output": {"voice": "slt"}}}),
            until("response.done"),
        )
        if speed is None
        else sdk.talk(
            call("session.update", session={"type": "realtime", "audio": {"output": {"voice": "slt", "speed": speed}}}),
            call("response.create", response={"input": [message(TEXT)]}),
            until("response.done"),
        )
        for speed in (None, 1.5)
    )
    assert len(spoken(fast)) < 0.8 * len(spoken(slow))


UPDATES = [
    ({"type": "transcription"}, "session.type"),
    ({"type": "realtime", "output_modalities": ["text"]}, "session.output_modalities"),
    ({"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcmu"}}}}, "session.audio.input.format"),
    (
        {"type": "realtime", "audio": {"input": {"transcription": {"language": "\ud800"}}}},
        "session.audio.input.transcription.language",
    ),
    (
        {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "x"}}}},
        "session.audio.input.turn_detection.type",
    ),
    (
        {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": True}}}},
        "session.audio.input.turn_detection.create_response",
    ),
    (
        {
            "type": "realtime",
            "audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 10**400}}},
        },
        "session.audio.input.turn_detection.silence_duration_ms",
    ),
    ({"type": "realtime", "audio": {"output": {"speed": 9}}}, "session.audio.output.speed"),
    ({"type": "realtime", "audio": [1]}, "session.audio"),
    ([], "session"),
    (None, "session"),
]


@pytest.mark.parametrize(("change", "param"), UPDATES)
def test_a_setting_that_cannot_be_is_named_and_changes_nothing(sdk, change, param):
    told = sdk.talk(
        call("send", event={"type": "session.update", "event_id": "mine", "session": change}),
        until("error"),
        *say("Yes."),
        until("response.done"),
    )
    [error] = of_type(told, "error")
    assert error["error"]["param"] == param
    assert error["error"]["event_id"] == "mine"
    assert error["error"]["type"] == "invalid_request_error"
    assert told[-1]["response"]["status"] == "completed"


FRAMES = [
    "",
    "{",
    "[]",
    "null",
    "\x00",
    '"\\ud800"',
    "{}",
    '{"type": 1}',
    '{"type": "\\ud800"}',
    '{"type": "none", "event_id": "\\ud800"}',
    "[" * 100_000,
    "NaN",
]
BAD_EVENTS = [
    {"type": "input_audio_buffer.append", "audio": "!"},
    {"type": "input_audio_buffer.append", "audio": "\u00e9"},
    {"type": "input_audio_buffer.append", "audio": 1},
    {"type": "input_audio_buffer.append", "audio": "AAAA"},
    {"type": "input_audio_buffer.append", "audio": "A" * (15 * 1024 * 1024 + 4)},
    {"type": "input_audio_buffer.commit"},
    {"type": "conversation.item.create"},
    {"type": "conversation.item.create", "item": {"type": "function_call"}},
    {
        "type": "conversation.item.create",
        "item": {"type": "message", "content": [{"type": "input_audio", "audio": ""}]},
    },
    {"type": "conversation.item.create", "item": message("\ud800")},
    {"type": "conversation.item.create", "item": message("x" * 10_001)},
    {"type": "response.create"},
    {"type": "response.create", "response": {"input": "x"}},
    {"type": "response.create", "response": {"audio": {"output": {"voice": ["x"]}}, "input": [message("x")]}},
    {"type": "response.cancel"},
    {"type": "conversation.item.delete", "item_id": "x"},
]


def test_what_is_no_event_is_an_error_and_the_session_goes_on(sdk):
    frames = [*FRAMES, *(json.dumps(event) for event in BAD_EVENTS)]
    steps = [step for frame in frames for step in ({"raw": frame}, until("error", more=True))]
    told = sdk.talk(until("session.created"), *steps, *say("Yes."), until("response.done"))
    errors = of_type(told, "error")
    assert len(errors) == len(frames)
    assert {error["error"]["type"] for error in errors} == {"invalid_request_error"}
    assert all(error["error"]["message"] for error in errors)
    assert told[-1]["response"]["status"] == "completed"


@pytest.mark.parametrize("voice", ["nobody", "flite/nobody"])
def test_what_tts_refuses_is_reported_by_the_response(sdk, voice):
    told = sdk.talk(*say("Yes.", audio={"output": {"voice": voice}}), until("response.done"))
    response = told[-1]["response"]
    assert response["status"] == "failed"
    assert response["status_details"]["error"]["code"]
    assert not spoken(told)


def test_what_asr_refuses_is_reported_and_the_session_goes_on(sdk, speech):
    told = sdk.transcribe(
        session(transcription={"model": "none/none"}),
        until("error"),
        *appended(speech),
        call("input_audio_buffer.commit"),
        until(COMPLETED),
    )
    assert of_type(told, "error")[0]["error"]["code"] == "model_not_found"
    assert word_error_rate(of_type(told, COMPLETED)[0]["transcript"]) <= WER


def test_a_plain_request_is_refused_with_a_hint_to_upgrade(http):
    answer = http.get("/v1/realtime")
    assert (answer.status_code, answer.json()["error"]["code"]) == (426, "upgrade_required")


def test_the_sdk_raises_when_the_path_is_wrong(sdk):
    with pytest.raises(SdkError) as raised:
        sdk.talk(
            until("session.created"),
            websocket_connection_options={"origin": "https://foreign.example"},
            model="gpt-realtime",
        )
    assert raised.value.told["status"] == 403
