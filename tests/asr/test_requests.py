"""Every field of a request is honoured or refused by its path."""

import math
import uuid
from dataclasses import replace

import pytest
from google.protobuf.duration_pb2 import Duration
from voicebox.asr.v1 import asr_pb2
from voicebox.asr.v1.asr_pb2 import (
    Decoding,
    Diarization,
    Endpointing,
    Grammar,
    PhraseList,
    RecognitionConfig,
    SubtitleLayout,
    TranscribeRequest,
    VoiceActivityConfig,
)
from voicebox_asr.api.requests import (
    to_document_options,
    to_endpointing,
    to_job,
    to_live_job,
)
from voicebox_asr.audio.source import Pcm
from voicebox_asr.documents.subtitles import Layout
from voicebox_asr.documents.writers import Format
from voicebox_asr.engine import Jsgf, Options, Phrases, Task, VoiceDetection
from voicebox_asr.job import Job, SpeakerRange
from voicebox_asr.recognition import languages
from voicebox_kit.errors import InvalidField
from voicebox_models.engine import Model

from .conftest import CAPABILITIES, CountingEngine

PCM = asr_pb2.AUDIO_ENCODING_PCM_S16LE
CAN_ALL = replace(
    CAPABILITIES,
    detects_language=True,
    multilingual=True,
    translates=True,
    prompts=True,
    hotwords=True,
    grammars=True,
    decoding=True,
    voice_threshold=True,
    longest_utterance_seconds=30.0,
)
ABLE = CountingEngine(name="able", model=Model("able/1", "1", "MIT", ("en", "de", "zh")), capabilities=CAN_ALL)
SIMPLE = CountingEngine()


def job(config: RecognitionConfig, engine: CountingEngine = ABLE) -> Job:
    return to_job(config, engine, "config", "ann")


def test_nothing_requested_means_a_file_in_any_language() -> None:
    requested = job(RecognitionConfig())
    assert requested == Job(None, Options(), False, None, None, False)
    assert job(RecognitionConfig(), SIMPLE).options.language == "en-US"


def test_headerless_audio_has_one_channel_unless_stated() -> None:
    assert job(RecognitionConfig(encoding=PCM, sample_rate_hz=8000)).pcm == Pcm(8000, 1)


def test_everything_that_is_requested_arrives() -> None:
    config = RecognitionConfig(
        language="de",
        task=asr_pb2.RECOGNITION_TASK_TRANSLATE,
        prompt="Häuser, Straßen",
        hotwords=["Ottilie", " van der Meer "],
        decoding=Decoding(beam_size=3, temperatures=[0.0, 0.2], compression_ratio_threshold=3, no_speech_threshold=0.0),
        voice_activity=VoiceActivityConfig(off=True, threshold=0.3),
        word_offsets=True,
    )
    options = job(config).options
    assert (options.language, options.task, options.prompt) == ("de", Task.TRANSLATE, "Häuser, Straßen")
    assert options.hotwords == ("Ottilie", "van der Meer")
    assert (options.decoding.beam_size, options.decoding.temperatures) == (3, (0.0, 0.2))
    assert (options.decoding.compression_ratio_threshold, options.decoding.no_speech_threshold) == (3.0, 0.0)
    assert options.decoding.log_probability_threshold is None
    assert options.voice_detection == VoiceDetection(off=True, threshold=0.3)
    assert options.word_times


def test_words_get_times_when_something_needs_them() -> None:
    assert not job(RecognitionConfig()).options.word_times
    for config in (
        RecognitionConfig(diarization=Diarization(enabled=True)),
        RecognitionConfig(store=True),
    ):
        requested = job(config)
        assert (requested.options.word_times, requested.word_offsets) == (True, False)
    assert to_job(RecognitionConfig(), ABLE, "config", word_times=True).options.word_times


