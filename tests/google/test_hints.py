"""What only asks for better results, or names what Google has, is ignored and named in the trailing metadata; loudness
and encodings.
"""

import base64
import io
import wave

import numpy as np
import pytest
from voicebox_audio.decoding.decoder import open_decoder
from voicebox_audio.decoding.limits import Limits
from voicebox_audio.g711 import alaw_to_s16le, mulaw_to_s16le

from tests.support.hearing import TEXT

from .conftest import in_base64

VOICE = {"language_code": "en-US"}
WAV = {"audio_encoding": "LINEAR16", "sample_rate_hertz": 16_000}
IGNORED, WARNED = "x-voicebox-ignored", "x-voicebox-warnings"


def requested(**given):
    return {"input": {"text": TEXT}, "voice": VOICE, "audio_config": WAV, **given}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"voice": {**VOICE, "model_name": "gemini-2.5-flash-tts"}}, "voice.model_name"),
        ({"voice": {**VOICE, "name": "en-US-Wavenet-D"}}, "voice.name"),
        ({"voice": {**VOICE, "name": "en-US-Chirp3-HD-Charon"}}, "voice.name"),
        ({"voice": {**VOICE, "name": "Kore"}}, "voice.name"),
        ({"input": {"text": "Hello.", "prompt": "Sadly."}}, "input.prompt"),
        (
            {"audio_config": {**WAV, "effects_profile_id": ["telephony-class-application"]}},
            "audio_config.effects_profile_id",
        ),
        (
            {
                "input": {
                    "text": "Hello.",
                    "custom_pronunciations": {"pronunciations": [{"phrase": "Hello", "pronunciation": "hɛˈloʊ"}]},
                }
            },
            "input.custom_pronunciations",
        ),
        ({"input": {"ssml": "<speak>Hello <emphasis>there</emphasis>.</speak>"}}, "input.ssml.emphasis"),
    ],
)
def test_speech_goes_on_and_names_what_it_ignores(sdk, given, field):
    reported = sdk.call("synthesize_with_metadata", request=requested(**given))
    assert len(base64.b64decode(reported["answer"]["audio_content"])) > 10_000
    assert reported["reported"][IGNORED] == field


@pytest.mark.parametrize(
    "source",
    [
        {"ssml": f"<speak>{TEXT}</speak>"},
        {
            "ssml": '<?xml version="1.0"?><speak version="1.1" '
            f'xmlns="http://www.w3.org/2001/10/synthesis">{TEXT}</speak>'
        },
    ],
)
def test_ssml_says_the_same_as_its_text(sdk, source):
    one, other = (
        sdk.call("synthesize_with_metadata", request=requested(input=speech_wav))
        for speech_wav in (source, {"text": TEXT})
    )
    assert one["reported"] == other["reported"] == {}
    assert len(one["answer"]["audio_content"]) == len(other["answer"]["audio_content"])


def samples_of(file: bytes):
    with wave.open(io.BytesIO(file)) as read:
        return np.frombuffer(read.readframes(read.getnframes()), "<i2").astype(float)


@pytest.mark.parametrize("decibels", [-96, -20, -6, 2])
def test_a_gain_makes_it_louder_or_softer(sdk, decibels):
    plain, gained = (samples_of(sdk.speech(**WAV, volume_gain_db=gain)) for gain in (0, decibels))
    assert gained.size == pytest.approx(plain.size, rel=0.1)
    assert gained.std() == pytest.approx(plain.std() * 10 ** (decibels / 20), rel=0.2, abs=1)


def test_what_a_gain_cuts_off_is_reported(sdk):
    reported = sdk.call("synthesize_with_metadata", request=requested(audio_config={**WAV, "volume_gain_db": 16}))
    assert "full scale" in reported["reported"][WARNED]


@pytest.mark.parametrize(("name", "code", "decoded"), [("MULAW", 7, mulaw_to_s16le), ("ALAW", 6, alaw_to_s16le)])
@pytest.mark.parametrize("rate", [0, 8_000, 16_000])
async def test_telephone_audio_comes_in_a_wav_file(sdk, name, code, decoded, rate):
    file = sdk.speech(audio_encoding=name, sample_rate_hertz=rate)
    assert file[:4] == b"RIFF"
    assert int.from_bytes(file[20:22], "little") == code
    assert int.from_bytes(file[24:28], "little") == (rate or 8_000)
    plain = samples_of(sdk.speech(audio_encoding="LINEAR16", sample_rate_hertz=rate or 8_000))
    recognised = np.frombuffer(decoded(file[58 : 58 + plain.size]), "<i2")
    assert recognised.astype(float).std() == pytest.approx(plain.std(), rel=0.2)
    async with open_decoder() as decoder:
        assert (await decoder.decode(file, None, Limits())).samples.size == plain.size


@pytest.mark.parametrize("rate", [0, 16_000, 24_000])
async def test_m4a_is_an_mp4_file(sdk, rate):
    file = sdk.speech(audio_encoding="M4A", sample_rate_hertz=rate)
    assert file[4:8] == b"ftyp"
    plain = samples_of(sdk.speech(audio_encoding="LINEAR16", sample_rate_hertz=rate))
    async with open_decoder() as decoder:
        clip = await decoder.decode(file, None, Limits())
    assert clip.samples.size == pytest.approx(plain.size, abs=3000)


@pytest.mark.parametrize("name", ["MULAW", "ALAW"])
def test_telephone_audio_is_streamed_without_a_header(sdk, name):
    config = {
        "voice": {**VOICE, "model_name": "x"},
        "streaming_audio_config": {"audio_encoding": name, "sample_rate_hertz": 8_000},
    }
    pieces = sdk.call(
        "stream_speech", requests=[{"streaming_config": config}, {"input": {"markup": f"{TEXT} [pause] {TEXT}"}}]
    )
    sound = b"".join(base64.b64decode(piece["audio_content"]) for piece in pieces if "audio_content" in piece)
    assert sound[:4] != b"RIFF"
    assert len(sound) > 40_000


@pytest.mark.parametrize(
    "config",
    [
        {"model": "whisper-large-v3"},
        {"speech_contexts": [{"phrases": ["market"], "boost": 4}]},
        {"max_alternatives": 5},
    ],
)
def test_recognition_goes_on(sdk, samples, config):
    linear = {"encoding": "LINEAR16", "sample_rate_hertz": 16_000, "language_code": "en-US"}
    request = {"config": {**linear, **config}, "audio": {"content": in_base64(samples)}}
    assert sdk.call("recognize_v1", request=request)["results"]


def test_breaks_and_voices_of_ssml_are_followed(sdk):
    said = "<s>One two.</s>{}<s>Three.</s>"
    lengths = []
    for between in ("", "<break time='500ms'/>"):
        source = {"ssml": f"<speak>{said.format(between)}</speak>"}
        answer = sdk.call("synthesize_with_metadata", request=requested(input=source))
        assert answer["reported"] == {}
        lengths.append(len(base64.b64decode(answer["answer"]["audio_content"])))
    assert lengths[1] - lengths[0] == 16_000  # bytes: half a second at 16 kHz
    source = {
        "ssml": "<speak>One. <voice name='flite/rms'>Two.</voice> <voice name='en-US-News-L'>Three.</voice></speak>"
    }
    assert (
        sdk.call("synthesize_with_metadata", request=requested(input=source))["reported"][IGNORED] == "input.ssml.voice"
    )
