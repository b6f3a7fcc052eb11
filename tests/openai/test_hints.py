"""What asks for another quality is ignored and named; what would change the meaning of the answer is refused."""

import io
import json
import wave

import httpx
import pytest
from voicebox_compat import openai_names

SPEECH, TRANSCRIPTIONS = "/audio/speech", "/audio/transcriptions"
TEXT = "The old man walked slowly to the market."
IGNORED, RATE = "x-voicebox-ignored", "x-sample-rate"


def ignored(answer):
    assert answer.status_code == 200, answer.text
    return set(filter(None, answer.headers.get(IGNORED, "").split(", ")))


def speak(http, **given):
    return http.post(
        SPEECH, json={"model": "tts-1", "voice": "alloy", "input": TEXT, "response_format": "pcm", **given}
    )


@pytest.fixture(scope="module")
def said(running):
    """TEXT, spoken: a WAV file."""
    body = {"model": "tts-1", "voice": "slt", "input": TEXT, "response_format": "wav"}
    return httpx.post(f"http://{running.gateway}/v1{SPEECH}", json=body, timeout=60).content


def transcribe(http, said, fields=(), *, file_first=False):
    file, model = ("file", ("said.wav", said)), ("model", (None, "whisper-1"))
    parts = [(name, (None, value)) for name, value in fields]
    named = {name for name, _ in fields}
    return http.post(
        TRANSCRIPTIONS,
        files=[file, *parts, model] if file_first else [*([] if "model" in named else [model]), *parts, file],
    )


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"instructions": "Sadly."}, {"instructions"}),
        ({"instructions": "Sadly. " * 200}, {"instructions"}),
        ({"pitch": 2, "non_streaming_mode": False}, {"pitch", "non_streaming_mode"}),
        (
            {"normalization_options": {"normalize": True}, "volume_multiplier": 1.0},
            {"normalization_options", "volume_multiplier"},
        ),
        ({"stream": True}, set()),
        ({"stream": "true"}, set()),
        ({"language": "de"}, {"language"}),
        ({"voice": "slt", "lang_code": "German"}, {"lang_code"}),
        ({"language": "English"}, set()),
        ({"language": "en_US"}, set()),
        ({"lang_code": "a"}, set()),
        ({"language": "Auto"}, set()),
        ({"text": "x", "audio": "y", "na, me": 1, "n\u00e4me": 1}, {"text", "audio", "na??me", "n?me"}),
    ],
)
def test_a_hint_that_speech_cannot_follow_is_ignored_and_named(http, given, names):
    answer = speak(http, **given)
    if given.get("language") == "de" and not ignored(answer):
        return  # an engine that speaks German is installed, and nobody chose a voice
    assert ignored(answer) == names
    assert len(answer.content) > 24_000


@pytest.mark.parametrize("text", ["Привет, как дела?", "שלום וברכה", "你好，世界。"])
def test_a_text_in_other_letters_is_spoken_in_its_language_though_nobody_names_it(http, text):
    voices = http.get("/voices").json()["voices"]
    if not any(voice["engine"] == "espeak" for voice in voices):
        pytest.skip("no engine here speaks these languages")
    assert speak(http, input=text).status_code == 200
    [newest] = http.get("/generations", params={"page_size": 1}).json()["generations"]
    assert newest["text"] == text
    assert newest["engine"] == "espeak"


@pytest.mark.parametrize(
    "given",
    [
        {"response_format": "PCM"},
        {"response_format": " pcm"},
        {"response_format": "audio/pcm"},
        {"voice": "Alloy"},
        {"voice": "SLT"},
        {"speed": "1.0"},
        {"speed": 1},
        {"model": "TTS-1"},
        {"stream_format": "Audio"},
        {"voice": " slt "},
    ],
)
def test_values_have_several_spellings(http, given):
    answer = speak(http, **given)
    assert ignored(answer) == set()
    assert answer.headers["content-type"].startswith("audio/pcm")


