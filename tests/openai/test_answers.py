"""OpenAI's documents of our own messages."""

import json

import pytest
from google.protobuf.duration_pb2 import Duration
from voicebox.asr.v1 import asr_pb2
from voicebox_asr.compat.openai import responses
from voicebox_asr.compat.openai.request import ResponseFormat, TranscriptionRequest

pytestmark = pytest.mark.unit

SAID = asr_pb2.Hypothesis(
    utterance_index=1,
    transcript="good morning",
    words=[
        asr_pb2.Word(word="good", start_offset=Duration(seconds=1), end_offset=Duration(seconds=1, nanos=250_000_000)),
        asr_pb2.Word(word="morning", start_offset=Duration(seconds=2), end_offset=Duration(seconds=3)),
    ],
    start_offset=Duration(seconds=1),
    end_offset=Duration(seconds=3, nanos=1_000_000),
    temperature=0.2,
    average_log_probability=-0.23456789,
    compression_ratio=1.1,
    no_speech_probability=0.03,
)
RESPONSE = asr_pb2.RecognizeResponse(
    transcript="good morning",
    utterances=[SAID],
    audio_duration=Duration(seconds=3, nanos=100_000_000),
    language="en-US",
)


def request(response_format: ResponseFormat) -> TranscriptionRequest:
    granularities = frozenset({"word", "segment"})
    return TranscriptionRequest(asr_pb2.RecognitionConfig(), response_format, granularities, stream=False)


def test_numbers_of_32_bits_are_written_as_they_were_meant():
    verbose = json.loads(responses.answer(RESPONSE, request(ResponseFormat.VERBOSE_JSON)).data)
    [segment] = verbose["segments"]
    scores = ("temperature", "avg_logprob", "compression_ratio", "no_speech_prob")
    assert [segment[name] for name in scores] == [0.2, -0.2345679, 1.1, 0.03]
    assert (segment["start"], segment["end"], segment["seek"], verbose["duration"]) == (1.0, 3.001, 100, 3.1)
    assert verbose["words"][0] == {"word": "good", "start": 1.0, "end": 1.25}
    assert (verbose["language"], verbose["usage"]) == ("english", {"type": "duration", "seconds": 4})


def test_scores_that_an_engine_does_not_return_are_computed():
    said = asr_pb2.Hypothesis(transcript="good morning", confidence=0.5)
    verbose = responses.answer(asr_pb2.RecognizeResponse(utterances=[said]), request(ResponseFormat.VERBOSE_JSON))
    [segment] = json.loads(verbose.data)["segments"]
    assert segment["avg_logprob"] == pytest.approx(-0.693, abs=0.001)
    assert 0 < segment["compression_ratio"] < 1
    assert (segment["temperature"], segment["no_speech_prob"]) == (0.0, 0.0)


def test_subtitles_have_the_times_of_the_words():
    written = responses.answer(RESPONSE, request(ResponseFormat.SRT)).data.decode()
    assert written == "1\n00:00:01,000 --> 00:00:03,000\ngood morning\n"
