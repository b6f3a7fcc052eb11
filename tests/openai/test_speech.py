"""audio.speech, as the SDK's users call it."""

import base64
import json

import numpy as np
import pytest
from voicebox_audio.decoding.decoder import open_decoder
from voicebox_audio.decoding.limits import Limits
from voicebox_client import Client

TEXT = "The old man walked slowly to the market and bought bread, milk and a dozen eggs for his family."
FORMATS = {"mp3": "mp3", "opus": "ogg", "aac": "aac", "flac": "flac", "wav": "wav"}


async def seconds_of(data: bytes, container: str) -> float:
    async with open_decoder() as decoder:
        clip = await decoder.decode(data, None, Limits())
    assert clip.source.container == container
    return clip.samples.size / clip.sample_rate_hz


@pytest.fixture(scope="module")
def seconds(sdk):
    """How long TEXT takes, told by the format that has no header: 24 kHz."""
    return len(sdk.speech(input=TEXT, response_format="pcm")) / 2 / 24_000


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("name", FORMATS)
async def test_every_format_decodes_to_the_same_length(sdk, seconds, name, is_async):
    data = sdk.speech(input=TEXT, response_format=name, is_async=is_async)
    assert await seconds_of(data, FORMATS[name]) == pytest.approx(seconds, abs=0.2)


async def test_mp3_is_what_is_sent_when_nothing_is_said(sdk, seconds):
    assert await seconds_of(sdk.speech(input=TEXT), "mp3") == pytest.approx(seconds, abs=0.2)


@pytest.mark.parametrize("is_async", [False, True])
def test_sound_comes_while_more_is_made(sdk, is_async):
    answer = sdk.call(
        "audio.speech.with_streaming_response.create", "pieces", is_async=is_async,
        model="tts-1", voice="alloy", input=TEXT * 40, response_format="pcm",
    )  # fmt: skip
    times = [seconds for seconds, _ in answer["pieces"]]
    assert answer["content_type"].startswith("audio/pcm")
    assert len(times) > 10
    assert times[0] < times[-1] / 2


async def test_events_hold_the_sound_and_end_with_the_usage(sdk):
    answer = sdk.call(
        "audio.speech.with_streaming_response.create", "pieces",
        model="gpt-4o-mini-tts", voice="alloy", input=TEXT, response_format="flac", stream_format="sse",
    )  # fmt: skip
    assert answer["content_type"] == "text/event-stream"
    lines = b"".join(base64.b64decode(piece) for _, piece in answer["pieces"]).decode().split("\n\n")
    *deltas, done = [json.loads(line.removeprefix("data: ")) for line in lines if line]
    assert {delta["type"] for delta in deltas} == {"speech.audio.delta"}
    length = await seconds_of(b"".join(base64.b64decode(delta["audio"]) for delta in deltas), "flac")
    assert done["type"] == "speech.audio.done"
    usage = done["usage"]
    assert usage["output_tokens"] == pytest.approx(20 * length, abs=1)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > usage["output_tokens"] > 0


def test_speed_makes_it_shorter(sdk, seconds):
    fast = len(sdk.speech(input=TEXT, response_format="pcm", speed=2)) / 2 / 24_000
    assert fast == pytest.approx(seconds / 2, rel=0.2)


def test_voices_are_found_by_every_name_they_have(sdk):
    """Each speaks at its own pace; the seed is drawn, so that the samples differ."""
    names = ("slt", "flite/slt", "rms", "alloy", "ash", "nova")
    lengths = {name: len(sdk.speech(input=TEXT, voice=name, response_format="pcm")) for name in names}
    assert lengths["slt"] == lengths["flite/slt"] == lengths["alloy"] != lengths["rms"] == lengths["ash"]
    assert (
        len(sdk.speech(input=TEXT, voice={"id": "slt"}, response_format="pcm", model="models/flite/cmu-us"))
        == lengths["slt"]
    )


def test_a_profile_is_a_voice(sdk, running, speech_data):
    with Client(running.gateway) as client:
        client.create_profile("Ann", "ann")
        client.add_sample("profiles/ann", speech_data.path("LJ001-0009.wav"), speech_data.transcripts["LJ001-0009.wav"])
        by_name = [sdk.speech(input=TEXT, voice=name, response_format="pcm") for name in ("ann", "profiles/ann")]
        kept = [generation.profile for generation in client.list_generations(filter='profile = "profiles/ann"')]
    assert all(np.abs(np.frombuffer(data, "<i2")).max() > 1000 for data in by_name)
    assert kept == ["profiles/ann", "profiles/ann"]