@pytest.mark.parametrize(
    "model",
    [
        "tts-1-1106",
        "tts-1-hd-1106",
        "gpt-4o-mini-tts-2025-12-15",
        "gpt-4o-tts",
        "gpt-realtime-tts",
        "gpt-5-mini-tts",
        "gpt-4o-mini-tts-latest",
    ],
)
def test_openais_names_are_known_by_their_pattern(http, model):
    assert ignored(speak(http, model=model)) == set()


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"model": "kokoro", "voice": "af_heart"}, {"model", "voice"}),
        ({"model": "hexgrad/Kokoro-82M", "voice": "af_bella(2)+af_sky(1)"}, {"model", "voice"}),
        ({"model": "Qwen/Qwen3-TTS-12Hz-1.7B-CustomVoice", "voice": "Ryan"}, {"model", "voice"}),
        ({"model": "canopylabs/orpheus-v1-english", "voice": "autumn"}, {"model", "voice"}),
        ({"model": "piper", "voice": "en_US-lessac-medium"}, {"model", "voice"}),
        ({"model": "chatterbox", "voice": "Emily.wav"}, {"model", "voice"}),
        ({"model": "eleven_multilingual_v2", "voice": "21m00Tcm4TlvDq8ikWAM"}, {"model", "voice"}),
        ({"voice": "en-US-AriaNeural"}, {"voice"}),
        ({"voice": "default"}, {"voice"}),
    ],
)
def test_names_of_other_servers_take_what_is_here_and_say_so(http, given, names):
    first, second = speak(http, **given), speak(http, **given)
    assert ignored(first) == ignored(second) == names
    assert len(first.content) == len(second.content)  # the same voice each time


@pytest.mark.parametrize("name", ["tts-9", "frobnicate", "flite/none", "qwen3/none"])
def test_a_name_that_nobody_has_is_refused(http, name):
    answer = speak(http, model=name)
    assert (answer.status_code, answer.json()["error"]["param"]) == (404, "model")


@pytest.mark.parametrize("text", [".", "...", "\u2026", " \u2014 ", "?!"])
@pytest.mark.parametrize("form", ["wav", "mp3"])
def test_a_text_without_anything_to_say_is_a_short_silence(http, text, form):
    answer = speak(http, input=text, response_format=form)
    assert ignored(answer) == {"input"}
    if form == "wav":
        with wave.open(io.BytesIO(answer.content)) as file:
            assert 0.1 <= file.getnframes() / file.getframerate() <= 1
            assert not any(file.readframes(file.getnframes()))


@pytest.mark.parametrize("sign", "♥∞°→§")
def test_a_sign_that_has_a_word_is_spoken(http, sign):
    answer = speak(http, input=sign, response_format="pcm")
    assert ignored(answer) == set()
    assert any(answer.content)


def test_the_rates_of_lossless_formats_agree_and_are_told(http):
    rates = {}
    for form in ("pcm", "wav"):
        answer = speak(http, response_format=form)
        rates[form] = int(answer.headers[RATE])
    assert rates == {"pcm": 24_000, "wav": 24_000}
    assert int.from_bytes(answer.content[24:28], "little") == 24_000
    assert "rate=24000" in speak(http).headers["content-type"]


@pytest.mark.parametrize("rate", [8_000, 16_000, "22050", 44_100])
def test_a_sample_rate_is_honoured(http, rate):
    answer = speak(http, response_format="wav", sample_rate=rate)
    assert ignored(answer) == set()
    assert int.from_bytes(answer.content[24:28], "little") == int(answer.headers[RATE]) == int(rate)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"text": "Hi"}, "input"),
        ({"input": "x", "sample_rate": 1}, "sample_rate"),
        ({"input": "x", "speed": "fast"}, "speed"),
        ({"input": "x", "stream": "maybe"}, "stream"),
        ({"input": "x", "sample_rate": 11_025, "response_format": "opus"}, "sample_rate"),
    ],
)
def test_an_error_names_the_parameter_as_the_client_gave_it(http, body, param):
    answer = http.post(SPEECH, json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param)
    assert param in error["message"]
    assert "'input'" not in error["message"]


@pytest.mark.parametrize("query", ["?x=1", "?x=1&api-version=2024-10-01", "?x", "?x=%20&y=%2C"])
def test_parameters_of_a_query_are_ignored_and_named(http, said, query):
    names = {"x": {"x"}, "y": {"x", "y"}, "api-version": {"x", "api-version"}}
    expected = next(value for name, value in reversed(names.items()) if name in query)
    answer = http.post(f"{SPEECH}{query}", json={"input": "Yes.", "instructions": "Sadly."})
    assert ignored(answer) == expected | {"instructions"}
    answer = http.post(f"{TRANSCRIPTIONS}{query}", files=[("model", (None, "whisper-1")), ("file", ("said.wav", said))])
    assert ignored(answer) == expected


def test_a_query_cannot_be_claimed_by_a_header(http):
    answer = http.post(SPEECH, json={"input": "Yes."}, headers={"x-voicebox-query": "claimed=1"})
    assert ignored(answer) == set()


