"""SpeechSynthesisService, as the SDK's users call it."""

import wave
from pathlib import Path

import numpy as np
import pytest
from voicebox_audio.decoding.decoder import open_decoder
from voicebox_audio.decoding.limits import Limits
from voicebox_client import Client
from voicebox_tts.engines.likeness import profile

from tests.support.hearing import TEXT
from tests.support.history import recorded

from .conftest import RATE_HZ, sound_of

LINEAR_PCM, FLAC, OGGOPUS = 1, 2, 4


@pytest.fixture(scope="module")
def seconds(sdk):
    """How long TEXT takes in the default voice."""
    return len(sdk.speech(text=TEXT)) / 2 / RATE_HZ


def loudness(samples: bytes) -> float:
    return float(np.abs(np.frombuffer(samples, "<i2")).max())


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_samples_have_the_requested_rate_and_no_header(sdk, seconds, rate):
    sound = sdk.speech(text=TEXT, sample_rate_hz=rate)
    assert len(sound) / 2 / rate == pytest.approx(seconds, abs=0.01)
    assert sound[:4] != b"RIFF"
    assert loudness(sound) > 1000


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
@pytest.mark.parametrize(("encoding", "container"), [(FLAC, "flac"), (OGGOPUS, "ogg")])
async def test_files_decode_to_the_same_length(sdk, seconds, encoding, container, rate):
    data = sdk.speech(text=TEXT, encoding=encoding, sample_rate_hz=rate)
    async with open_decoder() as decoder:
        clip = await decoder.decode(data, None, Limits())
    assert clip.source.container == container
    assert clip.samples.size / clip.sample_rate_hz == pytest.approx(seconds, abs=0.1)


def test_audio_comes_while_more_is_made(sdk):
    pieces = sdk.call("synthesize_online", text=TEXT * 40)
    assert len(pieces) > 10
    assert pieces[0][0] < pieces[-1][0] / 2


@pytest.mark.parametrize("texts", [TEXT, [TEXT], TEXT.split(". ")])
def test_a_stream_says_the_same_however_many_texts_it_has(sdk, seconds, texts):
    sound = b"".join(sound_of(piece) for _, piece in sdk.call("synthesize_online", text=texts))
    assert len(sound) / 2 / RATE_HZ == pytest.approx(seconds, rel=0.2)


def test_each_text_is_spoken_while_the_stream_stays_open(sdk):
    names = ["first", "second", "third"]
    requests = [{"text": TEXT, "id": {"value": name}} for name in names]
    pieces = sdk.call("synthesize_each", requests=requests)
    order = [piece["id"]["value"] for piece in pieces]
    assert list(dict.fromkeys(order)) == names
    assert order == sorted(order, key=names.index)


def test_a_stream_without_texts_is_empty(sdk):
    assert sdk.call("synthesize_online", text=[]) == []


def test_clients_of_one_request_are_served(sdk, seconds):
    pieces = sdk.call("synthesize_as_before", request={"text": TEXT, "sample_rate_hz": 16_000, "id": {"value": "mine"}})
    assert len(pieces) > 1
    assert {piece["id"]["value"] for piece in pieces} == {"mine"}
    assert sum(len(sound_of(piece)) for piece in pieces) / 2 / 16_000 == pytest.approx(seconds, abs=0.01)


@pytest.mark.parametrize("online", [False, True])
def test_words_have_their_times(sdk, seconds, online):
    requested = {"text": TEXT, "enable_word_time_offsets": True}
    if online:
        responses = [piece for _, piece in sdk.call("synthesize_online", **requested)]
        words = [word for piece in responses for word in piece.get("meta", {}).get("words", [])]
    else:
        words = sdk.call("synthesize", **requested)["meta"]["words"]
    assert [word["word"].lower() for word in words] == TEXT.lower().replace(".", "").split()
    times = [time for word in words for time in (word.get("start_time", 0), word["end_time"])]
    assert times == sorted(times)
    assert times[-1] <= 1000 * seconds + 1


def test_words_are_not_reported_unrequested(sdk):
    assert "words" not in sdk.call("synthesize", text=TEXT)["meta"]


