"""What options become on the wire."""

import pytest
from voicebox.tts.v1 import tts_pb2
from voicebox_client import profile_requests, requests


def test_what_is_left_out_is_left_to_the_server():
    request = requests.say("Hello")
    assert request.text == "Hello"
    config = request.config
    assert not config.HasField("voice")
    assert not config.HasField("seed")
    assert not config.HasField("store")
    assert config.style == tts_pb2.SpeakingStyle()


def test_seed_0_is_a_seed():
    assert requests.say("Hello", seed=0).config.HasField("seed")


@pytest.mark.parametrize("name", ["ann", "profiles/ann"])
def test_a_profile_may_leave_out_its_collection(name):
    assert requests.say("Hello", profile=name).config.voice.profile == "profiles/ann"


def test_every_option_arrives():
    request = requests.say(
        "Hello",
        reference=b"sound",
        reference_transcript="words",
        encoding="mp3",
        sample_rate_hz=22050,
        speed=1.5,
        pitch_semitones=-2.0,
        language="de-DE",
        instructions="slowly",
        request_id="r",
        store=False,
        ahead_seconds=3.0,
    )
    config = request.config
    assert config.voice.reference == tts_pb2.InlineReference(audio=b"sound", transcript="words")
    assert config.audio == tts_pb2.AudioSpec(encoding=tts_pb2.AUDIO_ENCODING_MP3, sample_rate_hz=22050)
    assert config.style == tts_pb2.SpeakingStyle(speed=1.5, pitch_semitones=-2, language="de-DE", instructions="slowly")
    assert (config.request_id, config.store, request.ahead_seconds) == ("r", False, 3.0)


def test_a_conversation_takes_the_same_options():
    config = requests.converse(voice="flite/slt", encoding="flac", speed=2.0, request_id="r").config.synthesis
    assert (config.voice.voice, config.audio.encoding, config.style.speed) == (
        "flite/slt",
        tts_pb2.AUDIO_ENCODING_FLAC,
        2.0,
    )
    assert config.request_id == "r"


def test_two_voices_are_refused():
    with pytest.raises(ValueError, match="one of"):
        requests.say("Hello", voice="slt", profile="ann")


def test_an_unknown_encoding_is_refused():
    with pytest.raises(ValueError, match="aiff"):
        requests.say("Hello", encoding="aiff")


def test_an_update_names_exactly_what_is_given():
    request = profile_requests.update_profile("ann", "7", description="", language="en-GB")
    assert list(request.update_mask.paths) == ["description", "language"]
    assert (request.profile.name, request.profile.etag) == ("profiles/ann", "7")