def test_events_name_what_was_ignored_too(http):
    answer = speak(http, stream_format="sse", instructions="Sadly.")
    assert ignored(answer) == {"instructions"}
    last = json.loads(answer.text.strip().split("\n\n")[-1].removeprefix("data: "))
    assert (last["type"], last["x_voicebox_ignored"]) == ("speech.audio.done", ["instructions"])


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ([("prompt", "A market.")], {"prompt"}),
        ([("temperature", "0.7"), ("prompt", "x" * 2000)], {"prompt", "temperature"}),
        ([("include[]", "logprobs")], {"include"}),
        ([("include%5B%5D", "logprobs")], {"include"}),
        ([("vad_filter", "true"), ("languages", "en,de"), ("hotwords", "x")], {"vad_filter", "languages", "hotwords"}),
        ([("chunking_strategy", '{"type": "server_vad", "threshold": 0.5}')], {"chunking_strategy"}),
        ([("stream", "true"), ("response_format", "srt")], {"stream"}),
        ([("timestamp_granularities[]", "segment")], {"timestamp_granularities"}),
        ([("stream", "False"), ("language", "english"), ("response_format", "JSON")], set()),
        ([("language", "auto")], set()),
        ([("language", "en-GB")], set()),
        ([("model", "gpt-4o-transcribe-diarize")], set()),
        ([("model", "gpt-transcribe")], set()),
        ([("model", "gpt-4o-mini-transcribe-2025-12-15")], set()),
        ([("model", "Systran/faster-whisper-large-v3")], {"model"}),
        ([("model", "large-v3")], {"model"}),
        ([("model", "nvidia/parakeet-tdt-0.6b-v3")], {"model"}),
        ([("model", "pocketsphinx/en-us")], set()),
    ],
)
def test_a_hint_that_recognition_cannot_follow_is_ignored_and_named(http, said, fields, names):
    answer = transcribe(http, said, fields)
    assert ignored(answer) == names
    assert "market" in answer.text.lower()


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ([("prompt", "A market.")], {"prompt"}),
        ([("x", "y"), ("temperature", "0.5")], {"x", "temperature"}),
        ([("language", "en")], set()),
    ],
)
def test_a_hint_after_the_file_is_named_too(http, said, fields, names):
    answer = transcribe(http, said, fields, file_first=True)
    assert ignored(answer) == names
    assert "market" in answer.text.lower()


@pytest.mark.parametrize(
    "name",
    [
        "timestamp_granularities[]",
        "timestamp_granularities%5B%5D",
        "timestamp_granularities[0]",
        "timestamp_granularities",
    ],
)
def test_names_of_lists_have_several_spellings(http, said, name):
    heard = transcribe(http, said, [("response_format", "verbose_json"), (name, "word")]).json()
    assert heard["words"]
    assert "segments" not in heard


@pytest.mark.parametrize("value", ["word,segment", '["word", "segment"]', "Word, Segment"])
def test_a_list_in_one_field_is_a_list(http, said, value):
    heard = transcribe(http, said, [("response_format", "verbose_json"), ("timestamp_granularities", value)]).json()
    assert heard["words"]
    assert heard["segments"]


@pytest.mark.parametrize(("name", "value"), [("stream", "true"), ("stream", "True"), ("stream", "1")])
def test_a_stream_that_is_asked_for_after_the_file_is_one(http, said, name, value):
    answer = transcribe(http, said, [(name, value)], file_first=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    *deltas, done = [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\n\n") if line]
    assert deltas
    assert "".join(delta["delta"] for delta in deltas) == done["text"]


def test_subrip_is_plain_text(http, said):
    answer = transcribe(http, said, [("response_format", "srt")])
    assert answer.headers["content-type"].startswith("text/plain")


def test_an_error_about_a_file_keeps_its_words(http):
    """A word of the sentence that is also a field's name is no field."""
    answer = transcribe(
        http, b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x11\0\1\0\x40\x1f\0\0\x40\x1f\0\0\1\0\x08\0data\0\0\0\0"
    )
    message = answer.json()["error"]["message"]
    assert "file codec" not in message
    assert "The file file" not in message


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        (
            openai_names.OTHER_SPEECH,
            ["kokoro", "speaches-ai/piper-en_US", "XTTS_v2", "playai-tts", "aura-2", "suno/bark"],
        ),
        (
            openai_names.OTHER_TRANSCRIPTION,
            ["tiny.en", "distil-large-v3", "openai/whisper-large-v3", "nova-2", "mistralai/Voxtral"],
        ),
        (
            openai_names.REALTIME,
            ["gpt-4o-realtime-preview", "gpt-realtime", "gpt-realtime-2025-08-28", "gpt-4o-mini-realtime-preview"],
        ),
    ],
)
def test_families_are_found_in_names(pattern, names):
    assert [name for name in names if not pattern.fullmatch(name)] == []
    assert not any(pattern.fullmatch(name) for name in ("none", "none/none", "tts-9", "", "whisperer", "ann"))