def test_voices_are_found_by_every_name_they_have(sdk):
    """Each speaks at its own pace."""
    lengths = {
        name: len(sdk.speech(text=TEXT, voice_name=name)) for name in ("slt", "flite/slt", "flite.slt", "flite.rms")
    }
    assert lengths["slt"] == lengths["flite/slt"] == lengths["flite.slt"] != lengths["flite.rms"]


def test_the_voices_that_are_listed_speak(sdk):
    """As NVIDIA's `talk.py --list-voices` joins them."""
    configs = sdk.call("voices")["model_config"]
    assert len(configs) == len({(config["model_name"], config["parameters"]["language_code"]) for config in configs})
    for config in configs[:3]:
        parameters = config["parameters"]
        names = [f"{parameters['voice_name']}.{voice.split(':')[0]}" for voice in parameters["subvoices"].split(",")]
        assert (
            loudness(sdk.speech(text="Hello.", voice_name=names[-1], language_code=parameters["language_code"])) > 1000
        )
    only = sdk.call("voices", model=configs[0]["model_name"])["model_config"]
    assert {config["model_name"] for config in only} == {configs[0]["model_name"]}


def test_a_language_finds_its_voice(sdk):
    german = {
        c["parameters"]["language_code"]
        for c in sdk.call("voices")["model_config"]
        if c["parameters"]["voice_name"] == "espeak"
    }
    assert "de" in german
    assert loudness(sdk.speech(text="Guten Tag.", language_code="de")) > 1000


def test_custom_configuration_is_a_style(sdk, seconds):
    fast = sdk.speech(text=TEXT, custom_configuration={"speed": 2, "pitch_semitones": -2})
    assert len(fast) / 2 / RATE_HZ == pytest.approx(seconds / 2, rel=0.2)


def test_a_profile_is_a_voice(sdk, running, speech_data):
    with Client(running.gateway) as client:
        client.create_profile("Ann", "ann")
        client.add_sample("profiles/ann", speech_data.path("LJ001-0009.wav"), speech_data.transcripts["LJ001-0009.wav"])
        assert loudness(sdk.speech(text=TEXT, voice_name="profiles/ann")) > 1000
        records = recorded(lambda: client.list_generations(filter='profile = "profiles/ann"'))
        assert [generation.text for generation in records] == [TEXT]


def pitch_hz(samples: bytes) -> float:
    recognised = profile((np.frombuffer(samples, "<i2") / 32768).astype(np.float32), RATE_HZ)
    assert recognised is not None
    return recognised.pitch_hz


@pytest.mark.parametrize("method", ["synthesize", "synthesize_online"])
@pytest.mark.parametrize("given", [{}, {"audio_prompt_encoding": LINEAR_PCM, "zero_shot_quality": 40}])
def test_a_prompt_is_a_voice(sdk, speech_data, method, given):
    """It speaks at the pitch of the recording, which the default voice does not."""
    path = speech_data.path("LJ001-0009.wav")
    answer = sdk.call(method, text=TEXT, zero_shot_audio_prompt_file=str(path), **given)
    like = b"".join(sound_of(piece) for _, piece in answer) if method == "synthesize_online" else sound_of(answer)
    requested, own = pitch_hz(bare_samples(path)), pitch_hz(sdk.speech(text=TEXT))
    assert pitch_hz(like) == pytest.approx(requested, rel=0.05)
    assert own != pytest.approx(requested, rel=0.1)


def bare_samples(path: Path) -> bytes:
    """A recording at RATE_HZ without its header."""
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE_HZ, 1, 2)
        return file.readframes(file.getnframes())


def test_a_prompt_without_a_header_is_a_voice(sdk, speech_data, tmp_path):
    """Its rate is then 22,050 Hz: at any other it would have another pitch."""
    samples, bare = bare_samples(speech_data.path("LJ001-0009.wav")), tmp_path / "bare.pcm"
    bare.write_bytes(samples + b"\0")
    like = sdk.speech(text=TEXT, zero_shot_audio_prompt_file=str(bare), audio_prompt_encoding=LINEAR_PCM)
    assert pitch_hz(like) == pytest.approx(pitch_hz(samples), rel=0.05)
