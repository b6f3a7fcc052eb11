"""`voicebox transcribe`, with what a recogniser can be asked."""

import pytest
from voicebox.asr.v1 import asr_pb2
from voicebox_kit.errors import Exhausted, InvalidField

from .conftest import hypothesis, seconds


def requested(platform, method="RecognizeUpload"):
    (request,) = platform.requested[method]
    return request


def test_options_reach_the_recogniser(voicebox, platform, recording):
    result = voicebox(
        *(
            "transcribe",
            str(recording),
            "--model",
            "whisper/small",
            "--task",
            "translate",
            "--multilingual",
            "--prompt",
            "Ann said",
        ),
        *(
            "--hotword",
            "voicebox",
            "--hotword",
            "flite",
            "--channels",
            "--max-speakers",
            "3",
            "--store",
            "--label",
            "team=games",
        ),
    )
    assert result.exit_code == 0, result.output
    config = requested(platform).config
    assert config.model == "models/whisper/small"
    assert config.task == asr_pb2.RECOGNITION_TASK_TRANSLATE
    assert (config.multilingual, config.separate_channels, config.prompt) == (True, True, "Ann said")
    assert list(config.hotwords) == ["voicebox", "flite"]
    assert config.diarization == asr_pb2.Diarization(enabled=True, max_speakers=3)
    assert config.store
    assert dict(config.labels) == {"team": "games"}


def test_what_is_not_given_is_left_to_the_server(voicebox, platform, recording):
    voicebox("transcribe", str(recording))
    assert requested(platform).config == asr_pb2.RecognitionConfig()


def test_speakers_without_a_number(voicebox, platform, recording):
    assert voicebox("transcribe", "--speakers", str(recording)).exit_code == 0
    assert requested(platform).config.diarization == asr_pb2.Diarization(enabled=True)


def test_a_grammar_comes_from_a_file_and_phrases_from_options(voicebox, platform, recording, tmp_path):
    grammar = tmp_path / "commands.jsgf"
    grammar.write_text("#JSGF V1.0; grammar g; public <c> = go | stop;")
    voicebox("transcribe", str(recording), "--grammar", str(grammar))
    voicebox("transcribe", str(recording), "--phrase", "go", "--phrase", "stop now")
    first, second = (request.config.grammar for request in platform.requested["RecognizeUpload"])
    assert first.jsgf == grammar.read_text()
    assert list(second.phrases.phrases) == ["go", "stop now"]


@pytest.mark.parametrize("form", ["text", "srt", "vtt", "tsv", "json"])
def test_a_document_goes_to_stdout_as_it_is(voicebox, platform, recording, form):
    result = voicebox("transcribe", str(recording), "--format", form, "--max-line-length", "30", "--highlight-words")
    assert result.stdout == "héllo world\n"
    request = requested(platform, "Transcribe")
    assert asr_pb2.TranscriptFormat.Name(request.format) == f"TRANSCRIPT_FORMAT_{form.upper()}"
    assert request.subtitles == asr_pb2.SubtitleLayout(max_line_length=30, highlight_words=True)
    assert platform.uploaded == recording.read_bytes()


def test_a_document_goes_to_a_file(voicebox, recording, tmp_path):
    target = tmp_path / "talk.srt"
    assert voicebox("transcribe", str(recording), "--format", "srt", "-o", str(target)).stdout == f"Wrote {target}.\n"
    assert target.read_text("utf-8") == "héllo world\n"


def test_documents_of_several_recordings_take_their_names(voicebox, recording, tmp_path):
    other = tmp_path / "a.talk.wav"
    other.write_bytes(recording.read_bytes())
    folder = tmp_path / "subtitles"
    folder.mkdir()
    assert voicebox("transcribe", str(recording), str(other), "--format", "vtt", "-o", str(folder)).exit_code == 0
    assert {path.name for path in folder.iterdir()} == {f"{recording.stem}.vtt", "a.talk.vtt"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--live", "--format", "srt"], "--live"),
        (["-o", "x.srt"], "--format"),
        (["--max-line-count", "1"], "--format"),
        (["other.wav", "--format", "srt"], "-o FOLDER"),
        (["--label", "a=b"], "--store"),
        (["--store", "--label", "a"], "KEY=VALUE"),
        (["--grammar", "x", "--phrase", "y"], "--phrase"),
    ],
)
def test_what_does_not_go_together_is_refused(voicebox, platform, recording, words, sentence):
    result = voicebox("transcribe", str(recording), *words)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert not platform.requested


def test_speakers_and_channels_have_lines_of_their_own(voicebox, platform, recording):
    first, second = hypothesis("good morning"), hypothesis("hello")
    first.speaker, second.channel = "speaker-1", 2
    platform.recognised = asr_pb2.RecognizeResponse(transcript="good morning hello", utterances=[first, second])
    assert voicebox("transcribe", str(recording)).stdout == "speaker-1: good morning\nchannel 2: hello\n"


def test_warnings_and_the_kept_name_do_not_mix_with_the_text(voicebox, platform, recording):
    platform.recognised.warnings.add(
        reason="REPETITION", message="'so' came 20 times.", start_offset=seconds(1), end_offset=seconds(2)
    )
    platform.recognised.warnings.add(reason="NOT_STORED", message="The catalog does not answer.")
    platform.recognised.transcription = "transcriptions/1"
    result = voicebox("transcribe", str(recording))
    assert result.stdout == "hello world\n"
    assert result.stderr.splitlines() == [
        "Warning: 'so' came 20 times. (1.00 to 2.00 s)",
        "Warning: The catalog does not answer.",
        "Stored as transcriptions/1.",
    ]


def test_what_the_engine_cannot_do_is_named(voicebox, platform, recording):
    platform.failures["RecognizeUpload"] = [
        InvalidField("config.prompt", "This model takes no prompt.", "UNSUPPORTED_BY_ENGINE")
    ]
    result = voicebox("transcribe", str(recording), "--prompt", "Ann")
    assert (result.exit_code, result.stderr) == (1, "Error: --prompt: This model takes no prompt.\n")


def test_all_attempts_of_a_call_keep_one_transcription(client, platform, recording):
    platform.failures["RecognizeUpload"] = [Exhausted("QUEUE_FULL", "The queue is full.", 0.1)]
    client.transcribe(recording, store=True)
    first, second = platform.requested["RecognizeUpload"]
    assert first.config.request_id == second.config.request_id != ""


def test_a_document_as_a_string(client, recording):
    assert client.transcribe_as(recording, "vtt", max_line_length=30) == "héllo world\n"