def test_grammars() -> None:
    phrases = Grammar(phrases=PhraseList(phrases=["stop", "go on"]))
    assert job(RecognitionConfig(grammar=phrases)).options.grammar == Phrases(("stop", "go on"))
    jsgf = "#JSGF V1.0; grammar g; public <g> = yes | no;"
    assert job(RecognitionConfig(grammar=Grammar(jsgf=jsgf))).options.grammar == Jsgf(jsgf)
    assert job(RecognitionConfig(grammar=Grammar())).options.grammar is None


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (RecognitionConfig(encoding=PCM), "sample_rate_hz"),
        (RecognitionConfig(encoding=PCM, sample_rate_hz=7), "sample_rate_hz"),
        (RecognitionConfig(encoding=PCM, sample_rate_hz=1_000_000_000), "sample_rate_hz"),
        (RecognitionConfig(encoding=PCM, sample_rate_hz=-16_000), "sample_rate_hz"),
        (RecognitionConfig(encoding=PCM, sample_rate_hz=16_000, channel_count=9), "channel_count"),
        (RecognitionConfig(encoding=PCM, sample_rate_hz=16_000, channel_count=-1), "channel_count"),
        (RecognitionConfig(encoding=77), "encoding"),
        (RecognitionConfig(language="xx"), "language"),
        (RecognitionConfig(language="e" * 100_000), "language"),
        (RecognitionConfig(task=9), "task"),
        (RecognitionConfig(language="de", multilingual=True), "multilingual"),
        (RecognitionConfig(prompt="x" * 1001), "prompt"),
        (RecognitionConfig(hotwords=["x"] * 101), "hotwords"),
        (RecognitionConfig(hotwords=["x", "x" * 51]), "hotwords[1]"),
        (RecognitionConfig(hotwords=["x", " "]), "hotwords[1]"),
        (RecognitionConfig(grammar=Grammar(jsgf="x" * 20_001)), "grammar.jsgf"),
        (RecognitionConfig(grammar=Grammar(phrases=PhraseList())), "grammar.phrases.phrases"),
        (RecognitionConfig(grammar=Grammar(phrases=PhraseList(phrases=["x"] * 501))), "grammar.phrases.phrases"),
        (
            RecognitionConfig(grammar=Grammar(phrases=PhraseList(phrases=["a", "x" * 101]))),
            "grammar.phrases.phrases[1]",
        ),
        (RecognitionConfig(separate_channels=True, diarization=Diarization(enabled=True)), "diarization.enabled"),
        (RecognitionConfig(diarization=Diarization(max_speakers=2)), "diarization.enabled"),
        (RecognitionConfig(diarization=Diarization(enabled=True, max_speakers=21)), "diarization.max_speakers"),
        (RecognitionConfig(diarization=Diarization(enabled=True, max_speakers=-1)), "diarization.max_speakers"),
        (
            RecognitionConfig(diarization=Diarization(enabled=True, max_speakers=2, min_speakers=3)),
            "diarization.min_speakers",
        ),
        (RecognitionConfig(decoding=Decoding(beam_size=0)), "decoding.beam_size"),
        (RecognitionConfig(decoding=Decoding(beam_size=11)), "decoding.beam_size"),
        (RecognitionConfig(decoding=Decoding(temperatures=[1.1])), "decoding.temperatures"),
        (RecognitionConfig(decoding=Decoding(temperatures=[0.4, 0.2])), "decoding.temperatures"),
        (RecognitionConfig(decoding=Decoding(temperatures=[math.nan])), "decoding.temperatures"),
        (RecognitionConfig(decoding=Decoding(temperatures=[0.0] * 9)), "decoding.temperatures"),
        (RecognitionConfig(decoding=Decoding(compression_ratio_threshold=0.5)), "decoding.compression_ratio_threshold"),
        (RecognitionConfig(decoding=Decoding(log_probability_threshold=0.1)), "decoding.log_probability_threshold"),
        (
            RecognitionConfig(decoding=Decoding(log_probability_threshold=-math.inf)),
            "decoding.log_probability_threshold",
        ),
        (RecognitionConfig(decoding=Decoding(no_speech_threshold=math.nan)), "decoding.no_speech_threshold"),
        (RecognitionConfig(voice_activity=VoiceActivityConfig(threshold=0.0)), "voice_activity.threshold"),
        (RecognitionConfig(store=True, request_id="yes"), "request_id"),
        (RecognitionConfig(labels={"team": "games"}), "labels"),
        (RecognitionConfig(store=False, request_id="yes", labels={"x": "y"}), "labels"),
        (RecognitionConfig(store=True, labels={"": "x"}), "labels"),
        (RecognitionConfig(store=True, labels={"x": "x" * 256}), "labels"),
        (
            RecognitionConfig(store=True, labels={str(key): "" for key in range(65)}),
            "labels",
        ),
    ],
)
def test_what_is_wrong_is_named(config: RecognitionConfig, field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        job(config)
    assert caught.value.field == f"config.{field}"
    assert len(caught.value.sentence) < 200


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (RecognitionConfig(multilingual=True), "multilingual"),
        (RecognitionConfig(task=asr_pb2.RECOGNITION_TASK_TRANSLATE), "task"),
        (RecognitionConfig(prompt="x"), "prompt"),
        (RecognitionConfig(hotwords=["x"]), "hotwords"),
        (RecognitionConfig(grammar=Grammar(jsgf="x")), "grammar"),
        (RecognitionConfig(decoding=Decoding(beam_size=5)), "decoding.beam_size"),
        (RecognitionConfig(decoding=Decoding(temperatures=[0.0])), "decoding.temperatures"),
        (RecognitionConfig(decoding=Decoding(condition_on_previous_text=True)), "decoding.condition_on_previous_text"),
        (RecognitionConfig(voice_activity=VoiceActivityConfig(threshold=0.5)), "voice_activity.threshold"),
    ],
)
def test_what_the_engine_cannot_honour_is_refused(config: RecognitionConfig, field: str) -> None:
    assert job(config)
    with pytest.raises(InvalidField) as caught:
        job(config, SIMPLE)
    assert (caught.value.field, caught.value.reason) == (f"config.{field}", "UNSUPPORTED_BY_ENGINE")


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (RecognitionConfig(diarization=Diarization(enabled=True)), "diarization"),
        (RecognitionConfig(voice_activity=VoiceActivityConfig(off=True)), "voice_activity.off"),
    ],
)
def test_what_a_stream_cannot_do_is_refused(config: RecognitionConfig, field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        to_live_job(config, ABLE, "config.recognition")
    assert (caught.value.field, caught.value.reason) == (f"config.recognition.{field}", "UNSUPPORTED_IN_STREAMS")


def test_speakers_and_the_record() -> None:
    given = str(uuid.uuid4()).upper()
    requested = job(
        RecognitionConfig(
            diarization=Diarization(enabled=True, max_speakers=2),
            store=True,
            request_id=given,
            labels={"team": "games"},
        )
    )
    assert requested.speakers == SpeakerRange(1, 2)
    assert requested.record is not None
    assert (requested.record.request_id, requested.record.labels) == (given.lower(), {"team": "games"})
    assert (requested.record.owner, requested.record.parameters) == (
        "ann",
        {"diarization": '{"enabled": true, "max_speakers": 2}'},
    )
    drawn = job(RecognitionConfig(store=True)).record
    assert drawn is not None
    assert uuid.UUID(drawn.request_id).version == 4


@pytest.mark.parametrize(
    ("requested", "means"), [("", "en-US"), ("en", "en-US"), ("EN-us", "en-US"), ("en_US", "en-US"), ("de", "de-DE")]
)
def test_languages_of_a_model_with_regions(requested: str, means: str) -> None:
    assert languages.resolve(requested, ("en-US", "de-DE"), "language") == means


@pytest.mark.parametrize(("requested", "means"), [("en", "en"), ("en-GB", "en"), ("zh-Hant-TW", "zh"), ("DE_at", "de")])
def test_languages_of_a_model_without(requested: str, means: str) -> None:
    assert job(RecognitionConfig(language=requested)).options.language == means


def test_another_region_of_a_language_is_another_language() -> None:
    with pytest.raises(InvalidField, match="en-US, de-DE"):
        job(RecognitionConfig(language="en-GB"), SIMPLE)


def test_endpointing_has_defaults_and_bounds() -> None:
    assert to_endpointing(Endpointing(), SIMPLE, "e").end_silence_seconds == 0.5
    assert to_endpointing(
        Endpointing(end_silence=Duration(nanos=200_000_000)), SIMPLE, "e"
    ).end_silence_seconds == pytest.approx(0.2)
    for wrong in (Duration(), Duration(seconds=6), Duration(seconds=-1), Duration(seconds=10**11)):
        with pytest.raises(InvalidField, match="end_silence"):
            to_endpointing(Endpointing(end_silence=wrong), SIMPLE, "e")
    assert to_endpointing(Endpointing(max_utterance=Duration(seconds=60)), SIMPLE, "e").max_utterance_seconds == 60.0
    with pytest.raises(InvalidField, match="max_utterance"):
        to_endpointing(Endpointing(max_utterance=Duration(seconds=61)), SIMPLE, "e")
    with pytest.raises(InvalidField, match="1 to 30 s"):
        to_endpointing(Endpointing(max_utterance=Duration(seconds=31)), ABLE, "e")


def test_documents_have_defaults_and_bounds() -> None:
    assert to_document_options(TranscribeRequest()).format is Format.TEXT
    assert to_document_options(TranscribeRequest()).layout == Layout()
    layout = SubtitleLayout(max_line_length=30, max_words_per_cue=2, max_cue_duration=Duration(seconds=3))
    assert to_document_options(TranscribeRequest(subtitles=layout)).layout == Layout(
        max_line_length=30, max_words_per_cue=2, max_cue_seconds=3.0
    )


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (TranscribeRequest(format=99), "format"),
        (TranscribeRequest(subtitles=SubtitleLayout(max_line_length=9)), "subtitles.max_line_length"),
        (TranscribeRequest(subtitles=SubtitleLayout(max_line_length=201)), "subtitles.max_line_length"),
        (TranscribeRequest(subtitles=SubtitleLayout(max_line_count=-1)), "subtitles.max_line_count"),
        (TranscribeRequest(subtitles=SubtitleLayout(max_words_per_cue=101)), "subtitles.max_words_per_cue"),
        (TranscribeRequest(subtitles=SubtitleLayout(max_cue_duration=Duration())), "subtitles.max_cue_duration"),
    ],
)
def test_a_document_that_cannot_be_is_refused(request_: TranscribeRequest, field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        to_document_options(request_)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("given", "means"),
    [
        ("ger", "de"),
        ("de_CH.UTF-8", "de"),
        ("nob", "no"),
        ("iw", "he"),
        ("cmn-Hans-CN", "zh"),
        ("fil", "tl"),
        ("German", "de"),
        ("zh-yue", "yue"),
    ],
)
def test_a_language_comes_in_any_form(given: str, means: str) -> None:
    assert languages.resolve(given, ("en", "de", "no", "he", "zh", "tl", "yue"), "language") == means


@pytest.mark.parametrize("given", ["mul", "multi"])
def test_several_languages_are_detected_anew_as_they_change(given: str) -> None:
    options = job(RecognitionConfig(language=given)).options
    assert (options.language, options.multilingual) == ("", True)


def test_what_is_no_language_says_so() -> None:
    with pytest.raises(InvalidField, match="'xx' is not a language tag such as en-US"):
        job(RecognitionConfig(language="xx"))
