"""A recording becomes a document through gRPC, with real words."""

import io
import json

import grpc
import pytest
import webvtt
from google.api.httpbody_pb2 import HttpBody
from google.protobuf import json_format
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox.asr.v1.asr_pb2 import RecognitionConfig, SubtitleLayout, TranscribeRequest
from voicebox_asr.app import open_service
from voicebox_asr.engine import SAMPLE_RATE_HZ

from .conftest import SENTENCES, silence, wav, word_errors, words
from .test_bad_audio import FILES, refusal

SAID = words(" ".join(SENTENCES))


async def transcribe(stub, audio: bytes, **fields) -> HttpBody:
    async def requests():
        yield TranscribeRequest(audio=HttpBody(data=audio[:1000]), **fields)
        for start in range(1000, len(audio), 50_000):
            yield TranscribeRequest(audio=HttpBody(data=audio[start : start + 50_000]))

    return (await stub.Transcribe(requests())).body


async def test_text_has_a_line_for_each_utterance(stub, spoken) -> None:
    body = await transcribe(stub, wav(spoken))
    assert body.content_type == "text/plain; charset=utf-8"
    lines = body.data.decode().splitlines()
    assert len(lines) == 2
    assert word_errors(SAID, words(" ".join(lines))) <= 3


@pytest.mark.parametrize("form", ["srt", "vtt"])
async def test_subtitles_are_shown_while_their_words_are_spoken(stub, spoken, form: str) -> None:
    layout = SubtitleLayout(max_line_length=20, max_line_count=1, max_words_per_cue=3)
    number = asr_pb2.TranscriptFormat.Value(f"TRANSCRIPT_FORMAT_{form.upper()}")
    body = await transcribe(stub, wav(spoken), format=number, subtitles=layout)
    assert body.content_type == {"srt": "application/x-subrip; charset=utf-8", "vtt": "text/vtt; charset=utf-8"}[form]
    cues = webvtt.from_buffer(io.StringIO(body.data.decode()), format=form)
    assert word_errors(SAID, words(" ".join(cue.text for cue in cues.captions))) <= 3
    assert all(len(cue.text) <= 20 and len(cue.text.split()) <= 3 for cue in cues.captions)
    assert len(cues) >= 5
    assert 0.9 < cues[0].start_in_seconds + cues[0].start_time.milliseconds / 1000 < 1.4  # after the second of silence
    assert cues[-1].end_in_seconds <= spoken.size / SAMPLE_RATE_HZ


async def test_a_table_and_json_report_the_same(stub, spoken) -> None:
    table = await transcribe(stub, wav(spoken), format=asr_pb2.TRANSCRIPT_FORMAT_TSV)
    config = RecognitionConfig(word_offsets=True)
    body = await transcribe(stub, wav(spoken), format=asr_pb2.TRANSCRIPT_FORMAT_JSON, config=config)
    assert (table.content_type, body.content_type) == ("text/tab-separated-values; charset=utf-8", "application/json")
    answer = json_format.Parse(body.data, asr_pb2.RecognizeResponse())
    rows = [row.split("\t") for row in table.data.decode().splitlines()[1:]]
    assert [row[2] for row in rows] == [each.transcript for each in answer.utterances]
    assert [int(row[0]) for row in rows] == [
        round(each.start_offset.ToMicroseconds() / 1000) for each in answer.utterances
    ]
    assert answer.utterances[0].words
    assert "recognitionTime" in json.loads(body.data)


async def test_words_are_reported_in_json_only_when_requested(stub, spoken) -> None:
    body = await transcribe(stub, wav(spoken), format=asr_pb2.TRANSCRIPT_FORMAT_JSON)
    assert not json_format.Parse(body.data, asr_pb2.RecognizeResponse()).utterances[0].words


async def test_silence_is_an_empty_document(stub) -> None:
    assert (await transcribe(stub, wav(silence(2)))).data == b""
    assert (await transcribe(stub, wav(silence(2)), format=asr_pb2.TRANSCRIPT_FORMAT_VTT)).data == b"WEBVTT\n"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"format": 77}, "format"),
        ({"subtitles": SubtitleLayout(max_line_length=5)}, "subtitles.max_line_length"),
        ({"config": RecognitionConfig(language="xx")}, "config.language"),
        ({"config": RecognitionConfig(hotwords=["x"])}, "config.hotwords"),
    ],
)
async def test_what_is_wrong_is_refused_before_anything_is_recognised(stub, fields, field: str) -> None:
    code, named, _ = await refusal(transcribe(stub, b"", **fields))
    assert (code, named) == (grpc.StatusCode.INVALID_ARGUMENT, field)


@pytest.mark.parametrize("name", FILES)
async def test_what_is_no_audio_is_no_document(stub, name: str) -> None:
    code, field, reason = await refusal(transcribe(stub, FILES[name]))
    assert (code, field) == (grpc.StatusCode.INVALID_ARGUMENT, "audio")
    assert reason.startswith("AUDIO_")


async def test_nothing_sent_is_no_document(stub) -> None:
    async def nothing():
        return
        yield

    assert await refusal(stub.Transcribe(nothing())) == (grpc.StatusCode.INVALID_ARGUMENT, "audio", "AUDIO_EMPTY")


async def test_real_speech_with_whisper_is_a_document_in_every_format(start, tiny_whisper, speech_data) -> None:
    """The words are random; everything around them is not."""
    running = await start(open_service, ASR_ENGINE="whisper", ASR_MODEL=str(tiny_whisper))
    stub = asr_pb2_grpc.SpeechToTextServiceStub(running.channel)
    audio = speech_data.path("LJ001-0002.wav").read_bytes()
    for number in (
        asr_pb2.TRANSCRIPT_FORMAT_TEXT,
        asr_pb2.TRANSCRIPT_FORMAT_SRT,
        asr_pb2.TRANSCRIPT_FORMAT_VTT,
        asr_pb2.TRANSCRIPT_FORMAT_TSV,
    ):
        assert (await transcribe(stub, audio, format=number)).data
    config = RecognitionConfig(
        word_offsets=True, decoding=asr_pb2.Decoding(temperatures=[0.0], beam_size=1, log_probability_threshold=0.0)
    )
    body = await transcribe(stub, audio, format=asr_pb2.TRANSCRIPT_FORMAT_JSON, config=config)
    answer = json_format.Parse(body.data, asr_pb2.RecognizeResponse())
    assert answer.engine == "whisper"
    assert 0 < answer.language_probability <= 1
    assert len(answer.language) >= 2
    recognised = answer.utterances[0]
    assert recognised.words
    assert recognised.HasField("no_speech_probability")
    (warning,) = (
        warning for warning in answer.warnings if warning.reason == "LOW_CONFIDENCE"
    )  # no text is as likely as that
    assert warning.start_offset.ToMicroseconds() == recognised.start_offset.ToMicroseconds()
