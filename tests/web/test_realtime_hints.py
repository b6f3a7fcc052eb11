"""Realtime: what agent SDKs always send is kept or ignored and named, and the conversation can be asked for."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicebox_gateway.openai import beta_session, client_secrets
from voicebox_gateway.openai.transcribing import continued
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.support.hearing import TEXT

from .conftest import appended, call, of_type, spoken, until
from .test_realtime import COMPLETED, DELTA, message, say

IGNORED = "x_voicebox_ignored"


def update(**session):
    return call("send", event={"type": "session.update", "session": {"type": "realtime", **session}})


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"instructions": "You are a pirate. " * 200}, []),
        ({"audio": {"input": {"noise_reduction": {"type": "near_field"}}}}, ["session.audio.input.noise_reduction"]),
        (
            {"audio": {"input": {"noise_reduction": {"type": "far_field"}, "x": 1}}},
            ["session.audio.input.noise_reduction", "session.audio.input.x"],
        ),
        ({"tracing": {"workflow_name": "x"}, "truncation": "auto"}, ["session.tracing"]),
        (
            {"max_output_tokens": 100, "turn": 1, "reasoning": {"effort": "low"}},
            ["session.max_output_tokens", "session.reasoning", "session.turn"],
        ),
        (
            {"tools": [{"type": "function", "name": "f"}], "tool_choice": {"type": "function", "name": "f"}},
            ["session.tool_choice", "session.tools"],
        ),
        ({"tools": [], "tool_choice": "auto", "tracing": None, "prompt": None}, []),
        (
            {
                "audio": {
                    "input": {"transcription": {"model": "gpt-transcribe", "language": "en-GB", "prompt": "A market."}}
                }
            },
            None,
        ),
        (
            {"audio": {"input": {"transcription": {"model": "Systran/faster-whisper-large-v3"}}}},
            ["session.audio.input.transcription.model"],
        ),
        (
            {"modalities": ["text", "audio"], "voice": "ash", "input_audio_format": "pcm16", "temperature": 0.8},
            ["session.temperature"],
        ),
        (
            {"input_audio_noise_reduction": {"type": "near_field"}, "turn_detection": {"type": "semantic_vad"}},
            ["session.audio.input.noise_reduction"],
        ),
    ],
)
def test_a_setting_that_is_a_hint_is_ignored_and_named_and_the_session_speaks(sdk, change, names):
    told = sdk.talk(update(**change), until("session.updated"), *say("Yes."), until("response.done"))
    [updated] = of_type(told, "session.updated")
    assert not of_type(told, "error")
    if names is None:  # a model that takes prompts follows it
        assert set(updated.get(IGNORED) or []) <= {"session.audio.input.transcription.prompt"}
    else:
        assert sorted(updated.get(IGNORED) or []) == names
    assert updated["session"].get("instructions", "") == change.get("instructions", "")
    assert told[-1]["response"]["status"] == "completed"
    assert spoken(told)
    assert told[-1]["response"]["usage"]["total_tokens"] > told[-1]["response"]["usage"]["output_tokens"] > 0


def test_what_a_response_cannot_follow_is_named_by_it(sdk):
    told = sdk.talk(*say("Yes.", instructions="Whisper. " * 200, max_output_tokens=5), until("response.done"))
    assert told[-1]["response"]["status"] == "completed"
    assert sorted(told[-1]["response"][IGNORED]) == ["response.instructions", "response.max_output_tokens"]


def test_items_are_retrieved_truncated_and_deleted(sdk):
    told = sdk.talk(
        call("conversation.item.create", item={"id": "one", **message("Yes.")}),
        call("conversation.item.retrieve", item_id="one"),
        until("conversation.item.retrieved"),
        call("response.create"),
        until("response.done"),
    )
    assert of_type(told, "conversation.item.retrieved")[0]["item"]["content"][0]["text"] == "Yes."
    added = of_type(told, "conversation.item.added")
    assert [event["previous_item_id"] for event in added] == [None, "one"]
    told = sdk.talk(
        call("conversation.item.create", item={"id": "one", **message("No.")}),
        call("conversation.item.delete", item_id="one"),
        until("conversation.item.deleted"),
        call("conversation.item.retrieve", item_id="one"),
        until("error"),
        call("response.create"),
        until("error", more=True),
    )
    assert [error["error"]["code"] for error in of_type(told, "error")] == [
        "item_not_found",
        "missing_required_parameter",
    ]


async def talk(address, *steps):
    """A plain client: sends events, and reads until the type that stands between them. The last event is the answer."""
    async with connect(f"ws://{address}/v1/realtime?model=gpt-realtime", max_size=None) as websocket:
        last = {}
        for step in steps:
            order = step(last) if callable(step) else step
            if isinstance(order, dict):
                await websocket.send(json.dumps(order))
            else:
                while last.get("type") != order:
                    last = json.loads(await websocket.recv())
        return last


def spoken_item(last):
    return {
        "type": "conversation.item.truncate",
        "item_id": last["response"]["output"][0]["id"],
        "content_index": 0,
        "audio_end_ms": 100,
    }


async def test_what_was_spoken_is_truncated(running):
    ask = [{"type": "conversation.item.create", "item": message("Yes.")}, {"type": "response.create"}, "response.done"]
    last = await talk(running.gateway, *ask, spoken_item, "conversation.item.truncated")
    assert last["audio_end_ms"] == 100
    item_id = last["item_id"]
    assert item_id


async def test_clearing_the_output_ends_the_answer(running):
    ask = [
        {"type": "conversation.item.create", "item": message(f"{TEXT} " * 40)},
        {"type": "response.create"},
        "response.output_audio.delta",
    ]
    last = await talk(running.gateway, *ask, {"type": "output_audio_buffer.clear"}, "response.done")
    assert last["response"]["status"] == "cancelled"
    last = await talk(running.gateway, {"type": "output_audio_buffer.clear"}, "output_audio_buffer.cleared")
    assert last["response_id"] is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"session": {"type": "realtime", "audio": {"output": {"voice": "ash"}}}},
        {"session": {"type": "transcription"}, "expires_after": {"seconds": 60}},
    ],
)
async def test_a_client_secret_opens_the_session_that_was_requested(running, http, body):
    made = http.post("/v1/realtime/client_secrets", json=body).json()
    kind = body.get("session", {}).get("type", "realtime")
    assert made["value"].startswith("ek_")
    assert made["session"]["type"] == kind
    assert 0 < made["expires_at"] - time.time() <= 600
    for options in (
        {"additional_headers": {"authorization": f"Bearer {made['value']}"}},
        {"subprotocols": ["realtime", f"openai-insecure-api-key.{made['value']}"]},
    ):
        async with connect(f"ws://{running.gateway}/v1/realtime", **options) as websocket:
            created = json.loads(await websocket.recv())
        assert created["session"]["type"] == kind
        assert created["session"]["audio"] == made["session"]["audio"]


def test_the_betas_paths_make_sessions_too(http):
    made = http.post(
        "/v1/realtime/sessions",
        json={"model": "gpt-4o-realtime-preview", "voice": "verse", "modalities": ["audio", "text"]},
    ).json()
    assert made["client_secret"]["value"].startswith("ek_")
    assert made["audio"]["output"]["voice"] == "verse"
    made = http.post(
        "/v1/realtime/transcription_sessions", json={"input_audio_transcription": {"model": "gpt-4o-transcribe"}}
    ).json()
    assert made["type"] == "transcription"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{", 400),
        ('{"expires_after": {"seconds": 1}}', 400),
        ('{"session": {"type": 1}}', 400),
        ("[]", 400),
        ('"' + "x" * 70_000 + '"', 400),
    ],
)
def test_settings_that_cannot_be_make_no_secret(http, body, status):
    answer = http.post("/v1/realtime/client_secrets", content=body)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, "invalid_request_error")


async def test_an_expired_secret_opens_nothing(running):
    key = client_secrets._written({"type": "realtime"}, 1)
    with pytest.raises(InvalidStatus) as raised:
        await connect(f"ws://{running.gateway}/v1/realtime", additional_headers={"authorization": f"Bearer {key}"})
    assert raised.value.response.status_code == 401


@pytest.mark.parametrize("key", ["none", "ek_", "ek_x", "ek_" + "A" * 5000, "sk-abc", ""])
async def test_any_other_key_is_taken(running, key):
    async with connect(
        f"ws://{running.gateway}/v1/realtime", additional_headers={"authorization": f"Bearer {key}"}
    ) as websocket:
        assert json.loads(await websocket.recv())["type"] == "session.created"


async def test_a_transcription_session_of_the_beta(running):
    settings = {
        "input_audio_format": "pcm16",
        "input_audio_transcription": {"model": "gpt-4o-transcribe", "language": "en"},
        "turn_detection": None,
    }
    async with connect(f"ws://{running.gateway}/v1/realtime?model=gpt-4o-transcribe") as websocket:
        assert json.loads(await websocket.recv())["session"]["type"] == "transcription"
        await websocket.send(json.dumps({"type": "transcription_session.update", "session": settings}))
        updated = json.loads(await websocket.recv())
    assert updated["type"] == "transcription_session.updated"
    assert updated["session"]["audio"]["input"]["turn_detection"] is None


def test_deltas_are_what_is_completed(sdk):
    speech = spoken(sdk.talk(*say(TEXT), until("response.done")))
    heard = sdk.transcribe(
        *appended(speech + bytes(96_000) + speech + bytes(96_000)), until(COMPLETED), until(COMPLETED, more=True)
    )
    for completed in of_type(heard, COMPLETED):
        deltas = [event["delta"] for event in of_type(heard, DELTA) if event["item_id"] == completed["item_id"]]
        assert "".join(deltas) == completed["transcript"]


@given(
    st.lists(st.sampled_from("a b c the The market, market".split()), max_size=8),
    st.lists(st.sampled_from("a b c the The market, market".split()), max_size=8),
)
def test_the_final_text_goes_on_from_what_was_sent(sent, final):
    sent, final = " ".join(sent), " ".join(final)
    assert continued(sent, final).startswith(sent)
    assert continued(sent, f"{sent} {final}".strip()) == f"{sent} {final}".strip()


@pytest.mark.parametrize(
    ("sent", "final", "whole"),
    [
        ("the cat", "The cat sat down", "the cat sat down"),
        ("the cat sat", "the bat sat down", "the cat sat down"),
        ("one two", "one", "one two"),
        ("", "one two", "one two"),
        ("the cats", "the cat sat", "the cats sat"),
        ("a b", "", "a b"),
    ],
)
def test_what_was_corrected_is_not_said_twice(sent, final, whole):
    assert continued(sent, final) == whole


def test_a_present_session_is_not_changed():
    session = {"type": "realtime", "audio": {"input": {"turn_detection": None}}, "output_modalities": ["audio"]}
    assert beta_session.current(session) is session
