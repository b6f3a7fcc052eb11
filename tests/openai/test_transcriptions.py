"""audio.transcriptions and audio.translations, as the SDK's users call them: what audio.speech says is heard."""

from itertools import groupby
from pathlib import Path

import pytest

from tests.support.hearing import TEXT, WER, word_error_rate

from .conftest import SdkError


@pytest.fixture(scope="module")
def speech(sdk, tmp_path_factory):
    path = tmp_path_factory.mktemp("speech") / "said.mp3"
    path.write_bytes(sdk.speech(input=TEXT, voice="slt"))
    return str(path)


def transcribe(sdk, speech, order="", **given):
    return sdk.call("audio.transcriptions.create", order, file=speech, **{"model": "whisper-1", **given})


@pytest.mark.parametrize(
    ("model", "is_async"),
    [
        ("whisper-1", False),
        ("gpt-4o-transcribe", True),
        ("gpt-4o-mini-transcribe", False),
        ("models/pocketsphinx/en-us", True),
    ],
)
def test_what_is_said_is_heard(sdk, speech, model, is_async):
    heard = transcribe(sdk, speech, model=model, is_async=is_async, temperature=0, language="en")
    assert word_error_rate(heard["text"]) <= WER
    assert heard["usage"]["type"] == "duration"
    assert heard["usage"]["seconds"] >= 3


def test_plain_text(sdk, speech):
    assert word_error_rate(transcribe(sdk, speech, response_format="text")) <= WER


@pytest.mark.parametrize(("name", "mark"), [("srt", "00:00:00,"), ("vtt", "00:00:00.")])
def test_subtitles(sdk, speech, name, mark):
    written = transcribe(sdk, speech, response_format=name)
    cues = [line for line in written.splitlines() if "-->" in line]
    assert mark in cues[0]
    words = " ".join(
        line for line in written.splitlines() if "-->" not in line and line not in ("", "WEBVTT") and not line.isdigit()
    )
    assert word_error_rate(words) <= WER


def test_verbose_tells_segments_and_their_words(sdk, speech):
    heard = transcribe(sdk, speech, response_format="verbose_json", timestamp_granularities=["word", "segment"])
    assert heard["task"] == "transcribe"
    assert heard["language"] == "english"
    assert "".join(segment["text"] for segment in heard["segments"]).strip() == heard["text"]
    assert " ".join(word["word"] for word in heard["words"]) == heard["text"]
    times = [time for word in heard["words"] for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= heard["duration"]
    for index, segment in enumerate(heard["segments"]):
        assert segment["id"] == index
        assert 0 <= segment["start"] < segment["end"] <= heard["duration"]
        assert segment["avg_logprob"] <= 0
        assert segment["tokens"] == []


@pytest.mark.parametrize(
    ("asked", "segments", "words"), [([], True, False), (["word"], False, True), (["segment"], True, False)]
)
def test_verbose_tells_what_is_asked(sdk, speech, asked, segments, words):
    given = {"timestamp_granularities": asked} if asked else {}
    heard = transcribe(sdk, speech, response_format="verbose_json", **given)
    assert bool(heard["segments"]) == segments
    assert bool(heard["words"]) == words


@pytest.mark.parametrize("is_async", [False, True])
def test_a_stream_is_deltas_and_the_whole_text(sdk, speech, is_async):
    *deltas, done = transcribe(sdk, speech, "events", model="gpt-4o-transcribe", stream=True, is_async=is_async)
    assert {delta["type"] for delta in deltas} == {"transcript.text.delta"}
    assert done["type"] == "transcript.text.done"
    assert "".join(delta["delta"] for delta in deltas) == done["text"]
    assert word_error_rate(done["text"]) <= WER
    assert done["usage"]["total_tokens"] == done["usage"]["input_tokens"] + done["usage"]["output_tokens"]


@pytest.fixture(scope="module")
def talk(sdk, tmp_path_factory):
    """Two people, in turns."""
    turns = [
        ("slt", TEXT),
        ("rms", "The weather is very nice today. We will go to the park and play there."),
        ("slt", TEXT),
    ]
    folder = tmp_path_factory.mktemp("talk")
    path = folder / "talk.wav"
    path.write_bytes(b"".join(sdk.speech(input=text, voice=voice, response_format="wav") for voice, text in turns))
    return str(path)


@pytest.mark.parametrize("is_async", [False, True])
def test_who_spoke_is_told(sdk, talk, is_async):
    given = {"model": "gpt-4o-transcribe-diarize", "response_format": "diarized_json", "chunking_strategy": "auto"}
    heard = transcribe(sdk, talk, is_async=is_async, **given)
    segments = heard["segments"]
    assert {segment["type"] for segment in segments} == {"transcript.text.segment"}
    assert [name for name, _ in groupby(segment["speaker"] for segment in segments)] == ["A", "B", "A"]
    assert " ".join(segment["text"] for segment in segments) == heard["text"]
    assert all(0 <= segment["start"] < segment["end"] <= heard["duration"] for segment in segments)
    assert len({segment["id"] for segment in segments}) == len(segments)
    assert heard["task"] == "transcribe"
    *events, done = transcribe(sdk, talk, "events", is_async=is_async, stream=True, **given)
    told = [event for event in events if event["type"] == "transcript.text.segment"]
    assert [(event["speaker"], event["text"]) for event in told] == [
        (segment["speaker"], segment["text"]) for segment in segments
    ]
    assert done["type"] == "transcript.text.done"
    assert "".join(event["delta"] for event in events if event["type"] == "transcript.text.delta") == done["text"]


@pytest.mark.parametrize("strategy", ["auto", {"type": "server_vad"}])
def test_a_chunking_strategy_is_taken(sdk, speech, strategy):
    assert word_error_rate(transcribe(sdk, speech, chunking_strategy=strategy)["text"]) <= WER


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"language": "de"}, "language"),
        ({"response_format": "phonemes"}, "response_format"),
        ({"timestamp_granularities": ["word"]}, "timestamp_granularities"),
    ],
)
def test_what_the_engine_cannot_do_is_an_error_that_names_it(sdk, speech, given, param):
    with pytest.raises(SdkError) as refused:
        transcribe(sdk, speech, **given)
    assert refused.value.told["class"] == "BadRequestError"
    assert refused.value.told["param"] == param


def test_an_engine_that_cannot_translate_says_so(sdk, speech):
    with pytest.raises(SdkError) as refused:
        sdk.call("audio.translations.create", file=speech, model="whisper-1")
    assert refused.value.told["class"] == "BadRequestError"
    assert refused.value.told["param"] == "model"
    assert "cannot translate" in refused.value.told["message"]


def test_the_order_of_the_form_does_not_matter(http, speech):
    file = ("file", ("said.mp3", Path(speech).read_bytes()))
    model, answer = ("model", (None, "whisper-1")), ("response_format", (None, "srt"))
    texts = [
        http.post("/audio/transcriptions", files=parts).text
        for parts in ([file, model, answer], [model, file, answer], [model, answer, file])
    ]
    assert len(set(texts)) == 1
    assert texts[0].startswith("1\n00:00:")
