import pytest
from google.protobuf.duration_pb2 import Duration
from voicebox.asr.v1.asr_pb2 import Endpointing, RecognitionConfig
from voicebox_asr import languages
from voicebox_asr.requests import to_endpointing, to_recognition
from voicebox_asr.source import Pcm
from voicebox_kit.errors import InvalidField

KNOWN = ("en-US", "de-DE")
PCM = 1


def test_nothing_asked_means_a_file_in_the_first_language() -> None:
    recognition = to_recognition(RecognitionConfig(), KNOWN, "config")
    assert (recognition.pcm, recognition.language, recognition.word_offsets) == (None, "en-US", False)


def test_headerless_audio_has_one_channel_unless_told() -> None:
    assert to_recognition(RecognitionConfig(encoding=PCM, sample_rate_hz=8000), KNOWN, "config").pcm == Pcm(8000, 1)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (RecognitionConfig(encoding=PCM), "config.sample_rate_hz"),
        (RecognitionConfig(encoding=PCM, sample_rate_hz=7), "config.sample_rate_hz"),
        (RecognitionConfig(encoding=PCM, sample_rate_hz=1_000_000_000), "config.sample_rate_hz"),
        (RecognitionConfig(encoding=PCM, sample_rate_hz=-16_000), "config.sample_rate_hz"),
        (RecognitionConfig(encoding=PCM, sample_rate_hz=16_000, channel_count=9), "config.channel_count"),
        (RecognitionConfig(encoding=PCM, sample_rate_hz=16_000, channel_count=-1), "config.channel_count"),
        (RecognitionConfig(encoding=77), "config.encoding"),
        (RecognitionConfig(language="xx"), "config.language"),
        (RecognitionConfig(language="en-GB"), "config.language"),
        (RecognitionConfig(language="e" * 100_000), "config.language"),
    ],
)
def test_what_is_wrong_is_named(config: RecognitionConfig, field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        to_recognition(config, KNOWN, "config")
    assert caught.value.field == field
    assert len(caught.value.sentence) < 200


@pytest.mark.parametrize(("asked", "means"), [("", "en-US"), ("en", "en-US"), ("EN-us", "en-US"), ("en_US", "en-US"), ("de", "de-DE")])
def test_languages(asked: str, means: str) -> None:
    assert languages.resolve(asked, KNOWN, "language") == means


def test_endpointing_has_defaults_and_bounds() -> None:
    assert to_endpointing(Endpointing(), "e").end_silence_seconds == 0.5
    assert to_endpointing(Endpointing(end_silence=Duration(nanos=200_000_000)), "e").end_silence_seconds == pytest.approx(0.2)
    for wrong in (Duration(), Duration(seconds=6), Duration(seconds=-1), Duration(seconds=10**11)):
        with pytest.raises(InvalidField, match="end_silence"):
            to_endpointing(Endpointing(end_silence=wrong), "e")
    with pytest.raises(InvalidField, match="max_utterance"):
        to_endpointing(Endpointing(max_utterance=Duration(seconds=61)), "e")
