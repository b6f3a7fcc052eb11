"""What options of recognition become on the wire."""

import uuid

import pytest
from google.protobuf.duration_pb2 import Duration
from voicebox.asr.v1 import asr_pb2
from voicebox_client import recognition_requests
from voicebox_client.recognition_requests import recognition


def test_what_is_left_out_is_left_to_the_server():
    assert recognition() == asr_pb2.RecognitionConfig()


def test_samples_with_a_rate_are_headerless_and_files_are_not():
    assert recognition(sample_rate_hz=8000).encoding == asr_pb2.AUDIO_ENCODING_PCM_S16LE
    assert recognition(language="en-US").encoding == asr_pb2.AUDIO_ENCODING_UNSPECIFIED


def test_every_option_reaches_its_field():
    config = recognition(
        model="whisper/small",
        task="translate",
        multilingual=True,
        prompt="Names: Ann.",
        hotwords=["voicebox"],
        phrases=["yes", "no"],
        separate_channels=True,
        max_speakers=3,
        decoding=asr_pb2.Decoding(beam_size=2),
        voice_activity=asr_pb2.VoiceActivityConfig(off=True),
        store=True,
        request_id="id",
        labels={"team": "games"},
    )
    assert config == asr_pb2.RecognitionConfig(
        model="models/whisper/small",
        task=asr_pb2.RECOGNITION_TASK_TRANSLATE,
        multilingual=True,
        prompt="Names: Ann.",
        hotwords=["voicebox"],
        grammar=asr_pb2.Grammar(phrases=asr_pb2.PhraseList(phrases=["yes", "no"])),
        separate_channels=True,
        diarization=asr_pb2.Diarization(enabled=True, max_speakers=3),
        decoding=asr_pb2.Decoding(beam_size=2),
        voice_activity=asr_pb2.VoiceActivityConfig(off=True),
        store=True,
        request_id="id",
        labels={"team": "games"},
    )


def test_a_grammar_is_a_text():
    assert recognition(grammar="#JSGF V1.0;").grammar.jsgf == "#JSGF V1.0;"


def test_what_is_kept_is_named_by_a_fresh_id():
    ids = {recognition(store=True).request_id for _ in range(2)}
    assert {uuid.UUID(each).version for each in ids} == {4}
    assert len(ids) == 2


@pytest.mark.parametrize("wrong", [{"task": "sing"}, {"grammar": "x", "phrases": ["y"]}])
def test_what_cannot_be_requested_is_refused(wrong):
    with pytest.raises(ValueError, match=r"Choose one of|choose one of"):
        recognition(**wrong)


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="docx"):
        recognition_requests.document_config("docx")


def test_even_an_empty_upload_has_a_first_message():
    (message,) = recognition_requests.transcribe(iter([]), recognition(word_offsets=True))
    assert message.config.word_offsets
    assert message.audio.data == b""


def test_only_the_first_message_has_the_options_of_a_document():
    first = recognition_requests.document_config("srt", language="de", max_line_length=30, max_cue_seconds=2.5)
    begins, goes_on = recognition_requests.document(iter([b"one", b"two"]), first)
    assert begins.config.language == "de"
    assert begins.format == asr_pb2.TRANSCRIPT_FORMAT_SRT
    assert begins.subtitles == asr_pb2.SubtitleLayout(
        max_line_length=30, max_cue_duration=Duration(seconds=2, nanos=500_000_000)
    )
    assert begins.audio.data == b"one"
    assert goes_on == asr_pb2.TranscribeRequest(audio=goes_on.audio)
    assert goes_on.audio.data == b"two"
